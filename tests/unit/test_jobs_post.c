/* hosts: plugins/jobs */
#include <stdio.h>
#include <string.h>

#include "hosted.h"

enum { ONE_MB = 1 << 20 };

static bobbin_test_host *open_jobs(void)
{
    return open_host(
        BOBBIN_TEST_SETUP(.route = "/jobs",
                          .options = BOBBIN_TEST_PAIRS("open", "thumbnail", "open", "mails")));
}

static bobbin_test_client *post(bobbin_test_host *host, const char *target)
{
    return bobbin_test_ask(
        host, BOBBIN_TEST_REQUEST(.method = "POST", .target = target, .body = bobbin_text("x")));
}

/* Does not wait for the answer: time passes only as the test says. */
static bobbin_test_client *begin_post(bobbin_test_host *host, const char *target)
{
    bobbin_test_client *client = bobbin_test_connect(host);
    bobbin_test_send(client, BOBBIN_TEST_REQUEST(.target = target, .body = bobbin_text("x")));
    return client;
}

static bobbin_test_client *post_with(bobbin_test_host *host, const char *target,
                                     const char *const *headers)
{
    return bobbin_test_ask(
        host, BOBBIN_TEST_REQUEST(.method = "POST", .target = target, .headers = headers));
}

static const struct bobbin_job_spec *last(const bobbin_test_host *host)
{
    return bobbin_test_spooled(host, bobbin_test_spooled_count(host) - 1);
}

static void a_post_to_an_open_queue_is_a_job_of_it(void **state)
{
    (void)state;
    bobbin_test_host *host = open_jobs();
    bobbin_test_client *client = bobbin_test_ask(
        host, BOBBIN_TEST_REQUEST(.target = "/jobs/mails", .body = bobbin_text("a letter"),
                                  .headers = BOBBIN_TEST_PAIRS("Content-Type", "text/x-letter",
                                                               "X-Request-Id", "the-request-17")));
    assert_int_equal(bobbin_test_status(client), 202);
    assert_string_equal(bobbin_test_header(client, "location"), "/jobs/job1");
    assert_string_equal(bobbin_test_text(client),
                        "{\"id\": \"job1\", \"queue\": \"mails\", \"state\": \"ready\", "
                        "\"location\": \"/jobs/job1\"}\n");
    const struct bobbin_job_spec *spec = last(host);
    assert_string_equal(spec->queue, "mails");
    assert_true(bobbin_is(spec->payload, "a letter"));
    assert_string_equal(spec->content_type, "text/x-letter");
    assert_int_equal(spec->priority, BOBBIN_PRIORITY(5));
    assert_int_equal(spec->attempts, 0);
    assert_int_equal(spec->timeout_ms + spec->delay_ms + spec->due_us + spec->expires_ms, 0);
    assert_true(spec->unique_key == NULL || *spec->unique_key == '\0');
    assert_string_equal(bobbin_test_spooled_header(host, 0, "x-request-id"), "the-request-17");
    close_host(host);
}

static void a_queue_that_is_not_open_is_404_whatever_else_is_wrong(void **state)
{
    (void)state;
    static const char *const targets[] = {"/jobs/other", "/jobs/other?priority=10", "/jobs/mail",
                                          "/jobs/mailss", "/jobs/Mails"};
    bobbin_test_host *host = open_jobs();
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        bobbin_test_client *client = post(host, targets[i]);
        assert_int_equal(bobbin_test_status(client), 404);
        assert_string_equal(
            bobbin_test_text(client),
            "{\"error\": \"there is no queue of this name that takes jobs here\"}\n");
    }
    assert_int_equal(bobbin_test_spooled_count(host), 0);
    close_host(host);
    static const char *const none[] = {NULL}, *const empty[] = {"open", "", NULL};
    static const char *const *const options[] = {none, empty};
    for (int i = 0; i < 2; i++) {
        host = open_host(BOBBIN_TEST_SETUP(.route = "/jobs", .options = options[i]));
        assert_int_equal(bobbin_test_status(post(host, "/jobs/jobs")), 404);
        assert_int_equal(bobbin_test_status(post(host, "/jobs/")), 404);
        assert_int_equal(bobbin_test_spooled_count(host), 0);
        close_host(host);
    }
}

static void other_methods_on_an_open_queue_are_405(void **state)
{
    (void)state;
    static const char *const methods[] = {"GET", "PUT", "DELETE", "PATCH"};
    bobbin_test_host *host = open_jobs();
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        bobbin_test_client *client = bobbin_test_ask(
            host, BOBBIN_TEST_REQUEST(.method = methods[i], .target = "/jobs/mails"));
        assert_int_equal(bobbin_test_status(client), 405);
        assert_string_equal(bobbin_test_header(client, "allow"), "POST");
    }
    close_host(host);
}

static void an_open_queue_needs_a_name_that_a_queue_can_have(void **state)
{
    (void)state;
    static const char *const names[] = {
        "Mails", "a b", "a/b", "a,b",
        "a1234567890123456789012345678901234567890123456789012345678901234"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        bobbin_error error = {""};
        const char *const options[] = {"open", names[i], NULL};
        assert_null(bobbin_test_open(&bobbin_plugin_descriptor,
                                     BOBBIN_TEST_SETUP(.options = options), &error));
        assert_non_null(strstr(error.text, "is no queue's name"));
    }
}

static void parameters_become_what_the_job_asks_for(void **state)
{
    (void)state;
    bobbin_test_host *host = open_jobs();
    assert_int_equal(
        bobbin_test_status(post(host, "/jobs/mails?priority=0&delay=10s&expires=1h&attempts=3&"
                                      "timeout=30&key=a%20b&")),
        202);
    const struct bobbin_job_spec *spec = last(host);
    assert_int_equal(spec->priority, BOBBIN_PRIORITY(0));
    assert_int_equal(spec->delay_ms, 10000);
    assert_int_equal(spec->expires_ms, 3600000);
    assert_int_equal(spec->attempts, 3);
    assert_int_equal(spec->timeout_ms, 30000);
    assert_string_equal(spec->unique_key, "a b");
    assert_int_equal(bobbin_test_status(post(host, "/jobs/mails?due=2023-11-14T22:13:20.5Z")), 202);
    assert_int_equal(last(host)->due_us, 1700000000500000);
    close_host(host);
}

static void header_fields_say_the_same_and_the_query_wins(void **state)
{
    (void)state;
    bobbin_test_host *host = open_jobs();
    static const char *const fields[] = {"Bobbin-Priority",
                                         "9",
                                         "bobbin-delay",
                                         "1m",
                                         "Bobbin-Expires",
                                         "2d",
                                         "Bobbin-Attempts",
                                         "7",
                                         "BOBBIN-TIMEOUT",
                                         "5s",
                                         "Bobbin-Key",
                                         "own",
                                         "Idempotency-Key",
                                         "by the way",
                                         NULL};
    assert_int_equal(bobbin_test_status(post_with(host, "/jobs/mails", fields)), 202);
    const struct bobbin_job_spec *spec = last(host);
    assert_int_equal(spec->priority, BOBBIN_PRIORITY(9));
    assert_int_equal(spec->delay_ms, 60000);
    assert_int_equal(spec->expires_ms, 2 * 86400000);
    assert_int_equal(spec->attempts, 7);
    assert_int_equal(spec->timeout_ms, 5000);
    assert_string_equal(spec->unique_key, "own");
    assert_int_equal(
        bobbin_test_status(post_with(host, "/jobs/mails?priority=1&key=asked", fields)), 202);
    assert_int_equal(last(host)->priority, BOBBIN_PRIORITY(1));
    assert_string_equal(last(host)->unique_key, "asked");
    assert_int_equal(bobbin_test_status(post_with(
                         host, "/jobs/mails", BOBBIN_TEST_PAIRS("Idempotency-Key", "\"8e03\""))),
                     202);
    assert_string_equal(last(host)->unique_key, "\"8e03\"");
    close_host(host);
}

static void each_limit_is_legal_and_one_more_is_not(void **state)
{
    (void)state;
    static const struct {
        const char *legal, *illegal;
    } cases[] = {{"priority=9", "priority=10"},
                 {"priority=0", "priority=-1"},
                 {"attempts=1000", "attempts=1001"},
                 {"attempts=1", "attempts=0"},
                 {"timeout=7d", "timeout=604800001ms"},
                 {"timeout=1ms", "timeout=0"},
                 {"delay=365d", "delay=31536000001ms"},
                 {"delay=0", "delay=-0"},
                 {"expires=365d", "expires=366d"},
                 {"expires=1ms", "expires=0s"},
                 {"due=253402300799", "due=253402300800"},
                 {"due=0", "due=-1"},
                 {"wait=0", "wait=99999999999999999999"}};
    bobbin_test_host *host = open_jobs();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char target[128];
        snprintf(target, sizeof target, "/jobs/mails?%s", cases[i].legal);
        if (bobbin_test_status(post(host, target)) != 202)
            fail_msg("%s was not taken", target);
        snprintf(target, sizeof target, "/jobs/mails?%s", cases[i].illegal);
        if (bobbin_test_status(post(host, target)) != 400)
            fail_msg("%s was taken", target);
    }
    assert_int_equal(bobbin_test_spooled_count(host), sizeof cases / sizeof *cases);
    close_host(host);
}

static void expect_sentence(bobbin_test_client *client, const char *sentence)
{
    char expected[512];
    snprintf(expected, sizeof expected, "{\"error\": \"%s\"}\n", sentence);
    assert_int_equal(bobbin_test_status(client), 400);
    assert_string_equal(bobbin_test_text(client), expected);
}

static void a_sentence_names_the_parameter_and_what_is_legal(void **state)
{
    (void)state;
    bobbin_test_host *host = open_jobs();
    expect_sentence(post(host, "/jobs/mails?priority=high"),
                    "priority is a number from 0 (first) to 9 (last), not \\\"high\\\"");
    expect_sentence(post(host, "/jobs/mails?attempts="),
                    "attempts is a number from 1 to 1000, not \\\"\\\"");
    expect_sentence(post(host, "/jobs/mails?due=2023-11-14T22:13:20+01:00"),
                    "due is a time like 2026-11-24T13:04:47Z (in a query + is %2B), or seconds "
                    "since 1970, not \\\"2023-11-14T22:13:20 01:00\\\"");
    expect_sentence(post_with(host, "/jobs/mails", BOBBIN_TEST_PAIRS("bobbin-expires", "1 h")),
                    "Bobbin-Expires is a time from 1ms to 365d, like 1h, not \\\"1 h\\\"");
    expect_sentence(post(host, "/jobs/mails?prioritiy=1"),
                    "there is no parameter \\\"prioritiy\\\"");
    expect_sentence(post(host, "/jobs/mails?=1"), "there is no parameter \\\"\\\"");
    expect_sentence(post(host, "/jobs/mails?priority=1&key=x&priority=2"),
                    "the parameter priority is given twice");
    expect_sentence(post(host, "/jobs/mails?delay=1s&due=0"),
                    "a job has a delay or a due time, not both");
    expect_sentence(post_with(host, "/jobs/mails?due=1", BOBBIN_TEST_PAIRS("Bobbin-Delay", "0")),
                    "a job has a delay or a due time, not both");
    assert_int_equal(bobbin_test_spooled_count(host), 0);
    close_host(host);
}

static void a_key_has_1_to_200_bytes_and_no_control_characters(void **state)
{
    (void)state;
    char key[202] = "";
    bobbin_test_host *host = open_jobs();
    memset(key, 'k', 200);
    assert_int_equal(bobbin_test_status(
                         post_with(host, "/jobs/mails", BOBBIN_TEST_PAIRS("Idempotency-Key", key))),
                     202);
    assert_string_equal(last(host)->unique_key, key);
    key[200] = 'k';
    bobbin_test_client *client =
        post_with(host, "/jobs/mails", BOBBIN_TEST_PAIRS("Idempotency-Key", key));
    assert_int_equal(bobbin_test_status(client), 400);
    assert_non_null(strstr(bobbin_test_text(client), "Idempotency-Key is 1 to 200 bytes"));
    static const char *const wrong[] = {"key=", "key", "key=a%00b", "key=%0a", "key=%7f"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char target[64];
        snprintf(target, sizeof target, "/jobs/mails?%s", wrong[i]);
        assert_int_equal(bobbin_test_status(post(host, target)), 400);
    }
    assert_int_equal(bobbin_test_status(
                         post_with(host, "/jobs/mails", BOBBIN_TEST_PAIRS("Idempotency-Key", ""))),
                     400);
    assert_int_equal(bobbin_test_spooled_count(host), 1);
    close_host(host);
}

static void a_content_type_has_at_most_200_bytes(void **state)
{
    (void)state;
    char type[202] = "";
    bobbin_test_host *host = open_jobs();
    memset(type, 't', 200);
    const char *const fields[] = {"Content-Type", type, NULL};
    assert_int_equal(bobbin_test_status(post_with(host, "/jobs/mails", fields)), 202);
    assert_string_equal(last(host)->content_type, type);
    type[200] = 't';
    expect_sentence(post_with(host, "/jobs/mails", fields),
                    "Content-Type has at most 200 bytes here");
    close_host(host);
}

/* ------------------------------------------------------------------ the body */

static bobbin_test_client *post_bytes(bobbin_test_host *host, size_t bytes, bool is_chunked)
{
    static char body[ONE_MB + 1];
    return bobbin_test_ask(host, BOBBIN_TEST_REQUEST(.target = "/jobs/mails", .body = {body, bytes},
                                                     .piece_bytes = 60000,
                                                     .has_unknown_length = is_chunked));
}

static void a_body_is_as_long_as_most_body_and_not_a_byte_longer(void **state)
{
    (void)state;
    bobbin_test_host *host = open_jobs();
    for (int is_chunked = 0; is_chunked < 2; is_chunked++) {
        assert_int_equal(bobbin_test_status(post_bytes(host, ONE_MB, is_chunked)), 202);
        assert_int_equal(last(host)->payload.length, ONE_MB);
        bobbin_test_client *client = post_bytes(host, ONE_MB + 1, is_chunked);
        assert_int_equal(bobbin_test_status(client), 413);
        assert_string_equal(bobbin_test_text(client),
                            "{\"error\": \"the body of a job has at most 1048576 bytes here\"}\n");
    }
    assert_int_equal(bobbin_test_spooled_count(host), 2);
    close_host(host);
}

static void what_is_refused_by_its_head_is_not_sent(void **state)
{
    (void)state;
    static const char *const targets[] = {"/jobs/mails", "/jobs/mails?priority=x", "/jobs/other"};
    static const int statuses[] = {413, 400, 404};
    bobbin_test_host *host = open_jobs();
    for (int i = 0; i < 3; i++) {
        bobbin_test_client *client = bobbin_test_connect(host);
        bobbin_test_send(client, BOBBIN_TEST_REQUEST(.method = "POST", .target = targets[i],
                                                     .body_follows = true, .length = ONE_MB + 1));
        assert_int_equal(bobbin_test_status(client), statuses[i]);
    }
    close_host(host);
}

static void an_empty_body_is_an_empty_payload(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(
        BOBBIN_TEST_SETUP(.route = "/jobs",
                          .options = BOBBIN_TEST_PAIRS("open", "mails", "most-body", "0")));
    bobbin_test_client *client =
        bobbin_test_ask(host, BOBBIN_TEST_REQUEST(.method = "POST", .target = "/jobs/mails"));
    assert_int_equal(bobbin_test_status(client), 202);
    assert_int_equal(last(host)->payload.length, 0);
    assert_int_equal(bobbin_test_status(post(host, "/jobs/mails")), 413);
    close_host(host);
}

static void max_body_holds_as_well(void **state)
{
    (void)state;
    bobbin_test_host *host =
        open_host(BOBBIN_TEST_SETUP(.route = "/jobs", .options = BOBBIN_TEST_PAIRS("open", "mails"),
                                    .settings = BOBBIN_TEST_PAIRS("max-body", "100")));
    for (int is_chunked = 0; is_chunked < 2; is_chunked++) {
        assert_int_equal(bobbin_test_status(post_bytes(host, 100, is_chunked)), 202);
        assert_int_equal(bobbin_test_status(post_bytes(host, 101, is_chunked)), 413);
    }
    assert_int_equal(bobbin_test_spooled_count(host), 2);
    close_host(host);
}

/* ------------------------------------------------------------------ the answer */

static void a_full_spool_is_503_and_a_broken_one_500(void **state)
{
    (void)state;
    static const char *const targets[] = {"/jobs/mails", "/jobs/mails?wait=5s"};
    bobbin_test_host *host = open_jobs();
    for (int i = 0; i < 2; i++) {
        bobbin_test_next_stored(host, BOBBIN_FULL, "there is no space");
        bobbin_test_client *client = post(host, targets[i]);
        assert_int_equal(bobbin_test_status(client), 503);
        assert_non_null(bobbin_test_header(client, "retry-after"));
        assert_string_equal(bobbin_test_text(client),
                            "{\"error\": \"the job was not stored: there is no space\"}\n");
        bobbin_test_next_stored(host, BOBBIN_FAILED, "the disk is gone");
        assert_int_equal(bobbin_test_status(post(host, targets[i])), 500);
    }
    close_host(host);
}

static struct bobbin_job_info info_of(const char *id, enum bobbin_job_state state)
{
    return (struct bobbin_job_info){.size = sizeof(struct bobbin_job_info),
                                    .state = state,
                                    .id = bobbin_text(id),
                                    .queue = bobbin_text("mails"),
                                    .percent = -1};
}

static void who_waits_gets_200_when_the_job_has_ended(void **state)
{
    (void)state;
    bobbin_test_host *host = open_jobs();
    bobbin_test_client *client = begin_post(host, "/jobs/mails?wait=10s");
    assert_int_equal(bobbin_test_outcome_of(client), BOBBIN_TEST_OPEN);
    struct bobbin_job_info info = info_of("job1", BOBBIN_STATE_DONE);
    info.has_result = true;
    bobbin_test_set_job(host, &info, bobbin_text("the result"), NULL);
    assert_int_equal(bobbin_test_status(client), 200);
    assert_non_null(strstr(bobbin_test_text(client), "\"state\": \"done\""));
    assert_non_null(strstr(bobbin_test_text(client), "\"result\": \"/jobs/job1/result\""));
    close_host(host);
}

static void who_waits_in_vain_gets_202_and_how_it_is(void **state)
{
    (void)state;
    bobbin_test_host *host = open_host(
        BOBBIN_TEST_SETUP(.route = "/jobs",
                          .options = BOBBIN_TEST_PAIRS("open", "mails", "max-wait", "20s")));
    static const char *const targets[] = {"/jobs/mails?wait=20s", "/jobs/mails?wait=9d"};
    for (int i = 0; i < 2; i++) {
        char id[8], location[16];
        snprintf(id, sizeof id, "job%d", i + 1);
        snprintf(location, sizeof location, "/jobs/%s", id);
        bobbin_test_client *client = begin_post(host, targets[i]);
        struct bobbin_job_info info = info_of(id, BOBBIN_STATE_RUNNING);
        bobbin_test_set_job(host, &info, (bobbin_str){NULL, 0}, NULL);
        bobbin_test_pass(host, 19000);
        assert_int_equal(bobbin_test_outcome_of(client), BOBBIN_TEST_OPEN);
        bobbin_test_pass(host, 1000);
        assert_int_equal(bobbin_test_status(client), 202);
        assert_string_equal(bobbin_test_header(client, "location"), location);
        assert_non_null(strstr(bobbin_test_text(client), "\"state\": \"running\""));
    }
    close_host(host);
}

/* It is stored, and that must be told. */
static void who_waits_and_the_spool_cannot_be_read_gets_202_all_the_same(void **state)
{
    (void)state;
    bobbin_test_host *host = open_jobs();
    bobbin_test_break_spool(host, "the disk is gone");
    bobbin_test_client *client = begin_post(host, "/jobs/mails?wait=1s");
    bobbin_test_pass(host, 1000);
    assert_int_equal(bobbin_test_status(client), 202);
    assert_string_equal(bobbin_test_header(client, "location"), "/jobs/job1");
    assert_non_null(strstr(bobbin_test_text(client), "\"queue\": \"mails\""));
    close_host(host);
}

static void a_client_that_leaves_at_any_moment_leaves_nothing(void **state)
{
    (void)state;
    static const char *const callbacks[] = {"on_body", "on_stored", "on_job"};
    size_t descriptors = bobbin_test_descriptors();
    bobbin_test_host *host = open_jobs();
    for (int i = 0; i < 6; i++) {
        bobbin_test_client *client = bobbin_test_connect(host);
        bobbin_test_leave_at(client, (enum bobbin_test_when)(i % 2), callbacks[i / 2], 1);
        bobbin_test_send(client, BOBBIN_TEST_REQUEST(.target = "/jobs/mails?wait=1s",
                                                     .body = bobbin_text("a letter")));
        bobbin_test_pass(host, 1000);
        if (bobbin_test_outcome_of(client) != BOBBIN_TEST_LEFT)
            assert_int_equal(bobbin_test_status(client), 202); /* it had been answered before */
    }
    close_host(host);
    assert_int_equal(bobbin_test_descriptors(), descriptors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_post_to_an_open_queue_is_a_job_of_it),
        cmocka_unit_test(a_queue_that_is_not_open_is_404_whatever_else_is_wrong),
        cmocka_unit_test(other_methods_on_an_open_queue_are_405),
        cmocka_unit_test(an_open_queue_needs_a_name_that_a_queue_can_have),
        cmocka_unit_test(parameters_become_what_the_job_asks_for),
        cmocka_unit_test(header_fields_say_the_same_and_the_query_wins),
        cmocka_unit_test(each_limit_is_legal_and_one_more_is_not),
        cmocka_unit_test(a_sentence_names_the_parameter_and_what_is_legal),
        cmocka_unit_test(a_key_has_1_to_200_bytes_and_no_control_characters),
        cmocka_unit_test(a_content_type_has_at_most_200_bytes),
        cmocka_unit_test(a_body_is_as_long_as_most_body_and_not_a_byte_longer),
        cmocka_unit_test(what_is_refused_by_its_head_is_not_sent),
        cmocka_unit_test(an_empty_body_is_an_empty_payload),
        cmocka_unit_test(max_body_holds_as_well),
        cmocka_unit_test(a_full_spool_is_503_and_a_broken_one_500),
        cmocka_unit_test(who_waits_gets_200_when_the_job_has_ended),
        cmocka_unit_test(who_waits_in_vain_gets_202_and_how_it_is),
        cmocka_unit_test(who_waits_and_the_spool_cannot_be_read_gets_202_all_the_same),
        cmocka_unit_test(a_client_that_leaves_at_any_moment_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
