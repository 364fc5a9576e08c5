#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>
#include <uv.h>

#include "core/exchange/offload.h"
#include "core/exchange/request.h"
#include "core/exchange/route.h"
#include "core/plugin/plugin.h"

enum { THREADS = 3, WAITING = 5, MANY = 2000 };

struct bench {
    uv_loop_t loop;
    struct exchange exchange;
    struct settings settings;
    struct routes *routes;
    struct log log;
    uv_async_t anchor; /* holds the loop, which the pool does not */
    struct plugin_instance app;
};

/* One errand and what was seen of it. */
struct errand {
    atomic_int *gate; /* works until it is 1, or it is told to stop */
    atomic_bool was_stopped;
    int done;
    bool ran;
};

static size_t finished;

static void on_finish(void *state, bobbin_request *request)
{
    (void)state;
    (void)request;
    finished++;
}

static const struct bobbin_plugin plugin = {.name = "errands", .on_finish = on_finish};

static void on_over(bobbin_request *request)
{
    (void)request;
}

static const struct exchange_client client = {.on_over = on_over, .wake = on_over};

static void open_bench(struct bench *bench)
{
    bobbin_error error;
    *bench = (struct bench){.settings = {.max_fields = 8, .answer_memory_bytes = 65536},
                            .app = {.name = "errands", .plugin = &plugin}};
    log_init(&bench->log, -1, "test");
    assert_int_equal(uv_loop_init(&bench->loop), 0);
    bench->routes = routes_create();
    bench->settings.temporary_directory = "/tmp";
    assert_true(
        exchange_init(&bench->exchange, &bench->settings, bench->routes, &bench->log, &error));
    bench->exchange.client = &client;
    bench->exchange.offload = offload_open(&bench->loop, &bench->log, THREADS, WAITING, &error);
    assert_non_null(bench->exchange.offload);
    uv_async_init(&bench->loop, &bench->anchor, NULL);
    finished = 0;
}

static void close_bench(struct bench *bench)
{
    offload_close(bench->exchange.offload);
    uv_close((uv_handle_t *)&bench->anchor, NULL);
    uv_run(&bench->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&bench->loop), 0);
    exchange_finish(&bench->exchange);
    routes_destroy(bench->routes);
}

static bobbin_request *begin(struct bench *bench)
{
    bobbin_request *request = request_begin(&bench->exchange);
    request->app = &bench->app;
    request->state = REQUEST_HANDLING;
    bench->exchange.handling++;
    return request;
}

static void work(bobbin_work *self, void *arg)
{
    struct errand *errand = arg;
    while (atomic_load(errand->gate) == 0 && !bobbin_work_stopping(self))
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    atomic_store(&errand->was_stopped, bobbin_work_stopping(self));
}

static void on_done(bobbin_request *request, bool ran, void *arg)
{
    struct errand *errand = arg;
    errand->done++;
    errand->ran = ran;
    bobbin_end(request);
}

/* Turns the loop until so many have been told; the connection would free those that have ended. */
static size_t count_told(const struct errand *errands, size_t count)
{
    size_t told = 0;
    for (size_t i = 0; i < count; i++)
        told += errands[i].done > 0;
    return told;
}

static void turn_until(struct bench *bench, const struct errand *errands, size_t count)
{
    while (count_told(errands, count) < count)
        uv_run(&bench->loop, UV_RUN_ONCE);
}

static void as_many_are_taken_as_threads_and_queue_hold(void **state)
{
    (void)state;
    struct bench bench;
    bobbin_request *requests[THREADS + WAITING + 1];
    struct errand errands[THREADS + WAITING + 1] = {0};
    atomic_int gate = 0;
    open_bench(&bench);
    for (int i = 0; i < THREADS + WAITING + 1; i++) {
        errands[i].gate = &gate;
        requests[i] = begin(&bench);
        assert_int_equal(bobbin_offload(requests[i], work, on_done, &errands[i]),
                         i < THREADS + WAITING);
    }
    assert_int_equal(requests[THREADS + WAITING]->answer.status, 503);
    atomic_store(&gate, 1);
    turn_until(&bench, errands, THREADS + WAITING);
    for (int i = 0; i < THREADS + WAITING; i++)
        assert_true(errands[i].ran && errands[i].done == 1);
    for (int i = 0; i < THREADS + WAITING + 1; i++)
        request_finish(requests[i]);
    close_bench(&bench);
    assert_int_equal(finished, THREADS + WAITING + 1);
}

static void what_a_leaving_client_had_queued_does_not_run_and_what_runs_is_told(void **state)
{
    (void)state;
    struct bench bench;
    bobbin_request *requests[THREADS + 1];
    struct errand errands[THREADS + 1] = {0};
    atomic_int gate = 0;
    open_bench(&bench);
    for (int i = 0; i <= THREADS; i++) {
        errands[i].gate = &gate;
        requests[i] = begin(&bench);
        assert_true(bobbin_offload(requests[i], work, on_done, &errands[i]));
    }
    request_leave(requests[THREADS]);
    turn_until(&bench, &errands[THREADS], 1);
    assert_false(errands[THREADS].ran);
    assert_int_equal(finished, 1);
    request_leave(requests[0]);
    turn_until(&bench, &errands[0], 1);
    assert_int_equal(finished, 2);
    for (int i = 1; i < THREADS; i++)
        request_leave(requests[i]);
    close_bench(&bench);
    assert_int_equal(finished, THREADS + 1);
}

static void closing_tells_everybody(void **state)
{
    (void)state;
    struct bench bench;
    struct errand errands[THREADS + WAITING] = {0};
    atomic_int gate = 0;
    open_bench(&bench);
    for (int i = 0; i < THREADS + WAITING; i++) {
        errands[i].gate = &gate;
        bobbin_request *request = begin(&bench);
        assert_true(bobbin_offload(request, work, on_done, &errands[i]));
        if (i % 2 == 0)
            request_leave(request);
    }
    offload_close(bench.exchange.offload);
    bench.exchange.offload = NULL;
    for (int i = 0; i < THREADS + WAITING; i++)
        assert_int_equal(errands[i].done, 1);
    assert_int_equal(finished, (THREADS + WAITING) / 2);
    close_bench(&bench);
}

/* For the thread sanitizer: clients that leave at any moment. */
static void each_is_told_exactly_once_whoever_leaves_when(void **state)
{
    (void)state;
    struct bench bench;
    struct errand *errands = calloc(MANY, sizeof *errands);
    atomic_int gate = 1;
    size_t taken = 0;
    open_bench(&bench);
    for (size_t i = 0; i < MANY; i++) {
        errands[i].gate = &gate;
        bobbin_request *request = begin(&bench);
        bool is_taken = bobbin_offload(request, work, on_done, &errands[i]);
        taken += is_taken;
        if (i % 3 == 0)
            request_leave(request);
        else
            request_finish(request);
        if (!is_taken)
            errands[i].done = 1;
        uv_run(&bench.loop, UV_RUN_NOWAIT);
    }
    turn_until(&bench, errands, MANY);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(errands[i].done, 1);
    assert_true(taken > 0);
    close_bench(&bench);
    assert_int_equal(finished, MANY);
    free(errands);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_are_taken_as_threads_and_queue_hold),
        cmocka_unit_test(what_a_leaving_client_had_queued_does_not_run_and_what_runs_is_told),
        cmocka_unit_test(closing_tells_everybody),
        cmocka_unit_test(each_is_told_exactly_once_whoever_leaves_when),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
