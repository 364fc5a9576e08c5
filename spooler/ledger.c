#include "spooler/ledger.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "spooler/files/history.h"
#include "spooler/followed.h"
#include "spooler/keys.h"
#include "spooler/parents.h"

enum { NAMES_MAX = 4096, UNFINISHED_US = 60 * 1000 * 1000 };

/* A queue that some job named. */
struct named_queue {
    char *name; /* owned */
    struct queue_settings settings;
};

struct ledger {
    const struct spool_directory *directory;
    const struct spool_settings *spool;
    const struct queue_table *table;
    const struct log *log;
    struct ledger_events events;
    struct followed **journals; /* owned; a number stays the same for ever, removed ones are NULL */
    uint32_t journal_count;
    struct named_queue queues[NAMES_MAX];
    uint16_t queue_count;
    struct queue_settings defaults;
    struct keys keys;
    struct parents parents; /* whose children were found, while a journal is followed */
};

static bool read_again(void *context, uint32_t journal, uint32_t block, uint32_t index, void *head,
                       struct record *record)
{
    const struct ledger *ledger = context;
    return ledger->journals[journal] != NULL &&
           followed_record(ledger->journals[journal], block, index, head, record);
}

struct ledger *ledger_create(const struct spool_directory *directory,
                             const struct spool_settings *spool, const struct queue_table *queues,
                             const struct log *log, const struct ledger_events *events)
{
    struct ledger *ledger = calloc(1, sizeof *ledger);
    if (ledger == NULL)
        return NULL;
    ledger->directory = directory;
    ledger->spool = spool;
    ledger->table = queues;
    ledger->log = log;
    ledger->events = *events;
    ledger->defaults = queue_defaults();
    keys_init(&ledger->keys, read_again, ledger);
    return ledger;
}

void ledger_destroy(struct ledger *ledger)
{
    if (ledger == NULL)
        return;
    for (uint32_t i = 0; i < ledger->journal_count; i++)
        followed_close(ledger->journals[i]);
    for (uint16_t i = 0; i < ledger->queue_count; i++)
        free(ledger->queues[i].name);
    keys_finish(&ledger->keys);
    free(ledger->journals);
    parents_finish(&ledger->parents);
    free(ledger);
}

/* ------------------------------------------------------------------ queues */

/* The number of a queue's name. The last number stands for all that are one too many. */
static uint16_t number_of(struct ledger *ledger, bobbin_str name)
{
    for (uint16_t i = 0; i < ledger->queue_count; i++)
        if (bobbin_is(name, ledger->queues[i].name))
            return i;
    char *copy = ledger->queue_count < NAMES_MAX ? strndup(name.data, name.length) : NULL;
    if (copy == NULL)
        return (uint16_t)(ledger->queue_count - 1);
    const struct queue_settings *settings = queue_table_find(ledger->table, name);
    struct named_queue *queue = &ledger->queues[ledger->queue_count];
    queue->name = copy;
    queue->settings = settings != NULL ? *settings : ledger->defaults;
    queue->settings.name = copy;
    return ledger->queue_count++;
}

const struct queue_settings *ledger_queue(const struct ledger *ledger, uint16_t queue)
{
    return &ledger->queues[queue].settings;
}

const char *ledger_queue_name(const struct ledger *ledger, uint16_t queue)
{
    return ledger->queues[queue].name;
}

/* ------------------------------------------------------------------ following */

static void describe(struct ledger *ledger, uint32_t journal, const struct record *record,
                     struct waiting *job)
{
    uint16_t queue = number_of(ledger, record->queue);
    const struct queue_settings *settings = ledger_queue(ledger, queue);
    *job = (struct waiting){
        .due_us = record->due_us,
        .journal = journal,
        .index = record->index,
        .block = (uint32_t)(record->offset / RECORD_ALIGN),
        .timeout_ms = record->timeout_ms > 0 ? record->timeout_ms : (uint32_t)settings->timeout_ms,
        .attempts = record->attempts > 0 ? record->attempts : (uint16_t)settings->attempts,
        .queue = queue,
        .priority = record->priority,
        .flags = (uint8_t)((record->unique_key.length > 0 ? WAITING_HAS_KEY : 0) |
                           (record->expires_us > 0 ? WAITING_EXPIRES : 0)),
    };
}

static void hold_key(struct ledger *ledger, const struct waiting *job, const struct record *record)
{
    if (!keys_hold(&ledger->keys, job, record))
        log_write(ledger->log, BOBBIN_ERROR, NULL,
                  "no memory for the unique key of a job: a duplicate of it may run");
}

static void announce(struct ledger *ledger, const struct waiting *job, uint64_t expires_us)
{
    if (expires_us > 0 && job->attempt == 0)
        ledger->events.on_expiring(ledger->events.context, job, expires_us);
    ledger->events.on_ready(ledger->events.context, job);
}

static void found(struct ledger *ledger, uint32_t journal, const struct record *record,
                  const struct state_entry *entry)
{
    struct waiting job;
    if (!parents_note(&ledger->parents, record))
        log_write(ledger->log, BOBBIN_ERROR, NULL,
                  "no memory for a job that has succeeded: it may run again");
    describe(ledger, journal, record, &job);
    job.attempt = entry->attempt;
    switch (entry->state) {
    case BOBBIN_STATE_UNKNOWN:
        if (!(job.flags & WAITING_HAS_KEY))
            announce(ledger, &job, record->expires_us);
        else if (!keys_keep(&ledger->keys, &job, record))
            log_write(ledger->log, BOBBIN_ERROR, NULL,
                      "no memory for a job with a unique key: the next leader will find it");
        break;
    case BOBBIN_STATE_READY:
        job.due_us = entry->due_or_started_us;
        if (job.flags & WAITING_HAS_KEY)
            hold_key(ledger, &job, record);
        announce(ledger, &job, record->expires_us);
        break;
    case BOBBIN_STATE_RUNNING:
    case BOBBIN_STATE_CANCELLING:
        if (job.flags & WAITING_HAS_KEY)
            hold_key(ledger, &job, record);
        ledger->events.on_running(ledger->events.context, &job, entry->slot,
                                  entry->state == BOBBIN_STATE_CANCELLING);
        break;
    default:
        break;
    }
}

static void follow(struct ledger *ledger, uint32_t number)
{
    struct followed *journal = ledger->journals[number];
    struct record record;
    struct state_entry entry;
    while (followed_next(journal, ledger->log, &record, &entry))
        found(ledger, number, &record, &entry);
}

/* The number of a journal, opened when it is new; UINT32_MAX when it cannot be. */
static uint32_t open_journal(struct ledger *ledger, uint64_t writer, uint32_t sequence)
{
    /* New journals stand at the end, and those are asked for most. */
    for (uint32_t i = ledger->journal_count; i-- > 0;)
        if (ledger->journals[i] != NULL && followed_is(ledger->journals[i], writer, sequence))
            return i;
    /* No number is ever used again: a cancelled job may still be waiting under it. */
    struct followed **journals =
        realloc(ledger->journals, (ledger->journal_count + 1) * sizeof(struct followed *));
    if (journals == NULL)
        return UINT32_MAX;
    ledger->journals = journals;
    bobbin_error error;
    struct followed *journal = followed_open(ledger->directory, writer, sequence, &error);
    if (journal == NULL) {
        if (errno != ENOENT)
            log_write(ledger->log, BOBBIN_ERROR, NULL, "%s", error.text);
        return UINT32_MAX;
    }
    journals[ledger->journal_count] = journal;
    return ledger->journal_count++;
}

static void judge_keyed(struct ledger *ledger);

/* A job whose children are there. That it ran is made up for when its state was lost with the
 * power. */
static void settle_parent(struct ledger *ledger, uint32_t number, uint32_t index)
{
    unsigned char head[RECORD_HEAD_MAX];
    struct record record;
    struct state_entry entry;
    struct waiting job;
    struct followed *journal = ledger->journals[number];
    if (followed_has_ended(journal, index) || !followed_find(journal, index, head, &record))
        return;
    describe(ledger, number, &record, &job);
    bool is_known = followed_get(journal, index, &entry);
    job.attempt = is_known ? entry.attempt : 0;
    if (!is_known || entry.state == BOBBIN_STATE_READY) {
        followed_note_withdrawn(journal); /* it may be waiting already */
        if (!ledger_start(ledger, &job, 0))
            return;
    }
    ledger->events.on_succeeded(ledger->events.context, &job);
}

/* Not while a journal is being read: the parent's may be the same one. */
static void settle_parents(struct ledger *ledger)
{
    struct job_address parent;
    while (parents_take(&ledger->parents, &parent)) {
        uint32_t number = open_journal(ledger, parent.writer, parent.sequence);
        if (number == UINT32_MAX)
            continue; /* removed: all of its jobs had ended */
        follow(ledger, number);
        settle_parent(ledger, number, parent.index);
    }
}

static void follow_by_name(struct ledger *ledger, uint64_t writer, uint32_t sequence)
{
    uint32_t number = open_journal(ledger, writer, sequence);
    if (number == UINT32_MAX)
        return;
    follow(ledger, number);
    settle_parents(ledger);
}

void ledger_follow(struct ledger *ledger, uint64_t writer, uint32_t sequence)
{
    follow_by_name(ledger, writer, sequence);
    judge_keyed(ledger);
}

void ledger_scan(struct ledger *ledger)
{
    int fd = openat(ledger->directory->journals, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    if (entries == NULL) {
        log_write(ledger->log, BOBBIN_ERROR, NULL, "the journals cannot be listed: %m");
        if (fd >= 0)
            close(fd);
        return;
    }
    uint64_t writer;
    uint32_t sequence;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;)
        if (journal_parse_name(entry->d_name, &writer, &sequence))
            follow_by_name(ledger, writer, sequence);
    closedir(entries);
    judge_keyed(ledger);
    for (uint32_t i = 0; i < ledger->journal_count; i++)
        if (ledger->journals[i] != NULL)
            followed_settle(ledger->journals[i]);
}

void ledger_address(const struct ledger *ledger, const struct waiting *job,
                    struct job_address *address)
{
    *address = (struct job_address){.block = job->block, .index = job->index};
    followed_name(ledger->journals[job->journal], &address->writer, &address->sequence);
}

/* ------------------------------------------------------------------ changes of state */

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
    if (followed_put(journal, job->index, now, &error))
        return true;
    log_write(ledger->log, BOBBIN_ERROR, NULL, "%s", error.text);
    return false;
}

static bool end_as(struct ledger *ledger, const struct waiting *job, struct state_entry *now,
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
    return end_as(ledger, job, &now, state);
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

/* ------------------------------------------------------------------ unique keys */

static void make_duplicate(struct ledger *ledger, const struct waiting *job,
                           const struct unique_job *holder)
{
    struct waiting copy = *job;
    struct state_entry now = {.first = {.block = holder->block, .index = holder->index}};
    copy.flags &= (uint8_t)~WAITING_HAS_KEY; /* it never held it */
    followed_name(ledger->journals[holder->journal], &now.first.writer, &now.first.sequence);
    end_as(ledger, &copy, &now, BOBBIN_STATE_DUPLICATE);
}

static bool was_touched(struct ledger *ledger, const struct waiting *job)
{
    struct state_entry entry;
    return followed_get(ledger->journals[job->journal], job->index, &entry);
}

static void judge(void *context, const struct keyed *keyed, const struct record *record,
                  const struct unique_job *holder)
{
    struct ledger *ledger = context;
    bool is_late = keyed->expires_us > 0 && keyed->expires_us <= clock_us();
    if (record != NULL && was_touched(ledger, &keyed->job))
        return; /* its children were found: it is done */
    if (record == NULL) {
        log_write(ledger->log, BOBBIN_ERROR, NULL,
                  "the record of a job cannot be read again: the next leader will try");
    } else if (holder != NULL) {
        make_duplicate(ledger, &keyed->job, holder);
    } else if (!is_late || !ledger_expired(ledger, &keyed->job)) {
        hold_key(ledger, &keyed->job, record);
        announce(ledger, &keyed->job, keyed->expires_us);
    }
}

static void judge_keyed(struct ledger *ledger)
{
    keys_judge(&ledger->keys, judge, ledger);
}

/* ------------------------------------------------------------------ asking */

/* The state of a job that was found by its record. */
static enum bobbin_job_state state_of(struct ledger *ledger, uint32_t number,
                                      const struct record *record, struct waiting *job,
                                      struct state_entry *entry)
{
    describe(ledger, number, record, job);
    if (!followed_get(ledger->journals[number], record->index, entry))
        return BOBBIN_STATE_READY;
    job->attempt = entry->attempt;
    return (enum bobbin_job_state)entry->state;
}

static enum bobbin_job_state find_first(struct ledger *ledger, const struct job_address *first,
                                        struct waiting *job)
{
    unsigned char head[RECORD_HEAD_MAX];
    struct record record;
    struct state_entry entry;
    uint32_t number = open_journal(ledger, first->writer, first->sequence);
    if (number == UINT32_MAX ||
        !followed_record(ledger->journals[number], first->block, first->index, head, &record))
        return BOBBIN_STATE_UNKNOWN;
    enum bobbin_job_state state = state_of(ledger, number, &record, job, &entry);
    return state == BOBBIN_STATE_DUPLICATE ? BOBBIN_STATE_UNKNOWN : state;
}

enum bobbin_job_state ledger_find(struct ledger *ledger, const struct job_address *address,
                                  struct waiting *job)
{
    unsigned char head[RECORD_HEAD_MAX];
    struct record record;
    struct state_entry entry;
    uint32_t number = open_journal(ledger, address->writer, address->sequence);
    if (number == UINT32_MAX)
        return BOBBIN_STATE_UNKNOWN;
    follow(ledger, number);
    settle_parents(ledger);
    judge_keyed(ledger);
    if (!followed_read(ledger->journals[number], address, head, &record))
        return BOBBIN_STATE_UNKNOWN;
    enum bobbin_job_state state = state_of(ledger, number, &record, job, &entry);
    if (state != BOBBIN_STATE_DUPLICATE)
        return state;
    return find_first(ledger, &entry.first, job);
}

void ledger_flush(struct ledger *ledger)
{
    for (uint32_t i = 0; i < ledger->journal_count; i++)
        if (ledger->journals[i] != NULL)
            followed_flush(ledger->journals[i], ledger->log);
}

/* Other names of jobs are known as long as those are. */
static bool is_over(const struct ledger *ledger, struct followed *journal, uint64_t now,
                    uint64_t ttl_us)
{
    uint64_t writer;
    uint32_t sequence;
    if (!followed_is_over(journal, now, ttl_us))
        return false;
    for (size_t at = 0; followed_next_first(journal, &at, &writer, &sequence);)
        for (uint32_t i = 0; i < ledger->journal_count; i++) {
            struct followed *first = ledger->journals[i];
            if (first != NULL && followed_is(first, writer, sequence) &&
                !followed_is_over(first, now, ttl_us))
                return false;
        }
    return true;
}

void ledger_sweep(struct ledger *ledger)
{
    uint64_t ttl_us = ledger->spool->result_ttl_ms * 1000, now = clock_us();
    journal_remove_unfinished(ledger->directory, now, UNFINISHED_US);
    for (uint32_t i = 0; i < ledger->journal_count; i++) {
        struct followed *journal = ledger->journals[i];
        if (journal == NULL || !is_over(ledger, journal, now, ttl_us))
            continue;
        followed_remove(journal, ledger->directory);
        followed_close(journal);
        ledger->journals[i] = NULL;
    }
}
