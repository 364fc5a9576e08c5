/* hosts: plugins/echo */
#include <stdlib.h>
#include <string.h>

#include "hosted.h"

#define STREAM .options = BOBBIN_TEST_PAIRS("stream", "on")

static void a_body_comes_back_with_its_type(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(BOBBIN_TEST_SETUP(.route = "/echo"));
    bobbin_test_client *client = bobbin_test_ask(
        host, BOBBIN_TEST_REQUEST(.headers = BOBBIN_TEST_PAIRS("Content-Type", "text/x-mine"),
                                  .body = bobbin_text("there and back"), .piece_bytes = 3));
    assert_string_equal(bobbin_test_text(client), "there and back");
    assert_string_equal(bobbin_test_header(client, "content-type"), "text/x-mine");
    assert_false(bobbin_test_is_streamed(client));
    assert_string_equal(bobbin_test_calls(host), "handle, on_body"); /* once: it was collected */
    close_host(host);
}

static void an_empty_body_comes_back_too(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(NULL);
    bobbin_test_client *client = bobbin_test_ask(host, BOBBIN_TEST_REQUEST(.method = "PUT"));
    assert_int_equal(bobbin_test_status(client), 200);
    assert_string_equal(bobbin_test_header(client, "content-length"), "0");
    close_host(host);
}

/* Beyond body-memory it lies in a file. */
static void a_large_body_comes_back_from_its_file(void **state)
{
    (void)state;
    size_t descriptors = bobbin_test_descriptors();
    bobbin_test_host *host =
        open_host(BOBBIN_TEST_SETUP(.settings = BOBBIN_TEST_PAIRS("body-memory", "1k")));
    size_t length = 300000;
    char *bytes = malloc(length);
    for (size_t i = 0; i < length; i++)
        bytes[i] = (char)(i * 31);
    for (int known = 0; known < 2; known++) {
        bobbin_test_client *client =
            bobbin_test_ask(host, BOBBIN_TEST_REQUEST(.body = {bytes, length}, .piece_bytes = 7777,
                                                      .has_unknown_length = known == 0));
        assert_int_equal(bobbin_test_outcome_of(client), BOBBIN_TEST_WHOLE);
        assert_int_equal(bobbin_test_body(client).length, length);
        assert_memory_equal(bobbin_test_text(client), bytes, length);
    }
    free(bytes);
    close_host(host);
    assert_int_equal(bobbin_test_descriptors(), descriptors);
}

static void a_body_above_the_limit_is_refused(void **state)
{
    (void)state;
    bobbin_test_host *host =
        open_host(BOBBIN_TEST_SETUP(.settings = BOBBIN_TEST_PAIRS("max-body", "10")));
    for (int known = 0; known < 2; known++) {
        bobbin_test_client *client = bobbin_test_ask(
            host, BOBBIN_TEST_REQUEST(.body = bobbin_text("elevenbytes"), .piece_bytes = 2,
                                      .has_unknown_length = known == 0));
        assert_int_equal(bobbin_test_status(client), 413);
    }
    close_host(host);
}

static void other_methods_are_told_what_is_allowed(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(NULL);
    bobbin_test_client *client = bobbin_test_get(host, "/");
    assert_int_equal(bobbin_test_status(client), 405);
    assert_string_equal(bobbin_test_header(client, "allow"), "POST, PUT");
    close_host(host);
}

static void a_streamed_body_comes_back_piece_by_piece(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(BOBBIN_TEST_SETUP(STREAM));
    bobbin_test_client *client = bobbin_test_connect(host);
    bobbin_test_send(client, BOBBIN_TEST_REQUEST(.body_follows = true, .has_unknown_length = true));
    assert_int_equal(bobbin_test_status(client), 200);
    assert_string_equal(bobbin_test_text(client), "");
    bobbin_test_send_body(client, bobbin_text("one "));
    assert_string_equal(bobbin_test_text(client), "one ");
    bobbin_test_send_body(client, bobbin_text("two"));
    assert_string_equal(bobbin_test_text(client), "one two");
    assert_int_equal(bobbin_test_outcome_of(client), BOBBIN_TEST_OPEN);
    bobbin_test_end_body(client);
    assert_int_equal(bobbin_test_outcome_of(client), BOBBIN_TEST_WHOLE);
    assert_true(bobbin_test_is_streamed(client));
    assert_string_equal(bobbin_test_header(client, "transfer-encoding"), "chunked");
    assert_string_equal(bobbin_test_calls(host), "handle, on_body, on_body, on_body");
    close_host(host);
}

static void a_known_length_stays_known(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(BOBBIN_TEST_SETUP(STREAM));
    bobbin_test_client *client =
        bobbin_test_ask(host, BOBBIN_TEST_REQUEST(.body = bobbin_text("12345"), .piece_bytes = 2));
    assert_string_equal(bobbin_test_text(client), "12345");
    assert_string_equal(bobbin_test_header(client, "content-length"), "5");
    close_host(host);
}

/* The client does not read: no more of its body is taken, until it does. */
static void who_does_not_read_is_not_read_from(void **state)
{
    (void)state;
    static char piece[1000];
    bobbin_test_host *host = open_host(BOBBIN_TEST_SETUP(
        STREAM, .settings = BOBBIN_TEST_PAIRS("write-high-mark", "2500", "write-low-mark", "500")));
    bobbin_test_client *client = bobbin_test_connect(host);
    bobbin_test_take(client, 0);
    memset(piece, 'x', sizeof piece);
    bobbin_test_send(client, BOBBIN_TEST_REQUEST(.body_follows = true, .length = 10000));
    for (int i = 0; i < 10; i++)
        bobbin_test_send_body(client, (bobbin_str){piece, sizeof piece});
    assert_int_equal(bobbin_test_count(host, "on_body"), 3); /* the third was BLOCKED */
    bobbin_test_take(client, 2499);
    assert_int_equal(bobbin_test_count(host, "on_writable"), 0); /* 501 wait: the mark is 500 */
    bobbin_test_take(client, 1);
    assert_int_equal(bobbin_test_count(host, "on_writable"), 1);
    assert_int_equal(bobbin_test_count(host, "on_body"), 6); /* 3,500 wait, and it pauses again */
    bobbin_test_take_all(client);
    bobbin_test_end_body(client);
    assert_int_equal(bobbin_test_outcome_of(client), BOBBIN_TEST_WHOLE);
    assert_int_equal(bobbin_test_body(client).length, 10000);
    close_host(host);
}

static void a_client_that_leaves_at_any_moment_leaves_nothing(void **state)
{
    (void)state;
    static const char *const callbacks[] = {"handle", "on_body", "on_writable"};
    for (int stream = 0; stream < 2; stream++)
        for (size_t i = 0; i < 3; i++)
            for (int when = 0; when < 2; when++)
                for (unsigned nth = 1; nth < 4; nth++) {
                    bobbin_test_host *host = open_host(
                        BOBBIN_TEST_SETUP(.options =
                                              BOBBIN_TEST_PAIRS("stream", stream ? "on" : "off"),
                                          .settings = BOBBIN_TEST_PAIRS("write-high-mark", "2")));
                    bobbin_test_client *client = bobbin_test_connect(host);
                    bobbin_test_leave_at(client, (enum bobbin_test_when)when, callbacks[i], nth);
                    bobbin_test_send(client, BOBBIN_TEST_REQUEST(.body = bobbin_text("abcdefghi"),
                                                                 .piece_bytes = 3));
                    assert_int_not_equal(bobbin_test_outcome_of(client), BOBBIN_TEST_OPEN);
                    assert_false(bobbin_test_logged(host, "twice"));
                    close_host(host);
                }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_comes_back_with_its_type),
        cmocka_unit_test(an_empty_body_comes_back_too),
        cmocka_unit_test(a_large_body_comes_back_from_its_file),
        cmocka_unit_test(a_body_above_the_limit_is_refused),
        cmocka_unit_test(other_methods_are_told_what_is_allowed),
        cmocka_unit_test(a_streamed_body_comes_back_piece_by_piece),
        cmocka_unit_test(a_known_length_stays_known),
        cmocka_unit_test(who_does_not_read_is_not_read_from),
        cmocka_unit_test(a_client_that_leaves_at_any_moment_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
