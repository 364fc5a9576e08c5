/*
 * What became of a job, read from the files alone: record, state, slot, history and result. Keeps a
 * few journals open. One thread.
 */
#ifndef SPOOLER_LOOKUP_H
#define SPOOLER_LOOKUP_H

#include "spooler/files/directory.h"
#include "spooler/files/id.h"
#include "spooler/files/record.h"
#include "spooler/settings.h"

struct lookup;

/* Both borrowed. NULL without memory. */
struct lookup *lookup_create(const struct spool_directory *directory,
                             const struct queue_table *queues);
void lookup_destroy(struct lookup *lookup);

/*
 * Fills info for the id; its texts live until the next call. An id that is malformed, unknown or
 * expired is STATE_UNKNOWN; one of a DUPLICATE tells of its first. With BOBBIN_WITH_RESULT the
 * descriptor in info is the caller's.
 */
void lookup_find(struct lookup *lookup, bobbin_str id, unsigned flags,
                 struct bobbin_job_info *info);

/* The address of the job that lookup_find has told of last: another one than the id's when that is
 * of a DUPLICATE. */
void lookup_address(const struct lookup *lookup, struct job_address *address);

#endif
