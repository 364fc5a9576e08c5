/* The half of the ledger that changes states: the only place where a job becomes another. */
#include "spooler/ledgerstate.h"

#include "core/base/clock.h"
#include "spooler/burial.h"
#include "spooler/files/history.h"
#include "spooler/followed.h"

const struct queue_settings *ledger_queue(const struct ledger *ledger, uint16_t queue)
{
    return queuenames_settings(ledger->queues, queue);
}

void ledger_address(const struct ledger *ledger, const struct waiting *job,
                    struct job_address *address)
{
    *address = (struct job_address){.block = job->block, .index = job->index};
    followed_name(ledger->journals[job->journal], &address->writer, &address->sequence);
}

bool ledger_is_paused(const struct ledger *ledger, uint16_t queue)
{
    return census_is_paused(ledger->census, queue);
}

bool ledger_pause(struct ledger *ledger, bobbin_str name, bool is_paused, uint16_t *queue)
{
    char file[DIRECTORY_QUEUE_BYTES];
    if (!directory_queue_name(name, file))
        return false;
    *queue = queuenames_number(ledger->queues, name);
    if (!bobbin_is(name, ledger_queue(ledger, *queue)->name))
        return false; /* one too many: the number stands for others too */
    census_pause(ledger->census, *queue, is_paused);
    return true;
}

#define FROM(state) (1u << (state))

/* Which states may come before each: the drawing in ledger.h. */
static const unsigned legal_before[] = {
    [BOBBIN_STATE_READY] = FROM(BOBBIN_STATE_RUNNING),
    [BOBBIN_STATE_RUNNING] = FROM(BOBBIN_STATE_READY),
    [BOBBIN_STATE_DONE] = FROM(BOBBIN_STATE_RUNNING) | FROM(BOBBIN_STATE_CANCELLING),
    [BOBBIN_STATE_DEAD] = FROM(BOBBIN_STATE_READY) | FROM(BOBBIN_STATE_RUNNING),
    [BOBBIN_STATE_CANCELLING] = FROM(BOBBIN_STATE_RUNNING),
    [BOBBIN_STATE_CANCELLED] = FROM(BOBBIN_STATE_READY) | FROM(BOBBIN_STATE_CANCELLING),
    [BOBBIN_STATE_EXPIRED] = FROM(BOBBIN_STATE_READY),
    [BOBBIN_STATE_DUPLICATE] = FROM(BOBBIN_STATE_READY),
};

static bool move(struct ledger *ledger, const struct waiting *job, struct state_entry *now,
                 enum bobbin_job_state state)
{
    struct followed *journal = ledger->journals[job->journal];
    struct state_entry before;
    bobbin_error error;
    if (!followed_get(journal, job->index, &before))
        before.state = BOBBIN_STATE_READY;
    if (!(legal_before[state] & FROM(before.state))) {
        log_write(ledger->log, BOBBIN_ERROR, NULL, "a job cannot become %s after %s",
                  bobbin_job_state_name(state),
                  bobbin_job_state_name((enum bobbin_job_state)before.state));
        return false;
    }
    now->state = (uint8_t)state;
    now->block = job->block;
    now->attempt = job->attempt;
    if (state != BOBBIN_STATE_READY && state != BOBBIN_STATE_RUNNING)
        now->due_or_started_us = before.due_or_started_us;
    bool is_counted = followed_has_read(journal, job->index);
    if (!followed_put(journal, job->index, now, &error)) {
        log_write(ledger->log, BOBBIN_ERROR, NULL, "%s", error.text);
        return false;
    }
    if (is_counted)
        census_moved(ledger->census, job, before.state, state);
    return true;
}

bool ledger_end_as(struct ledger *ledger, const struct waiting *job, struct state_entry *now,
                   enum bobbin_job_state state)
{
    struct job_address address;
    now->ended_us = clock_us();
    if (!move(ledger, job, now, state))
        return false;
    if (job->flags & WAITING_HAS_KEY)
        keys_release(&ledger->keys, job);
    ledger_address(ledger, job, &address);
    ledger->events.on_ended(ledger->events.context, &address);
    return true;
}

static bool end(struct ledger *ledger, const struct waiting *job, enum bobbin_job_state state)
{
    struct state_entry now = {0};
    return ledger_end_as(ledger, job, &now, state);
}

bool ledger_start(struct ledger *ledger, struct waiting *job, uint32_t slot)
{
    struct state_entry now = {.slot = slot, .due_or_started_us = clock_us()};
    job->attempt++;
    if (!move(ledger, job, &now, BOBBIN_STATE_RUNNING))
        return false;
    /* On the file before the job process hears of it: whoever leads next must know. */
    return followed_flush(ledger->journals[job->journal], ledger->log);
}

bool ledger_done(struct ledger *ledger, const struct waiting *job)
{
    return end(ledger, job, BOBBIN_STATE_DONE);
}

static void remember(struct ledger *ledger, const struct waiting *job, const char *sentence)
{
    struct job_address address;
    struct state_entry before = {0};
    bobbin_error error;
    ledger_address(ledger, job, &address);
    followed_get(ledger->journals[job->journal], job->index, &before);
    if (!history_append(ledger->directory, &address, job->attempt, before.due_or_started_us,
                        clock_us(), sentence, &error))
        log_write(ledger->log, BOBBIN_ERROR, NULL, "%s", error.text);
}

bool ledger_dead(struct ledger *ledger, const struct waiting *job, const char *sentence)
{
    remember(ledger, job, sentence);
    burial_write(ledger, job, sentence);
    return end(ledger, job, BOBBIN_STATE_DEAD);
}

bool ledger_retry(struct ledger *ledger, struct waiting *job, uint64_t due_us, const char *sentence)
{
    struct state_entry now = {.due_or_started_us = due_us};
    remember(ledger, job, sentence);
    job->due_us = due_us;
    return move(ledger, job, &now, BOBBIN_STATE_READY);
}

bool ledger_hand_back(struct ledger *ledger, struct waiting *job)
{
    struct state_entry now = {.due_or_started_us = 0};
    job->due_us = 0;
    job->attempt--;
    return move(ledger, job, &now, BOBBIN_STATE_READY);
}

bool ledger_cancelling(struct ledger *ledger, const struct waiting *job)
{
    struct state_entry now = {0}, before;
    if (followed_get(ledger->journals[job->journal], job->index, &before))
        now.slot = before.slot;
    return move(ledger, job, &now, BOBBIN_STATE_CANCELLING);
}

bool ledger_cancelled(struct ledger *ledger, const struct waiting *job)
{
    followed_note_withdrawn(ledger->journals[job->journal]);
    return end(ledger, job, BOBBIN_STATE_CANCELLED);
}

bool ledger_may_expire(struct ledger *ledger, const struct waiting *job)
{
    struct state_entry entry;
    struct followed *journal = ledger->journals[job->journal];
    if (journal == NULL || followed_is_settled(journal))
        return false;
    return !followed_get(journal, job->index, &entry) ||
           (entry.state == BOBBIN_STATE_READY && entry.attempt == 0);
}

bool ledger_expired(struct ledger *ledger, const struct waiting *job)
{
    if (!ledger_may_expire(ledger, job))
        return false;
    followed_note_withdrawn(ledger->journals[job->journal]);
    return end(ledger, job, BOBBIN_STATE_EXPIRED);
}

bool ledger_has_ended(struct ledger *ledger, const struct waiting *job)
{
    struct followed *journal = ledger->journals[job->journal];
    return journal == NULL || followed_has_ended(journal, job->index);
}

bool ledger_is_withdrawn(struct ledger *ledger, const struct waiting *job)
{
    struct followed *journal = ledger->journals[job->journal];
    if (journal == NULL || followed_is_settled(journal))
        return true; /* all of its jobs have ended: so has this one */
    return followed_has_withdrawn(journal) && followed_has_ended(journal, job->index);
}
