/*
 * Who waits for the end of which job: the leader's memory of it. A party (whoever is connected)
 * waits for any number of jobs, up to DOOR_WAITS_MAX, and any number of parties for one job.
 * Knows neither sockets nor files.
 *
 *   waits_add --> WAITING -- waits_end --> ENDED -- waits_take --> (told, and gone)
 *                    \-- waits_forget, waits_leave --> (gone) --/
 *
 * What has ended stays counted until it was taken: a party that does not listen grows no further.
 */
#ifndef SPOOLER_WAITS_H
#define SPOOLER_WAITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spooler/files/id.h"

struct waiter;

struct waits {
    struct waiter **buckets; /* owned: by the job; a power of two of them, or 0 */
    size_t bucket_count;
    size_t count; /* of those in the buckets */
};

struct party {
    struct waiter **places; /* owned: by the low 32 bits of their tickets */
    uint32_t place_count;
    struct waiter *ended; /* in the order in which they did */
    struct waiter **ended_end;
};

void waits_init(struct waits *waits);
void waits_finish(struct waits *waits); /* all parties have left */

void party_init(struct party *party);

/* A place that is taken is taken over. False: the ticket has no place that is legal, or there is no
 * memory. The nonce of the address does not count. */
bool waits_add(struct waits *waits, struct party *party, uint64_t ticket,
               const struct job_address *address);
/* The job has ended, for all who wait for it. */
void waits_end(struct waits *waits, const struct job_address *address);
/* The same for one that has only now asked for it: false as waits_add. */
bool waits_add_ended(struct waits *waits, struct party *party, uint64_t ticket);

/* The ticket of one that has ended, until waits_take; false: there is none. */
bool waits_next(const struct party *party, uint64_t *ticket);
void waits_take(struct waits *waits, struct party *party);

/* A ticket that is not known is fine. */
void waits_forget(struct waits *waits, struct party *party, uint64_t ticket);
void waits_leave(struct waits *waits, struct party *party);

#endif
