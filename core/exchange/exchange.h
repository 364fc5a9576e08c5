/*
 * What all requests of one worker share: settings, routes, the way to the spool, and the table of
 * the requests themselves. A plain value inside the worker.
 */
#ifndef CORE_EXCHANGE_EXCHANGE_H
#define CORE_EXCHANGE_EXCHANGE_H

#include "core/base/log.h"
#include "core/base/pool.h"
#include "core/config/settings.h"
#include "core/exchange/body.h"
#include "core/plugin/jobsport.h"
#include "plugins/bobbin.h"

struct offload;
struct routes;

/*
 * Who holds the client's end of the requests: the connections of core/net, or a script in a test.
 * All are called on the loop, maybe inside a call of the app's, so none of them may call the app:
 * what has to be done is done soon. A request whose client has left is never handed in.
 */
struct exchange_client {
    /* The app is through with the request (ended, and nothing of it still calls back): the answer
     * can be sent. */
    void (*on_over)(bobbin_request *request);
    /* Queues the head of the answer that the app builds. Here as in those that follow, false is
     * "no memory": the request is cut. */
    bool (*begin)(bobbin_request *request);
    /* Queues a piece of the body of an answer that has begun; the data is copied, the descriptor is
     * closed once it is sent, also when false is returned. */
    bool (*send)(bobbin_request *request, const void *data, size_t length);
    bool (*send_file)(bobbin_request *request, int fd, uint64_t offset, uint64_t length);
    bool (*interim)(bobbin_request *request, int status, const bobbin_field *fields, size_t count);
    /* How many bytes of memory wait for the client. */
    size_t (*waiting)(const bobbin_request *request);
    /* Something was queued, or written for it, or the body may be read on. */
    void (*wake)(bobbin_request *request);
};

/* Something to be done soon, outside of the call that wants it. Its memory is its owner's. */
struct deferral {
    struct deferral *next;
    void (*run)(struct deferral *deferral);
};

struct exchange {
    const struct settings *settings; /* borrowed */
    const struct routes *routes;     /* borrowed */
    const struct log *log;           /* borrowed */
    struct jobsport jobs;            /* door NULL: no spool here */
    struct offload *offload;         /* borrowed; NULL: no pool here */
    struct body_limits body_limits;
    const char *jobs_route; /* where the jobs plugin is mounted ("" is "/"); NULL: nowhere */

    bobbin_request **slots; /* owned; a request keeps its slot for ever, its generation changes */
    uint32_t slot_count;
    uint32_t slot_capacity;
    bobbin_request *free; /* requests that nobody uses */
    size_t handling;      /* requests that apps have */
    struct pool chunks;   /* for the arenas of requests */

    char id_prefix[17]; /* of request ids: random, one a worker */
    uint64_t id_count;

    const struct exchange_client *client; /* borrowed */

    struct deferral *deferred; /* in the order they came */
    struct deferral **deferred_end;
};

bool exchange_init(struct exchange *exchange, const struct settings *settings,
                   const struct routes *routes, const struct log *log, bobbin_error *error);
/* Accepts a zeroed one. No request may be in use. */
void exchange_finish(struct exchange *exchange);

/* Has deferral->run called before the loop sleeps. It must not be waiting already. */
void exchange_defer(struct exchange *exchange, struct deferral *deferral);
/* The loop calls this before and after it polls. Runs until nothing is left. */
void exchange_run_deferred(struct exchange *exchange);

#endif
