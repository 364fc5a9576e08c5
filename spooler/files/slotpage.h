/*
 * slots/<slot, decimal>: one page that a job process maps and writes, and anybody may read. The
 * process holds flock(2) LOCK_EX on it through a descriptor that the programs it executes inherit:
 * while it is locked, what the slot was given may still be running.
 *
 *        0    4  magic "SLOT"        4 4  format version, 1
 *        8    4  pid of the process, in its own pid namespace
 *       12    4  turn: odd while the fields below are being changed (a sequence lock)
 *       16    8  writer   24 4 sequence   28 4 index: the job that runs; all zero: none
 *       32    4  attempt  36 4 percent (signed, -1: none told)
 *       40    4  words_bytes   44 4 zero
 *       48  128  words
 */
#ifndef SPOOLER_FILES_SLOTPAGE_H
#define SPOOLER_FILES_SLOTPAGE_H

#include "spooler/files/directory.h"
#include "spooler/files/id.h"

struct slotpage;

struct slot_progress {
    int percent;
    char words[129];
};

/* Opens (making it) and locks the slot's file; -1 with errno EWOULDBLOCK: somebody lives there. */
int slotpage_lock(const struct spool_directory *directory, uint32_t slot);
/* Whether somebody holds the lock. A missing file is free. */
bool slotpage_is_held(const struct spool_directory *directory, uint32_t slot);

/* The job process' side: maps the page of a locked descriptor. */
struct slotpage *slotpage_map(int fd, bobbin_error *error);
void slotpage_unmap(struct slotpage *page);
void slotpage_begin(struct slotpage *page, const struct job_address *address, uint32_t attempt);
void slotpage_progress(struct slotpage *page, int percent, const char *words, size_t length);
void slotpage_end(struct slotpage *page);

/* Anybody: the progress of the job if that slot runs it now. */
bool slotpage_read(const struct spool_directory *directory, uint32_t slot,
                   const struct job_address *address, uint32_t attempt,
                   struct slot_progress *progress);

#endif
