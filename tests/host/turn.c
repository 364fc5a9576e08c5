/* The loop of a host: what turns it, what waits, and how time passes without waiting. */
#include <string.h>

#include "tests/host/client.h"
#include "tests/host/host.h"
#include "tests/host/memory.h"

enum { MOST_TURNS = 1000, MOST_TIMERS = 1000000 };

bool host_turn_once(bobbin_test_host *host)
{
    struct exchange *exchange = &host->worker.exchange;
    if (host->calls.depth > 0)
        memory_misuse("nothing happens while the app is being called: see bobbin_test_leave_at");
    struct calls *before = calls_open_book(&host->calls, NULL);
    size_t count = host->calls.count;
    bool happened = clients_drive(host);
    happened |= spool_answer(&host->spool);
    happened |= exchange->deferred != NULL;
    exchange_run_deferred(exchange);
    uv_run(&host->worker.loop, UV_RUN_NOWAIT);
    happened |= exchange->deferred != NULL;
    exchange_run_deferred(exchange);
    calls_open_book(before, NULL);
    return happened || host->calls.count > count;
}

void host_settle(bobbin_test_host *host)
{
    for (int i = 0; i < MOST_TURNS && host_turn_once(host); i++)
        ;
}

void bobbin_test_turn(bobbin_test_host *host)
{
    host_settle(host);
}

/* ------------------------------------------------------------------ waiting */

static void on_limit(uv_timer_t *timer)
{
    bobbin_test_host *host = timer->data;
    host->limit_has_passed = true;
}

/* Sleeps in the loop until something happens: a timer, a thread, the limit. */
static void sleep_in_loop(bobbin_test_host *host)
{
    struct calls *before = calls_open_book(&host->calls, NULL);
    uv_run(&host->worker.loop, UV_RUN_ONCE);
    calls_open_book(before, NULL);
}

bool bobbin_test_wait_until(bobbin_test_host *host, bool (*is_true)(void *arg), void *arg)
{
    bool is_so = is_true(arg);
    host->limit_has_passed = false;
    uv_update_time(&host->worker.loop);
    uv_timer_start(&host->limit, on_limit, host->limit_ms, 0);
    while (!is_so && !host->limit_has_passed) {
        if (!host_turn_once(host))
            sleep_in_loop(host);
        is_so = is_true(arg);
    }
    uv_timer_stop(&host->limit);
    return is_so;
}

struct awaited {
    const bobbin_test_host *host;
    const char *callback;
    size_t count;
};

static bool was_called(void *arg)
{
    const struct awaited *awaited = arg;
    return bobbin_test_count(awaited->host, awaited->callback) >= awaited->count;
}

bool bobbin_test_wait_for(bobbin_test_host *host, const char *callback, size_t count)
{
    struct awaited awaited = {host, callback, count};
    return bobbin_test_wait_until(host, was_called, &awaited);
}

/* ------------------------------------------------------------------ time */

/* What is looked for, or done, among the timers of the loop. */
struct timers {
    const uv_timer_t *limit; /* not a timer of the plugin's */
    uint64_t earliest_ms;
    uint64_t shift_ms;
};

static uv_timer_t *running_timer(uv_handle_t *handle, const struct timers *timers)
{
    bool is_timer = uv_handle_get_type(handle) == UV_TIMER && uv_is_active(handle) &&
                    handle != (const uv_handle_t *)timers->limit;
    return is_timer ? (uv_timer_t *)handle : NULL;
}

static void find_earliest(uv_handle_t *handle, void *arg)
{
    struct timers *timers = arg;
    const uv_timer_t *timer = running_timer(handle, timers);
    if (timer != NULL && uv_timer_get_due_in(timer) < timers->earliest_ms)
        timers->earliest_ms = uv_timer_get_due_in(timer);
}

static void bring_forward(uv_handle_t *handle, void *arg)
{
    const struct timers *timers = arg;
    uv_timer_t *timer = running_timer(handle, timers);
    if (timer == NULL)
        return;
    uint64_t due_ms = uv_timer_get_due_in(timer), repeat_ms = uv_timer_get_repeat(timer);
    uv_timer_start(timer, timer->timer_cb,
                   due_ms > timers->shift_ms ? due_ms - timers->shift_ms : 0, repeat_ms);
}

void bobbin_test_pass(bobbin_test_host *host, uint64_t time_ms)
{
    uv_loop_t *loop = &host->worker.loop;
    host_settle(host);
    for (int i = 0; i < MOST_TIMERS; i++) {
        struct timers timers = {.limit = &host->limit, .earliest_ms = UINT64_MAX};
        uv_walk(loop, find_earliest, &timers);
        bool is_due = timers.earliest_ms <= time_ms;
        timers.shift_ms = is_due ? timers.earliest_ms : time_ms;
        uv_walk(loop, bring_forward, &timers);
        if (!is_due)
            return;
        time_ms -= timers.shift_ms;
        host_settle(host);
    }
}

/* ------------------------------------------------------------------ what was called */

const char *bobbin_test_calls(bobbin_test_host *host)
{
    return calls_text(&host->calls, NULL);
}

size_t bobbin_test_count(const bobbin_test_host *host, const char *callback)
{
    return calls_count(&host->calls, NULL, callback);
}
