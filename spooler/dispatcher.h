/*
 * The dispatcher: leads a spool. Follows the journals, gives jobs out, settles them. One at a time
 * leads (a lock on the file "leader" decides); others wait for the lock.
 *
 *   WAITING --has the lock--> LEADING --TERM, INT--> DRAINING --nothing runs--> returns 0
 *                                \                       \--QUIT, a second TERM: kills, hands back
 *                                 \--EOF on control_fd: leaves at once
 */
#ifndef SPOOLER_DISPATCHER_H
#define SPOOLER_DISPATCHER_H

#include "core/base/log.h"
#include "core/plugin/plugin.h"
#include "spooler/settings.h"

/* All borrowed. */
struct dispatcher_options {
    const struct spool_settings *spool;
    const struct queue_table *queues;
    const struct cron_table *crons; /* NULL: none */
    struct plugin_set *plugins;     /* loaded, not started */
    const struct log *log;
    size_t processes;
    uint64_t shutdown_timeout_ms;
    int control_fd; /* to the generation: 'R' is written when it is ready; EOF: the parent is gone
                     */
};

/*
 * Called in a forked child that has no threads and blocked signals (core/base/child.h). Returns the
 * exit status of the process; in the nursery and in each job process that come from it, theirs.
 */
int dispatcher_run(const struct dispatcher_options *options);

#endif
