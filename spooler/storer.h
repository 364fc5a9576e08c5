/*
 * Stores jobs for the door: turns specs into a group, has the writer write it, and tells how it
 * went. The writer, its thread and its journal are made with the first job. On the loop.
 */
#ifndef SPOOLER_STORER_H
#define SPOOLER_STORER_H

#include <uv.h>

#include "core/base/log.h"
#include "core/plugin/jobsport.h"
#include "spooler/files/directory.h"
#include "spooler/room.h"
#include "spooler/scribe.h"

struct storer {
    uv_loop_t *loop; /* borrowed, as the next two */
    const struct spool_directory *directory;
    const struct log *log;
    struct scribe scribe;
    struct rooms rooms;
    struct writer *writer; /* NULL until the first job */
    size_t refusals;       /* that still have to be told */
    bool is_closing;
    void (*on_closed)(void *arg);
    void *on_closed_arg;
};

void storer_init(struct storer *storer, uv_loop_t *loop, const struct spool_directory *directory,
                 const struct spool_settings *spool, const struct queue_table *queues,
                 const struct log *log);

/* As put and put_many of struct jobsport. */
void storer_put(struct storer *storer, const struct jobsport_job *job,
                jobsport_on_stored *on_stored, void *arg);
void storer_put_many(struct storer *storer, const struct jobsport_job *jobs, size_t count,
                     jobsport_on_stored_many *on_stored, void *arg);

/* Answers all that was put, then calls on_closed, maybe at once. Nothing may be put any more. */
void storer_close(struct storer *storer, void (*on_closed)(void *arg), void *arg);

#endif
