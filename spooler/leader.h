/*
 * What the leader of a spool decides: which job is given out next, and what becomes of one that is
 * back. Its life, its loop and its signals are the dispatcher's.
 *
 * Its functions fit the callbacks of ledger.h, run/crew.h and gate.h; context is the leader.
 */
#ifndef SPOOLER_LEADER_H
#define SPOOLER_LEADER_H

#include <uv.h>

#include "core/base/log.h"
#include "core/plugin/plugin.h"
#include "spooler/expiry.h"
#include "spooler/gate.h"
#include "spooler/ledger.h"
#include "spooler/parked.h"
#include "spooler/queue.h"
#include "spooler/run/crew.h"

/* The first four are the dispatcher's to fill in, borrowed. */
struct leader {
    const struct spool_directory *directory;
    struct plugin_set *plugins;
    const struct log *log;
    struct ledger *ledger;
    struct gate *gate; /* NULL until it is open: nobody waits for a job's end then */
    struct crew *crew; /* NULL until there are job processes */
    struct queue queue;
    struct parked parked; /* of paused queues */
    struct expiry expiry;
    struct orphan *orphans; /* owned: jobs that an earlier leader gave out */
    size_t orphan_count;
    uv_timer_t due;   /* the next job that waits for its time, or expires */
    uv_timer_t adopt; /* while there are orphans */
};

void leader_init(struct leader *leader, uv_loop_t *loop);
void leader_begin(struct leader *leader);  /* the ledger and the crew are there */
void leader_finish(struct leader *leader); /* its timers are closed by the loop's owner */

/* Gives waiting jobs to idle slots, and sets the timer for the next that is due. */
void leader_give_out(struct leader *leader);

/* struct ledger_events */
void leader_on_expiring(void *context, const struct waiting *job, uint64_t expires_us);
void leader_on_ready(void *context, const struct waiting *job);
void leader_on_running(void *context, const struct waiting *job, uint32_t slot, bool is_cancelled);
void leader_on_ended(void *context, const struct job_address *address);
void leader_on_succeeded(void *context, const struct waiting *job);

uint64_t leader_count_later(void *context, uint16_t queue);

/* struct crew_options */
void leader_on_idle(void *context);
void leader_on_return(void *context, const struct crew_return *back);
bool leader_is_reserved(void *context, uint32_t slot);

/* struct gate_events */
void leader_on_wake(void *context, uint64_t writer, uint32_t sequence);
uint32_t leader_on_cancel(void *context, const struct job_address *address);
uint32_t leader_on_pause(void *context, bobbin_str queue, bool is_paused);
bool leader_has_ended(void *context, struct job_address *address);

#endif
