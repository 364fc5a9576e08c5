#include "spooler/lookup.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spooler/files/history.h"
#include "spooler/files/id.h"
#include "spooler/files/journal.h"
#include "spooler/files/result.h"
#include "spooler/files/slotpage.h"
#include "spooler/files/state.h"

enum { OPEN_JOURNALS = 16 };

/* A journal that is open for reading. */
struct open_journal {
    uint64_t writer;
    uint32_t sequence;
    struct journal_reader *reader; /* NULL: a free place */
    int state_fd;                  /* -1: there was no state file yet */
    uint64_t used;                 /* when: the least one gives way */
};

struct lookup {
    const struct spool_directory *directory;
    const struct queue_table *queues;
    struct open_journal journals[OPEN_JOURNALS];
    uint64_t clock;
    struct job_address address;
    char id[ID_TEXT_BYTES + 1];
    char error[512];
    struct slot_progress progress;
    struct result_info result;
    unsigned char head[RECORD_HEAD_MAX];
};

struct lookup *lookup_create(const struct spool_directory *directory,
                             const struct queue_table *queues)
{
    struct lookup *lookup = calloc(1, sizeof *lookup);
    if (lookup != NULL) {
        lookup->directory = directory;
        lookup->queues = queues;
    }
    return lookup;
}

static void forget(struct open_journal *journal)
{
    if (journal->reader == NULL)
        return;
    journal_reader_close(journal->reader);
    if (journal->state_fd >= 0)
        close(journal->state_fd);
    *journal = (struct open_journal){0};
}

void lookup_destroy(struct lookup *lookup)
{
    if (lookup == NULL)
        return;
    for (int i = 0; i < OPEN_JOURNALS; i++)
        forget(&lookup->journals[i]);
    free(lookup);
}

static struct open_journal *open_journal(struct lookup *lookup, const struct job_address *address)
{
    struct open_journal *place = &lookup->journals[0];
    for (int i = 0; i < OPEN_JOURNALS; i++) {
        struct open_journal *journal = &lookup->journals[i];
        if (journal->reader != NULL && journal->writer == address->writer &&
            journal->sequence == address->sequence)
            return journal;
        if (journal->used < place->used)
            place = journal;
    }
    forget(place);
    place->reader =
        journal_reader_open(lookup->directory, address->writer, address->sequence, NULL);
    if (place->reader == NULL)
        return NULL;
    place->writer = address->writer;
    place->sequence = address->sequence;
    place->state_fd = -1;
    return place;
}

static void read_state(struct lookup *lookup, struct open_journal *journal,
                       const struct job_address *address, struct state_entry *entry)
{
    if (journal->state_fd < 0)
        journal->state_fd = state_open_read(lookup->directory, address->writer, address->sequence);
    if (!state_read(journal->state_fd, journal_reader_salt(journal->reader), address->index, entry))
        *entry = (struct state_entry){.state = BOBBIN_STATE_READY};
}

static void fill_times(struct bobbin_job_info *info, const struct record *record,
                       const struct state_entry *entry)
{
    info->enqueued_us = record->enqueued_us;
    if (entry->state == BOBBIN_STATE_READY) {
        info->due_us = entry->due_or_started_us > 0 ? entry->due_or_started_us : record->due_us;
        return;
    }
    info->started_us = entry->due_or_started_us;
    info->ended_us = entry->ended_us;
}

static void fill_result(struct lookup *lookup, const struct job_address *address, unsigned flags,
                        struct bobbin_job_info *info)
{
    int fd = result_open(lookup->directory, address, &lookup->result);
    if (fd < 0)
        return;
    info->has_result = true;
    info->result_offset = lookup->result.offset;
    info->result_length = lookup->result.length;
    info->result_type = bobbin_text(lookup->result.content_type);
    if (flags & BOBBIN_WITH_RESULT)
        info->result_fd = fd;
    else
        close(fd);
}

static void fill(struct lookup *lookup, const struct job_address *address, unsigned flags,
                 const struct record *record, const struct state_entry *entry,
                 struct bobbin_job_info *info)
{
    const struct queue_settings *queue = queue_table_find(lookup->queues, record->queue);
    info->state = (enum bobbin_job_state)entry->state;
    info->queue = record->queue;
    info->attempt = entry->attempt;
    info->attempts = record->attempts > 0 ? record->attempts
                     : queue != NULL      ? (unsigned)queue->attempts
                                          : 0;
    fill_times(info, record, entry);
    if (entry->state == BOBBIN_STATE_RUNNING &&
        slotpage_read(lookup->directory, entry->slot, address, entry->attempt, &lookup->progress)) {
        info->percent = lookup->progress.percent;
        info->progress = bobbin_text(lookup->progress.words);
    }
    if (entry->attempt > 0 && entry->state != BOBBIN_STATE_DONE) {
        history_last(lookup->directory, address, lookup->error, sizeof lookup->error);
        info->error = bobbin_text(lookup->error);
    }
    if (entry->state == BOBBIN_STATE_DONE) {
        info->percent = 100;
        fill_result(lookup, address, flags, info);
    }
}

/* Record and state at an address; its nonce is not looked at. */
static bool read_job(struct lookup *lookup, const struct job_address *address,
                     struct record *record, struct state_entry *entry)
{
    struct open_journal *journal = open_journal(lookup, address);
    if (journal == NULL)
        return false;
    journal->used = ++lookup->clock;
    if (!journal_read_record(journal->reader, address->block, address->index, lookup->head, record))
        return false;
    read_state(lookup, journal, address, entry);
    return true;
}

void lookup_find(struct lookup *lookup, bobbin_str id, unsigned flags, struct bobbin_job_info *info)
{
    struct job_address address;
    struct record record;
    struct state_entry entry;
    *info = (struct bobbin_job_info){.size = sizeof *info,
                                     .state = BOBBIN_STATE_UNKNOWN,
                                     .id = {"", 0},
                                     .queue = {"", 0},
                                     .percent = -1,
                                     .progress = {"", 0},
                                     .error = {"", 0},
                                     .result_fd = -1,
                                     .result_type = {"", 0}};
    if (id.data == NULL || !id_parse(id.data, id.length, &address))
        return;
    uint64_t nonce = address.nonce;
    if (!read_job(lookup, &address, &record, &entry) || record.nonce != nonce)
        return;
    id_format(&address, lookup->id);
    if (entry.state == BOBBIN_STATE_DUPLICATE) {
        address = entry.first;
        if (!read_job(lookup, &address, &record, &entry) || entry.state == BOBBIN_STATE_DUPLICATE)
            return;
    }
    info->id = (bobbin_str){lookup->id, ID_TEXT_BYTES};
    address.nonce = record.nonce;
    lookup->address = address;
    fill(lookup, &address, flags, &record, &entry, info);
}

void lookup_address(const struct lookup *lookup, struct job_address *address)
{
    *address = lookup->address;
}
