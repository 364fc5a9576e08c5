/*
 * When the jobs that wait expire: a heap of those that do, 32 bytes each. A job that starts stays
 * in it, stale, until so many are stale that they are swept. Knows neither files nor loops.
 */
#ifndef SPOOLER_EXPIRY_H
#define SPOOLER_EXPIRY_H

#include "spooler/queue.h"

struct expiry {
    struct queue jobs;  /* due_us is when they expire */
    size_t stale_count; /* at most that many of them wait no more */
};

void expiry_init(struct expiry *expiry);
void expiry_finish(struct expiry *expiry);

/* False without memory. */
bool expiry_put(struct expiry *expiry, const struct waiting *job, uint64_t expires_us,
                uint64_t now_us);

/* The next whose time has passed, maybe a stale one. */
bool expiry_take(struct expiry *expiry, uint64_t now_us, struct waiting *job);

/* UINT64_MAX: none expires. */
uint64_t expiry_next(const struct expiry *expiry);

/* One of them waits no more. When many do not, still_waits is asked for each of them. */
void expiry_note_stale(struct expiry *expiry,
                       bool (*still_waits)(void *context, const struct waiting *job),
                       void *context);

#endif
