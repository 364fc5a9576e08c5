/*
 * Answers later: GET /timer from a timer, /thread from another thread, /never not at all. Writes to
 * the log what happens to its requests.
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "bobbin.h"

struct errand {
    bobbin_ticket ticket;
};

static void finish(bobbin_request *request, void *arg)
{
    struct errand *errand = arg;
    if (request != NULL) {
        bobbin_print(request, "later\n");
        bobbin_end(request);
    } else {
        bobbin_log(errand->ticket.host, BOBBIN_INFO, "the ticket was stale");
    }
    free(errand);
}

static void on_timer(void *arg)
{
    struct errand *errand = arg;
    if (!bobbin_post(errand->ticket, finish, errand))
        free(errand);
}

static void *work(void *arg)
{
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    on_timer(arg);
    return NULL;
}

static void handle(void *state, bobbin_request *request)
{
    (void)state;
    bobbin_str rest = bobbin_path_rest(request);
    struct errand *errand = malloc(sizeof *errand);
    pthread_t thread;
    bobbin_log(bobbin_host_of(request), BOBBIN_INFO, "a request has come");
    errand->ticket = bobbin_ticket_for(request);
    if (bobbin_is(rest, "/timer")) {
        bobbin_timer_start(bobbin_host_of(request), 50, 0, on_timer, errand);
    } else if (bobbin_is(rest, "/thread")) {
        pthread_create(&thread, NULL, work, errand);
        pthread_detach(thread);
    } else {
        free(errand);
        if (bobbin_is(rest, "/twice")) {
            bobbin_print(request, "once\n");
            bobbin_end(request);
            bobbin_end(request);
        }
    }
}

static void on_abort(void *state, bobbin_request *request)
{
    (void)state;
    bobbin_log(bobbin_host_of(request), BOBBIN_INFO, "a request was aborted");
}

static void on_finish(void *state, bobbin_request *request)
{
    (void)state;
    bobbin_log(bobbin_host_of(request), BOBBIN_INFO, "a request was finished");
}

BOBBIN_PLUGIN(.name = "later", .about = "answers later, or never", .handle = handle,
              .on_abort = on_abort, .on_finish = on_finish);
