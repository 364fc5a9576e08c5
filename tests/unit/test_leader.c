#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "spooler/files/result.h"
#include "spooler/leader.h"
#include "spooler/run/children.h"
#include "tests/unit/spoolfolder.h"

/*
 * A leader without job processes, on what an earlier one and its job process left on the disk when
 * both died: a job that is RUNNING, its result that has no name yet, and its children.
 */
struct rig {
    struct spoolfolder *folder;
    struct spool_settings settings;
    struct queue_table queues;
    struct log log;
    uv_loop_t loop;
    struct leader leader;
    struct children parent_maker, children;
    struct job_address parent;
};

static void store(struct children *by, const struct spoolfolder *folder, struct rig *rig,
                  const struct job_address *parent, int count, struct job_address *place)
{
    bobbin_error error;
    children_init(by, &folder->directory, &rig->settings, &rig->queues);
    for (int i = 0; i < count; i++)
        assert_true(children_add(by, BOBBIN_JOB(.payload = {"x", 1}), "q", parent, &error));
    assert_true(children_store(by, place, &error));
}

static void open_leader(struct rig *rig)
{
    const struct ledger_events found = {.context = &rig->leader,
                                        .on_expiring = leader_on_expiring,
                                        .on_ready = leader_on_ready,
                                        .on_running = leader_on_running,
                                        .on_succeeded = leader_on_succeeded,
                                        .on_ended = leader_on_ended};
    uv_loop_init(&rig->loop);
    rig->leader = (struct leader){.directory = &rig->folder->directory,
                                  .plugins = plugin_set_create("/nowhere"),
                                  .log = &rig->log};
    leader_init(&rig->leader, &rig->loop);
    rig->leader.ledger =
        ledger_create(&rig->folder->directory, &rig->settings, &rig->queues, &rig->log, &found);
    ledger_scan(rig->leader.ledger);
    leader_begin(&rig->leader);
}

/* As long as there are jobs of earlier leaders: nobody holds their slots. */
static void adopt_all(struct rig *rig)
{
    uv_run(&rig->loop, UV_RUN_ONCE);
    assert_int_equal(rig->leader.orphan_count, 0);
}

static void close_leader(struct rig *rig)
{
    uv_close((uv_handle_t *)&rig->leader.due, NULL);
    uv_close((uv_handle_t *)&rig->leader.adopt, NULL);
    uv_run(&rig->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&rig->loop), 0);
    ledger_flush(rig->leader.ledger);
    ledger_destroy(rig->leader.ledger);
    leader_finish(&rig->leader);
    plugin_set_destroy(rig->leader.plugins);
}

/* The parent was given out to slot 3, and has written its result. */
static struct rig *make_rig(struct spoolfolder *folder)
{
    struct rig *rig = calloc(1, sizeof *rig);
    struct waiting job = {.block = JOURNAL_HEAD_BYTES / RECORD_ALIGN, .attempts = 5};
    bobbin_error error;
    rig->folder = folder;
    rig->settings = (struct spool_settings){.inline_max_bytes = 1000, .result_ttl_ms = 1000000};
    rig->log = (struct log){.fd = -1, .level = BOBBIN_ERROR + 1, .role = "test"};
    store(&rig->parent_maker, folder, rig, NULL, 1, &rig->parent);
    open_leader(rig);
    assert_true(ledger_start(rig->leader.ledger, &job, 3));
    close_leader(rig);
    assert_true(result_write(&folder->directory, &rig->parent, 1, "answer", 6, "text/plain", false,
                             &error));
    return rig;
}

static void free_rig(struct rig *rig)
{
    children_finish(&rig->parent_maker);
    children_finish(&rig->children);
    free(rig);
}

static enum bobbin_job_state state_of_parent(struct rig *rig)
{
    struct waiting job;
    struct job_address address = rig->parent;
    unsigned char head[RECORD_HEAD_MAX];
    struct record record;
    struct journal_reader *reader =
        journal_reader_open(&rig->folder->directory, address.writer, address.sequence, NULL);
    address.block = JOURNAL_HEAD_BYTES / RECORD_ALIGN;
    assert_true(journal_read_record(reader, address.block, 0, head, &record));
    address.nonce = record.nonce;
    journal_reader_close(reader);
    return ledger_find(rig->leader.ledger, &address, &job);
}

static bool has_result(const struct rig *rig)
{
    struct result_info info;
    int fd = result_open(&rig->folder->directory, &rig->parent, &info);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void a_job_whose_children_are_there_is_done_with_its_result(void **state)
{
    struct rig *rig = make_rig(*state);
    struct job_address place;
    store(&rig->children, rig->folder, rig, &rig->parent, 3, &place);
    open_leader(rig);
    assert_int_equal(state_of_parent(rig), BOBBIN_STATE_DONE);
    adopt_all(rig);
    assert_int_equal(state_of_parent(rig), BOBBIN_STATE_DONE);
    assert_true(has_result(rig));
    close_leader(rig);
    free_rig(rig);
}

/* The process lived a little longer than its leader: they come after the new one's first scan. */
static void children_that_come_while_their_slot_is_held_count(void **state)
{
    struct rig *rig = make_rig(*state);
    struct job_address place;
    open_leader(rig);
    assert_int_equal(state_of_parent(rig), BOBBIN_STATE_RUNNING);
    store(&rig->children, rig->folder, rig, &rig->parent, 3, &place);
    adopt_all(rig);
    assert_int_equal(state_of_parent(rig), BOBBIN_STATE_DONE);
    assert_true(has_result(rig));
    close_leader(rig);
    free_rig(rig);
}

static void a_process_that_died_with_its_children_stored_is_done(void **state)
{
    struct rig *rig = make_rig(*state);
    struct job_address place;
    open_leader(rig);
    struct waiting job = {.block = JOURNAL_HEAD_BYTES / RECORD_ALIGN, .attempt = 1, .attempts = 5};
    for (int cause = CREW_NOTHING; cause <= CREW_DRAIN; cause++) {
        const struct crew_return back = {
            .job = &job, .cause = (enum crew_cause)cause, .death = "signal 9"};
        if (cause == CREW_NOTHING)
            store(&rig->children, rig->folder, rig, &rig->parent, 3, &place);
        leader_on_return(&rig->leader, &back);
        assert_int_equal(state_of_parent(rig), BOBBIN_STATE_DONE);
    }
    assert_true(has_result(rig));
    close_leader(rig);
    free_rig(rig);
}

/* A write that failed may have written all that matters. */
static void a_retry_whose_children_are_there_all_the_same_is_done(void **state)
{
    struct rig *rig = make_rig(*state);
    struct job_address place;
    open_leader(rig);
    struct waiting job = {.block = JOURNAL_HEAD_BYTES / RECORD_ALIGN, .attempt = 1, .attempts = 5};
    store(&rig->children, rig->folder, rig, &rig->parent, 3, &place);
    const struct job_message message = {.kind = JOB_SETTLE,
                                        .result = BOBBIN_JOB_RETRY,
                                        .has_result = 1,
                                        .children_writer = place.writer,
                                        .children_sequence = place.sequence};
    leader_on_return(&rig->leader, &(struct crew_return){.job = &job, .message = &message});
    assert_int_equal(state_of_parent(rig), BOBBIN_STATE_DONE);
    assert_true(has_result(rig));
    close_leader(rig);
    free_rig(rig);
}

static void a_job_of_an_earlier_leader_without_children_is_not_done(void **state)
{
    struct rig *rig = make_rig(*state);
    open_leader(rig);
    adopt_all(rig);
    assert_int_not_equal(state_of_parent(rig), BOBBIN_STATE_DONE);
    assert_false(has_result(rig));
    close_leader(rig);
    free_rig(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SPOOL(a_job_whose_children_are_there_is_done_with_its_result),
        WITH_SPOOL(children_that_come_while_their_slot_is_held_count),
        WITH_SPOOL(a_process_that_died_with_its_children_stored_is_done),
        WITH_SPOOL(a_retry_whose_children_are_there_all_the_same_is_done),
        WITH_SPOOL(a_job_of_an_earlier_leader_without_children_is_not_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
