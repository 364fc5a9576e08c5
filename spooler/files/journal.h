/*
 * A journal: journals/<writer, 16 hex digits>.<sequence, 8 hex digits>. One process appends to it,
 * any number follow it. Records lie behind a head of 4,096 bytes:
 *
 *        0    8  magic "BOBBINJ1"
 *        8    4  format version, 1
 *       12    4  head bytes, 4096
 *       16    8  writer
 *       24    4  sequence
 *       28    4  flags: 0 (1 is kept for journals of jobs that are due in more than ten minutes)
 *       32    8  salt
 *       40    8  capacity: bytes of the file, all of it preallocated
 *       48    8  created, microseconds since 1970
 *       56    4  crc32 of bytes 0..55
 *       60       zeroes
 *
 * While its writer lives it holds flock(2) LOCK_EX on the file: a torn record at the end of a
 * journal whose lock is free will never be finished.
 */
#ifndef SPOOLER_FILES_JOURNAL_H
#define SPOOLER_FILES_JOURNAL_H

#include <sys/uio.h>

#include "spooler/files/directory.h"
#include "spooler/files/record.h"

enum { JOURNAL_HEAD_BYTES = 4096, JOURNAL_NAME_BYTES = 25 };

/* "<writer>.<sequence>", terminated: also the name in results/, history/ and with ".state". */
void journal_name(uint64_t writer, uint32_t sequence, char out[JOURNAL_NAME_BYTES + 1]);
/* False for any other name (the state files among them). */
bool journal_parse_name(const char *name, uint64_t *writer, uint32_t *sequence);

/* ---- the writer's side */

struct journal {
    int fd;
    uint64_t writer;
    uint32_t sequence;
    uint64_t salt;
    uint64_t capacity; /* bytes of the file */
    uint64_t end;      /* where the next record goes */
    uint32_t next_index;
    bool sealed; /* a sync failed: nothing is ever appended again */
};

/* Makes, preallocates, locks and syncs a journal and its folder. errno is kept. */
bool journal_create(struct journal *journal, const struct spool_directory *directory,
                    uint64_t writer, uint32_t sequence, uint64_t capacity, bobbin_error *error);

/* Appends encoded records that were given journal->end and ->next_index as their places; advances
 * end by bytes and next_index by records. A failed write seals. errno is kept. The
 * vector is used up. */
bool journal_append(struct journal *journal, struct iovec *vector, int count, uint64_t bytes,
                    uint32_t records, bobbin_error *error);

/* fdatasync(2). A failure seals: what was not synced before must be reported as failed. */
bool journal_sync(struct journal *journal, bobbin_error *error);

void journal_close(struct journal *journal); /* accepts fd -1 */

/* Leader: removes what is left of journals whose makers died before they gave them a name, age_us
 * ago or longer. */
void journal_remove_unfinished(const struct spool_directory *directory, uint64_t now_us,
                               uint64_t age_us);

/* ---- the reader's side */

struct journal_reader;

/* NULL: gone (errno ENOENT kept), or a head that does not hold (a sentence). */
struct journal_reader *journal_reader_open(const struct spool_directory *directory, uint64_t writer,
                                           uint32_t sequence, bobbin_error *error);
void journal_reader_close(struct journal_reader *reader);

int journal_reader_fd(const struct journal_reader *reader);
uint64_t journal_reader_salt(const struct journal_reader *reader);

enum journal_step {
    JOURNAL_RECORD, /* *record is the next one, valid until the next call */
    JOURNAL_END,    /* nothing was begun after the last one (yet) */
    JOURNAL_TORN,  /* a record was begun and is not whole: wait, or judge by journal_writer_lives */
    JOURNAL_FULL,  /* the capacity is used up: no record will follow */
    JOURNAL_BROKEN /* an I/O error: errno */
};

/*
 * The next record, group rule applied. with_payload checks the payload's CRC too (a live tail must
 * be checked; a start-up scan of what is followed by another record need not).
 */
enum journal_step journal_next(struct journal_reader *reader, bool with_payload,
                               struct record *record);

/* Searches for the next record behind damage (any block whose head holds, whatever its index). */
enum journal_step journal_resync(struct journal_reader *reader, struct record *record);

/* Whether the writer still holds its lock. */
bool journal_writer_lives(const struct journal_reader *reader);

/*
 * Reads one record by its place. buffer gets the head (RECORD_HEAD_MAX bytes at least); the spans
 * point into it. False: no such record there. The nonce is the caller's to compare: who asks by an
 * id must.
 */
bool journal_read_record(const struct journal_reader *reader, uint32_t block, uint32_t index,
                         void *buffer, struct record *record);

/* Reads (allocates) the payload of a record, from the journal or its blob, and checks its CRC.
 * Memory is the caller's to free with munmap (*mapped) or free. */
bool journal_read_payload(const struct journal_reader *reader,
                          const struct spool_directory *directory, const struct record *record,
                          void **payload, bool *mapped, bobbin_error *error);

#endif
