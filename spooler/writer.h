/*
 * Group commit. One writer thread in each worker that spools: it takes all records that wait,
 * writes them with one pwritev, syncs once, reports them back to the loop, and wakes the leader.
 * What arrives meanwhile is the next batch. No timer: nothing is added when idle, batches grow
 * under load.
 *
 *   loop                         writer thread
 *   writer_put ---- waiting ---> take all, write, sync
 *   on_written <-- uv_async ---- report all
 *
 * A full disk is FULL. A failed write or sync is FAILED for its whole batch and seals the journal:
 * the next batch goes into a new one.
 */
#ifndef SPOOLER_WRITER_H
#define SPOOLER_WRITER_H

#include <uv.h>

#include "core/base/log.h"
#include "spooler/files/directory.h"
#include "spooler/group.h"

struct writer;

/* A group on its way to the disk: one outcome for all of it. Memory and group are the maker's. */
struct put {
    struct put *next;
    void (*on_written)(
        struct put *put); /* on the loop, exactly once; forgotten when it is called */
    struct group group;   /* its addresses are known when it is STORED */
    enum bobbin_outcome outcome;
    bobbin_error error; /* unless STORED */
};

/* Starts the thread. directory and log are borrowed. */
struct writer *writer_open(uv_loop_t *loop, const struct spool_directory *directory,
                           const struct log *log, bobbin_error *error);

void writer_put(struct writer *writer, struct put *put);

/* Writes and reports what was put, then ends the thread and frees the writer; on_closed is called
 * from the loop. Nothing may be put any more. */
void writer_close(struct writer *writer, void (*on_closed)(void *arg), void *arg);

#endif
