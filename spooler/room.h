/*
 * Whether a queue takes more jobs, as a worker's door sees it: what the leader has counted
 * (files/queuepage.h) and what this door has taken since the leader last wrote that down. Costs a
 * queue without limits nothing, another one no system call.
 *
 * So a limit may be overshot by what is on its way: by what this door has handed to its writer when
 * the leader writes its counts (those of the last millisecond or so), and by what other workers
 * have taken since then. While nobody leads nothing is counted, and each worker may take as much as
 * was free when the last leader ended. When no leader has ever counted there is no limit. What jobs
 * spool is not limited: it is counted.
 */
#ifndef SPOOLER_ROOM_H
#define SPOOLER_ROOM_H

#include "core/plugin/jobsport.h"
#include "spooler/files/directory.h"
#include "spooler/settings.h"

/* What was taken of one queue: given back when it was not stored. */
struct room_share {
    struct room_queue *queue; /* the rooms'; NULL: it has no limits */
    uint64_t bytes;
};

struct rooms {
    const struct spool_directory *directory; /* borrowed, as the next */
    const struct queue_table *table;
    struct room_queue *queues; /* owned; as the table has them; NULL before the first limited one */
};

void rooms_init(struct rooms *rooms, const struct spool_directory *directory,
                const struct queue_table *table);
void rooms_finish(struct rooms *rooms);

/* Takes room for one job. False with a sentence: BOBBIN_FULL for now, or BOBBIN_FAILED when it will
 * never have room. */
bool rooms_take(struct rooms *rooms, const struct jobsport_job *job, struct room_share *share,
                enum bobbin_outcome *outcome, bobbin_error *error);

/* It was not stored after all. */
void rooms_give_back(const struct room_share *share);

#endif
