/* hosts: plugins/events */
#include <string.h>

#include "hosted.h"

static size_t ticks(const bobbin_test_client *client)
{
    size_t count = 0;
    for (const char *at = bobbin_test_text(client); (at = strstr(at, "event: tick\n")) != NULL;
         at++)
        count++;
    return count;
}

static void a_listener_hears_a_tick_each_second(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(NULL);
    bobbin_test_client *client = bobbin_test_connect(host);
    bobbin_test_send(client, BOBBIN_TEST_REQUEST(.target = "/"));
    assert_string_equal(bobbin_test_header(client, "content-type"), "text/event-stream");
    assert_string_equal(bobbin_test_text(client), "retry: 1000\n\n");
    bobbin_test_pass(host, 1000);
    assert_int_equal(ticks(client), 1);
    bobbin_test_pass(host, 3000);
    assert_int_equal(ticks(client), 4);
    bobbin_test_leave(client);
    assert_string_equal(bobbin_test_calls_for(client), "handle, on_finish");
    close_host(host);
}

static void one_of_two_leaves_and_the_other_hears_on(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(NULL);
    bobbin_test_client *first = bobbin_test_connect(host), *second = bobbin_test_connect(host);
    bobbin_test_send(first, BOBBIN_TEST_REQUEST(.target = "/"));
    bobbin_test_send(second, BOBBIN_TEST_REQUEST(.target = "/"));
    bobbin_test_pass(host, 1000);
    bobbin_test_leave(first);
    bobbin_test_pass(host, 1000);
    assert_int_equal(ticks(first), 1);
    assert_int_equal(ticks(second), 2);
    assert_int_equal(bobbin_test_outcome_of(first), BOBBIN_TEST_LEFT);
    assert_int_equal(bobbin_test_outcome_of(second), BOBBIN_TEST_OPEN);
    bobbin_test_drain(host);
    assert_int_equal(bobbin_test_outcome_of(second), BOBBIN_TEST_WHOLE);
    assert_false(bobbin_test_logged(host, "twice"));
    close_host(host);
}

static void drain_ends_every_stream(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(NULL);
    bobbin_test_client *clients[20];
    for (size_t i = 0; i < 20; i++) {
        clients[i] = bobbin_test_connect(host);
        bobbin_test_send(clients[i], BOBBIN_TEST_REQUEST(.target = "/"));
    }
    bobbin_test_drain(host);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(bobbin_test_outcome_of(clients[i]), BOBBIN_TEST_WHOLE);
    assert_int_equal(bobbin_test_count(host, "on_finish"), 20);
    assert_false(bobbin_test_logged(host, "twice"));
    close_host(host);
}

/* It is told nothing that it could be told again: what it does not read is cut at answer-memory. */
static void a_listener_that_never_reads_is_cut_off(void **state)
{
    (void)state;
    bobbin_test_host *host =
        open_host(BOBBIN_TEST_SETUP(.settings = BOBBIN_TEST_PAIRS("answer-memory", "64k")));
    bobbin_test_client *client = bobbin_test_connect(host);
    bobbin_test_take(client, 0);
    bobbin_test_send(client, BOBBIN_TEST_REQUEST(.target = "/"));
    bobbin_test_pass(host, 3600 * 1000);
    assert_int_equal(bobbin_test_outcome_of(client), BOBBIN_TEST_CUT);
    assert_true(bobbin_test_logged(host, "answer-memory is full"));
    assert_string_equal(bobbin_test_calls_for(client), "handle, on_finish");
    close_host(host);
}

static void more_than_a_thousand_listeners_are_refused(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(NULL);
    bobbin_test_client *last = NULL;
    for (size_t i = 0; i < 1001; i++) {
        last = bobbin_test_connect(host);
        bobbin_test_send(last, BOBBIN_TEST_REQUEST(.target = "/"));
    }
    assert_int_equal(bobbin_test_status(last), 503);
    close_host(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listener_hears_a_tick_each_second),
        cmocka_unit_test(one_of_two_leaves_and_the_other_hears_on),
        cmocka_unit_test(drain_ends_every_stream),
        cmocka_unit_test(a_listener_that_never_reads_is_cut_off),
        cmocka_unit_test(more_than_a_thousand_listeners_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
