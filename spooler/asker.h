/*
 * Asks whoever leads the spool, for the door: to cancel a job, or to say when one has ended. Its
 * answers are hints to look at the files again; so when nobody leads, or one who led has died, the
 * files are looked at from time to time, and the next leader is asked.
 *
 *            asked            sent             the leader's answer, and the files say so too
 *   --------------> UNSENT ---------> SENT ------------------------------------------------> told
 *                    |  ^              |
 *                    |  +--------------+ the leader is gone, or was mistaken
 *                    +--- a look at the files, the limit, end: told as it is
 *
 * A cancel is never UNSENT for long: when nobody leads it is told so at once.
 */
#ifndef SPOOLER_ASKER_H
#define SPOOLER_ASKER_H

#include <uv.h>

#include "core/plugin/jobsport.h"
#include "spooler/leaderline.h"
#include "spooler/lookup.h"

struct question;

/* In the order they came. */
struct question_list {
    struct question *first;
    struct question **end; /* where the next one's pointer goes */
};

struct asker {
    uv_loop_t *loop;       /* borrowed, as the next one */
    struct lookup *lookup; /* reads the files */
    struct leaderline line;
    struct question_list unsent;
    struct question_list sent;
    struct question_place *places; /* owned: a ticket is a number in here, and a generation */
    uint32_t place_count;
    uint32_t free_place;
    uv_timer_t *look; /* NULL: nothing has to be looked at */
};

void asker_init(struct asker *asker, uv_loop_t *loop, const struct spool_directory *directory,
                struct lookup *lookup);
/* Tells all: nobody could cancel, or how the job is now. The loop has to turn once more. */
void asker_finish(struct asker *asker);

/* As struct jobsport's cancel: on_job hears how the job is afterwards, maybe at once, at the latest
 * after 2 s. */
void asker_cancel(struct asker *asker, bobbin_str id, jobsport_on_job *on_job, void *arg);

/* As struct jobsport's wait and end_wait. At most DOOR_WAITS_MAX wait: one more is told at once how
 * its job is. */
uint64_t asker_wait(struct asker *asker, bobbin_str id, unsigned flags, uint64_t limit_ms,
                    jobsport_on_job *on_job, void *arg);
void asker_end_wait(struct asker *asker, uint64_t ticket);

#endif
