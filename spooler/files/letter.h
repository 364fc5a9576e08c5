/*
 * Dead letters: dead/<queue>/<id>, one file that a person can read, written by the leader before
 * the job's state says DEAD. A head of lines, an empty line, then the payload as it was:
 *
 *   bobbin dead letter 1
 *   id: 45 characters
 *   queue: its name
 *   reason: why it died
 *   enqueued: 2026-01-31T23:59:59.123456Z
 *   ended: a time likewise
 *   attempts: 3 of 5
 *   attempt: 1 from TIME to TIME: why it failed       a line each, as far as the history has them
 *   priority: 5
 *   timeout: 1000 ms                                  only when the job asked for one
 *   unique-key: its key                               only when it has one
 *   content-type: text/plain                          only when it has one
 *   header: "name": "value"                           a line each
 *   payload-bytes: 1234
 *   payload: below
 *
 * Texts are escaped as inside a JSON string, so that each stays on its line. The last line is one
 * of three: "below"; "in ID.payload", a file beside it, for a payload that is a blob; or "lost",
 * which could not be read. A blob is linked and not copied: that costs the leader, who serves all
 * queues meanwhile, neither time nor space, whatever its size; the blob's other name goes with its
 * journal, this one with the letter.
 *
 * A letter outlives its journal. Files whose names begin with a dot are not finished.
 */
#ifndef SPOOLER_FILES_LETTER_H
#define SPOOLER_FILES_LETTER_H

#include "spooler/files/directory.h"
#include "spooler/files/id.h"
#include "spooler/files/record.h"

/* All borrowed. */
struct letter {
    const struct job_address *address; /* with its nonce */
    const struct record *record;       /* decoded */
    const void *payload;               /* NULL: lost. Not looked at for a blob */
    uint32_t attempt;
    uint32_t attempts; /* allowed */
    uint64_t ended_us;
    const char *reason;
};

/* Replaces an earlier one. What was acknowledged with a sync is synced before it has its name (the
 * name is not: after a loss of power the job runs again, or its journal is still there). False
 * leaves nothing but maybe an earlier one. */
bool letter_write(const struct spool_directory *directory, const struct letter *letter,
                  bobbin_error *error);

/* A missing one is fine. */
void letter_remove(const struct spool_directory *directory, bobbin_str queue,
                   const struct job_address *address);

/* What a sweep asks and tells. */
struct letter_sweep {
    void *context;
    uint64_t (*ttl_us)(void *context, bobbin_str queue);                   /* 0: for ever */
    void (*on_counted)(void *context, bobbin_str queue, uint64_t letters); /* those that are left */
};

/* Removes letters that were written their queue's ttl_us ago or longer, and what a leader that died
 * left unfinished. */
void letter_sweep(const struct spool_directory *directory, uint64_t now_us,
                  const struct letter_sweep *sweep);

#endif
