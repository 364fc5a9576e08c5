#include "spooler/leader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "core/base/clock.h"
#include "spooler/files/result.h"
#include "spooler/files/slotpage.h"
#include "spooler/retry.h"

enum { ORPHAN_MS = 20 };

/* A job that an earlier leader had given out: it may still run until its slot's lock is free. */
struct orphan {
    struct waiting job;
    uint32_t slot;
    bool is_cancelled;
};

/* ------------------------------------------------------------------ waiting and giving out */

static void on_due(uv_timer_t *timer);

static void put_back(struct leader *leader, const struct waiting *job)
{
    if (!queue_put(&leader->queue, job, clock_us()))
        log_write(leader->log, BOBBIN_ERROR, NULL,
                  "no memory for a waiting job: it will be found by the next leader");
}

static bool still_waits(void *context, const struct waiting *job)
{
    struct leader *leader = context;
    return ledger_may_expire(leader->ledger, job);
}

void leader_on_expiring(void *context, const struct waiting *job, uint64_t expires_us)
{
    struct leader *leader = context;
    if (!expiry_put(&leader->expiry, job, expires_us, clock_us()))
        log_write(leader->log, BOBBIN_ERROR, NULL,
                  "no memory for the expiry of a job: it may run late");
}

static void expire(struct leader *leader)
{
    struct waiting job;
    while (expiry_take(&leader->expiry, clock_us(), &job))
        ledger_expired(leader->ledger, &job);
}

static void park(struct leader *leader, const struct waiting *job)
{
    if (!parked_put(&leader->parked, job))
        log_write(leader->log, BOBBIN_ERROR, NULL,
                  "no memory for a job of a paused queue: it will be found by the next leader");
}

/* The next that waits and may run. */
static bool next_job(struct leader *leader, struct waiting *job)
{
    while (queue_take(&leader->queue, clock_us(), job)) {
        if (ledger_is_paused(leader->ledger, job->queue)) {
            park(leader, job);
            continue;
        }
        if ((job->flags & WAITING_EXPIRES) && job->attempt == 0)
            expiry_note_stale(&leader->expiry, still_waits, leader);
        if (!ledger_is_withdrawn(leader->ledger, job))
            return true;
    }
    return false;
}

static bool give_one(struct leader *leader, struct slot *slot)
{
    struct waiting job;
    struct job_address address;
    if (!next_job(leader, &job))
        return false;
    const struct queue_settings *queue = ledger_queue(leader->ledger, job.queue);
    if (!ledger_start(leader->ledger, &job, slot_number(slot))) {
        job.attempt--;
        job.due_us = clock_us() + 1000 * 1000; /* the disk may have recovered by then */
        put_back(leader, &job);
        return false;
    }
    ledger_address(leader->ledger, &job, &address);
    crew_run(slot, &job, &address, job.timeout_ms, queue->kill_after_ms);
    return true;
}

void leader_give_out(struct leader *leader)
{
    struct slot *slot;
    if (leader->crew == NULL)
        return;
    expire(leader);
    while ((slot = crew_idle(leader->crew)) != NULL && give_one(leader, slot))
        ;
    uint64_t due_us = queue_next_due(&leader->queue), now = clock_us();
    if (expiry_next(&leader->expiry) < due_us)
        due_us = expiry_next(&leader->expiry);
    if (due_us != UINT64_MAX)
        uv_timer_start(&leader->due, on_due, due_us > now ? (due_us - now) / 1000 + 1 : 1, 0);
}

static void on_due(uv_timer_t *timer)
{
    leader_give_out(timer->data);
}

void leader_on_idle(void *context)
{
    leader_give_out(context);
}

uint64_t leader_count_later(void *context, uint16_t queue)
{
    const struct leader *leader = context;
    return queue_count_later(&leader->queue, queue);
}

static bool has_handler(const struct leader *leader, uint16_t number)
{
    const struct queue_settings *queue = ledger_queue(leader->ledger, number);
    const char *handler = queue->handler[0] != '\0' ? queue->handler : queue->name;
    const struct plugin_instance *instance = plugin_set_find(leader->plugins, handler);
    return instance != NULL && instance->plugin->run != NULL;
}

void leader_on_ready(void *context, const struct waiting *job)
{
    struct leader *leader = context;
    if (has_handler(leader, job->queue))
        put_back(leader, job);
    else if (job->index == 0) /* once a journal is enough */
        log_write(leader->log, BOBBIN_WARNING, NULL,
                  "the queue %s has no handler here: its jobs wait",
                  ledger_queue(leader->ledger, job->queue)->name);
}

/* ------------------------------------------------------------------ settling */

static uint64_t random_number(void)
{
    uint64_t number = 0;
    ssize_t got = getrandom(&number, sizeof number, GRND_NONBLOCK);
    return got == (ssize_t)sizeof number ? number : clock_us();
}

/* Another attempt after a pause, or none any more. */
static void try_again(struct leader *leader, const struct waiting *failed, uint64_t delay_ms,
                      const char *sentence)
{
    struct waiting job = *failed;
    const struct queue_settings *queue = ledger_queue(leader->ledger, job.queue);
    if (job.attempt >= job.attempts) {
        ledger_dead(leader->ledger, &job, sentence);
        return;
    }
    if (delay_ms == UINT64_MAX)
        delay_ms = retry_delay_ms(queue, job.attempt, random_number());
    if (ledger_retry(leader->ledger, &job, clock_us() + delay_ms * 1000, sentence))
        put_back(leader, &job);
}

static void hand_back(struct leader *leader, const struct waiting *unfinished)
{
    struct waiting job = *unfinished;
    if (ledger_hand_back(leader->ledger, &job))
        put_back(leader, &job);
}

static void keep_result(struct leader *leader, const struct crew_return *back)
{
    struct job_address address;
    bobbin_error error;
    ledger_address(leader->ledger, back->job, &address);
    if (back->message->has_result == JOB_RESULT_KEPT &&
        !result_commit(leader->directory, &address, back->job->attempt, &error))
        log_write(leader->log, BOBBIN_ERROR, NULL, "%s", error.text);
}

static void drop_result(struct leader *leader, const struct waiting *job)
{
    struct job_address address;
    ledger_address(leader->ledger, job, &address);
    result_discard(leader->directory, &address, job->attempt);
}

/* The jobs that were stored with its success, or may be. */
static void follow_children(struct leader *leader, const struct job_message *message)
{
    if (message->children_writer != 0)
        ledger_follow(leader->ledger, message->children_writer, message->children_sequence);
}

/* Its children may be there although its process did not live to say so, or was told that they
 * could not be stored: then it is done, and has been settled already. */
static bool has_succeeded(struct leader *leader, const struct crew_return *back)
{
    if (back->message == NULL)
        ledger_scan(leader->ledger);
    else if (back->message->result != BOBBIN_JOB_DONE)
        follow_children(leader, back->message);
    return ledger_has_ended(leader->ledger, back->job);
}

void leader_on_succeeded(void *context, const struct waiting *job)
{
    struct leader *leader = context;
    struct job_address address;
    bobbin_error error;
    ledger_address(leader->ledger, job, &address);
    if (!result_commit(leader->directory, &address, job->attempt, &error) && errno != ENOENT)
        log_write(leader->log, BOBBIN_ERROR, NULL, "%s", error.text);
    ledger_done(leader->ledger, job);
}

/* It ended by itself: done, failed, or to be tried again. */
static void settle(struct leader *leader, const struct crew_return *back)
{
    const struct job_message *message = back->message;
    const char *sentence =
        message->sentence_bytes > 0 ? message->sentence : "the job gave no reason";
    switch (message->result) {
    case BOBBIN_JOB_DONE:
        keep_result(leader, back); /* its name is there before the state says so */
        ledger_done(leader->ledger, back->job);
        follow_children(leader, message);
        return;
    case BOBBIN_JOB_FAILED:
        ledger_dead(leader->ledger, back->job, sentence);
        break;
    default:
        try_again(leader, back->job, message->retry_after_ms, sentence);
        break;
    }
    drop_result(leader, back->job);
}

static void time_out(struct leader *leader, const struct waiting *job)
{
    char sentence[64];
    snprintf(sentence, sizeof sentence, "timed out after %g s", job->timeout_ms / 1000.0);
    try_again(leader, job, UINT64_MAX, sentence);
}

/* Its process died, or it gave up because it was told to. */
static void settle_stopped(struct leader *leader, const struct crew_return *back)
{
    char sentence[128];
    switch (back->cause) {
    case CREW_TIMEOUT:
        time_out(leader, back->job);
        break;
    case CREW_CANCEL:
        ledger_cancelled(leader->ledger, back->job);
        break;
    case CREW_DRAIN:
        hand_back(leader, back->job);
        break;
    default:
        snprintf(sentence, sizeof sentence, "its process died: %s", back->death);
        try_again(leader, back->job, UINT64_MAX, sentence);
        break;
    }
    drop_result(leader, back->job);
}

void leader_on_return(void *context, const struct crew_return *back)
{
    struct leader *leader = context;
    bool is_done = back->message != NULL && back->message->result == BOBBIN_JOB_DONE;
    bool has_failed = back->message != NULL && back->message->result == BOBBIN_JOB_FAILED;
    bool by_itself = back->message != NULL && back->cause == CREW_NOTHING;
    if (has_succeeded(leader, back))
        return;
    if (by_itself || is_done || (has_failed && back->cause == CREW_DRAIN))
        settle(leader, back);
    else
        settle_stopped(leader, back);
}

/* ------------------------------------------------------------------ jobs of earlier leaders */

bool leader_is_reserved(void *context, uint32_t slot)
{
    const struct leader *leader = context;
    for (size_t i = 0; i < leader->orphan_count; i++)
        if (leader->orphans[i].slot == slot)
            return true;
    return false;
}

void leader_on_running(void *context, const struct waiting *job, uint32_t slot, bool is_cancelled)
{
    struct leader *leader = context;
    struct orphan *orphans = realloc(leader->orphans, (leader->orphan_count + 1) * sizeof *orphans);
    if (orphans == NULL)
        return; /* found again by the next leader */
    leader->orphans = orphans;
    orphans[leader->orphan_count++] =
        (struct orphan){.job = *job, .slot = slot, .is_cancelled = is_cancelled};
}

static void adopt(struct leader *leader, const struct orphan *orphan)
{
    if (ledger_has_ended(leader->ledger, &orphan->job))
        return; /* its children were found */
    drop_result(leader, &orphan->job);
    if (orphan->is_cancelled)
        ledger_cancelled(leader->ledger, &orphan->job);
    else if (has_handler(leader, orphan->job.queue))
        try_again(leader, &orphan->job, UINT64_MAX, "its spooler died while it ran");
}

static void on_adopt(uv_timer_t *timer)
{
    struct leader *leader = timer->data;
    bool is_scanned = false;
    for (size_t i = 0; i < leader->orphan_count;) {
        struct orphan orphan = leader->orphans[i];
        if (slotpage_is_held(leader->directory, orphan.slot)) {
            i++;
            continue;
        }
        if (!is_scanned)
            ledger_scan(leader->ledger); /* what it stored before it died */
        is_scanned = true;
        leader->orphans[i] = leader->orphans[--leader->orphan_count];
        adopt(leader, &orphan);
    }
    if (leader->orphan_count == 0)
        uv_timer_stop(timer);
    leader_give_out(leader);
}

/* ------------------------------------------------------------------ from outside */

void leader_on_wake(void *context, uint64_t writer, uint32_t sequence)
{
    struct leader *leader = context;
    ledger_follow(leader->ledger, writer, sequence);
    leader_give_out(leader);
}

uint32_t leader_on_cancel(void *context, const struct job_address *address)
{
    struct leader *leader = context;
    struct waiting job;
    enum bobbin_job_state state = ledger_find(leader->ledger, address, &job);
    if (state == BOBBIN_STATE_READY && ledger_cancelled(leader->ledger, &job))
        state = BOBBIN_STATE_CANCELLED;
    if (state == BOBBIN_STATE_RUNNING && ledger_cancelling(leader->ledger, &job)) {
        uint64_t kill_after_ms = ledger_queue(leader->ledger, job.queue)->kill_after_ms;
        state = BOBBIN_STATE_CANCELLING;
        if (!crew_stop(leader->crew, &job, kill_after_ms, CREW_CANCEL))
            for (size_t i = 0; i < leader->orphan_count; i++)
                leader->orphans[i].is_cancelled |= leader->orphans[i].job.journal == job.journal &&
                                                   leader->orphans[i].job.index == job.index;
    }
    ledger_flush(leader->ledger); /* who asked will look */
    return (uint32_t)state;
}

uint32_t leader_on_pause(void *context, bobbin_str name, bool is_paused)
{
    struct leader *leader = context;
    uint16_t queue;
    if (!ledger_pause(leader->ledger, name, is_paused, &queue))
        return DOOR_REFUSED;
    if (!is_paused && !parked_release(&leader->parked, queue, &leader->queue))
        log_write(leader->log, BOBBIN_ERROR, NULL,
                  "no memory to resume the queue %s: it can be asked for again",
                  ledger_queue(leader->ledger, queue)->name);
    leader_give_out(leader);
    return is_paused;
}

bool leader_has_ended(void *context, struct job_address *address)
{
    struct leader *leader = context;
    struct waiting job;
    switch (ledger_find(leader->ledger, address, &job)) {
    case BOBBIN_STATE_READY:
    case BOBBIN_STATE_RUNNING:
    case BOBBIN_STATE_CANCELLING:
        ledger_address(leader->ledger, &job, address);
        return false;
    default:
        return true;
    }
}

void leader_on_ended(void *context, const struct job_address *address)
{
    struct leader *leader = context;
    if (leader->gate != NULL)
        gate_end(leader->gate, address);
}

/* ------------------------------------------------------------------ life */

void leader_init(struct leader *leader, uv_loop_t *loop)
{
    queue_init(&leader->queue);
    expiry_init(&leader->expiry);
    uv_timer_init(loop, &leader->due);
    uv_timer_init(loop, &leader->adopt);
    leader->due.data = leader->adopt.data = leader;
}

void leader_begin(struct leader *leader)
{
    uv_timer_start(&leader->adopt, on_adopt, 0, ORPHAN_MS);
}

void leader_finish(struct leader *leader)
{
    queue_finish(&leader->queue);
    parked_finish(&leader->parked);
    expiry_finish(&leader->expiry);
    free(leader->orphans);
    leader->orphans = NULL;
}
