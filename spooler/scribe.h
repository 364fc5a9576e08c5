/*
 * Writes down what plugins ask for: makes the record of a job from its spec, with the defaults of
 * its queue. For the door of a worker and for jobs that spool others; each has one of its own.
 */
#ifndef SPOOLER_SCRIBE_H
#define SPOOLER_SCRIBE_H

#include "core/plugin/jobsport.h"
#include "spooler/group.h"
#include "spooler/settings.h"

enum { SCRIBE_NONCES = 256 };

struct scribe {
    const struct spool_settings *spool; /* borrowed */
    const struct queue_table *queues;   /* borrowed */
    uint64_t nonces[SCRIBE_NONCES];     /* random numbers, fetched many at a time */
    size_t nonces_left;
};

void scribe_init(struct scribe *scribe, const struct spool_settings *spool,
                 const struct queue_table *queues);

/*
 * Adds the job to the group: everything is copied, the payload's descriptor duplicated. The spec is
 * whole and legal (core/plugin/jobspec.h). parent: the job with whose success it is stored; NULL:
 * none. False with a sentence, and the group as it was.
 */
bool scribe_add(struct scribe *scribe, struct group *group, const struct jobsport_job *job,
                const struct job_address *parent, bobbin_error *error);

#endif
