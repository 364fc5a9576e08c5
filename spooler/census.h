/*
 * How many jobs of each queue wait, run and are dead, as the leader knows it, and which queues are
 * paused; published in queues/<queue> (files/queuepage.h). Counts are exact while the leader leads;
 * each one counts anew, as it finds its jobs.
 */
#ifndef SPOOLER_CENSUS_H
#define SPOOLER_CENSUS_H

#include "core/base/log.h"
#include "spooler/files/directory.h"
#include "spooler/queue.h"
#include "spooler/queuenames.h"

struct census;

/* How many jobs of a queue wait for their time. */
typedef uint64_t census_count_later(void *context, uint16_t queue);

/* All borrowed; count_later may be NULL: none does. NULL without memory. */
struct census *census_create(const struct spool_directory *directory,
                             const struct queuenames *names, const struct log *log,
                             census_count_later *count_later, void *context);
void census_destroy(struct census *census); /* NULL is fine */

/* A job was found in that state (enum bobbin_job_state; UNKNOWN is READY). */
void census_found(struct census *census, const struct waiting *job, unsigned state);
/* It was in one and is in another. */
void census_moved(struct census *census, const struct waiting *job, unsigned before, unsigned now);

/* Dead letters: one more, or so many as were counted in the folder. */
void census_buried(struct census *census, uint16_t queue);
void census_letters(struct census *census, uint16_t queue, uint64_t count);

/* Whether its jobs are not to be given out: as somebody has asked for last, else as its settings
 * say. */
bool census_is_paused(struct census *census, uint16_t queue);
/* Somebody asks for it: synced. What cannot be written holds while this leader leads, with a line
 * in the log. */
void census_pause(struct census *census, uint16_t queue, bool is_paused);

/* Writes the pages of those queues that have changed. */
void census_flush(struct census *census);

#endif
