/*
 * The leader's book: every journal of the spool, followed to its end, and what became of each of
 * its jobs. The only writer of state files, and the one place where a job changes its state.
 *
 *        put              given to a slot
 *   ----------> READY ------------------------> RUNNING ---- done -----------> DONE
 *               ^ | | \                          |   |  \
 *               | | |  +-- cancel -> CANCELLED <-|---|---+ cancel: CANCELLING, then CANCELLED
 *               | | +--> EXPIRED                 |   |
 *               | +----> DUPLICATE               |   |
 *               +--- retry, or handed back ------+   +---- FAILED, or no attempt left --> DEAD
 *
 * What a job spools is stored with its success, as one group: who finds its children knows that it
 * is done, also when it is still RUNNING here because its process or its leader died before they
 * could say so, or READY because the power was lost before its state was on the disk.
 */
#ifndef SPOOLER_LEDGER_H
#define SPOOLER_LEDGER_H

#include "core/base/log.h"
#include "spooler/files/directory.h"
#include "spooler/files/id.h"
#include "spooler/queue.h"
#include "spooler/settings.h"

struct ledger;

/* What the ledger finds while it follows journals. */
struct ledger_events {
    void *context;
    /* A job that was never started and will expire; on_ready follows. */
    void (*on_expiring)(void *context, const struct waiting *job, uint64_t expires_us);
    /* A job that may run, now or when it is due. */
    void (*on_ready)(void *context, const struct waiting *job);
    /* A job that a leader before this one had given to a slot: it may still run there. */
    void (*on_running)(void *context, const struct waiting *job, uint32_t slot, bool is_cancelled);
    /* A job that is RUNNING (or CANCELLING) and whose children are there: it must become done. */
    void (*on_succeeded)(void *context, const struct waiting *job);
    /* A job will never run again; the files say so after the next ledger_flush. */
    void (*on_ended)(void *context, const struct job_address *address);
    /* How many of a queue wait for their time; NULL: none. */
    uint64_t (*count_later)(void *context, uint16_t queue);
};

/* All borrowed. NULL without memory. */
struct ledger *ledger_create(const struct spool_directory *directory,
                             const struct spool_settings *spool, const struct queue_table *queues,
                             const struct log *log, const struct ledger_events *events);
void ledger_destroy(struct ledger *ledger);

/* Looks for new journals and new records in all of them, and takes notice of writers that died. */
void ledger_scan(struct ledger *ledger);

/* Follows one journal that somebody says has grown. */
void ledger_follow(struct ledger *ledger, uint64_t writer, uint32_t sequence);

/* The address of a waiting job, without its nonce. */
void ledger_address(const struct ledger *ledger, const struct waiting *job,
                    struct job_address *address);

/* The number of a queue's settings; they are made up of defaults for an unknown queue. */
const struct queue_settings *ledger_queue(const struct ledger *ledger, uint16_t queue);

/* Whether the jobs of a queue are not to be given out (census.h). */
bool ledger_is_paused(const struct ledger *ledger, uint16_t queue);

/* Pauses or resumes a queue, which need not have jobs. False: there are too many queues, or that is
 * no name. */
bool ledger_pause(struct ledger *ledger, bobbin_str name, bool is_paused, uint16_t *queue);

/* ---- changes of state; an illegal one is logged and refused */

bool ledger_start(struct ledger *ledger, struct waiting *job, uint32_t slot); /* attempt + 1 */
bool ledger_done(struct ledger *ledger, const struct waiting *job);
bool ledger_dead(struct ledger *ledger, const struct waiting *job, const char *sentence);
bool ledger_retry(struct ledger *ledger, struct waiting *job, uint64_t due_us,
                  const char *sentence);
/* Nothing was wrong with it: the attempt is not charged. */
bool ledger_hand_back(struct ledger *ledger, struct waiting *job);
bool ledger_cancelling(struct ledger *ledger, const struct waiting *job);
bool ledger_cancelled(struct ledger *ledger, const struct waiting *job);

/* Its time has passed. False, silently, for one that has begun or ended meanwhile. */
bool ledger_expired(struct ledger *ledger, const struct waiting *job);
/* Whether it is still one that may expire. */
bool ledger_may_expire(struct ledger *ledger, const struct waiting *job);

/* The state of the job with that address, and *job as far as it is known; STATE_UNKNOWN: none. That
 * of a DUPLICATE is its first (as long as the journal is not settled: the files say it for ever).
 */
enum bobbin_job_state ledger_find(struct ledger *ledger, const struct job_address *address,
                                  struct waiting *job);

/* Whether the job has ended, as far as the journals were followed. */
bool ledger_has_ended(struct ledger *ledger, const struct waiting *job);

/* The same for one that was waiting: it was cancelled or has expired meanwhile, or its children
 * were found. Cheap when that happened to none. */
bool ledger_is_withdrawn(struct ledger *ledger, const struct waiting *job);

/* Writes what was kept back. Called before the loop sleeps. */
void ledger_flush(struct ledger *ledger);

/* Removes journals whose jobs have all ended longer than result-ttl ago, with all that is theirs,
 * and what is left of those that were never finished. */
void ledger_sweep(struct ledger *ledger);

#endif
