#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/log.h"
#include "spooler/files/history.h"
#include "spooler/files/journal.h"
#include "spooler/files/queuepage.h"
#include "spooler/files/state.h"
#include "spooler/ledger.h"
#include "spooler/lookup.h"
#include "tests/unit/spoolfolder.h"

enum { WRITER = 5 };

/* What the ledger found. */
struct found {
    struct waiting ready[16], running[16];
    uint32_t slots[16];
    struct job_address ended[16];
    struct waiting expiring[16];
    size_t expiring_count, ready_count, running_count, ended_count;
    struct ledger *ledger; /* once it is open: who has succeeded is made done */
    struct waiting succeeded[16];
    size_t succeeded_count;
};

static void on_ready(void *context, const struct waiting *job)
{
    struct found *found = context;
    found->ready[found->ready_count++] = *job;
}

static void on_running(void *context, const struct waiting *job, uint32_t slot, bool is_cancelled)
{
    struct found *found = context;
    (void)is_cancelled;
    found->slots[found->running_count] = slot;
    found->running[found->running_count++] = *job;
}

static void on_expiring(void *context, const struct waiting *job, uint64_t expires_us)
{
    struct found *found = context;
    (void)expires_us;
    found->expiring[found->expiring_count++] = *job;
}

static void on_ended(void *context, const struct job_address *address)
{
    struct found *found = context;
    found->ended[found->ended_count++] = *address;
}

static void on_succeeded(void *context, const struct waiting *job)
{
    struct found *found = context;
    assert_true(ledger_done(found->ledger, job));
    found->succeeded[found->succeeded_count++] = *job;
}

static struct spool_settings settings;
static struct queue_table queues;
static struct log quiet;

static struct ledger *opened(const struct spoolfolder *folder, struct found *found)
{
    *found = (struct found){0};
    quiet = (struct log){.fd = -1, .level = BOBBIN_ERROR + 1, .role = "test"};
    settings = (struct spool_settings){.result_ttl_ms = 0};
    const struct ledger_events events = {.context = found,
                                         .on_expiring = on_expiring,
                                         .on_ready = on_ready,
                                         .on_running = on_running,
                                         .on_succeeded = on_succeeded,
                                         .on_ended = on_ended};
    struct ledger *ledger = ledger_create(&folder->directory, &settings, &queues, &quiet, &events);
    assert_non_null(ledger);
    found->ledger = ledger;
    ledger_scan(ledger);
    return ledger;
}

static size_t payload_bytes; /* of each job that is written */

static void write_jobs(const struct spoolfolder *folder, struct journal *journal, int count)
{
    bobbin_error error;
    unsigned char bytes[512];
    if (journal->fd < 0)
        assert_true(journal_create(journal, &folder->directory, WRITER, 1, 64 * 1024, &error));
    for (int i = 0; i < count; i++) {
        struct record record = {.offset = journal->end,
                                .index = journal->next_index,
                                .nonce = 100 + journal->next_index,
                                .priority = 5,
                                .queue = {"q", 1},
                                .payload = {"a payload", payload_bytes},
                                .payload_bytes = payload_bytes};
        size_t size = record_size(&record);
        record_encode(&record, journal->salt, bytes);
        struct iovec vector = {bytes, size};
        assert_true(journal_append(journal, &vector, 1, size, 1, &error));
    }
}

static void every_job_is_found_once_and_new_ones_later(void **state)
{
    struct spoolfolder *folder = *state;
    struct journal journal = {.fd = -1};
    struct found found;
    write_jobs(folder, &journal, 3);
    struct ledger *ledger = opened(folder, &found);
    assert_int_equal(found.ready_count, 3);
    assert_string_equal(ledger_queue(ledger, found.ready[0].queue)->name, "q");
    assert_int_equal(found.ready[0].attempts, 5); /* as a queue without a section has */
    ledger_scan(ledger);
    assert_int_equal(found.ready_count, 3);
    write_jobs(folder, &journal, 2);
    ledger_follow(ledger, WRITER, 1);
    assert_int_equal(found.ready_count, 5);
    assert_int_equal(found.ready[4].index, 4);
    ledger_destroy(ledger);
    journal_close(&journal);
}

static void a_new_leader_knows_what_became_of_every_job(void **state)
{
    struct spoolfolder *folder = *state;
    struct journal journal = {.fd = -1};
    struct found found;
    write_jobs(folder, &journal, 6);
    struct ledger *ledger = opened(folder, &found);
    struct waiting *jobs = found.ready;
    for (int i = 1; i < 5; i++)
        assert_true(ledger_start(ledger, &jobs[i], 7));
    assert_true(ledger_done(ledger, &jobs[1]));
    assert_true(ledger_dead(ledger, &jobs[2], "its reason"));
    assert_true(ledger_retry(ledger, &jobs[3], 12345, "not yet"));
    assert_true(ledger_cancelled(ledger, &jobs[5]));
    assert_int_equal(found.ended_count, 3);
    assert_int_equal(found.ended[1].index, 2);
    ledger_destroy(ledger);
    ledger = opened(folder, &found);
    assert_int_equal(found.ready_count, 2);
    assert_int_equal(found.ready[0].index, 0);
    assert_int_equal(found.ready[0].attempt, 0);
    assert_int_equal(found.ready[1].index, 3);
    assert_int_equal(found.ready[1].attempt, 1);
    assert_int_equal(found.ready[1].due_us, 12345);
    assert_int_equal(found.running_count, 1);
    assert_int_equal(found.running[0].index, 4);
    assert_int_equal(found.slots[0], 7);
    char sentence[64];
    struct job_address address = {.writer = WRITER, .sequence = 1, .index = 2};
    history_last(&folder->directory, &address, sentence, sizeof sentence);
    assert_string_equal(sentence, "its reason");
    ledger_destroy(ledger);
    journal_close(&journal);
}

static struct queuepage counted(struct ledger *ledger, const struct spoolfolder *folder)
{
    struct queuepage page;
    ledger_flush(ledger);
    close(queuepage_open(&folder->directory, bobbin_text("q"), &page));
    return page;
}

static void expect_counts(const struct queuepage *page, uint64_t ready, uint64_t running,
                          uint64_t dead, uint64_t bytes)
{
    assert_int_equal(page->ready, ready);
    assert_int_equal(page->running, running);
    assert_int_equal(page->dead, dead);
    assert_int_equal(page->bytes, bytes);
}

static void what_waits_and_runs_is_counted_and_published(void **state)
{
    struct spoolfolder *folder = *state;
    struct journal journal = {.fd = -1};
    struct found found;
    payload_bytes = 10;
    write_jobs(folder, &journal, 6);
    struct ledger *ledger = opened(folder, &found);
    struct waiting *jobs = found.ready;
    struct queuepage page = counted(ledger, folder);
    expect_counts(&page, 6, 0, 0, 60);
    for (int i = 0; i < 4; i++)
        assert_true(ledger_start(ledger, &jobs[i], 7));
    assert_true(ledger_cancelling(ledger, &jobs[0]));
    page = counted(ledger, folder);
    expect_counts(&page, 2, 4, 0, 20);
    assert_true(ledger_cancelled(ledger, &jobs[0]));
    assert_true(ledger_done(ledger, &jobs[1]));
    assert_true(ledger_dead(ledger, &jobs[2], "its reason"));
    assert_true(ledger_cancelled(ledger, &jobs[5]));
    page = counted(ledger, folder);
    expect_counts(&page, 1, 1, 1, 10);
    assert_true(ledger_retry(ledger, &jobs[3], 12345, "not yet"));
    page = counted(ledger, folder);
    expect_counts(&page, 2, 0, 1, 20);
    uint64_t turn = page.turn;
    assert_int_equal(counted(ledger, folder).turn, turn); /* nothing is written for nothing */
    ledger_destroy(ledger);
    ledger = opened(folder, &found); /* counts anew */
    ledger_sweep(ledger);
    page = counted(ledger, folder);
    expect_counts(&page, 2, 0, 1, 20);
    assert_int_equal(page.turn, turn + 1);
    ledger_destroy(ledger);
    payload_bytes = 0;
    journal_close(&journal);
}

static void what_is_handed_back_is_not_charged(void **state)
{
    struct spoolfolder *folder = *state;
    struct journal journal = {.fd = -1};
    struct found found;
    write_jobs(folder, &journal, 1);
    struct ledger *ledger = opened(folder, &found);
    assert_true(ledger_start(ledger, &found.ready[0], 1));
    assert_int_equal(found.ready[0].attempt, 1);
    assert_true(ledger_hand_back(ledger, &found.ready[0]));
    assert_int_equal(found.ready[0].attempt, 0);
    ledger_destroy(ledger);
    journal_close(&journal);
}

static void illegal_changes_are_refused(void **state)
{
    struct spoolfolder *folder = *state;
    struct journal journal = {.fd = -1};
    struct found found;
    write_jobs(folder, &journal, 1);
    struct ledger *ledger = opened(folder, &found);
    struct waiting *job = &found.ready[0];
    assert_false(ledger_done(ledger, job)); /* it never ran */
    assert_true(ledger_start(ledger, job, 1));
    assert_false(ledger_cancelled(ledger, job)); /* it runs: cancelling comes first */
    assert_true(ledger_cancelling(ledger, job));
    assert_false(ledger_retry(ledger, job, 0, "x"));
    assert_true(ledger_cancelled(ledger, job));
    assert_false(ledger_start(ledger, job, 1));
    ledger_destroy(ledger);
    journal_close(&journal);
}

static void an_entry_that_power_loss_made_insane_means_ready(void **state)
{
    struct spoolfolder *folder = *state;
    struct journal journal = {.fd = -1};
    struct found found;
    char path[128];
    write_jobs(folder, &journal, 1);
    struct ledger *ledger = opened(folder, &found);
    assert_true(ledger_start(ledger, &found.ready[0], 1));
    assert_true(ledger_done(ledger, &found.ready[0]));
    ledger_destroy(ledger);
    snprintf(path, sizeof path, "%s/journals/0000000000000005.00000001.state", folder->path);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "\xff", 1, STATE_HEAD_BYTES + 3), 1);
    close(fd);
    ledger = opened(folder, &found);
    assert_int_equal(found.ready_count, 1);
    ledger_destroy(ledger);
    journal_close(&journal);
}

static void a_journal_whose_jobs_have_ended_is_swept_when_its_writer_is_gone(void **state)
{
    struct spoolfolder *folder = *state;
    struct journal journal = {.fd = -1};
    struct found found;
    char path[128];
    snprintf(path, sizeof path, "%s/journals/0000000000000005.00000001", folder->path);
    write_jobs(folder, &journal, 2);
    struct ledger *ledger = opened(folder, &found);
    for (int i = 0; i < 2; i++) {
        assert_true(ledger_start(ledger, &found.ready[i], 1));
        ledger_sweep(ledger);
        assert_true(ledger_done(ledger, &found.ready[i]));
    }
    ledger_scan(ledger);
    ledger_sweep(ledger);
    assert_int_equal(access(path, F_OK), 0); /* its writer lives */
    journal_close(&journal);
    ledger_scan(ledger);
    ledger_sweep(ledger);
    assert_int_equal(access(path, F_OK), -1);
    assert_true(ledger_is_withdrawn(ledger, &found.ready[0])); /* nobody runs it again */
    ledger_destroy(ledger);
}

/* A job with a key, or one that expires, in a journal of its own writer. */
static void write_job(const struct spoolfolder *folder, uint64_t writer, const char *key,
                      uint64_t enqueued_us, uint64_t expires_us)
{
    bobbin_error error;
    unsigned char bytes[512];
    struct journal journal = {.fd = -1};
    assert_true(journal_create(&journal, &folder->directory, writer, 1, 64 * 1024, &error));
    struct record record = {.offset = journal.end,
                            .nonce = writer,
                            .enqueued_us = enqueued_us,
                            .expires_us = expires_us,
                            .queue = {"q", 1},
                            .unique_key = bobbin_text(key)};
    size_t size = record_size(&record);
    record_encode(&record, journal.salt, bytes);
    struct iovec vector = {bytes, size};
    assert_true(journal_append(&journal, &vector, 1, size, 1, &error));
    journal_close(&journal);
}

/* The first record of a writer's first journal. */
static struct job_address address_of(uint64_t writer)
{
    return (struct job_address){
        .writer = writer, .sequence = 1, .block = JOURNAL_HEAD_BYTES / 64, .nonce = writer};
}

static uint64_t writer_of(const struct ledger *ledger, const struct waiting *job)
{
    struct job_address address;
    ledger_address(ledger, job, &address);
    return address.writer;
}

static enum bobbin_job_state state_of(const struct spoolfolder *folder, uint64_t writer)
{
    struct bobbin_job_info info;
    struct lookup *lookup = lookup_create(&folder->directory, &queues);
    struct job_address address = address_of(writer);
    char id[ID_TEXT_BYTES + 1];
    id_format(&address, id);
    lookup_find(lookup, bobbin_text(id), 0, &info);
    if (info.state != BOBBIN_STATE_UNKNOWN)
        assert_true(bobbin_is(info.id, id)); /* its own, also of a duplicate */
    lookup_destroy(lookup);
    return info.state;
}

static void of_one_key_the_earliest_runs_and_the_others_are_its_names(void **state)
{
    struct spoolfolder *folder = *state;
    struct found found;
    struct waiting job;
    write_job(folder, 1, "x", 30, 0);
    write_job(folder, 2, "x", 10, 0);
    write_job(folder, 3, "x", 20, 0);
    write_job(folder, 4, "y", 40, 0);
    struct ledger *ledger = opened(folder, &found);
    assert_int_equal(found.ready_count, 2);
    assert_int_equal(writer_of(ledger, &found.ready[0]), 2);
    assert_int_equal(writer_of(ledger, &found.ready[1]), 4);
    assert_int_equal(found.ended_count, 2);
    write_job(folder, 5, "x", 1, 0); /* too late to be the first */
    ledger_follow(ledger, 5, 1);
    assert_int_equal(found.ready_count, 2);
    struct job_address address = address_of(5);
    assert_int_equal(ledger_find(ledger, &address, &job), BOBBIN_STATE_READY);
    assert_int_equal(writer_of(ledger, &job), 2);
    assert_true(ledger_start(ledger, &found.ready[0], 1));
    ledger_flush(ledger);
    assert_int_equal(state_of(folder, 5), BOBBIN_STATE_RUNNING);
    assert_true(ledger_done(ledger, &found.ready[0]));
    ledger_flush(ledger);
    assert_int_equal(state_of(folder, 1), BOBBIN_STATE_DONE);
    write_job(folder, 6, "x", 50, 0); /* the key is free again */
    ledger_follow(ledger, 6, 1);
    assert_int_equal(found.ready_count, 3);
    assert_int_equal(writer_of(ledger, &found.ready[2]), 6);
    ledger_destroy(ledger);
}

/* Its writer was killed between its sync and its wake-up. */
static void one_that_nobody_told_of_is_first_all_the_same(void **state)
{
    struct spoolfolder *folder = *state;
    struct found found;
    struct waiting job;
    struct ledger *ledger = opened(folder, &found);
    write_job(folder, 1, "x", 10, 0);
    write_job(folder, 2, "x", 20, 0);
    ledger_follow(ledger, 2, 1);
    assert_int_equal(found.ready_count, 1);
    assert_int_equal(writer_of(ledger, &found.ready[0]), 1);
    write_job(folder, 3, "y", 30, 0);
    write_job(folder, 4, "y", 40, 0);
    struct job_address address = address_of(4);
    assert_int_equal(ledger_find(ledger, &address, &job), BOBBIN_STATE_READY);
    assert_int_equal(writer_of(ledger, &job), 3);
    ledger_destroy(ledger);
}

static void one_that_a_leader_has_touched_keeps_its_key(void **state)
{
    struct spoolfolder *folder = *state;
    struct found found;
    write_job(folder, 9, "x", 90, 0);
    struct ledger *ledger = opened(folder, &found);
    assert_true(ledger_start(ledger, &found.ready[0], 1));
    ledger_destroy(ledger);
    write_job(folder, 1, "x", 10, 0);
    ledger = opened(folder, &found);
    assert_int_equal(found.running_count, 1);
    assert_int_equal(found.ready_count, 0);
    ledger_flush(ledger);
    assert_int_equal(state_of(folder, 1), BOBBIN_STATE_RUNNING);
    assert_true(ledger_retry(ledger, &found.running[0], 5, "x"));
    ledger_destroy(ledger);
    write_job(folder, 2, "x", 5, 0);
    ledger = opened(folder, &found);
    assert_int_equal(found.ready_count, 1);
    assert_int_equal(writer_of(ledger, &found.ready[0]), 9);
    ledger_destroy(ledger);
}

static void a_name_whose_first_is_gone_is_unknown(void **state)
{
    struct spoolfolder *folder = *state;
    struct found found;
    char path[128];
    write_job(folder, 1, "x", 10, 0);
    write_job(folder, 2, "x", 20, 0);
    struct ledger *ledger = opened(folder, &found);
    ledger_destroy(ledger);
    assert_int_equal(state_of(folder, 2), BOBBIN_STATE_READY);
    snprintf(path, sizeof path, "%s/journals/0000000000000001.00000001", folder->path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(state_of(folder, 2), BOBBIN_STATE_UNKNOWN);
}

static void a_journal_with_a_name_stays_while_its_first_does(void **state)
{
    struct spoolfolder *folder = *state;
    struct found found;
    char path[128];
    write_job(folder, 1, "x", 10, 0);
    write_job(folder, 2, "x", 20, 0);
    snprintf(path, sizeof path, "%s/journals/0000000000000002.00000001", folder->path);
    for (int leaders = 0; leaders < 2; leaders++) {
        struct ledger *ledger = opened(folder, &found);
        ledger_scan(ledger);
        ledger_sweep(ledger);
        assert_int_equal(access(path, F_OK), 0);
        if (leaders == 1) {
            assert_true(ledger_cancelled(ledger, &found.ready[0]));
            ledger_scan(ledger);
            ledger_sweep(ledger);
            assert_int_equal(access(path, F_OK), -1);
        }
        ledger_destroy(ledger);
    }
}

static void a_job_that_has_not_begun_expires_and_one_that_has_does_not(void **state)
{
    struct spoolfolder *folder = *state;
    struct found found;
    for (uint64_t writer = 1; writer <= 3; writer++)
        write_job(folder, writer, "", writer, 1000000);
    struct ledger *ledger = opened(folder, &found);
    assert_int_equal(found.expiring_count, 3);
    assert_int_equal(found.ready_count, 3);
    assert_true(ledger_start(ledger, &found.ready[1], 1));
    assert_true(ledger_start(ledger, &found.ready[2], 1));
    assert_true(ledger_retry(ledger, &found.ready[2], 5, "x"));
    assert_true(ledger_expired(ledger, &found.expiring[0]));
    for (int i = 0; i < 3; i++)
        assert_false(ledger_expired(ledger, &found.expiring[i]));
    assert_true(ledger_is_withdrawn(ledger, &found.ready[0]));
    assert_false(ledger_is_withdrawn(ledger, &found.ready[2]));
    assert_int_equal(found.ended_count, 1);
    ledger_destroy(ledger);
    ledger = opened(folder, &found);
    assert_int_equal(found.expiring_count, 0); /* the one that is tried again has begun */
    assert_int_equal(found.ready_count, 1);
    ledger_destroy(ledger);
}

static void one_that_expired_unseen_holds_no_key(void **state)
{
    struct spoolfolder *folder = *state;
    struct found found;
    write_job(folder, 1, "x", 10, 11);
    write_job(folder, 2, "x", 20, 0);
    struct ledger *ledger = opened(folder, &found);
    assert_int_equal(found.ready_count, 1);
    assert_int_equal(writer_of(ledger, &found.ready[0]), 2);
    ledger_destroy(ledger);
    assert_int_equal(state_of(folder, 1), BOBBIN_STATE_EXPIRED);
}

/* A group of children of the job with that index in the journal of write_jobs, by another writer;
 * only so many of it are written. */
static void write_children(const struct spoolfolder *folder, struct journal *journal,
                           uint64_t writer, uint32_t parent, uint32_t count, uint32_t written)
{
    bobbin_error error;
    unsigned char bytes[512];
    if (journal->fd < 0)
        assert_true(journal_create(journal, &folder->directory, writer, 1, 64 * 1024, &error));
    for (uint32_t i = 0; i < written; i++) {
        struct record record = {.offset = journal->end,
                                .index = journal->next_index,
                                .priority = 5,
                                .flags = i > 0 ? RECORD_FLAG_GROUPED : 0,
                                .group_left = count - 1 - i,
                                .parent_writer = WRITER,
                                .parent_sequence = 1,
                                .parent_index = parent,
                                .queue = {"child", 5}};
        size_t size = record_size(&record);
        record_encode(&record, journal->salt, bytes);
        struct iovec vector = {bytes, size};
        assert_true(journal_append(journal, &vector, 1, size, 1, &error));
    }
}

/* Leaves on the disk what a leader leaves that dies while two jobs run. */
static void leave_two_running(const struct spoolfolder *folder, struct journal *journal)
{
    struct found found;
    write_jobs(folder, journal, 2);
    struct ledger *ledger = opened(folder, &found);
    for (int i = 0; i < 2; i++)
        assert_true(ledger_start(ledger, &found.ready[i], 7));
    ledger_destroy(ledger);
}

/* Whichever journal is read first. */
static void a_running_job_whose_children_are_there_is_done(void **state)
{
    struct spoolfolder *folder = *state;
    struct journal journal = {.fd = -1}, children = {.fd = -1}, more = {.fd = -1};
    struct found found;
    leave_two_running(folder, &journal);
    write_children(folder, &children, WRITER - 1, 0, 3, 3);
    write_children(folder, &more, WRITER + 1, 1, 2, 2);
    struct ledger *ledger = opened(folder, &found);
    assert_int_equal(found.succeeded_count, 2);
    assert_int_equal(found.succeeded[0].attempt, 1);
    assert_int_equal(found.ready_count, 5); /* the children */
    for (size_t i = 0; i < found.running_count; i++)
        assert_true(ledger_has_ended(ledger, &found.running[i]));
    ledger_scan(ledger);
    assert_int_equal(found.succeeded_count, 2);
    ledger_destroy(ledger);
    ledger = opened(folder, &found);
    assert_int_equal(found.succeeded_count + found.running_count, 0);
    assert_int_equal(found.ready_count, 5);
    ledger_destroy(ledger);
    journal_close(&journal);
    journal_close(&children);
    journal_close(&more);
}

static void children_that_are_not_all_there_prove_nothing(void **state)
{
    struct spoolfolder *folder = *state;
    struct journal journal = {.fd = -1}, children = {.fd = -1};
    struct found found;
    leave_two_running(folder, &journal);
    write_children(folder, &children, WRITER + 1, 0, 3, 2);
    struct ledger *ledger = opened(folder, &found);
    assert_int_equal(found.succeeded_count, 0);
    assert_int_equal(found.running_count, 2);
    assert_int_equal(found.ready_count, 0);
    journal_close(&children); /* their writer died */
    ledger_scan(ledger);
    assert_int_equal(found.succeeded_count + found.ready_count, 0);
    ledger_destroy(ledger);
    journal_close(&journal);
}

static void a_job_whose_state_was_lost_is_done_when_its_children_are_there(void **state)
{
    struct spoolfolder *folder = *state;
    struct journal journal = {.fd = -1}, children = {.fd = -1};
    struct found found;
    char path[128];
    leave_two_running(folder, &journal);
    write_children(folder, &children, WRITER + 1, 1, 2, 2);
    snprintf(path, sizeof path, "%s/journals/0000000000000005.00000001.state", folder->path);
    assert_int_equal(unlink(path), 0);
    struct ledger *ledger = opened(folder, &found);
    assert_int_equal(found.succeeded_count, 1);
    assert_int_equal(found.succeeded[0].index, 1);
    size_t runnable = 0;
    for (size_t i = 0; i < found.ready_count; i++)
        runnable += !ledger_is_withdrawn(ledger, &found.ready[i]);
    assert_int_equal(runnable, 3); /* the other job, and two children */
    ledger_destroy(ledger);
    ledger = opened(folder, &found);
    assert_int_equal(found.succeeded_count, 0);
    assert_int_equal(found.ready_count, 3);
    ledger_destroy(ledger);
    journal_close(&journal);
    journal_close(&children);
}

static void children_in_the_parents_journal_and_later_ones_are_seen(void **state)
{
    struct spoolfolder *folder = *state;
    struct journal journal = {.fd = -1};
    struct found found;
    write_jobs(folder, &journal, 2);
    struct ledger *ledger = opened(folder, &found);
    for (int i = 0; i < 2; i++)
        assert_true(ledger_start(ledger, &found.ready[i], 7));
    write_children(folder, &journal, WRITER, 0, 2, 2);
    ledger_follow(ledger, WRITER, 1);
    assert_int_equal(found.succeeded_count, 1);
    assert_false(ledger_has_ended(ledger, &found.ready[1]));
    assert_true(ledger_cancelling(ledger, &found.ready[1]));
    write_children(folder, &journal, WRITER, 1, 1, 1);
    ledger_scan(ledger);
    assert_int_equal(found.succeeded_count, 2);
    assert_int_equal(found.ready_count, 5);
    ledger_destroy(ledger);
    journal_close(&journal);
}

static void children_of_a_job_that_is_long_gone_just_run(void **state)
{
    struct spoolfolder *folder = *state;
    struct journal children = {.fd = -1};
    struct found found;
    write_children(folder, &children, WRITER + 1, 0, 2, 2);
    struct ledger *ledger = opened(folder, &found);
    assert_int_equal(found.succeeded_count, 0);
    assert_int_equal(found.ready_count, 2);
    ledger_destroy(ledger);
    journal_close(&children);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SPOOL(every_job_is_found_once_and_new_ones_later),
        WITH_SPOOL(a_new_leader_knows_what_became_of_every_job),
        WITH_SPOOL(what_waits_and_runs_is_counted_and_published),
        WITH_SPOOL(what_is_handed_back_is_not_charged),
        WITH_SPOOL(illegal_changes_are_refused),
        WITH_SPOOL(an_entry_that_power_loss_made_insane_means_ready),
        WITH_SPOOL(a_journal_whose_jobs_have_ended_is_swept_when_its_writer_is_gone),
        WITH_SPOOL(of_one_key_the_earliest_runs_and_the_others_are_its_names),
        WITH_SPOOL(one_that_nobody_told_of_is_first_all_the_same),
        WITH_SPOOL(one_that_a_leader_has_touched_keeps_its_key),
        WITH_SPOOL(a_name_whose_first_is_gone_is_unknown),
        WITH_SPOOL(a_journal_with_a_name_stays_while_its_first_does),
        WITH_SPOOL(a_job_that_has_not_begun_expires_and_one_that_has_does_not),
        WITH_SPOOL(one_that_expired_unseen_holds_no_key),
        WITH_SPOOL(a_running_job_whose_children_are_there_is_done),
        WITH_SPOOL(children_that_are_not_all_there_prove_nothing),
        WITH_SPOOL(a_job_whose_state_was_lost_is_done_when_its_children_are_there),
        WITH_SPOOL(children_in_the_parents_journal_and_later_ones_are_seen),
        WITH_SPOOL(children_of_a_job_that_is_long_gone_just_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
