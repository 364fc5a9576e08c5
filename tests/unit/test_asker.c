#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "spooler/asker.h"
#include "spooler/files/journal.h"
#include "spooler/gate.h"
#include "spooler/ledger.h"
#include "tests/unit/spoolfolder.h"

enum { WRITER = 5, JOBS = 1000 };

/* A spool with jobs, somebody who asks, and a leader that the test plays. */
struct rig {
    struct spoolfolder *folder;
    uv_loop_t loop;
    struct queue_table queues;
    struct spool_settings settings;
    struct log quiet;
    struct journal journal;
    struct ledger *ledger;
    struct waiting jobs[JOBS];
    size_t job_count;
    struct lookup *lookup;
    struct asker asker;
    struct gate *gate;
    size_t waits; /* that the leader has seen */
};

static void on_ready(void *context, const struct waiting *job)
{
    struct rig *rig = context;
    rig->jobs[rig->job_count++] = *job;
}

static void on_running(void *context, const struct waiting *job, uint32_t slot, bool is_cancelled)
{
    (void)context;
    (void)job;
    (void)slot;
    (void)is_cancelled;
}

static void on_ended(void *context, const struct job_address *address)
{
    struct rig *rig = context;
    if (rig->gate != NULL)
        gate_end(rig->gate, address);
}

static void write_jobs(struct rig *rig)
{
    bobbin_error error;
    unsigned char bytes[512];
    rig->journal.fd = -1;
    assert_true(
        journal_create(&rig->journal, &rig->folder->directory, WRITER, 1, 1024 * 1024, &error));
    for (int i = 0; i < JOBS; i++) {
        struct record record = {.offset = rig->journal.end,
                                .index = rig->journal.next_index,
                                .nonce = 100 + rig->journal.next_index,
                                .queue = {"q", 1}};
        size_t size = record_size(&record);
        record_encode(&record, rig->journal.salt, bytes);
        struct iovec vector = {bytes, size};
        assert_true(journal_append(&rig->journal, &vector, 1, size, 1, &error));
    }
}

static struct rig *open_rig(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    rig->folder = *state;
    rig->quiet = (struct log){.fd = -1, .level = BOBBIN_ERROR + 1, .role = "test"};
    uv_loop_init(&rig->loop);
    write_jobs(rig);
    const struct ledger_events events = {
        .context = rig, .on_ready = on_ready, .on_running = on_running, .on_ended = on_ended};
    rig->ledger =
        ledger_create(&rig->folder->directory, &rig->settings, &rig->queues, &rig->quiet, &events);
    ledger_scan(rig->ledger);
    assert_int_equal(rig->job_count, JOBS);
    rig->lookup = lookup_create(&rig->folder->directory, &rig->queues);
    asker_init(&rig->asker, &rig->loop, &rig->folder->directory, rig->lookup);
    return rig;
}

static void on_wake(void *context, uint64_t writer, uint32_t sequence)
{
    (void)context;
    (void)writer;
    (void)sequence;
}

static uint32_t on_cancel(void *context, const struct job_address *address)
{
    struct rig *rig = context;
    assert_true(ledger_cancelled(rig->ledger, &rig->jobs[address->index]));
    ledger_flush(rig->ledger);
    return BOBBIN_STATE_CANCELLED;
}

static uint32_t on_pause(void *context, bobbin_str queue, bool is_paused)
{
    (void)context;
    (void)queue;
    (void)is_paused;
    fail();
    return DOOR_REFUSED;
}

static bool has_ended(void *context, struct job_address *address)
{
    struct rig *rig = context;
    struct waiting job;
    rig->waits++;
    return ledger_find(rig->ledger, address, &job) == BOBBIN_STATE_DONE;
}

static void lead(struct rig *rig)
{
    bobbin_error error;
    const struct gate_events events = {rig, on_wake, on_cancel, on_pause, has_ended};
    rig->gate = gate_open(&rig->loop, &rig->folder->directory, &events, &error);
    assert_non_null(rig->gate);
}

/* As if it had been killed. */
static void die(struct rig *rig)
{
    gate_close(rig->gate);
    rig->gate = NULL;
}

static void close_rig(struct rig *rig)
{
    asker_finish(&rig->asker);
    gate_close(rig->gate);
    uv_run(&rig->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&rig->loop), 0);
    lookup_destroy(rig->lookup);
    ledger_destroy(rig->ledger);
    journal_close(&rig->journal);
    free(rig);
}

static void turn(struct rig *rig)
{
    ledger_flush(rig->ledger);
    if (rig->gate != NULL)
        gate_tell(rig->gate);
    uv_run(&rig->loop, UV_RUN_ONCE);
}

static void finish_job(struct rig *rig, size_t number)
{
    assert_true(ledger_start(rig->ledger, &rig->jobs[number], 1));
    assert_true(ledger_done(rig->ledger, &rig->jobs[number]));
}

struct heard {
    size_t count;
    enum bobbin_job_state state;
    char text[512];
};

static void on_job(void *arg, const struct bobbin_job_info *info)
{
    struct heard *heard = arg;
    heard->count++;
    heard->state = info->state;
    snprintf(heard->text, sizeof heard->text, "%.*s", BOBBIN_ARG(info->error));
}

static uint64_t wait_for_job(struct rig *rig, size_t number, uint64_t limit_ms, struct heard *heard)
{
    struct job_address address;
    char id[ID_TEXT_BYTES + 1];
    ledger_address(rig->ledger, &rig->jobs[number], &address);
    address.nonce = 100 + number;
    id_format(&address, id);
    return asker_wait(&rig->asker, bobbin_text(id), 0, limit_ms, on_job, heard);
}

static void a_wait_ends_when_the_leader_says_so(void **state)
{
    struct rig *rig = open_rig(state);
    struct heard heard = {0};
    lead(rig);
    assert_true(wait_for_job(rig, 3, 20000, &heard) != 0);
    while (rig->waits == 0)
        turn(rig);
    assert_int_equal(heard.count, 0);
    finish_job(rig, 3);
    while (heard.count == 0)
        turn(rig);
    assert_int_equal(heard.state, BOBBIN_STATE_DONE);
    assert_null(rig->asker.look); /* and it was not found by a look at the files */
    assert_int_equal(wait_for_job(rig, 3, 20000, &heard), 0); /* now at once */
    assert_int_equal(heard.count, 2);
    close_rig(rig);
}

static void a_job_that_ends_on_the_way_of_the_question_is_told_at_once(void **state)
{
    struct rig *rig = open_rig(state);
    struct heard heard = {0};
    lead(rig);
    assert_true(wait_for_job(rig, 3, 20000, &heard) != 0);
    finish_job(rig, 3);
    assert_int_equal(rig->waits, 0);
    while (heard.count == 0)
        turn(rig);
    assert_int_equal(heard.state, BOBBIN_STATE_DONE);
    close_rig(rig);
}

static void a_limit_and_an_early_end_tell_how_it_is(void **state)
{
    struct rig *rig = open_rig(state);
    struct heard late = {0}, ended = {0};
    lead(rig);
    assert_int_equal(wait_for_job(rig, 1, 0, &late), 0);
    assert_int_equal(late.count, 1);
    assert_true(wait_for_job(rig, 1, 10, &late) != 0);
    uint64_t ticket = wait_for_job(rig, 1, 20000, &ended);
    while (late.count == 1)
        turn(rig);
    assert_int_equal(late.state, BOBBIN_STATE_READY);
    assert_string_equal(late.text, "");
    assert_int_equal(ended.count, 0);
    asker_end_wait(&rig->asker, ticket);
    assert_int_equal(ended.count, 1);
    asker_end_wait(&rig->asker, ticket);
    assert_int_equal(ended.count, 1);
    assert_int_equal(ended.state, BOBBIN_STATE_READY);
    finish_job(rig, 1); /* the leader has forgotten them, or says it to nobody */
    turn(rig);
    assert_int_equal(late.count + ended.count, 3);
    close_rig(rig);
}

static void thousands_of_waits_go_over_one_connection(void **state)
{
    struct rig *rig = open_rig(state);
    struct heard heard = {0};
    lead(rig);
    for (size_t i = 0; i < 5 * JOBS; i++)
        assert_true(wait_for_job(rig, i % JOBS, 60000, &heard) != 0);
    uv_timer_stop(rig->asker.look); /* what had no room is sent when there is, not at a look */
    while (rig->waits < 5 * JOBS)
        turn(rig);
    for (size_t i = 0; i < JOBS; i++)
        finish_job(rig, i);
    while (heard.count < 5 * JOBS)
        turn(rig);
    assert_int_equal(rig->waits, 5 * JOBS); /* none had to be asked again */
    close_rig(rig);
}

static void one_wait_too_many_is_told_at_once(void **state)
{
    struct rig *rig = open_rig(state);
    struct heard heard = {0};
    rig->asker.place_count = DOOR_WAITS_MAX; /* as if all of them were taken */
    assert_int_equal(wait_for_job(rig, 1, 600000, &heard), 0);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.state, BOBBIN_STATE_READY);
    rig->asker.place_count = DOOR_WAITS_MAX / 2;
    assert_true(wait_for_job(rig, 1, 600000, &heard) != 0);
    assert_int_equal(rig->asker.place_count, DOOR_WAITS_MAX);
    close_rig(rig);
    assert_int_equal(heard.count, 2);
}

static void when_nobody_leads_the_files_are_looked_at(void **state)
{
    struct rig *rig = open_rig(state);
    struct heard heard = {0}, other = {0};
    assert_true(wait_for_job(rig, 2, 20000, &heard) != 0);
    assert_true(wait_for_job(rig, 4, 20000, &other) != 0);
    finish_job(rig, 2);
    while (heard.count == 0)
        turn(rig);
    assert_int_equal(heard.state, BOBBIN_STATE_DONE);
    assert_int_equal(other.count, 0);
    close_rig(rig);
    assert_int_equal(other.count, 1);
    assert_int_equal(other.state, BOBBIN_STATE_READY);
}

static void the_next_leader_is_asked_again(void **state)
{
    struct rig *rig = open_rig(state);
    struct heard heard = {0};
    lead(rig);
    for (size_t i = 0; i < 100; i++)
        wait_for_job(rig, i, 20000, &heard);
    while (rig->waits < 100)
        turn(rig);
    die(rig);
    for (int i = 0; i < 3; i++)
        turn(rig);
    finish_job(rig, 7); /* while nobody leads */
    lead(rig);
    while (rig->waits < 199)
        turn(rig);
    for (size_t i = 0; i < 100; i++)
        if (i != 7)
            finish_job(rig, i);
    while (heard.count < 100)
        turn(rig);
    assert_int_equal(heard.state, BOBBIN_STATE_DONE);
    close_rig(rig);
}

static void a_cancel_and_waits_share_the_connection(void **state)
{
    struct rig *rig = open_rig(state);
    struct heard waited = {0}, cancelled = {0};
    struct job_address address;
    char id[ID_TEXT_BYTES + 1];
    ledger_address(rig->ledger, &rig->jobs[6], &address);
    address.nonce = 106;
    id_format(&address, id);
    lead(rig);
    wait_for_job(rig, 6, 20000, &waited);
    asker_cancel(&rig->asker, bobbin_text(id), on_job, &cancelled);
    while (waited.count == 0 || cancelled.count == 0)
        turn(rig);
    assert_int_equal(waited.state, BOBBIN_STATE_CANCELLED);
    assert_int_equal(cancelled.state, BOBBIN_STATE_CANCELLED);
    die(rig);
    turn(rig);
    close_rig(rig);
}

static void when_the_leader_dies_a_cancel_fails_and_a_wait_goes_on(void **state)
{
    struct rig *rig = open_rig(state);
    struct heard waited = {0}, cancelled = {0};
    struct job_address address;
    char id[ID_TEXT_BYTES + 1];
    ledger_address(rig->ledger, &rig->jobs[6], &address);
    address.nonce = 106;
    id_format(&address, id);
    lead(rig);
    wait_for_job(rig, 6, 20000, &waited);
    asker_cancel(&rig->asker, bobbin_text(id), on_job, &cancelled);
    die(rig);
    while (cancelled.count == 0)
        turn(rig);
    assert_string_equal(cancelled.text,
                        "no spooler leads this spool now, so nobody could cancel the job");
    assert_int_equal(waited.count, 0);
    finish_job(rig, 6);
    while (waited.count == 0)
        turn(rig);
    close_rig(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SPOOL(a_wait_ends_when_the_leader_says_so),
        WITH_SPOOL(a_job_that_ends_on_the_way_of_the_question_is_told_at_once),
        WITH_SPOOL(a_limit_and_an_early_end_tell_how_it_is),
        WITH_SPOOL(thousands_of_waits_go_over_one_connection),
        WITH_SPOOL(one_wait_too_many_is_told_at_once),
        WITH_SPOOL(when_nobody_leads_the_files_are_looked_at),
        WITH_SPOOL(the_next_leader_is_asked_again),
        WITH_SPOOL(a_cancel_and_waits_share_the_connection),
        WITH_SPOOL(when_the_leader_dies_a_cancel_fails_and_a_wait_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
