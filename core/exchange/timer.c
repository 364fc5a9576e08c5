#include "core/exchange/timer.h"

#include <stdlib.h>

#include "core/plugin/plugin.h"
#include "core/plugin/running.h"
#include "core/process/worker.h"

struct bobbin_timer {
    uv_timer_t timer;
    bobbin_host *host;
    void (*on_timer)(void *arg);
    void *arg;
    struct bobbin_timer *next; /* in the worker's list */
    struct bobbin_timer **link;
};

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void bobbin_timer_stop(bobbin_timer *timer)
{
    if (timer == NULL || uv_is_closing((uv_handle_t *)&timer->timer))
        return;
    *timer->link = timer->next;
    if (timer->next != NULL)
        timer->next->link = timer->link;
    uv_close((uv_handle_t *)&timer->timer, on_closed);
}

static void on_due(uv_timer_t *handle)
{
    bobbin_timer *timer = handle->data;
    running_enter(timer->host->instance, "a timer");
    timer->on_timer(timer->arg);
    running_leave();
    if (uv_timer_get_repeat(handle) == 0)
        bobbin_timer_stop(timer);
}

bobbin_timer *bobbin_timer_start(bobbin_host *host, uint64_t delay_ms, uint64_t repeat_ms,
                                 void (*on_timer)(void *arg), void *arg)
{
    struct worker *worker = host->worker;
    bobbin_timer *timer = worker != NULL ? malloc(sizeof *timer) : NULL;
    if (timer == NULL)
        return NULL;
    *timer = (bobbin_timer){.host = host, .on_timer = on_timer, .arg = arg};
    uv_timer_init(&worker->loop, &timer->timer);
    timer->timer.data = timer;
    timer->next = worker->timers;
    timer->link = &worker->timers;
    if (timer->next != NULL)
        timer->next->link = &timer->next;
    worker->timers = timer;
    uv_update_time(&worker->loop); /* the delay counts from now, not from when the loop woke up */
    uv_timer_start(&timer->timer, on_due, delay_ms, repeat_ms);
    return timer;
}

void timers_stop_all(struct worker *worker, const struct bobbin_host *host)
{
    for (bobbin_timer *timer = worker->timers, *next; timer != NULL; timer = next) {
        next = timer->next;
        if (timer->host == host)
            bobbin_timer_stop(timer);
    }
}
