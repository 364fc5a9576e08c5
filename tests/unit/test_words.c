/* hosts: plugins/words */
#include <string.h>

#include "hosted.h"

static void words_are_counted_across_pieces(void **state)
{
    (void)state;
    bobbin_str text = bobbin_text("To be, or not to be");
    bobbin_test_host *host = open_host(NULL);
    for (size_t piece = 0; piece < text.length; piece++) {
        bobbin_test_client *client =
            bobbin_test_ask(host, BOBBIN_TEST_REQUEST(.body = text, .piece_bytes = piece));
        assert_string_equal(bobbin_test_text(client), "to 2\nbe 2\nor 1\nnot 1\n");
    }
    close_host(host);
}

static void an_exception_is_an_answer(void **state)
{
    (void)state;
    char text[101];
    memset(text, 'x', sizeof text);
    bobbin_test_host *host = open_host(NULL);
    bobbin_test_client *client =
        bobbin_test_ask(host, BOBBIN_TEST_REQUEST(.body = {text, sizeof text}));
    assert_int_equal(bobbin_test_status(client), 422);
    assert_string_equal(bobbin_test_text(client), "{\"error\": \"this is no text for people\"}\n");
    close_host(host);
}

/* The sanitizer looks: what was counted so far is freed. */
static void a_client_may_leave_at_any_piece(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(NULL);
    for (unsigned nth = 1; nth <= 4; nth++)
        for (int when = BOBBIN_TEST_BEFORE; when <= BOBBIN_TEST_AFTER; when++) {
            bobbin_test_client *client = bobbin_test_connect(host);
            bobbin_test_leave_at(client, (enum bobbin_test_when)when, "on_body", nth);
            bobbin_test_send(client, BOBBIN_TEST_REQUEST(.body = bobbin_text("a word, and more"),
                                                         .piece_bytes = 4));
            assert_int_equal(bobbin_test_outcome_of(client), BOBBIN_TEST_LEFT);
        }
    close_host(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_counted_across_pieces),
        cmocka_unit_test(an_exception_is_an_answer),
        cmocka_unit_test(a_client_may_leave_at_any_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
