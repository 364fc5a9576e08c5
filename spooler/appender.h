/*
 * A writer's journals: the one that is open, the one that comes next, how large they are, and the
 * blobs beside them. A writer is whoever appends: the writer thread of a worker, or a job process.
 * Its number is drawn once and never used again. One thread; no loop.
 *
 *   appender_ready, then appender_place for each group that fits, appender_write, appender_sync
 *
 * A group lies in one journal, one record behind the other, and goes out with one write: so it is
 * there as a whole, or its reader sees that it is not.
 */
#ifndef SPOOLER_APPENDER_H
#define SPOOLER_APPENDER_H

#include "spooler/files/journal.h"
#include "spooler/group.h"

struct appender {
    const struct spool_directory *directory; /* borrowed */
    uint64_t writer;
    struct journal journal; /* fd -1: none yet */
    struct journal next;    /* made ahead; fd -1: none */
    uint32_t last_sequence;
    uint64_t blob_counter;
    struct iovec vector[GROUP_MAX]; /* the records that have a place and are not written */
    size_t count;
    uint64_t bytes;
};

/* Draws a number; makes no file. */
bool appender_init(struct appender *appender, const struct spool_directory *directory,
                   bobbin_error *error);
void appender_finish(struct appender *appender); /* closes its journals: they have their end */

/* Sees to it that a group of so many bytes has room, in a new journal if need be. Nothing may be
 * placed. errno is kept, here and below. */
bool appender_ready(struct appender *appender, size_t bytes, bobbin_error *error);

/* Whether the group has room behind what is placed. */
bool appender_fits(const struct appender *appender, const struct group *group);

/* Stores the blobs of the group and gives its records their places and addresses; the group must
 * live until appender_write. False: nothing of it is placed, and its blobs are removed. */
bool appender_place(struct appender *appender, struct group *group, bobbin_error *error);

/* Writes all that is placed. False: none of it counts as stored, and the journal is sealed. */
bool appender_write(struct appender *appender, bobbin_error *error);

bool appender_sync(struct appender *appender, bobbin_error *error);

/* Makes the next journal ahead when the present one is half used. */
void appender_prepare(struct appender *appender);

#endif
