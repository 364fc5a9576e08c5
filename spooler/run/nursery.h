/*
 * The nursery: a small single-threaded process that forks job processes for its leader, so that
 * they inherit nothing of the leader's journals and index. It reaps them, kills what they leave
 * behind, and dies with its leader, taking them along.
 */
#ifndef SPOOLER_RUN_NURSERY_H
#define SPOOLER_RUN_NURSERY_H

#include "core/base/log.h"
#include "core/plugin/plugin.h"
#include "spooler/settings.h"

/* All borrowed. */
struct nursery_options {
    const struct spool_settings *spool;
    const struct queue_table *queues;
    struct plugin_set *plugins;
    const struct log *log;
    int leader_fd; /* message.h, SOCK_SEQPACKET, blocking */
};

/* Runs in a forked child, until the leader's end is closed. Returns the exit status; in each job
 * process that it forked it returns that one's. */
int nursery_run(const struct nursery_options *options);

#endif
