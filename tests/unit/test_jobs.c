/* hosts: plugins/jobs */
#include <string.h>

#include "hosted.h"

#define ROUTE .route = "/jobs"

static struct bobbin_job_info info_of(enum bobbin_job_state state)
{
    return (struct bobbin_job_info){.size = sizeof(struct bobbin_job_info),
                                    .state = state,
                                    .id = bobbin_text("abc1"),
                                    .queue = bobbin_text("thumbnail"),
                                    .attempt = 2,
                                    .attempts = 5,
                                    .enqueued_us = 1700000000123456,
                                    .percent = -1};
}

static const bobbin_str nothing = {NULL, 0};

static void the_state_of_a_job_is_json(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(BOBBIN_TEST_SETUP(ROUTE));
    struct bobbin_job_info info = info_of(BOBBIN_STATE_RUNNING);
    info.percent = 60;
    info.progress = bobbin_text("making it \"smaller\"");
    bobbin_test_set_job(host, &info, nothing, NULL);
    bobbin_test_client *client = bobbin_test_get(host, "/jobs/abc1");
    assert_int_equal(bobbin_test_status(client), 200);
    assert_string_equal(bobbin_test_header(client, "content-type"), "application/json");
    assert_string_equal(
        bobbin_test_text(client),
        "{\"id\": \"abc1\", \"queue\": \"thumbnail\", \"state\": \"running\", \"attempt\": 2, "
        "\"attempts\": 5, \"enqueued\": \"2023-11-14T22:13:20.123Z\", \"due\": null, \"started\": "
        "null, \"ended\": null, \"progress\": {\"percent\": 60, \"words\": \"making it "
        "\\\"smaller\\\"\"}, \"error\": null, \"result\": null}\n");
    close_host(host);
}

static void a_job_with_a_result_says_where_it_is(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(BOBBIN_TEST_SETUP(ROUTE));
    struct bobbin_job_info info = info_of(BOBBIN_STATE_DONE);
    info.has_result = true;
    bobbin_test_set_job(host, &info, bobbin_text("the result"), "text/x-mine");
    assert_non_null(strstr(bobbin_test_text(bobbin_test_get(host, "/jobs/abc1")),
                           "\"result\": \"/jobs/abc1/result\""));
    bobbin_test_client *client = bobbin_test_get(host, "/jobs/abc1/result");
    assert_string_equal(bobbin_test_text(client), "the result");
    assert_string_equal(bobbin_test_header(client, "content-type"), "text/x-mine");
    close_host(host);
}

static void expect_status(bobbin_test_host *host, const char *method, const char *target,
                          int status)
{
    bobbin_test_client *client =
        bobbin_test_ask(host, BOBBIN_TEST_REQUEST(.method = method, .target = target));
    if (bobbin_test_status(client) != status)
        fail_msg("%s %s was answered %d, not %d", method, target, bobbin_test_status(client),
                 status);
}

static void what_is_not_there_is_404(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(BOBBIN_TEST_SETUP(ROUTE));
    struct bobbin_job_info info = info_of(BOBBIN_STATE_DONE);
    bobbin_test_set_job(host, &info, nothing, NULL);
    static const char *const targets[] = {
        "/jobs",        "/jobs/",        "/jobs/other",       "/jobs/abc1/",
        "/jobs/abc1/x", "/jobs//result", "/jobs/abc1/result", "/jobs/other/result"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        expect_status(host, "GET", targets[i], 404);
    close_host(host);
}

static void other_methods_are_refused(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(BOBBIN_TEST_SETUP(ROUTE));
    expect_status(host, "PUT", "/jobs/abc1", 405);
    expect_status(host, "POST", "/jobs/abc1", 404); /* no queue of that name is open */
    expect_status(host, "DELETE", "/jobs/abc1/result", 405);
    expect_status(host, "GET", "/jobs/abc1/cancel", 405);
    close_host(host);
}

static void a_waiting_job_is_cancelled_and_a_running_one_told(void **state)
{
    (void)state;
    static const struct {
        enum bobbin_job_state before;
        const char *after;
        const char *method, *target;
    } cases[] = {{BOBBIN_STATE_READY, "\"cancelled\"", "DELETE", "/jobs/abc1"},
                 {BOBBIN_STATE_RUNNING, "\"cancelling\"", "POST", "/jobs/abc1/cancel"},
                 {BOBBIN_STATE_DONE, "\"done\"", "DELETE", "/jobs/abc1"}};
    bobbin_test_host *host = open_host(BOBBIN_TEST_SETUP(ROUTE));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bobbin_job_info info = info_of(cases[i].before);
        bobbin_test_set_job(host, &info, nothing, NULL);
        bobbin_test_client *client = bobbin_test_ask(
            host, BOBBIN_TEST_REQUEST(.method = cases[i].method, .target = cases[i].target));
        assert_int_equal(bobbin_test_status(client), 200);
        assert_non_null(strstr(bobbin_test_text(client), cases[i].after));
    }
    close_host(host);
}

static void a_spool_that_cannot_be_read_is_503(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(BOBBIN_TEST_SETUP(ROUTE));
    bobbin_test_break_spool(host, "the disk is gone");
    bobbin_test_client *client = bobbin_test_get(host, "/jobs/abc1");
    assert_int_equal(bobbin_test_status(client), 503);
    assert_string_equal(bobbin_test_text(client), "{\"error\": \"the disk is gone\"}\n");
    close_host(host);
    host = open_host(BOBBIN_TEST_SETUP(ROUTE, .has_no_spool = true));
    expect_status(host, "GET", "/jobs/abc1", 503);
    expect_status(host, "DELETE", "/jobs/abc1", 503);
    close_host(host);
}

static void who_waits_is_answered_when_the_job_ends(void **state)
{
    (void)state;
    bobbin_test_host *host =
        open_host(BOBBIN_TEST_SETUP(ROUTE, .options = BOBBIN_TEST_PAIRS("max-wait", "20s")));
    struct bobbin_job_info info = info_of(BOBBIN_STATE_RUNNING);
    bobbin_test_set_job(host, &info, nothing, NULL);
    bobbin_test_client *first = bobbin_test_connect(host), *second = bobbin_test_connect(host);
    bobbin_test_send(first, BOBBIN_TEST_REQUEST(.target = "/jobs/abc1?wait=10s"));
    bobbin_test_send(second, BOBBIN_TEST_REQUEST(.target = "/jobs/abc1?wait=9m"));
    bobbin_test_pass(host, 10000);
    assert_non_null(strstr(bobbin_test_text(first), "\"running\""));
    assert_int_equal(bobbin_test_outcome_of(second), BOBBIN_TEST_OPEN);
    info.state = BOBBIN_STATE_DEAD;
    bobbin_test_set_job(host, &info, nothing, NULL);
    assert_non_null(strstr(bobbin_test_text(second), "\"dead\""));
    expect_status(host, "GET", "/jobs/abc1?wait=", 400);
    expect_status(host, "GET", "/jobs/abc1?wait=10x", 400);
    close_host(host);
}

static void a_wait_without_a_unit_is_seconds(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(BOBBIN_TEST_SETUP(ROUTE));
    struct bobbin_job_info info = info_of(BOBBIN_STATE_RUNNING);
    bobbin_test_set_job(host, &info, nothing, NULL);
    bobbin_test_client *client = bobbin_test_connect(host);
    bobbin_test_send(client, BOBBIN_TEST_REQUEST(.target = "/jobs/abc1?wait=2"));
    bobbin_test_pass(host, 1000);
    assert_int_equal(bobbin_test_outcome_of(client), BOBBIN_TEST_OPEN);
    bobbin_test_pass(host, 1000);
    assert_int_equal(bobbin_test_status(client), 200);
    close_host(host);
}

/* Each in its own words, with the times that it has. */
static void a_job_that_waits_for_its_time_or_missed_it_says_so(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(BOBBIN_TEST_SETUP(ROUTE));
    struct bobbin_job_info info = info_of(BOBBIN_STATE_READY);
    info.due_us = 1700000600007999;
    bobbin_test_set_job(host, &info, nothing, NULL);
    const char *text = bobbin_test_text(bobbin_test_get(host, "/jobs/abc1"));
    assert_non_null(strstr(text, "\"state\": \"ready\""));
    assert_non_null(strstr(text, "\"due\": \"2023-11-14T22:23:20.007Z\", \"started\": null"));
    info.state = BOBBIN_STATE_EXPIRED;
    info.ended_us = 1700000700000000;
    bobbin_test_set_job(host, &info, nothing, NULL);
    text = bobbin_test_text(bobbin_test_get(host, "/jobs/abc1"));
    assert_non_null(strstr(text, "\"state\": \"expired\""));
    assert_non_null(strstr(text, "\"started\": null, \"ended\": \"2023-11-14T22:25:00.000Z\""));
    assert_string_equal(bobbin_test_text(bobbin_test_get(host, "/jobs/abc1/result")),
                        "{\"error\": \"the job is expired: it has no result\"}\n");
    info.due_us = UINT64_MAX;
    bobbin_test_set_job(host, &info, nothing, NULL);
    assert_non_null(strstr(bobbin_test_text(bobbin_test_get(host, "/jobs/abc1")),
                           "\"due\": \"586524-01-19T08:01:49.551Z\""));
    close_host(host);
}

/* The answer of the spool, and the descriptor in it, come when nobody waits any more. */
static void a_client_that_leaves_before_the_spool_answers_leaves_nothing(void **state)
{
    (void)state;
    size_t descriptors = bobbin_test_descriptors();
    bobbin_test_host *host = open_host(BOBBIN_TEST_SETUP(ROUTE));
    struct bobbin_job_info info = info_of(BOBBIN_STATE_DONE);
    info.has_result = true;
    bobbin_test_set_job(host, &info, bobbin_text("the result"), NULL);
    for (int when = 0; when < 2; when++) {
        bobbin_test_client *client = bobbin_test_connect(host);
        bobbin_test_leave_at(client, (enum bobbin_test_when)when, "on_job", 1);
        bobbin_test_send(client, BOBBIN_TEST_REQUEST(.target = "/jobs/abc1/result"));
        assert_int_equal(bobbin_test_outcome_of(client), BOBBIN_TEST_LEFT);
        assert_int_equal(bobbin_test_count_for(client, "on_job"), 1);
    }
    close_host(host);
    assert_int_equal(bobbin_test_descriptors(), descriptors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_of_a_job_is_json),
        cmocka_unit_test(a_job_with_a_result_says_where_it_is),
        cmocka_unit_test(what_is_not_there_is_404),
        cmocka_unit_test(other_methods_are_refused),
        cmocka_unit_test(a_waiting_job_is_cancelled_and_a_running_one_told),
        cmocka_unit_test(a_spool_that_cannot_be_read_is_503),
        cmocka_unit_test(who_waits_is_answered_when_the_job_ends),
        cmocka_unit_test(a_wait_without_a_unit_is_seconds),
        cmocka_unit_test(a_job_that_waits_for_its_time_or_missed_it_says_so),
        cmocka_unit_test(a_client_that_leaves_before_the_spool_answers_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
