/* hosts: plugins/hello */
#include "hosted.h"

static void it_greets_who_gives_a_name(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(BOBBIN_TEST_SETUP(.route = "/hello"));
    bobbin_test_client *client = bobbin_test_get(host, "/hello?name=J%C3%BCrgen+K.");
    assert_int_equal(bobbin_test_status(client), 200);
    assert_string_equal(bobbin_test_text(client), "Hello, J\xc3\xbcrgen K.!\n");
    assert_string_equal(bobbin_test_header(client, "Content-Type"), "text/plain; charset=utf-8");
    assert_string_equal(bobbin_test_header(client, "content-length"), "19");
    assert_int_equal(bobbin_test_outcome_of(client), BOBBIN_TEST_WHOLE);
    assert_string_equal(bobbin_test_calls(host), "handle");
    close_host(host);
}

static void it_greets_the_world_without_a_name(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(NULL);
    assert_string_equal(bobbin_test_text(bobbin_test_get(host, "/")), "Hello, world!\n");
    assert_string_equal(bobbin_test_text(bobbin_test_get(host, "/?name=")), "Hello, world!\n");
    close_host(host);
}

static void its_greeting_is_an_option(void **state)
{
    (void)state;
    bobbin_test_host *host =
        open_host(BOBBIN_TEST_SETUP(.options = BOBBIN_TEST_PAIRS("greeting", "Moin")));
    assert_string_equal(bobbin_test_text(bobbin_test_get(host, "/?name=you")), "Moin, you!\n");
    close_host(host);
}

static void head_gets_no_body(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(NULL);
    bobbin_test_client *client = bobbin_test_ask(host, BOBBIN_TEST_REQUEST(.method = "HEAD"));
    assert_int_equal(bobbin_test_status(client), 200);
    assert_string_equal(bobbin_test_header(client, "content-length"), "14");
    assert_int_equal(bobbin_test_body(client).length, 0);
    close_host(host);
}

static void a_misspelt_option_is_a_sentence(void **state)
{
    (void)state;
    bobbin_error error;
    assert_null(bobbin_test_open(&bobbin_plugin_descriptor,
                                 BOBBIN_TEST_SETUP(.options = BOBBIN_TEST_PAIRS("greting", "Ho")),
                                 &error));
    assert_string_equal(error.text,
                        "setup:3: [hello] has no key \"greting\"; did you mean \"greeting\"?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_greets_who_gives_a_name),
        cmocka_unit_test(it_greets_the_world_without_a_name),
        cmocka_unit_test(its_greeting_is_an_option),
        cmocka_unit_test(head_gets_no_body),
        cmocka_unit_test(a_misspelt_option_is_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
