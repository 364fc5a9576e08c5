/* Server-sent events, one a second: curl -N http://127.0.0.1:8080/events */
#include <stdlib.h>
#include <time.h>

#include "bobbin.h"

struct events {
    size_t count;
    bobbin_request *listeners[1000];
};

static void tell_all(void *state)
{
    struct events *events = state;
    for (size_t i = 0; i < events->count; i++)
        bobbin_print(events->listeners[i], "event: tick\ndata: %lld\n\n", (long long)time(NULL));
}

static bool start(bobbin_host *host, const void *config, void **state, bobbin_error *error)
{
    (void)config;
    *state = calloc(1, sizeof(struct events));
    if (*state == NULL || bobbin_timer_start(host, 1000, 1000, tell_all, *state) == NULL)
        return bobbin_fail(error, "there is no memory");
    return true;
}

static void handle(void *state, bobbin_request *request)
{
    struct events *events = state;
    if (events->count == 1000) {
        bobbin_refuse(request, 503, "too many listen already");
        return;
    }
    events->listeners[events->count++] = request;
    bobbin_header(request, "content-type", "text/event-stream");
    bobbin_header(request, "cache-control", "no-store");
    bobbin_begin(request, BOBBIN_LENGTH_UNKNOWN);
    bobbin_print(request, "retry: 1000\n\n");
}

static void on_finish(void *state, bobbin_request *request)
{
    struct events *events = state;
    for (size_t i = 0; i < events->count; i++)
        if (events->listeners[i] == request)
            events->listeners[i] = events->listeners[--events->count];
}

/* The server leaves: who listens comes back by itself (retry), and finds the next one. */
static void drain(void *state)
{
    struct events *events = state;
    for (size_t i = 0; i < events->count; i++)
        bobbin_end(events->listeners[i]);
}

BOBBIN_PLUGIN(.name = "events", .about = "tells the time as server-sent events", .start = start,
              .drain = drain, .stop = free, .handle = handle, .on_finish = on_finish);
