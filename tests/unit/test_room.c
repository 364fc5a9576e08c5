#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "spooler/files/queuepage.h"
#include "spooler/room.h"
#include "tests/unit/spoolfolder.h"

/* A door's rooms, and the leader's page of the queue "q": 3 jobs and 10 bytes may wait. */
struct rig {
    struct rooms rooms;
    struct queue_table table;
    struct queuepage page;
    int fd;
    struct room_share share; /* what was taken last */
    enum bobbin_outcome outcome;
    bobbin_error error;
};

static struct rig open_rig(const struct spoolfolder *folder, struct queue_table *table)
{
    struct rig rig = {.fd = -1};
    table->count = 2;
    table->queues[0] = (struct queue_settings){.name = "free"};
    table->queues[1] = (struct queue_settings){.name = "q", .max_waiting = 3, .max_bytes = 10};
    rooms_init(&rig.rooms, &folder->directory, table);
    return rig;
}

static void close_rig(struct rig *rig)
{
    rooms_finish(&rig->rooms);
    if (rig->fd >= 0)
        close(rig->fd);
}

static void count(const struct spoolfolder *folder, struct rig *rig, uint64_t jobs, uint64_t bytes)
{
    struct queuepage before;
    if (rig->fd < 0)
        rig->fd = queuepage_open(&folder->directory, bobbin_text("q"), &before);
    rig->page.turn++;
    rig->page.ready = jobs;
    rig->page.bytes = bytes;
    assert_true(queuepage_write(rig->fd, &rig->page));
}

static bool take(struct rig *rig, const char *queue, const char *payload)
{
    const struct jobsport_job job = {.spec = {.queue = queue, .payload = bobbin_text(payload)},
                                     .payload_fd = -1};
    return rooms_take(&rig->rooms, &job, &rig->share, &rig->outcome, &rig->error);
}

static void without_a_leader_there_is_no_limit(void **state)
{
    static struct queue_table table;
    struct rig rig = open_rig(*state, &table);
    for (int i = 0; i < 10; i++)
        assert_true(take(&rig, "q", "four") && take(&rig, "free", "x") && take(&rig, "new", "x"));
    close_rig(&rig);
}

static void what_was_taken_counts_until_the_leader_has_counted(void **state)
{
    static struct queue_table table;
    struct rig rig = open_rig(*state, &table);
    count(*state, &rig, 1, 0);
    assert_true(take(&rig, "q", "") && take(&rig, "q", ""));
    assert_false(take(&rig, "q", ""));
    assert_int_equal(rig.outcome, BOBBIN_FULL);
    assert_string_equal(rig.error.text, "the queue q is full: 3 jobs wait, the most is 3");
    rooms_give_back(&rig.share); /* of a refused one: nothing */
    assert_false(take(&rig, "q", ""));
    count(*state, &rig, 3, 0);
    assert_false(take(&rig, "q", ""));
    count(*state, &rig, 2, 0);
    assert_true(take(&rig, "q", ""));
    assert_false(take(&rig, "q", ""));
    assert_true(take(&rig, "free", "a payload of many bytes"));
    close_rig(&rig);
}

static void what_is_given_back_may_be_taken_again(void **state)
{
    static struct queue_table table;
    struct rig rig = open_rig(*state, &table);
    count(*state, &rig, 2, 5);
    assert_true(take(&rig, "q", "five5"));
    struct room_share share = rig.share;
    assert_false(take(&rig, "q", ""));
    rooms_give_back(&share);
    assert_true(take(&rig, "q", "five5"));
    close_rig(&rig);
}

static void bytes_are_limited_too(void **state)
{
    static struct queue_table table;
    struct rig rig = open_rig(*state, &table);
    count(*state, &rig, 0, 5);
    assert_false(take(&rig, "q", "sixsix"));
    assert_int_equal(rig.outcome, BOBBIN_FULL);
    assert_string_equal(rig.error.text, "the queue q is full: 5 bytes wait, and with this job's 6 "
                                        "they would be more than 10");
    assert_true(take(&rig, "q", "five5"));
    assert_false(take(&rig, "q", "1"));
    assert_false(take(&rig, "q", "more than ten bytes"));
    assert_int_equal(rig.outcome, BOBBIN_FAILED);
    assert_string_equal(rig.error.text,
                        "the payload has 19 bytes; all that wait in the queue q may have 10");
    close_rig(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SPOOL(without_a_leader_there_is_no_limit),
        WITH_SPOOL(what_was_taken_counts_until_the_leader_has_counted),
        WITH_SPOOL(what_is_given_back_may_be_taken_again),
        WITH_SPOOL(bytes_are_limited_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
