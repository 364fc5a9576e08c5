/* One journal that the leader follows, with its state file: how far it was read, what has ended. */
#ifndef SPOOLER_FOLLOWED_H
#define SPOOLER_FOLLOWED_H

#include "core/base/log.h"
#include "spooler/files/id.h"
#include "spooler/files/journal.h"
#include "spooler/files/state.h"

struct followed;

/* NULL with errno ENOENT: it is gone. */
struct followed *followed_open(const struct spool_directory *directory, uint64_t writer,
                               uint32_t sequence, bobbin_error *error);
void followed_close(struct followed *journal); /* flushes; NULL is fine */

bool followed_is(const struct followed *journal, uint64_t writer, uint32_t sequence);
void followed_name(const struct followed *journal, uint64_t *writer, uint32_t *sequence);

/*
 * The next record and its state (all zero: untouched). False when there is none for now. A torn
 * record is waited for while its writer lives, and passed over, with a line in the log, when not.
 */
bool followed_next(struct followed *journal, const struct log *log, struct record *record,
                   struct state_entry *entry);

/* The record at an address, nonce included. head: RECORD_HEAD_MAX bytes. */
bool followed_read(struct followed *journal, const struct job_address *address, void *head,
                   struct record *record);

/* The same where the nonce is not known. */
bool followed_record(struct followed *journal, uint32_t block, uint32_t index, void *head,
                     struct record *record);
/* The payload of such a record that is no blob, its CRC checked, to be freed; NULL with a sentence.
 */
void *followed_payload(struct followed *journal, const struct record *record, bobbin_error *error);
/* The record with that index, wherever it lies; the same head. */
bool followed_find(struct followed *journal, uint32_t index, void *head, struct record *record);

/* Whether followed_next has come to that record. */
bool followed_has_read(const struct followed *journal, uint32_t index);

/* Whether the job with that index has ended: one way or another, or with all of its journal. */
bool followed_has_ended(struct followed *journal, uint32_t index);

bool followed_get(struct followed *journal, uint32_t index, struct state_entry *entry);
bool followed_put(struct followed *journal, uint32_t index, const struct state_entry *entry,
                  bobbin_error *error);
bool followed_flush(struct followed *journal, const struct log *log);

/* Some of its jobs ended while they waited. */
void followed_note_withdrawn(struct followed *journal);
bool followed_has_withdrawn(const struct followed *journal);

/* The journals of jobs that some of its jobs are other names of; *at is 0 at first. */
bool followed_next_first(const struct followed *journal, size_t *at, uint64_t *writer,
                         uint32_t *sequence);

/* A journal that is complete and whose jobs have all ended needs no descriptors and no buffers:
 * closes them. From then on its jobs read as unknown here. */
void followed_settle(struct followed *journal);
bool followed_is_settled(const struct followed *journal);

/* Whether nobody writes it any more and all its jobs have ended, the last one ttl_us ago. */
bool followed_is_over(struct followed *journal, uint64_t now_us, uint64_t ttl_us);

/* Removes its files: payloads, results and history first, then the journal, so that a crash on the
 * way leaves something that is found and removed again; a state file alone is harmless. */
void followed_remove(struct followed *journal, const struct spool_directory *directory);

#endif
