/*
 * Tickets and the postbox: the one way from other threads to a worker's loop. Posts are kept on a
 * locked list and one uv_async wakes the loop for all of them.
 */
#ifndef CORE_EXCHANGE_TICKET_H
#define CORE_EXCHANGE_TICKET_H

#include <pthread.h>
#include <uv.h>

#include "plugins/bobbin.h"

struct exchange;

struct postbox {
    pthread_mutex_t lock; /* of the three below */
    struct post *first;
    struct post *last;
    bool is_closed;
    uv_async_t async;
    struct exchange *exchange; /* borrowed */
};

bool postbox_open(struct postbox *postbox, uv_loop_t *loop, struct exchange *exchange,
                  bobbin_error *error);

/* Refuses what comes from now on, delivers what had come (with NULL requests if they are gone), and
 * closes its handle: the loop has to turn once more. The lock stays usable for late threads. */
void postbox_close(struct postbox *postbox);

#endif
