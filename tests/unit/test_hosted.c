/* hosts: */
#include <string.h>

#include "hosted.h"

/* A plugin that stores several jobs at once, from wherever it can, played by the test host. */

enum { PARTS = 3 };

static char told[128];

static void on_stored(bobbin_request *request, const struct bobbin_stored_many *stored, void *arg)
{
    (void)arg;
    if (stored->outcome != BOBBIN_STORED) {
        bobbin_refuse(request, 503, "%s", stored->sentence);
        return;
    }
    for (size_t i = 0; i < stored->count; i++)
        bobbin_print(request, "%.*s ", BOBBIN_ARG(stored->ids[i]));
    bobbin_end(request);
}

static void handle(void *state, bobbin_request *request)
{
    const struct bobbin_job_spec *const specs[PARTS] = {BOBBIN_JOB(.payload = bobbin_text("a")),
                                                        BOBBIN_JOB(.payload = bobbin_text("b")),
                                                        BOBBIN_JOB(.payload_is_body = true)};
    (void)state;
    bobbin_spool_many(request, specs, PARTS, on_stored, NULL);
}

static void on_host_stored(bobbin_host *host, const struct bobbin_stored *stored, void *arg)
{
    (void)host;
    (void)arg;
    strncpy(told, stored->outcome == BOBBIN_STORED ? stored->id.data : stored->sentence,
            sizeof told - 1);
}

static void on_timer(void *arg)
{
    bobbin_host_spool(arg, BOBBIN_JOB(.queue = "tick"), on_host_stored, NULL);
}

static bool start(bobbin_host *host, const void *config, void **state, bobbin_error *error)
{
    (void)config;
    (void)state;
    told[0] = '\0';
    return bobbin_in_job_process(host) ||
           bobbin_timer_start(host, 1000, 0, on_timer, host) != NULL ||
           bobbin_fail(error, "there is no timer");
}

/* As many children as the payload has bytes. */
static enum bobbin_job_result run(void *state, bobbin_job *job)
{
    bobbin_error error;
    (void)state;
    for (size_t i = 0; i < bobbin_job_payload(job).length; i++)
        if (!bobbin_job_spool(job, BOBBIN_JOB(.payload = bobbin_text("child")), &error))
            return bobbin_job_fail(job, "%s", error.text);
    if (bobbin_job_spool(job, BOBBIN_JOB(.queue = "No Name"), &error) ||
        bobbin_job_spool(job, BOBBIN_JOB(.payload_is_body = true), &error))
        return bobbin_job_fail(job, "an illegal job was taken");
    return bobbin_job_attempt(job) == 1 ? BOBBIN_JOB_DONE : BOBBIN_JOB_RETRY;
}

BOBBIN_PLUGIN(.name = "several", .about = "stores several jobs", .start = start, .handle = handle,
              .run = run);

static void several_are_stored_with_one_answer(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(NULL);
    bobbin_test_client *client =
        bobbin_test_ask(host, BOBBIN_TEST_REQUEST(.body = bobbin_text("body")));
    assert_string_equal(bobbin_test_text(client), "job1 job2 job3 ");
    assert_int_equal(bobbin_test_spooled_count(host), PARTS);
    assert_true(bobbin_is(bobbin_test_spooled(host, 2)->payload, "body"));
    assert_string_equal(bobbin_test_spooled_id(host, 2), "job3");
    bobbin_test_next_stored(host, BOBBIN_FULL, "there is no space");
    client = bobbin_test_ask(host, BOBBIN_TEST_REQUEST(.body = bobbin_text("body")));
    assert_int_equal(bobbin_test_status(client), 503);
    assert_null(bobbin_test_spooled_id(host, 3));
    close_host(host);
}

static void a_client_that_leaves_meanwhile_is_told_nothing_and_the_plugin_all(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(NULL);
    bobbin_test_client *client = bobbin_test_connect(host);
    bobbin_test_leave_at(client, BOBBIN_TEST_BEFORE, "on_stored", 1);
    bobbin_test_send(client, BOBBIN_TEST_REQUEST(.body = bobbin_text("body")));
    assert_string_equal(bobbin_test_calls_for(client), "handle, on_stored");
    assert_int_equal(bobbin_test_outcome_of(client), BOBBIN_TEST_LEFT);
    close_host(host);
}

static void a_timer_stores_without_a_request(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(NULL);
    bobbin_test_pass(host, 1000);
    assert_string_equal(told, "job1");
    assert_string_equal(bobbin_test_spooled(host, 0)->queue, "tick");
    close_host(host);
}

static void what_a_job_spools_is_stored_with_its_success_alone(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(BOBBIN_TEST_SETUP(.is_job_process = true));
    const struct bobbin_test_ran *ran =
        bobbin_test_run(host, BOBBIN_TEST_JOB(.payload = bobbin_text("xx")));
    assert_int_equal(ran->result, BOBBIN_JOB_DONE);
    assert_int_equal(bobbin_test_spooled_count(host), 2);
    assert_string_equal(bobbin_test_spooled(host, 1)->queue, "several");
    ran = bobbin_test_run(host, BOBBIN_TEST_JOB(.payload = bobbin_text("xx"), .attempt = 2));
    assert_int_equal(ran->result, BOBBIN_JOB_RETRY);
    assert_int_equal(bobbin_test_spooled_count(host), 2);
    bobbin_test_next_stored(host, BOBBIN_FULL, "there is no space");
    ran = bobbin_test_run(host, BOBBIN_TEST_JOB(.payload = bobbin_text("xx")));
    assert_int_equal(ran->result, BOBBIN_JOB_RETRY);
    assert_string_equal(ran->sentence,
                        "the jobs that it spooled were not stored: there is no space");
    assert_int_equal(bobbin_test_spooled_count(host), 2);
    close_host(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_are_stored_with_one_answer),
        cmocka_unit_test(a_client_that_leaves_meanwhile_is_told_nothing_and_the_plugin_all),
        cmocka_unit_test(a_timer_stores_without_a_request),
        cmocka_unit_test(what_a_job_spools_is_stored_with_its_success_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
