/*
 * A request that waits for what the test decides, and tells in the log, under the name that it was
 * given, what happened to it and in which order. Query: name; gate: a file; when it is there the
 * request is answered; hold: a file; offloaded work holds the request until it is there (or not at
 * all, without the key).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bobbin.h"

enum { LOOK_MS = 2, TEXT_BYTES = 256 };

/* Lives on after its request, until the worker stops: its gate may come late. */
struct order {
    struct order *next;
    bobbin_ticket ticket;
    bobbin_timer *timer;
    char name[TEXT_BYTES];
    char gate[TEXT_BYTES];
    char hold[TEXT_BYTES];
};

static void say(const struct order *order, const char *what)
{
    bobbin_log(order->ticket.host, BOBBIN_INFO, "%s %s", order->name, what);
}

static void answer(bobbin_request *request, void *arg)
{
    struct order *order = arg;
    say(order, request != NULL ? "answer" : "stale");
    if (request == NULL)
        return;
    bobbin_print(request, "answer\n");
    bobbin_end(request);
}

static void look(void *arg)
{
    struct order *order = arg;
    if (access(order->gate, F_OK) != 0)
        return;
    bobbin_timer_stop(order->timer);
    order->timer = NULL;
    bobbin_post(order->ticket, answer, order);
}

static void work(bobbin_work *self, void *arg)
{
    const struct order *order = arg;
    (void)self; /* it does not care whether it should stop */
    while (access(order->hold, F_OK) != 0)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void done(bobbin_request *request, bool ran, void *arg)
{
    (void)request;
    say(arg, ran ? "done" : "dropped");
}

static void copy(bobbin_request *request, const char *name, char *out)
{
    bobbin_str text = bobbin_query(request, name);
    snprintf(out, TEXT_BYTES, "%.*s", BOBBIN_ARG(text));
}

static bool start(bobbin_host *host, const void *config, void **state, bobbin_error *error)
{
    (void)host;
    (void)config;
    *state = calloc(1, sizeof(struct order *));
    return *state != NULL || bobbin_fail(error, "there is no memory");
}

static void stop(void *state)
{
    struct order **orders = state;
    for (struct order *order = *orders, *next; order != NULL; order = next) {
        next = order->next;
        free(order);
    }
    free(orders);
}

static void handle(void *state, bobbin_request *request)
{
    struct order **orders = state, *order = calloc(1, sizeof *order);
    order->next = *orders;
    *orders = order;
    order->ticket = bobbin_ticket_for(request);
    copy(request, "name", order->name);
    copy(request, "gate", order->gate);
    copy(request, "hold", order->hold);
    bobbin_set_data(request, order);
    say(order, "handle");
    order->timer = bobbin_timer_start(order->ticket.host, LOOK_MS, LOOK_MS, look, order);
    if (order->hold[0] != '\0')
        bobbin_offload(request, work, done, order);
}

static void on_abort(void *state, bobbin_request *request)
{
    (void)state;
    say(bobbin_data(request), "abort");
}

static void on_finish(void *state, bobbin_request *request)
{
    (void)state;
    say(bobbin_data(request), "finish");
}

BOBBIN_PLUGIN(.name = "orders", .about = "waits for what the test decides", .start = start,
              .stop = stop, .handle = handle, .on_abort = on_abort, .on_finish = on_finish);
