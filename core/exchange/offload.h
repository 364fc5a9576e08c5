/*
 * The thread pool of one worker, on which blocking work of its requests is done (bobbin_offload).
 *
 *                 a thread is free          work returned
 *   QUEUED ----------------------> RUNNING ----------------> OVER --- on the loop: done(ran), freed
 *      \-- its client left, or the worker stops --------------^       with its request
 *
 * A call under way lies in its request's arena and holds the request (request->pending) until done
 * has been called. Threads are made when they are first needed and stay.
 */
#ifndef CORE_EXCHANGE_OFFLOAD_H
#define CORE_EXCHANGE_OFFLOAD_H

#include <pthread.h>
#include <uv.h>

#include "plugins/bobbin.h"

struct log;

struct offload_list {
    bobbin_work *first;
    bobbin_work **end;
};

struct offload {
    size_t most_threads;
    size_t most_waiting;
    const struct log *log; /* borrowed */
    uv_async_t async;
    pthread_t *threads; /* owned; most_threads of them */
    size_t thread_count;

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t wake;
    struct offload_list queued;
    struct offload_list running;
    struct offload_list over;
    size_t busy; /* queued and running */
    bool is_closing;
};

/* threads: 1 or more. waiting: calls beyond those that threads are free for. */
bool offload_open(struct offload *offload, uv_loop_t *loop, const struct log *log, size_t threads,
                  size_t waiting, bobbin_error *error);

/* Nobody waits any more for what this request has here: what is queued will not run, what runs is
 * told so. done is called soon. On the loop; NULL is fine. */
void offload_abandon(struct offload *offload, const bobbin_request *request);

/*
 * Drops what is queued, tells what runs to stop and waits for it, calls done for all, and closes
 * its handle: the loop has to turn once more. Clients must have left before.
 */
void offload_close(struct offload *offload);

#endif
