/*
 * The jobs that a running job wants stored with its success (bobbin_job_spool). They are kept in
 * memory until run has returned DONE, then appended as one group to a journal of this job process,
 * which is made with the first of them. That group is the success: once it is there, the job is
 * done, whatever dies (ledger.h); while it is not, none of them exists.
 */
#ifndef SPOOLER_RUN_CHILDREN_H
#define SPOOLER_RUN_CHILDREN_H

#include "spooler/appender.h"
#include "spooler/scribe.h"

struct children {
    const struct spool_directory *directory; /* borrowed */
    struct scribe scribe;
    struct appender appender;
    bool has_appender;
    struct group group; /* of the job that runs */
};

/* All borrowed. Makes nothing. */
void children_init(struct children *children, const struct spool_directory *directory,
                   const struct spool_settings *spool, const struct queue_table *queues);
void children_finish(struct children *children); /* its journals have their end */

/* Takes one more for the job at that address. queue: when the spec names none. False with a
 * sentence: not taken. */
bool children_add(struct children *children, const struct bobbin_job_spec *spec, const char *queue,
                  const struct job_address *parent, bobbin_error *error);

/*
 * Stores what was added, synced if one of them asks for it; then there is nothing any more. *place
 * gets the journal (writer and sequence) where the group lies, or may lie when false is returned:
 * the leader must look before it has the job run again. Writer 0: nowhere.
 */
bool children_store(struct children *children, struct job_address *place, bobbin_error *error);

/* The job has not succeeded: none of them ever existed. */
void children_forget(struct children *children);

#endif
