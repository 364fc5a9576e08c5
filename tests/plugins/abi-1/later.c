/* Answers from a timer that repeats, from a thread by way of a ticket, and from the pool. */
#include "golden.h"

#include <pthread.h>
#include <stdlib.h>

enum { TICK_MS = 1, TICKS = 3 };

static void on_tick(void *arg)
{
    struct visit *visit = arg;
    bobbin_print(visit->request, "tick\n");
    if (++visit->written < TICKS)
        return;
    bobbin_timer_stop(visit->timer);
    visit->timer = NULL;
    bobbin_end(visit->request);
}

static void on_loop(bobbin_request *request, void *arg)
{
    free(arg);
    if (request == NULL)
        return;
    bobbin_print(request, "from a thread\n");
    bobbin_end(request);
}

static void *work(void *arg)
{
    bobbin_ticket *ticket = arg;
    if (!bobbin_post(*ticket, on_loop, ticket))
        free(ticket);
    return NULL;
}

static void start_thread(bobbin_request *request)
{
    pthread_t thread;
    bobbin_ticket *ticket = malloc(sizeof *ticket);
    if (ticket == NULL) {
        bobbin_refuse(request, 503, "there is no memory");
        return;
    }
    *ticket = bobbin_ticket_for(request);
    if (pthread_create(&thread, NULL, work, ticket) == 0) {
        pthread_detach(thread);
        return;
    }
    free(ticket);
    bobbin_refuse(request, 503, "there is no thread");
}

static void work_offloaded(bobbin_work *work, void *arg)
{
    struct visit *visit = arg;
    visit->received = bobbin_work_stopping(work) ? 0 : 42;
}

static void on_done(bobbin_request *request, bool ran, void *arg)
{
    const struct visit *visit = arg;
    bobbin_print(request, "%s %u\n", ran ? "ran" : "did not run", (unsigned)visit->received);
    bobbin_end(request);
}

bool later_handle(bobbin_request *request)
{
    struct visit *visit = bobbin_data(request);
    if (rest_is(request, "/timer"))
        visit->timer =
            bobbin_timer_start(bobbin_host_of(request), TICK_MS, TICK_MS, on_tick, visit);
    else if (rest_is(request, "/thread"))
        start_thread(request);
    else if (rest_is(request, "/offload"))
        bobbin_offload(request, work_offloaded, on_done, visit);
    else
        return false;
    return true;
}
