/*
 * Bad manners, as its path says:
 *   /never        never ends its request
 *   /hold?ms=N    holds the loop
 *   /leak         keeps 1,000 tickets of a request that it never ends, and posts to all that were
 *                 ever kept, most of them stale
 *   /hoard        writes a large answer without a begin, until nothing is taken any more
 *   /twice        ends, refuses, cuts, and writes on
 *   /inject       puts what the query says into a header; answers whether that was taken
 *   /timer?ms=N   holds the loop from a timer, and answers
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bobbin.h"

enum { KEPT = 1000, MOST_KEPT = 100000 };

struct rude {
    bobbin_ticket *tickets;
    size_t count;
    size_t alive;
};

static bool start(bobbin_host *host, const void *config, void **state, bobbin_error *error)
{
    (void)host;
    (void)config;
    struct rude *rude = calloc(1, sizeof *rude);
    if (rude == NULL || (rude->tickets = calloc(MOST_KEPT, sizeof *rude->tickets)) == NULL)
        return bobbin_fail(error, "there is no memory");
    *state = rude;
    return true;
}

static void stop(void *state)
{
    struct rude *rude = state;
    free(rude->tickets);
    free(rude);
}

static void hold(bobbin_request *request)
{
    bobbin_str text = bobbin_query(request, "ms");
    long ms = text.length > 0 && text.length < 5 ? strtol(text.data, NULL, 10) : 0;
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static void on_loop(bobbin_request *request, void *arg)
{
    struct rude *rude = arg;
    rude->alive += request != NULL;
}

static void leak(struct rude *rude, bobbin_request *request)
{
    for (int i = 0; i < KEPT && rude->count < MOST_KEPT; i++)
        rude->tickets[rude->count++] = bobbin_ticket_for(request);
    for (size_t i = 0; i < rude->count; i++)
        bobbin_post(rude->tickets[i], on_loop, rude);
}

static void hoard(bobbin_request *request)
{
    static const char piece[65536];
    for (int i = 0; i < 100000; i++)
        if (bobbin_write(request, piece, sizeof piece) == BOBBIN_GONE)
            break;
    bobbin_end(request);
}

static void end_twice(bobbin_request *request)
{
    bobbin_print(request, "once\n");
    bobbin_end(request);
    bobbin_print(request, "and more\n");
    bobbin_header(request, "x-late", "1");
    bobbin_status(request, 404);
    bobbin_begin(request, 1);
    bobbin_end(request);
    bobbin_refuse(request, 500, "changed my mind");
    bobbin_cut(request);
}

static void inject(bobbin_request *request)
{
    bobbin_str value = bobbin_query(request, "value"), name = bobbin_query(request, "name");
    char copy[128] = "", field[128] = "x-echo";
    memcpy(copy, value.data, value.length < sizeof copy ? value.length : sizeof copy - 1);
    if (name.data != NULL) {
        memset(field, 0, sizeof field);
        memcpy(field, name.data, name.length < sizeof field ? name.length : sizeof field - 1);
    }
    bobbin_print(request, bobbin_header(request, field, copy) ? "taken\n" : "refused\n");
    bobbin_end(request);
}

static void on_timer(void *arg)
{
    bobbin_request *request = arg;
    hold(request);
    bobbin_end(request);
}

static void handle(void *state, bobbin_request *request)
{
    bobbin_str rest = bobbin_path_rest(request);
    if (bobbin_is(rest, "/leak")) {
        leak(state, request);
    } else if (bobbin_is(rest, "/hold")) {
        hold(request);
        bobbin_end(request);
    } else if (bobbin_is(rest, "/timer")) {
        bobbin_timer_start(bobbin_host_of(request), 1, 0, on_timer, request);
    } else if (bobbin_is(rest, "/hoard")) {
        hoard(request);
    } else if (bobbin_is(rest, "/twice")) {
        end_twice(request);
    } else if (bobbin_is(rest, "/inject")) {
        inject(request);
    } else if (!bobbin_is(rest, "/never")) {
        bobbin_refuse(request, 404, "no such manners");
    }
}

BOBBIN_PLUGIN(.name = "rude", .about = "has bad manners", .start = start, .stop = stop,
              .handle = handle);
