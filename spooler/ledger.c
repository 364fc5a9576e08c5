#include "spooler/ledgerstate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "spooler/burial.h"
#include "spooler/followed.h"

enum { UNFINISHED_US = 60 * 1000 * 1000 };

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
    ledger->queues = queuenames_create(queues);
    ledger->census = ledger->queues != NULL ? census_create(directory, ledger->queues, log,
                                                            events->count_later, events->context)
                                            : NULL;
    if (ledger->census == NULL) {
        queuenames_destroy(ledger->queues);
        free(ledger);
        return NULL;
    }
    ledger->directory = directory;
    ledger->spool = spool;
    ledger->log = log;
    ledger->events = *events;
    keys_init(&ledger->keys, read_again, ledger);
    return ledger;
}

void ledger_destroy(struct ledger *ledger)
{
    if (ledger == NULL)
        return;
    for (uint32_t i = 0; i < ledger->journal_count; i++)
        followed_close(ledger->journals[i]);
    census_destroy(ledger->census);
    queuenames_destroy(ledger->queues);
    keys_finish(&ledger->keys);
    free(ledger->journals);
    parents_finish(&ledger->parents);
    free(ledger);
}

/* ------------------------------------------------------------------ following */

static void describe(struct ledger *ledger, uint32_t journal, const struct record *record,
                     struct waiting *job)
{
    uint16_t queue = queuenames_number(ledger->queues, record->queue);
    const struct queue_settings *settings = ledger_queue(ledger, queue);
    *job = (struct waiting){
        .due_us = record->due_us,
        .payload_bytes = record->payload_bytes,
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
    census_found(ledger->census, &job, entry->state);
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
        burial_undo(ledger, &job, record);
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
static void judge_new(struct ledger *ledger);

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
    judge_new(ledger);
}

/* Every journal that has a name, to its end. */
static void follow_all(struct ledger *ledger)
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
}

void ledger_scan(struct ledger *ledger)
{
    follow_all(ledger);
    judge_keyed(ledger);
    for (uint32_t i = 0; i < ledger->journal_count; i++)
        if (ledger->journals[i] != NULL)
            followed_settle(ledger->journals[i]);
}

/* ------------------------------------------------------------------ unique keys */

static void make_duplicate(struct ledger *ledger, const struct waiting *job,
                           const struct unique_job *holder)
{
    struct waiting copy = *job;
    struct state_entry now = {.first = {.block = holder->block, .index = holder->index}};
    copy.flags &= (uint8_t)~WAITING_HAS_KEY; /* it never held it */
    followed_name(ledger->journals[holder->journal], &now.first.writer, &now.first.sequence);
    ledger_end_as(ledger, &copy, &now, BOBBIN_STATE_DUPLICATE);
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

/* An earlier job with the same key may lie in a journal that nobody has told of: its writer was
 * killed between its sync and its wake-up, or the wake-up is still on its way. */
static void judge_new(struct ledger *ledger)
{
    if (ledger->keys.found_count == 0)
        return;
    follow_all(ledger);
    judge_keyed(ledger);
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
    judge_new(ledger);
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
    census_flush(ledger->census);
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
    burial_sweep(ledger, now);
    for (uint32_t i = 0; i < ledger->journal_count; i++) {
        struct followed *journal = ledger->journals[i];
        if (journal == NULL || !is_over(ledger, journal, now, ttl_us))
            continue;
        followed_remove(journal, ledger->directory);
        followed_close(journal);
        ledger->journals[i] = NULL;
    }
}
