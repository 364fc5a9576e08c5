/*
 * The unique keys of jobs: who holds which, and which of those that were found at once gets it. The
 * keys themselves stay in the records, which are read again where it matters (unique.h knows
 * hashes).
 */
#ifndef SPOOLER_KEYS_H
#define SPOOLER_KEYS_H

#include "spooler/files/record.h"
#include "spooler/queue.h"
#include "spooler/unique.h"

/* A job with a unique key that nobody has touched: it may be the first, once all of them are known.
 */
struct keyed {
    struct waiting job;
    uint64_t enqueued_us;
    uint64_t expires_us;
};

/* Reads a record again by its place in the ledger. head: RECORD_HEAD_MAX bytes. */
typedef bool keys_read(void *context, uint32_t journal, uint32_t block, uint32_t index, void *head,
                       struct record *record);

struct keys {
    struct unique unique;
    keys_read *read;
    void *context;       /* of read */
    struct keyed *found; /* owned: not judged yet */
    size_t found_count;
};

void keys_init(struct keys *keys, keys_read *read, void *context);
void keys_finish(struct keys *keys);

/* The job of the record holds its key from now on, until it is released. False without memory. */
bool keys_hold(struct keys *keys, const struct waiting *job, const struct record *record);
void keys_release(struct keys *keys, const struct waiting *job);

/* Keeps one that was found, to be judged. False without memory. */
bool keys_keep(struct keys *keys, const struct waiting *job, const struct record *record);

/*
 * Calls judge for each that was found, in the order in which they were stored. holder: who has its
 * key, NULL: nobody. record NULL: it cannot be read any more.
 */
void keys_judge(struct keys *keys,
                void (*judge)(void *context, const struct keyed *keyed, const struct record *record,
                              const struct unique_job *holder),
                void *context);

#endif
