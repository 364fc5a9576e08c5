/*
 * queues/<queue>: 64 bytes that say how a queue stands, written by the leader, for everybody to
 * read. It is overwritten in place, never replaced and never cut: who maps it once sees it for
 * ever.
 *
 *        0    4  magic "QUEU"
 *        4    4  format version, 1
 *        8    4  crc32 of all 64 bytes with this field zero
 *       12    4  flags: 1 paused, 2 somebody has asked for that, or for its end
 *       16    8  turn: one more with each writing
 *       24    8  jobs that are READY and may run now
 *       32    8  jobs that are READY and due later
 *       40    8  jobs that are RUNNING or CANCELLING
 *       48    8  dead letters
 *       56    8  bytes of the payloads of all that are READY
 *
 * What does not hold (half written, or damaged) says nothing. Only flags are ever synced: the
 * others are counted anew by each leader.
 */
#ifndef SPOOLER_FILES_QUEUEPAGE_H
#define SPOOLER_FILES_QUEUEPAGE_H

#include "spooler/files/directory.h"

enum { QUEUE_PAUSED = 1, QUEUE_ORDERED = 2 };

struct queuepage {
    uint32_t flags;
    uint64_t turn;
    uint64_t ready;
    uint64_t delayed;
    uint64_t running;
    uint64_t dead;
    uint64_t bytes;
};

/* ---- the leader's side */

/* Opens (making it) and reads; all zero when it says nothing. -1 with errno: also EINVAL, for a
 * queue that is no name. */
int queuepage_open(const struct spool_directory *directory, bobbin_str queue,
                   struct queuepage *page);
/* errno is kept. */
bool queuepage_write(int fd, const struct queuepage *page);
/* What was written, and its name, outlive the loss of power. */
bool queuepage_sync(const struct spool_directory *directory, int fd);

/* ---- everybody's */

/* NULL: nobody has ever led this queue (or it cannot be read). */
const void *queuepage_map(const struct spool_directory *directory, bobbin_str queue);
void queuepage_unmap(const void *mapped); /* NULL is fine */

/* No system call. False: it was being written; ask again later. */
bool queuepage_look(const void *mapped, struct queuepage *page);

#endif
