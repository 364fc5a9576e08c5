/*
 * Which job holds a unique key: one of those that live, by queue and key. Knows hashes only, 24
 * bytes a job; who asks compares the keys themselves, in the records. Knows neither files nor
 * loops.
 */
#ifndef SPOOLER_UNIQUE_H
#define SPOOLER_UNIQUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A job, by its place in the ledger. */
struct unique_job {
    uint64_t hash;
    uint32_t journal;
    uint32_t index;
    uint32_t block; /* never 0: a record lies behind its journal's head */
    uint32_t unused;
};

struct unique {
    struct unique_job *jobs; /* owned: open addressing; block 0 is a free place */
    size_t capacity;         /* a power of two, or 0 */
    size_t count;
    uint64_t seed;
};

/* seed: random, so that nobody can choose keys that collide. */
void unique_init(struct unique *unique, uint64_t seed);
void unique_finish(struct unique *unique);

uint64_t unique_hash(const struct unique *unique, const void *queue, size_t queue_bytes,
                     const void *key, size_t key_bytes);

/* False without memory. */
bool unique_put(struct unique *unique, const struct unique_job *job);
/* The next job with that hash; *at is 0 at first. NULL: there is none (any more). */
const struct unique_job *unique_next(const struct unique *unique, uint64_t hash, size_t *at);
/* One that is not there is fine. */
void unique_remove(struct unique *unique, uint64_t hash, uint32_t journal, uint32_t index);

#endif
