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

struct routes;

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

    /* Called when the app is through with a request (ended, and nothing of it still calls back):
     * its client can send the answer. Never inside a call of the app's own. */
    void (*on_over)(bobbin_request *request);

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
