/*
 * A worker: one event loop that holds connections, reads requests, calls apps and sends answers.
 * Runs in a process of its own, forked by the generation.
 *
 *   worker -> generation   'R'  plugins are started: ready to serve
 *   generation -> worker   'S'  serve: watch the listeners (listen(2) has been called)
 *                          EOF  the generation is gone: leave at once
 *
 *   STARTING --S--> SERVING --TERM--> DRAINING --last connection closed, or deadline--> returns
 *
 * TERM and INT mean: finish what runs, take nothing new, leave. A second one and QUIT mean "now".
 */
#ifndef CORE_PROCESS_WORKER_H
#define CORE_PROCESS_WORKER_H

#include <uv.h>

#include "core/base/log.h"
#include "core/config/settings.h"
#include "core/exchange/exchange.h"
#include "core/exchange/ticket.h"
#include "core/net/clients.h"
#include "core/plugin/jobsport.h"

struct listener;
struct plugin_set;
struct routes;

/* How a worker gets at the spool: filled in by main.c, the only file of core/ that knows it. */
struct jobsport_factory {
    void *context; /* borrowed */
    /* The door on the worker's loop, which starts nothing until the first job. */
    bool (*open)(void *context, uv_loop_t *loop, const struct log *log, struct jobsport *port,
                 bobbin_error *error);
    /* Answers all that was put, then frees; its loop handles are closed once on_closed is called.
     */
    void (*close)(struct jobsport *port, void (*on_closed)(void *arg), void *arg);
};

/* All borrowed for the time of worker_run. */
struct worker_options {
    const struct settings *settings;
    const struct routes *routes;
    struct plugin_set *plugins;
    const struct listener *listeners;
    size_t listener_count;
    const struct log *log;
    int control_fd;
    const struct jobsport_factory *jobs; /* NULL: no spool, spooling fails with a sentence */
};

enum worker_state { WORKER_STARTING, WORKER_SERVING, WORKER_DRAINING, WORKER_LEAVING };

/* What the host functions (timers, tickets) reach through bobbin_host. Lives in worker_run. */
struct worker {
    const struct worker_options *options;
    enum worker_state state;
    uv_loop_t loop;
    uv_poll_t control;
    uv_poll_t signals;
    int signal_fd;
    uv_prepare_t before_poll;
    uv_check_t after_poll;
    uv_timer_t deadline; /* of the drain */
    struct exchange exchange;
    struct clients clients;
    struct postbox postbox;
    struct accesslog *accesslog; /* owned; NULL: off */
    struct bobbin_timer *timers; /* those that run, of all instances */
};

/* Returns the exit status of the process: 0 drained, 1 when it could not start (logged). */
int worker_run(const struct worker_options *options);

#endif
