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

#include "plugins/bobbin.h"

struct log;
struct uv_loop_s;

struct offload;

/* threads: 1 or more. waiting: calls beyond those that threads are free for. loop and log are
 * borrowed. NULL with a sentence. */
struct offload *offload_open(struct uv_loop_s *loop, const struct log *log, size_t threads,
                             size_t waiting, bobbin_error *error);

/* Nobody waits any more for what this request has here: what is queued will not run, what runs is
 * told so. done is called soon. On the loop; NULL is fine. */
void offload_abandon(struct offload *offload, const bobbin_request *request);

/*
 * Drops what is queued, tells what runs to stop and waits for it, calls done for all, and is
 * freed when the loop turns once more. Clients must have left before. NULL is fine.
 */
void offload_close(struct offload *offload);

#endif
