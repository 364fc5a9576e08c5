/* hosts: */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hosted.h"

/* ------------------------------------------------------------------ a plugin that does anything */

/* What its callbacks do in one test, and what they saw. */
struct acts {
    void (*handle)(bobbin_request *request);
    void (*on_body)(bobbin_request *request, bobbin_str piece, bool is_last);
    void (*on_writable)(bobbin_request *request);
    void (*on_abort)(bobbin_request *request);
    void (*on_finish)(bobbin_request *request);
    enum bobbin_job_result (*run)(bobbin_job *job);
    bool refuses_to_start;
    unsigned on_finish_count;
    bobbin_ticket ticket;
    bobbin_host *host;
    enum bobbin_outcome outcome;
    char sentence[128];
};
static struct acts acts;

static bool start(bobbin_host *host, const void *config, void **state, bobbin_error *error)
{
    (void)config;
    (void)state;
    acts.host = host;
    return !acts.refuses_to_start || bobbin_fail(error, "it is too early");
}

static void handle(void *state, bobbin_request *request)
{
    (void)state;
    acts.ticket = bobbin_ticket_for(request);
    acts.handle(request);
}

static void on_body(void *state, bobbin_request *request, bobbin_str piece, bool is_last)
{
    (void)state;
    if (acts.on_body != NULL)
        acts.on_body(request, piece, is_last);
}

static void on_writable(void *state, bobbin_request *request)
{
    (void)state;
    if (acts.on_writable != NULL)
        acts.on_writable(request);
}

static void on_abort(void *state, bobbin_request *request)
{
    (void)state;
    if (acts.on_abort != NULL)
        acts.on_abort(request);
}

static void on_finish(void *state, bobbin_request *request)
{
    (void)state;
    acts.on_finish_count++;
    if (acts.on_finish != NULL)
        acts.on_finish(request);
}

static void quietly(void *state)
{
    (void)state;
}

static enum bobbin_job_result run(void *state, bobbin_job *job)
{
    (void)state;
    return acts.run(job);
}

#define LIFE                                                                                       \
    .magic = BOBBIN_MAGIC, .abi = BOBBIN_ABI, .size = sizeof(struct bobbin_plugin),                \
    .name = "probe", .start = start, .drain = quietly, .stop = quietly, .handle = handle,          \
    .on_abort = on_abort, .on_finish = on_finish

static const struct bobbin_plugin buffered = {LIFE, .run = run};
static const struct bobbin_plugin streaming = {LIFE, .on_body = on_body,
                                               .on_writable = on_writable};
const struct bobbin_plugin bobbin_plugin_descriptor = {LIFE};

static bobbin_test_host *open_with(const struct bobbin_plugin *plugin, struct acts wanted,
                                   const struct bobbin_test_setup *setup)
{
    bobbin_error error = {""};
    acts = wanted;
    bobbin_test_host *host = bobbin_test_open(plugin, setup, &error);
    assert_string_equal(error.text, "");
    return host;
}

/* ------------------------------------------------------------------ reading and answering */

static void answer_with_everything(bobbin_request *request)
{
    size_t count = 0;
    const bobbin_field *fields = bobbin_headers(request, &count);
    assert_true(bobbin_is(bobbin_method(request), "PATCH"));
    assert_true(bobbin_is(bobbin_path(request), "/a/b c"));
    assert_true(bobbin_is(bobbin_route(request), "/a"));
    assert_true(bobbin_is(bobbin_path_rest(request), "/b c"));
    assert_true(bobbin_is(bobbin_target(request), "/a/./b%20c?x=1&y=%32"));
    assert_true(bobbin_is(bobbin_query(request, "y"), "2"));
    assert_true(bobbin_is(bobbin_get_header(request, "X-Mine"), "yes"));
    assert_true(bobbin_is(bobbin_get_header(request, "content-length"), "6"));
    assert_true(bobbin_is(bobbin_authority(request), "example.org:81"));
    assert_true(bobbin_is(bobbin_client_address(request), "192.0.2.1"));
    assert_true(bobbin_is(bobbin_scheme(request), "http"));
    assert_true(bobbin_is(bobbin_body(request), "abcdef"));
    assert_true(count == 3 && bobbin_is(fields[0].name, "x-mine"));
    assert_true(bobbin_is(bobbin_request_id(request), bobbin_request_id(request).data) ||
                bobbin_request_id(request).length == 32);
    bobbin_status(request, 299);
    bobbin_header(request, "x-answer", "42");
    bobbin_write(request, "a\0b", 3);
    bobbin_end(request);
}

static void a_request_is_as_the_test_says_and_so_is_the_answer(void **state)
{
    (void)state;
    bobbin_test_host *host = open_with(&buffered, (struct acts){.handle = answer_with_everything},
                                       BOBBIN_TEST_SETUP(.route = "/a"));
    bobbin_test_client *client = bobbin_test_ask(
        host,
        BOBBIN_TEST_REQUEST(.method = "PATCH", .target = "/a/./b%20c?x=1&y=%32",
                            .headers = BOBBIN_TEST_PAIRS("x-mine", "yes", "Host", "example.org:81"),
                            .body = bobbin_text("abcdef"), .piece_bytes = 4,
                            .client_address = "192.0.2.1"));
    assert_int_equal(bobbin_test_status(client), 299);
    assert_string_equal(bobbin_test_header(client, "X-ANSWER"), "42");
    assert_null(bobbin_test_header(client, "x-none"));
    assert_int_equal(bobbin_test_body(client).length, 3);
    assert_memory_equal(bobbin_test_body(client).data, "a\0b", 4);
    assert_string_equal(bobbin_test_calls(host), "start, handle, on_finish");
    assert_int_equal(bobbin_test_status(bobbin_test_get(host, "/elsewhere")), 404);
    assert_int_equal(bobbin_test_status(bobbin_test_get(host, "/a/../..")), 400);
    assert_int_equal(bobbin_test_count(host, "handle"), 1);
    close_host(host);
}

static void stream_with_trimmings(bobbin_request *request)
{
    const bobbin_field link = {bobbin_text("link"), bobbin_text("</x.css>; rel=preload")};
    bobbin_interim(request, 103, &link, 1);
    bobbin_begin(request, BOBBIN_LENGTH_UNKNOWN);
    bobbin_print(request, "streamed");
    bobbin_trailer(request, "x-sum", "7");
    bobbin_end(request);
    bobbin_end(request);
}

static void interim_answers_trailers_and_a_second_end_are_seen(void **state)
{
    (void)state;
    bobbin_test_host *host =
        open_with(&buffered, (struct acts){.handle = stream_with_trimmings}, NULL);
    bobbin_test_client *client = bobbin_test_get(host, "/");
    assert_int_equal(bobbin_test_interim(client, 0), 103);
    assert_string_equal(bobbin_test_interim_header(client, 0, "Link"), "</x.css>; rel=preload");
    assert_int_equal(bobbin_test_interim(client, 1), 0);
    assert_string_equal(bobbin_test_text(client), "streamed");
    assert_string_equal(bobbin_test_trailer(client, "x-sum"), "7");
    assert_true(bobbin_test_logged(host, "ended twice"));
    client = bobbin_test_ask(host, BOBBIN_TEST_REQUEST(.is_http_1_0 = true));
    assert_int_equal(bobbin_test_interim(client, 0), 0);
    assert_null(bobbin_test_trailer(client, "x-sum"));
    assert_string_equal(bobbin_test_text(client), "streamed");
    close_host(host);
}

static void cut(bobbin_request *request)
{
    bobbin_begin(request, 10);
    bobbin_print(request, "half");
    bobbin_cut(request);
}

static void a_cut_answer_is_not_whole(void **state)
{
    (void)state;
    bobbin_test_host *host = open_with(&buffered, (struct acts){.handle = cut}, NULL);
    assert_int_equal(bobbin_test_outcome_of(bobbin_test_get(host, "/")), BOBBIN_TEST_CUT);
    assert_string_equal(bobbin_test_calls(host), "start, handle, on_finish");
    close_host(host);
}

/* ------------------------------------------------------------------ writing to who does not read
 */

static void write_until_blocked(bobbin_request *request)
{
    char bytes[100];
    memset(bytes, 'x', sizeof bytes);
    while (bobbin_write(request, bytes, sizeof bytes) == BOBBIN_FLOWING)
        ;
}

static void begin_and_write(bobbin_request *request)
{
    bobbin_begin(request, BOBBIN_LENGTH_UNKNOWN);
    write_until_blocked(request);
}

static void a_blocked_writer_goes_on_when_the_client_takes(void **state)
{
    (void)state;
    bobbin_test_host *host = open_with(
        &streaming, (struct acts){.handle = begin_and_write, .on_writable = write_until_blocked},
        BOBBIN_TEST_SETUP(.settings = BOBBIN_TEST_PAIRS("write-high-mark", "1000", "write-low-mark",
                                                        "300")));
    bobbin_test_client *client = bobbin_test_connect(host);
    bobbin_test_take(client, 50);
    bobbin_test_send(client, BOBBIN_TEST_REQUEST(.target = "/"));
    assert_int_equal(bobbin_test_body(client).length, 50);
    assert_int_equal(bobbin_test_count(host, "on_writable"), 0);
    bobbin_test_take(client, 750); /* 1,100 were written: 300 wait */
    assert_int_equal(bobbin_test_count(host, "on_writable"), 1);
    bobbin_test_turn(host);
    assert_int_equal(bobbin_test_count(host, "on_writable"), 1);
    bobbin_test_leave(client);
    assert_string_equal(bobbin_test_calls_for(client),
                        "handle, on_body, on_writable, on_abort, on_finish");
    close_host(host);
}

/* A client that reads as fast as it is written to: no end, but no hang either. */
static void an_endless_answer_ends_with_the_turn(void **state)
{
    (void)state;
    bobbin_test_host *host = open_with(
        &streaming, (struct acts){.handle = begin_and_write, .on_writable = write_until_blocked},
        BOBBIN_TEST_SETUP(.settings = BOBBIN_TEST_PAIRS("write-high-mark", "1000")));
    bobbin_test_client *client = bobbin_test_connect(host);
    bobbin_test_send(client, BOBBIN_TEST_REQUEST(.target = "/"));
    assert_int_equal(bobbin_test_outcome_of(client), BOBBIN_TEST_OPEN);
    assert_true(bobbin_test_count(host, "on_writable") >= 100);
    bobbin_test_leave(client);
    close_host(host);
}

/* ------------------------------------------------------------------ leaving */

static void do_nothing(bobbin_request *request)
{
    (void)request;
}

static void note_stored(bobbin_request *request, const struct bobbin_stored *stored, void *arg)
{
    (void)arg;
    acts.outcome = stored->outcome;
    strncpy(acts.sentence, stored->sentence, sizeof acts.sentence - 1);
    bobbin_print(request, "%.*s", BOBBIN_ARG(stored->id));
    bobbin_end(request);
}

static void note_job(bobbin_request *request, const struct bobbin_job_info *info, void *arg)
{
    (void)arg;
    (void)info;
    bobbin_spool(request, BOBBIN_JOB(.payload = bobbin_text("x")), note_stored, NULL);
}

static void stream_ask_and_store(bobbin_request *request)
{
    bobbin_begin(request, BOBBIN_LENGTH_UNKNOWN);
    bobbin_print(request, "begun, and more than the mark");
    bobbin_job_status(request, bobbin_text("abc"), 0, note_job, NULL);
}

static void ask_and_store(bobbin_request *request)
{
    bobbin_job_status(request, bobbin_text("abc"), 0, note_job, NULL);
}

static const char *const moments[] = {"handle",    "on_body",   "on_writable", "on_job",
                                      "on_stored", "on_finish", "on_abort"};

static void expect_rules(bobbin_test_host *host, bobbin_test_client *client)
{
    size_t handled = bobbin_test_count_for(client, "handle");
    assert_int_equal(bobbin_test_count_for(client, "on_finish"), handled);
    assert_true(bobbin_test_count_for(client, "on_abort") <= handled);
    assert_int_equal(bobbin_test_count_for(client, "on_stored"), bobbin_test_spooled_count(host));
    assert_int_not_equal(bobbin_test_outcome_of(client), BOBBIN_TEST_OPEN);
    const char *calls = bobbin_test_calls_for(client);
    if (handled > 0)
        assert_string_equal(calls + strlen(calls) - strlen("on_finish"), "on_finish");
}

static void leave_or_time_out(const struct bobbin_plugin *plugin, void (*act)(bobbin_request *),
                              const char *callback, int when, int action)
{
    bobbin_test_host *host =
        open_with(plugin, (struct acts){.handle = act},
                  BOBBIN_TEST_SETUP(.settings = BOBBIN_TEST_PAIRS("write-high-mark", "4")));
    bobbin_test_client *client = bobbin_test_connect(host);
    if (action == 0)
        bobbin_test_leave_at(client, (enum bobbin_test_when)when, callback, 1);
    else
        bobbin_test_time_out_at(client, (enum bobbin_test_when)when, callback, 1);
    bobbin_test_send(client, BOBBIN_TEST_REQUEST(.body = bobbin_text("x")));
    expect_rules(host, client);
    assert_false(bobbin_test_logged(host, "twice"));
    close_host(host);
}

/* Under sanitizers that is also: nothing is leaked, and nothing touched too late. */
static void whenever_a_client_leaves_every_promise_is_kept(void **state)
{
    (void)state;
    size_t descriptors = bobbin_test_descriptors();
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++)
        for (int when = 0; when < 2; when++)
            for (int action = 0; action < 2; action++) {
                leave_or_time_out(&buffered, ask_and_store, moments[i], when, action);
                leave_or_time_out(&buffered, stream_ask_and_store, moments[i], when, action);
                leave_or_time_out(&streaming, stream_ask_and_store, moments[i], when, action);
            }
    assert_int_equal(bobbin_test_descriptors(), descriptors);
}

static void expect_calls_when_leaving(enum bobbin_test_when when, const char *callback,
                                      const char *calls)
{
    bobbin_test_host *host = open_with(&buffered, (struct acts){.handle = ask_and_store}, NULL);
    bobbin_test_client *client = bobbin_test_connect(host);
    bobbin_test_leave_at(client, when, callback, 1);
    bobbin_test_send(client, BOBBIN_TEST_REQUEST(.target = "/"));
    assert_string_equal(bobbin_test_calls_for(client), calls);
    assert_int_equal(bobbin_test_outcome_of(client), BOBBIN_TEST_LEFT);
    close_host(host);
}

static void a_client_leaves_exactly_where_it_shall(void **state)
{
    (void)state;
    expect_calls_when_leaving(BOBBIN_TEST_BEFORE, "handle", "");
    expect_calls_when_leaving(BOBBIN_TEST_AFTER, "handle",
                              "handle, on_job, on_abort, on_stored, on_finish");
    expect_calls_when_leaving(BOBBIN_TEST_BEFORE, "on_job",
                              "handle, on_abort, on_job, on_stored, on_finish");
    expect_calls_when_leaving(BOBBIN_TEST_BEFORE, "on_stored",
                              "handle, on_job, on_abort, on_stored, on_finish");
    expect_calls_when_leaving(BOBBIN_TEST_AFTER, "on_stored",
                              "handle, on_job, on_stored, on_finish");
    expect_calls_when_leaving(BOBBIN_TEST_BEFORE, "on_finish",
                              "handle, on_job, on_stored, on_finish");
}

static void expect_input(bobbin_request *request)
{
    size_t count = 0;
    bobbin_headers(request, &count);
    assert_true(bobbin_is(bobbin_method(request), "POST") && count > 0);
    assert_true(bobbin_is(bobbin_client_address(request), "127.0.0.1"));
    assert_true(bobbin_is(bobbin_body(request), "xyz"));
}

static void expect_no_input(bobbin_request *request)
{
    size_t count = 1;
    bobbin_headers(request, &count);
    assert_true(count == 0 && bobbin_get_header(request, "host").data == NULL);
    assert_true(bobbin_method(request).length == 0 && bobbin_target(request).length == 0);
    assert_true(bobbin_client_address(request).length == 0);
    assert_true(bobbin_path_rest(request).length == 0);
    assert_true(bobbin_body(request).length == 0 && bobbin_body_length(request) == 0);
}

/* What it sent is really freed: an app that reads on there is found by a sanitizer. */
static void what_a_client_sent_goes_with_it(void **state)
{
    (void)state;
    bobbin_test_host *host = open_with(
        &buffered,
        (struct acts){.handle = do_nothing, .on_abort = expect_input, .on_finish = expect_no_input},
        NULL);
    bobbin_test_client *client = bobbin_test_connect(host);
    bobbin_test_send(client, BOBBIN_TEST_REQUEST(.body = bobbin_text("xyz"), .piece_bytes = 1));
    bobbin_test_leave(client);
    assert_string_equal(bobbin_test_calls_for(client), "handle, on_abort, on_finish");
    close_host(host);
}

static void a_deadline_is_504_or_a_cut(void **state)
{
    (void)state;
    bobbin_test_host *host = open_with(&buffered, (struct acts){.handle = do_nothing}, NULL);
    bobbin_test_client *client = bobbin_test_connect(host);
    bobbin_test_send(client, BOBBIN_TEST_REQUEST(.target = "/"));
    assert_int_equal(bobbin_test_outcome_of(client), BOBBIN_TEST_OPEN);
    bobbin_test_time_out(client);
    assert_int_equal(bobbin_test_status(client), 504);
    assert_true(bobbin_test_has_timed_out(client));
    assert_string_equal(bobbin_test_calls_for(client), "handle, on_abort, on_finish");
    close_host(host);
    host = open_with(&streaming, (struct acts){.handle = begin_and_write}, NULL);
    client = bobbin_test_connect(host);
    bobbin_test_time_out_at(client, BOBBIN_TEST_AFTER, "handle", 1);
    bobbin_test_send(client, BOBBIN_TEST_REQUEST(.target = "/"));
    assert_int_equal(bobbin_test_outcome_of(client), BOBBIN_TEST_CUT);
    assert_int_equal(bobbin_test_status(client), 200);
    close_host(host);
}

/* ------------------------------------------------------------------ later, and from threads */

static void finish(bobbin_request *request, void *arg)
{
    (void)arg;
    if (request != NULL) {
        bobbin_print(request, "posted");
        bobbin_end(request);
    }
}

static void *post(void *arg)
{
    assert_true(bobbin_post(acts.ticket, finish, arg));
    return NULL;
}

static void post_from_a_thread(bobbin_request *request)
{
    pthread_t thread;
    (void)request;
    assert_int_equal(pthread_create(&thread, NULL, post, NULL), 0);
    pthread_detach(thread);
}

static void a_thread_is_waited_for(void **state)
{
    (void)state;
    bobbin_test_host *host =
        open_with(&buffered, (struct acts){.handle = post_from_a_thread}, NULL);
    assert_string_equal(bobbin_test_text(bobbin_test_get(host, "/")), "posted");
    bobbin_test_client *client = bobbin_test_connect(host);
    bobbin_test_leave_at(client, BOBBIN_TEST_AFTER, "handle", 1);
    bobbin_test_send(client, BOBBIN_TEST_REQUEST(.target = "/"));
    assert_true(bobbin_test_wait_for(host, "a posted call", 2)); /* with a stale ticket */
    assert_int_equal(bobbin_test_outcome_of(client), BOBBIN_TEST_LEFT);
    close_host(host);
}

static void wait_in_pool(bobbin_work *work, void *arg)
{
    (void)arg;
    while (!bobbin_work_stopping(work))
        sched_yield();
}

static void work_in_pool(bobbin_work *work, void *arg)
{
    (void)work;
    *(int *)arg = 42;
}

static void on_done(bobbin_request *request, bool ran, void *arg)
{
    bobbin_print(request, "%d %d", ran, arg != NULL ? *(int *)arg : 0);
    bobbin_end(request);
}

static void offload(bobbin_request *request)
{
    int *answer = bobbin_allocate(request, sizeof *answer);
    bobbin_offload(request, work_in_pool, on_done, answer);
}

static void offload_and_wait(bobbin_request *request)
{
    bobbin_offload(request, wait_in_pool, on_done, NULL);
}

static void offloaded_work_is_waited_for_and_told_to_stop(void **state)
{
    (void)state;
    bobbin_test_host *host = open_with(&buffered, (struct acts){.handle = offload}, NULL);
    bobbin_test_client *client = bobbin_test_get(host, "/");
    assert_string_equal(bobbin_test_text(client), "1 42");
    assert_string_equal(bobbin_test_calls(host), "start, handle, done, on_finish");
    close_host(host);
    host = open_with(&buffered, (struct acts){.handle = offload_and_wait}, NULL);
    client = bobbin_test_connect(host);
    bobbin_test_send(client, BOBBIN_TEST_REQUEST(.target = "/"));
    bobbin_test_leave(client);
    assert_true(bobbin_test_wait_for(host, "on_finish", 1));
    assert_string_equal(bobbin_test_calls_for(client), "handle, on_abort, done, on_finish");
    close_host(host);
}

static void post_from_the_loop(bobbin_request *request)
{
    assert_true(bobbin_post(bobbin_ticket_for(request), finish, NULL));
}

static void a_turn_looks_at_what_was_posted(void **state)
{
    (void)state;
    bobbin_test_host *host =
        open_with(&buffered, (struct acts){.handle = post_from_the_loop}, NULL);
    bobbin_test_client *client = bobbin_test_connect(host);
    bobbin_test_send(client, BOBBIN_TEST_REQUEST(.target = "/")); /* and nobody waits */
    assert_string_equal(bobbin_test_text(client), "posted");
    close_host(host);
}

static void hold_the_loop(bobbin_request *request)
{
    struct timespec now, then;
    clock_gettime(CLOCK_MONOTONIC, &then);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - then.tv_sec) * 1000 + (now.tv_nsec - then.tv_nsec) / 1000000 < 80);
    bobbin_end(request);
}

static void who_holds_the_loop_is_in_the_log(void **state)
{
    (void)state;
    bobbin_test_host *host = open_with(&buffered, (struct acts){.handle = hold_the_loop}, NULL);
    bobbin_test_get(host, "/");
    assert_true(bobbin_test_logged(host, "handle held the loop"));
    close_host(host);
}

static void a_limit_ends_the_waiting(void **state)
{
    (void)state;
    bobbin_test_host *host = open_with(&buffered, (struct acts){.handle = do_nothing},
                                       BOBBIN_TEST_SETUP(.limit_ms = 20));
    bobbin_test_client *client = bobbin_test_get(host, "/");
    assert_int_equal(bobbin_test_outcome_of(client), BOBBIN_TEST_OPEN);
    assert_false(bobbin_test_wait(client));
    assert_int_equal(bobbin_test_status(client), 0);
    bobbin_test_leave(client);
    close_host(host);
}

static void on_timer(void *arg)
{
    ++*(unsigned *)arg;
}

static void time_passes_for_timers_without_waiting(void **state)
{
    (void)state;
    unsigned once = 0, often = 0, never = 0;
    bobbin_test_host *host = open_with(&buffered, (struct acts){0}, NULL);
    bobbin_timer_start(acts.host, 3600 * 1000, 0, on_timer, &once);
    bobbin_timer_start(acts.host, 10 * 1000, 10 * 1000, on_timer, &often);
    bobbin_timer_stop(bobbin_timer_start(acts.host, 1, 1, on_timer, &never));
    bobbin_test_pass(host, 9 * 1000);
    assert_int_equal(often, 0);
    bobbin_test_pass(host, 1000);
    assert_int_equal(often, 1);
    bobbin_test_pass(host, 3600 * 1000);
    assert_int_equal(often, 361);
    assert_int_equal(once, 1);
    assert_int_equal(never, 0);
    assert_int_equal(bobbin_test_count(host, "a timer"), 362);
    close_host(host);
}

/* ------------------------------------------------------------------ the spool */

static const struct bobbin_job_spec *spec;

static void store(bobbin_request *request)
{
    bobbin_spool(request, spec, note_stored, NULL);
}

static void everything_about_a_job_is_kept(void **state)
{
    (void)state;
    const bobbin_field headers[] = {{bobbin_text("a"), bobbin_text("1")},
                                    {bobbin_text("b"), bobbin_text("2")}};
    spec = BOBBIN_JOB(.queue = "mine", .payload_is_body = true, .priority = BOBBIN_PRIORITY(2),
                      .attempts = 7, .timeout_ms = 1234, .headers = headers, .header_count = 2,
                      .durability = BOBBIN_DURABILITY_POWER);
    bobbin_test_host *host = open_with(&buffered, (struct acts){.handle = store}, NULL);
    bobbin_test_client *client = bobbin_test_ask(
        host, BOBBIN_TEST_REQUEST(.headers = BOBBIN_TEST_PAIRS("content-type", "x/y"),
                                  .body = bobbin_text("the payload")));
    assert_string_equal(bobbin_test_text(client), "job1");
    const struct bobbin_job_spec *job = bobbin_test_spooled(host, 0);
    assert_string_equal(job->queue, "mine");
    assert_string_equal(job->content_type, "x/y");
    assert_true(bobbin_is(job->payload, "the payload") && job->payload_is_body);
    assert_int_equal(job->priority, BOBBIN_PRIORITY(2));
    assert_true(job->attempts == 7 && job->timeout_ms == 1234 &&
                job->durability == BOBBIN_DURABILITY_POWER);
    assert_string_equal(bobbin_test_spooled_header(host, 0, "B"), "2");
    assert_null(bobbin_test_spooled_header(host, 0, "c"));
    assert_string_equal(bobbin_test_spooled_id(host, 0), "job1");
    assert_null(bobbin_test_spooled(host, 1));
    close_host(host);
}

static void a_held_spool_answers_when_it_is_released(void **state)
{
    (void)state;
    spec = BOBBIN_JOB(.payload = bobbin_text("x"));
    bobbin_test_host *host = open_with(&buffered, (struct acts){.handle = store}, NULL);
    bobbin_test_client *client = bobbin_test_connect(host);
    bobbin_test_hold_spool(host);
    bobbin_test_next_stored(host, BOBBIN_FULL, "the queue is full");
    bobbin_test_send(client, BOBBIN_TEST_REQUEST(.target = "/"));
    assert_string_equal(bobbin_test_calls_for(client), "handle");
    assert_null(bobbin_test_spooled_id(host, 0));
    bobbin_test_leave(client);
    assert_string_equal(bobbin_test_calls_for(client), "handle, on_abort");
    bobbin_test_release_spool(host);
    assert_string_equal(bobbin_test_calls_for(client), "handle, on_abort, on_stored, on_finish");
    assert_int_equal(acts.outcome, BOBBIN_FULL);
    assert_string_equal(acts.sentence, "the queue is full");
    close_host(host);
}

static void a_bad_spec_never_reaches_the_spool(void **state)
{
    (void)state;
    spec = BOBBIN_JOB(.queue = "No Name");
    bobbin_test_host *host = open_with(&buffered, (struct acts){.handle = store}, NULL);
    bobbin_test_client *client = bobbin_test_get(host, "/");
    assert_int_equal(acts.outcome, BOBBIN_FAILED);
    assert_int_equal(bobbin_test_spooled_count(host), 0);
    assert_string_equal(bobbin_test_calls_for(client), "handle, on_stored, on_finish");
    close_host(host);
    host = open_with(&buffered, (struct acts){.handle = store},
                     BOBBIN_TEST_SETUP(.has_no_spool = true));
    bobbin_test_get(host, "/");
    assert_non_null(strstr(acts.sentence, "this process has no spool: [spool] is not configured"));
    close_host(host);
}

static void print_state(bobbin_request *request, const struct bobbin_job_info *info, void *arg)
{
    (void)arg;
    bobbin_print(request, "%s", bobbin_job_state_name(info->state));
    if (info->result_fd >= 0)
        close(info->result_fd);
    bobbin_end(request);
}

static void wait_for_job(bobbin_request *request)
{
    bobbin_job_wait(request, bobbin_text("abc"), BOBBIN_WITH_RESULT, 10000, print_state, NULL);
}

static void set_job(bobbin_test_host *host, enum bobbin_job_state state)
{
    const struct bobbin_job_info info = {.size = sizeof info,
                                         .id = bobbin_text("abc"),
                                         .queue = bobbin_text("q"),
                                         .state = state,
                                         .has_result = state == BOBBIN_STATE_DONE};
    bobbin_test_set_job(host, &info, bobbin_text("result"), NULL);
}

static void a_job_is_waited_for_until_it_ends_or_the_limit_passes(void **state)
{
    (void)state;
    size_t descriptors = bobbin_test_descriptors();
    bobbin_test_host *host = open_with(&buffered, (struct acts){.handle = wait_for_job}, NULL);
    assert_string_equal(bobbin_test_text(bobbin_test_get(host, "/")), "unknown");
    set_job(host, BOBBIN_STATE_RUNNING);
    bobbin_test_client *client[4];
    for (int i = 0; i < 4; i++)
        client[i] = bobbin_test_connect(host);
    bobbin_test_send(client[0], BOBBIN_TEST_REQUEST(.target = "/"));
    bobbin_test_pass(host, 9000);
    assert_int_equal(bobbin_test_outcome_of(client[0]), BOBBIN_TEST_OPEN);
    bobbin_test_pass(host, 1000);
    assert_string_equal(bobbin_test_text(client[0]), "running");
    bobbin_test_send(client[1], BOBBIN_TEST_REQUEST(.target = "/"));
    bobbin_test_leave(client[1]);
    assert_string_equal(bobbin_test_calls_for(client[1]), "handle, on_abort, on_job, on_finish");
    bobbin_test_leave_at(client[2], BOBBIN_TEST_BEFORE, "on_job", 1);
    bobbin_test_send(client[2], BOBBIN_TEST_REQUEST(.target = "/"));
    bobbin_test_send(client[3], BOBBIN_TEST_REQUEST(.target = "/"));
    set_job(host, BOBBIN_STATE_DONE);
    assert_string_equal(bobbin_test_calls_for(client[2]), "handle, on_abort, on_job, on_finish");
    assert_string_equal(bobbin_test_text(client[3]), "done");
    assert_string_equal(bobbin_test_text(bobbin_test_get(host, "/")), "done");
    close_host(host);
    assert_int_equal(bobbin_test_descriptors(), descriptors);
}

/* ------------------------------------------------------------------ a job */

static enum bobbin_job_result look_at_job(bobbin_job *job)
{
    assert_true(bobbin_is(bobbin_job_queue(job), "probe"));
    assert_true(bobbin_is(bobbin_job_payload(job), "the payload"));
    assert_true(bobbin_is(bobbin_job_content_type(job), "x/y"));
    assert_true(bobbin_is(bobbin_job_header(job, "A"), "1"));
    assert_null(bobbin_job_header(job, "b").data);
    assert_int_equal(bobbin_job_attempt(job), 2);
    assert_int_equal(bobbin_job_attempts(job), 3);
    assert_true(bobbin_in_job_process(acts.host) && !bobbin_job_stopping(job));
    assert_int_equal(bobbin_job_id(job).length, 45);
    bobbin_job_progress(job, 250, NULL);
    assert_true(bobbin_job_result(job, "first", 5, NULL));
    assert_true(bobbin_job_result(job, "second\0", 7, "text/plain"));
    return BOBBIN_JOB_DONE;
}

static void a_job_is_as_the_test_says_and_its_result_is_kept(void **state)
{
    (void)state;
    bobbin_test_host *host = open_with(&buffered, (struct acts){.run = look_at_job},
                                       BOBBIN_TEST_SETUP(.is_job_process = true));
    const struct bobbin_test_ran *ran = bobbin_test_run(
        host, BOBBIN_TEST_JOB(.payload = bobbin_text("the payload"), .content_type = "x/y",
                              .headers = BOBBIN_TEST_PAIRS("a", "1"), .attempt = 2, .attempts = 3));
    assert_int_equal(ran->result, BOBBIN_JOB_DONE);
    assert_true(ran->has_output);
    assert_int_equal(ran->output.length, 7);
    assert_string_equal(ran->output.data, "second");
    assert_string_equal(ran->output_type, "text/plain");
    assert_int_equal(ran->progress_count, 1);
    assert_int_equal(ran->progress[0].percent, 100);
    assert_string_equal(ran->progress[0].words, "");
    assert_true(ran->retry_after_ms == UINT64_MAX);
    assert_string_equal(bobbin_test_calls(host), "start, run");
    close_host(host);
}

static enum bobbin_job_result append_much(bobbin_job *job)
{
    bobbin_job_result(job, "forgotten", 9, NULL);
    for (int i = 0; i < 3; i++)
        if (!bobbin_job_result_append(job, "abc", 3, "text/x-mine"))
            return bobbin_job_retry_after(job, 1, "there is no space");
    return bobbin_job_attempt(job) > 1 ? bobbin_job_fail(job, "it was no good") : BOBBIN_JOB_DONE;
}

static void a_result_in_pieces_is_whole_or_none(void **state)
{
    (void)state;
    size_t descriptors = bobbin_test_descriptors();
    bobbin_test_host *host = open_with(&buffered, (struct acts){.run = append_much},
                                       BOBBIN_TEST_SETUP(.is_job_process = true));
    const struct bobbin_test_ran *ran = bobbin_test_run(host, BOBBIN_TEST_JOB(.attempt = 1));
    assert_string_equal(ran->output.data, "abcabcabc");
    assert_string_equal(ran->output_type, "text/x-mine");
    ran = bobbin_test_run(host, BOBBIN_TEST_JOB(.attempt = 2));
    assert_true(ran->result == BOBBIN_JOB_FAILED && !ran->has_output);
    ran = bobbin_test_run(host, BOBBIN_TEST_JOB(.has_no_space = true));
    assert_true(ran->result == BOBBIN_JOB_RETRY && !ran->has_output);
    close_host(host);
    assert_int_equal(bobbin_test_descriptors(), descriptors);
}

static enum bobbin_job_result count_until_stopped(bobbin_job *job)
{
    const struct timespec minute = {60, 0};
    int steps = 0;
    while (!bobbin_job_stopping(job) && steps < 100)
        bobbin_job_progress(job, steps++, "counting");
    if (steps == 100)
        nanosleep(&minute, NULL); /* what stops it wakes it */
    return bobbin_job_stopping(job) ? bobbin_job_retry_after(job, 5, "stopped after %d", steps)
                                    : bobbin_job_fail(job, "nobody stopped it");
}

static void a_job_is_told_to_stop_whenever_the_test_wants(void **state)
{
    (void)state;
    bobbin_test_host *host = open_with(&buffered, (struct acts){.run = count_until_stopped},
                                       BOBBIN_TEST_SETUP(.is_job_process = true));
    const struct bobbin_test_ran *ran = bobbin_test_run(host, BOBBIN_TEST_JOB(.is_stopping = true));
    assert_string_equal(ran->sentence, "stopped after 0");
    ran = bobbin_test_run(host, BOBBIN_TEST_JOB(.stop_at_progress = 3));
    assert_string_equal(ran->sentence, "stopped after 3");
    assert_int_equal(ran->result, BOBBIN_JOB_RETRY);
    assert_int_equal(ran->retry_after_ms, 5);
    ran = bobbin_test_run(host, BOBBIN_TEST_JOB(.stop_after_ms = 20));
    assert_string_equal(ran->sentence, "stopped after 100");
    close_host(host);
}

/* ------------------------------------------------------------------ life */

static void a_start_that_fails_is_a_sentence(void **state)
{
    (void)state;
    bobbin_error error;
    acts = (struct acts){.refuses_to_start = true};
    assert_null(bobbin_test_open(&buffered, NULL, &error));
    assert_string_equal(error.text, "probe did not start: it is too early");
}

static void a_setup_that_cannot_be_is_a_sentence(void **state)
{
    (void)state;
    static const struct bobbin_plugin old = {.magic = BOBBIN_MAGIC, .abi = 99};
    bobbin_error error;
    assert_null(bobbin_test_open(&old, NULL, &error));
    assert_string_equal(error.text, "speaks contract 99, this bobbin speaks 1");
    assert_null(bobbin_test_open(
        &buffered, BOBBIN_TEST_SETUP(.settings = BOBBIN_TEST_PAIRS("max-body", "much")), &error));
    assert_non_null(strstr(error.text, "setup:2: max-body: \"much\" is not a size"));
    assert_null(bobbin_test_open(
        &buffered, BOBBIN_TEST_SETUP(.settings = BOBBIN_TEST_PAIRS("listen", "a\nb = c")), &error));
    assert_null(bobbin_test_open(&buffered, BOBBIN_TEST_SETUP(.route = "no-slash"), &error));
    assert_null(bobbin_test_open(&buffered, BOBBIN_TEST_SETUP(.instance = "other"), &error));
}

static void a_request_that_nobody_ended_is_found_at_the_close(void **state)
{
    (void)state;
    bobbin_error error;
    bobbin_test_host *host = open_with(&buffered, (struct acts){.handle = do_nothing}, NULL);
    bobbin_test_client *client = bobbin_test_connect(host);
    bobbin_test_send(client, BOBBIN_TEST_REQUEST(.target = "/forgotten?x"));
    assert_false(bobbin_test_close(host, &error));
    assert_string_equal(error.text, "1 request was never ended by probe: GET /forgotten?x");
    assert_int_equal(acts.on_finish_count, 1); /* all the same */
}

static void begin_all(bobbin_request *request)
{
    bobbin_begin(request, BOBBIN_LENGTH_UNKNOWN);
}

static void two_hosts_stand_side_by_side(void **state)
{
    (void)state;
    bobbin_test_host *one = open_with(&buffered, (struct acts){.handle = begin_all}, NULL);
    bobbin_test_host *two = open_with(&buffered, (struct acts){.handle = begin_all}, NULL);
    bobbin_test_client *client = bobbin_test_connect(one);
    bobbin_test_send(client, BOBBIN_TEST_REQUEST(.target = "/"));
    assert_string_equal(bobbin_test_calls(one), "start, handle");
    assert_string_equal(bobbin_test_calls(two), "start");
    bobbin_test_leave(client);
    close_host(two);
    close_host(one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_as_the_test_says_and_so_is_the_answer),
        cmocka_unit_test(interim_answers_trailers_and_a_second_end_are_seen),
        cmocka_unit_test(a_cut_answer_is_not_whole),
        cmocka_unit_test(a_blocked_writer_goes_on_when_the_client_takes),
        cmocka_unit_test(an_endless_answer_ends_with_the_turn),
        cmocka_unit_test(whenever_a_client_leaves_every_promise_is_kept),
        cmocka_unit_test(a_client_leaves_exactly_where_it_shall),
        cmocka_unit_test(what_a_client_sent_goes_with_it),
        cmocka_unit_test(a_deadline_is_504_or_a_cut),
        cmocka_unit_test(a_thread_is_waited_for),
        cmocka_unit_test(offloaded_work_is_waited_for_and_told_to_stop),
        cmocka_unit_test(a_turn_looks_at_what_was_posted),
        cmocka_unit_test(who_holds_the_loop_is_in_the_log),
        cmocka_unit_test(a_limit_ends_the_waiting),
        cmocka_unit_test(time_passes_for_timers_without_waiting),
        cmocka_unit_test(everything_about_a_job_is_kept),
        cmocka_unit_test(a_held_spool_answers_when_it_is_released),
        cmocka_unit_test(a_bad_spec_never_reaches_the_spool),
        cmocka_unit_test(a_job_is_waited_for_until_it_ends_or_the_limit_passes),
        cmocka_unit_test(a_job_is_as_the_test_says_and_its_result_is_kept),
        cmocka_unit_test(a_result_in_pieces_is_whole_or_none),
        cmocka_unit_test(a_job_is_told_to_stop_whenever_the_test_wants),
        cmocka_unit_test(a_start_that_fails_is_a_sentence),
        cmocka_unit_test(a_setup_that_cannot_be_is_a_sentence),
        cmocka_unit_test(a_request_that_nobody_ended_is_found_at_the_close),
        cmocka_unit_test(two_hosts_stand_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
