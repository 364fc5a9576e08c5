/* hosts: plugins/slow */
#include "hosted.h"

static void it_answers_when_its_thread_is_through(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(NULL);
    bobbin_test_client *client = bobbin_test_get(host, "/?ms=30");
    assert_int_equal(bobbin_test_status(client), 200);
    assert_string_equal(bobbin_test_text(client), "That took a while.\n");
    assert_string_equal(bobbin_test_calls_for(client), "handle, done");
    close_host(host);
}

static void what_is_no_number_of_milliseconds_is_refused(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(NULL);
    static const char *const wrong[] = {"/?ms=x", "/?ms=60001", "/?ms=1s", "/?ms=99999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(bobbin_test_status(bobbin_test_get(host, wrong[i])), 400);
    close_host(host);
}

static void a_client_that_leaves_or_waits_too_long_stops_its_work(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(NULL);
    bobbin_test_client *leaves = bobbin_test_connect(host), *waits = bobbin_test_connect(host);
    bobbin_test_send(leaves, BOBBIN_TEST_REQUEST(.target = "/?ms=60000"));
    bobbin_test_leave(leaves);
    assert_true(bobbin_test_wait_for(host, "done", 1));
    assert_string_equal(bobbin_test_calls_for(leaves), "handle, done");
    bobbin_test_send(waits, BOBBIN_TEST_REQUEST(.target = "/?ms=60000"));
    bobbin_test_time_out(waits);
    assert_int_equal(bobbin_test_status(waits), 504);
    assert_true(bobbin_test_wait_for(host, "done", 2));
    close_host(host);
}

static void when_threads_and_queue_are_full_it_is_503(void **state)
{
    (void)state;
    static const char *const settings[] = {"threads", "1", "offload-queue", "0", NULL};
    bobbin_test_host *host = open_host(BOBBIN_TEST_SETUP(.settings = settings));
    bobbin_test_client *first = bobbin_test_connect(host);
    bobbin_test_send(first, BOBBIN_TEST_REQUEST(.target = "/?ms=60000"));
    bobbin_test_client *second = bobbin_test_get(host, "/?ms=1");
    assert_int_equal(bobbin_test_status(second), 503);
    assert_string_equal(bobbin_test_header(second, "retry-after"), "1");
    bobbin_test_leave(first);
    close_host(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_answers_when_its_thread_is_through),
        cmocka_unit_test(what_is_no_number_of_milliseconds_is_refused),
        cmocka_unit_test(a_client_that_leaves_or_waits_too_long_stops_its_work),
        cmocka_unit_test(when_threads_and_queue_are_full_it_is_503),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
