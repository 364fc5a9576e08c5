#include "spooler/followed.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spooler/files/blob.h"
#include "spooler/files/result.h"
#include "spooler/files/store.h"

struct first_journal {
    uint64_t writer;
    uint32_t sequence;
};

struct followed {
    const struct spool_directory *directory;
    uint64_t writer;
    uint32_t sequence;
    struct journal_reader *reader; /* NULL: settled */
    struct state_file *state;      /* NULL: settled */
    uint32_t count;                /* records so far */
    uint32_t next_index;           /* behind the last of them */
    uint32_t ended;                /* of them */
    uint64_t last_ended_us;
    bool is_complete; /* its writer is gone or moved on, and all was read */
    bool has_states;  /* a state file was there: entries may be found in it */
    bool has_withdrawn;
    struct first_journal *firsts; /* owned */
    size_t first_count;
};

static bool is_ended(uint8_t state)
{
    return state == BOBBIN_STATE_DONE || state == BOBBIN_STATE_DEAD ||
           state == BOBBIN_STATE_CANCELLED || state == BOBBIN_STATE_EXPIRED ||
           state == BOBBIN_STATE_DUPLICATE;
}

struct followed *followed_open(const struct spool_directory *directory, uint64_t writer,
                               uint32_t sequence, bobbin_error *error)
{
    struct journal_reader *reader = journal_reader_open(directory, writer, sequence, error);
    if (reader == NULL)
        return NULL;
    struct followed *journal = calloc(1, sizeof *journal);
    int states = state_open_read(directory, writer, sequence);
    if (journal != NULL) {
        *journal = (struct followed){.directory = directory,
                                     .writer = writer,
                                     .sequence = sequence,
                                     .reader = reader,
                                     .has_states = states >= 0};
        journal->state =
            state_open(directory, writer, sequence, journal_reader_salt(reader), error);
    }
    if (states >= 0)
        close(states);
    if (journal != NULL && journal->state != NULL)
        return journal;
    if (journal == NULL)
        journal_reader_close(reader);
    followed_close(journal);
    errno = EIO;
    return NULL;
}

void followed_close(struct followed *journal)
{
    if (journal == NULL)
        return;
    state_close(journal->state);
    journal_reader_close(journal->reader);
    free(journal->firsts);
    free(journal);
}

bool followed_is(const struct followed *journal, uint64_t writer, uint32_t sequence)
{
    return journal->writer == writer && journal->sequence == sequence;
}

void followed_name(const struct followed *journal, uint64_t *writer, uint32_t *sequence)
{
    *writer = journal->writer;
    *sequence = journal->sequence;
}

/* Behind a tear that nobody will mend. */
static bool pass_tear(struct followed *journal, const struct log *log, struct record *record)
{
    char name[JOURNAL_NAME_BYTES + 1];
    journal_name(journal->writer, journal->sequence, name);
    bool found = journal_resync(journal->reader, record) == JOURNAL_RECORD;
    log_write(log, found ? BOBBIN_ERROR : BOBBIN_INFO, NULL,
              found ? "the journal %s is damaged after record %u; it was read on from record %u"
                    : "the journal %s ends in a record that was not finished, after record %u",
              name, journal->count, found ? record->index : 0);
    return found;
}

/* At the end of what was written: is there more to come? The lock is looked at first: what a writer
 * wrote before it let go is found by reading once more. */
static bool read_on(struct followed *journal, const struct log *log, enum journal_step step,
                    struct record *record)
{
    if (step == JOURNAL_BROKEN) {
        log_write(log, BOBBIN_ERROR, NULL, "a journal cannot be read: %m");
        return false;
    }
    if (journal_writer_lives(journal->reader))
        return false;
    step = journal_next(journal->reader, true, record);
    if (step == JOURNAL_RECORD)
        return true;
    if (step == JOURNAL_TORN && pass_tear(journal, log, record))
        return true;
    journal->is_complete = true;
    return false;
}

/* Without memory its other names are forgotten early, that is all. */
static void note_first(struct followed *journal, const struct job_address *first)
{
    for (size_t i = 0; i < journal->first_count; i++)
        if (journal->firsts[i].writer == first->writer &&
            journal->firsts[i].sequence == first->sequence)
            return;
    struct first_journal *firsts =
        realloc(journal->firsts, (journal->first_count + 1) * sizeof *firsts);
    if (firsts == NULL)
        return;
    journal->firsts = firsts;
    firsts[journal->first_count++] = (struct first_journal){first->writer, first->sequence};
}

static void note_ended(struct followed *journal, const struct state_entry *entry)
{
    journal->ended++;
    if (entry->ended_us > journal->last_ended_us)
        journal->last_ended_us = entry->ended_us;
    if (entry->state == BOBBIN_STATE_DUPLICATE)
        note_first(journal, &entry->first);
}

bool followed_next_first(const struct followed *journal, size_t *at, uint64_t *writer,
                         uint32_t *sequence)
{
    if (*at >= journal->first_count)
        return false;
    *writer = journal->firsts[*at].writer;
    *sequence = journal->firsts[(*at)++].sequence;
    return true;
}

bool followed_next(struct followed *journal, const struct log *log, struct record *record,
                   struct state_entry *entry)
{
    if (journal->is_complete)
        return false;
    enum journal_step step = journal_next(journal->reader, true, record);
    if (step != JOURNAL_RECORD && !read_on(journal, log, step, record))
        return false;
    journal->count++;
    journal->next_index = record->index + 1;
    *entry = (struct state_entry){0};
    if (journal->has_states && state_get(journal->state, record->index, entry) &&
        is_ended(entry->state))
        note_ended(journal, entry);
    return true;
}

bool followed_read(struct followed *journal, const struct job_address *address, void *head,
                   struct record *record)
{
    return followed_record(journal, address->block, address->index, head, record) &&
           record->nonce == address->nonce;
}

bool followed_record(struct followed *journal, uint32_t block, uint32_t index, void *head,
                     struct record *record)
{
    return journal->reader != NULL &&
           journal_read_record(journal->reader, block, index, head, record);
}

void *followed_payload(struct followed *journal, const struct record *record, bobbin_error *error)
{
    void *payload = NULL;
    bool is_mapped;
    journal_read_payload(journal->reader, journal->directory, record, &payload, &is_mapped, error);
    return payload;
}

/* Its state knows the place; when that was lost with the power the journal is read from its start.
 */
bool followed_find(struct followed *journal, uint32_t index, void *head, struct record *record)
{
    struct state_entry entry;
    if (journal->reader == NULL)
        return false;
    if (followed_get(journal, index, &entry) && entry.block > 0)
        return journal_read_record(journal->reader, entry.block, index, head, record);
    struct journal_reader *reader =
        journal_reader_open(journal->directory, journal->writer, journal->sequence, NULL);
    bool found = false;
    while (reader != NULL && !found && journal_next(reader, false, record) == JOURNAL_RECORD)
        found = record->index == index;
    uint32_t block = found ? (uint32_t)(record->offset / RECORD_ALIGN) : 0;
    journal_reader_close(reader);
    return found && journal_read_record(journal->reader, block, index, head, record);
}

bool followed_has_read(const struct followed *journal, uint32_t index)
{
    return index < journal->next_index;
}

bool followed_has_ended(struct followed *journal, uint32_t index)
{
    struct state_entry entry;
    return journal->reader == NULL ||
           (followed_get(journal, index, &entry) && is_ended(entry.state));
}

bool followed_get(struct followed *journal, uint32_t index, struct state_entry *entry)
{
    return journal->state != NULL && state_get(journal->state, index, entry);
}

bool followed_put(struct followed *journal, uint32_t index, const struct state_entry *entry,
                  bobbin_error *error)
{
    if (!followed_has_read(journal, index))
        journal->has_states = true; /* it is counted when it is read */
    else if (is_ended(entry->state))
        note_ended(journal, entry);
    return state_put(journal->state, index, entry, error);
}

bool followed_flush(struct followed *journal, const struct log *log)
{
    bobbin_error error;
    if (journal->state == NULL || state_flush(journal->state, &error))
        return true;
    log_write(log, BOBBIN_ERROR, NULL, "%s", error.text);
    return false;
}

void followed_note_withdrawn(struct followed *journal)
{
    journal->has_withdrawn = true;
}

bool followed_has_withdrawn(const struct followed *journal)
{
    return journal->has_withdrawn;
}

void followed_settle(struct followed *journal)
{
    if (!journal->is_complete || journal->ended < journal->count)
        return;
    state_close(journal->state);
    journal_reader_close(journal->reader);
    journal->state = NULL;
    journal->reader = NULL;
}

bool followed_is_settled(const struct followed *journal)
{
    return journal->reader == NULL;
}

bool followed_is_over(struct followed *journal, uint64_t now_us, uint64_t ttl_us)
{
    return journal->is_complete && journal->ended >= journal->count &&
           journal->last_ended_us + ttl_us <= now_us;
}

static void remove_blobs(struct followed *journal, const struct spool_directory *directory)
{
    struct record record;
    char folder[17];
    struct journal_reader *reader =
        journal_reader_open(directory, journal->writer, journal->sequence, NULL);
    if (reader == NULL)
        return;
    while (journal_next(reader, false, &record) == JOURNAL_RECORD)
        if (record.flags & RECORD_FLAG_BLOB)
            blob_remove(directory, record.blob_writer, record.blob_counter);
    journal_reader_close(reader);
    snprintf(folder, sizeof folder, "%016" PRIx64, journal->writer);
    unlinkat(directory->blobs, folder, AT_REMOVEDIR); /* stays while another journal has blobs */
}

void followed_remove(struct followed *journal, const struct spool_directory *directory)
{
    char name[JOURNAL_NAME_BYTES + 1], state[JOURNAL_NAME_BYTES + 8];
    journal_name(journal->writer, journal->sequence, name);
    snprintf(state, sizeof state, "%s.state", name);
    remove_blobs(journal, directory);
    result_remove_all(directory->results, journal->writer, journal->sequence);
    result_remove_all(directory->history, journal->writer, journal->sequence);
    /* The journal before its states: without them its jobs would look as if they had never run. */
    store_unlink(directory->journals, name);
    store_unlink(directory->journals, state);
}
