/*
 * The door of the spool: what a worker calls to store jobs and to ask after them. It fills in the
 * jobsport table of the core, with the directory of journals as its engine (engine.h).
 *
 * Nothing is started before the first job: a worker that never spools has no thread and no journal.
 */
#ifndef SPOOLER_DOOR_H
#define SPOOLER_DOOR_H

#include <uv.h>

#include "core/base/log.h"
#include "core/plugin/jobsport.h"
#include "spooler/settings.h"

struct door_options {
    const struct spool_settings *spool; /* borrowed, as all here */
    const struct queue_table *queues;
    const struct log *log;
};

/* Opens the spool's folder (making it), fills in *port. One thread: the loop's. */
bool door_open(const struct door_options *options, uv_loop_t *loop, struct jobsport *port,
               bobbin_error *error);

/* Every put is answered before on_closed is called; the loop must turn until then. */
void door_close(struct jobsport *port, void (*on_closed)(void *arg), void *arg);

#endif
