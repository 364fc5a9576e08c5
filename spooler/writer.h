/*
 * Group commit. One writer thread in each process that spools: it takes all records that wait,
 * writes them with one pwritev, syncs once, reports them back to the loop, and wakes the leader.
 * What arrives meanwhile is the next group. No timer: nothing is added when idle, groups grow under
 * load.
 *
 *   loop                         writer thread
 *   writer_put ---- waiting ---> take all, write, sync
 *   on_written <-- uv_async ---- report all
 *
 * A full disk is FULL. A failed write or sync is FAILED for its whole group and seals the journal:
 * the next group goes into a new one.
 */
#ifndef SPOOLER_WRITER_H
#define SPOOLER_WRITER_H

#include <uv.h>

#include "core/base/log.h"
#include "spooler/files/directory.h"
#include "spooler/files/id.h"

struct writer;

/* One job on its way to the disk. Made by writer_new_put, given to writer_put, freed by its
 * on_written. */
struct put {
    struct put *next;
    void (*on_written)(struct put *put); /* on the loop, exactly once */
    void *context;                       /* the maker's */
    bool needs_sync;
    int blob_fd;         /* owned; a payload that is a file; else -1 */
    void *blob;          /* owned (malloc); a payload that is too large for the journal; or NULL */
    uint64_t blob_bytes; /* of either */
    enum bobbin_outcome outcome;
    bobbin_error error;         /* unless STORED */
    struct job_address address; /* STORED; the nonce is the maker's */
    size_t record_bytes;
    unsigned char record[]; /* encoded, without its place */
};

struct put *put_create(size_t record_bytes); /* NULL without memory */
void put_destroy(struct put *put);

/* Starts the thread. directory and log are borrowed. */
struct writer *writer_open(uv_loop_t *loop, const struct spool_directory *directory,
                           const struct log *log, bobbin_error *error);

void writer_put(struct writer *writer, struct put *put);

/* Writes and reports what was put, then ends the thread and frees the writer; on_closed is called
 * from the loop. Nothing may be put any more. */
void writer_close(struct writer *writer, void (*on_closed)(void *arg), void *arg);

#endif
