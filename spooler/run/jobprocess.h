/*
 * A job process: starts the plugins that run jobs, then runs what its leader sends it, one job at a
 * time, for ever. Forked by the nursery; its slot's lock says that it lives.
 */
#ifndef SPOOLER_RUN_JOBPROCESS_H
#define SPOOLER_RUN_JOBPROCESS_H

#include "core/base/log.h"
#include "core/plugin/plugin.h"
#include "spooler/settings.h"

/* All borrowed. */
struct jobprocess_options {
    const struct spool_settings *spool;
    const struct queue_table *queues;
    struct plugin_set *plugins;
    const struct log *log; /* with the role of a job process */
    int leader_fd;         /* its end of the pair, SOCK_SEQPACKET */
    int slot_fd;           /* locked */
};

/* Returns the exit status: 0 when the leader is gone or said QUIT, 1 when it could not start. */
int jobprocess_run(const struct jobprocess_options *options);

#endif
