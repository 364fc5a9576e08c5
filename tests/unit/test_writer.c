#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "spooler/files/journal.h"
#include "spooler/writer.h"
#include "tests/unit/spoolfolder.h"

/* What came back, counted. */
struct tally {
    int stored;
    int others;
    int acknowledged_fd; /* a pipe: each nonce that was acknowledged; -1: none */
    uv_loop_t *loop;
    int expected;
};

/* One job on its way. */
struct one {
    struct put put; /* first */
    struct tally *tally;
};

static void on_written(struct put *put)
{
    struct tally *tally = ((struct one *)put)->tally;
    uint64_t nonce = put->group.first->address.nonce;
    if (put->outcome == BOBBIN_STORED)
        tally->stored++;
    else
        tally->others++;
    if (tally->acknowledged_fd >= 0 && put->outcome == BOBBIN_STORED)
        assert_int_equal(write(tally->acknowledged_fd, &nonce, 8), 8);
    group_finish(&put->group);
    free(put);
    if (tally->stored + tally->others == tally->expected)
        uv_stop(tally->loop);
}

static struct one *make_one(struct tally *tally)
{
    struct one *one = calloc(1, sizeof *one);
    one->tally = tally;
    one->put.on_written = on_written;
    return one;
}

static void add(struct one *one, const struct record *record, bool needs_sync)
{
    struct draft *draft = draft_create(record_size(record));
    record_encode(record, 0, draft->record);
    draft->address.nonce = record->nonce;
    group_add(&one->put.group, draft, needs_sync);
}

static void put_group(struct writer *writer, struct tally *tally, uint64_t nonce, int count,
                      bool needs_sync)
{
    struct one *one = make_one(tally);
    for (int i = 0; i < count; i++) {
        struct record record = {.nonce = nonce + (uint64_t)i,
                                .queue = {"q", 1},
                                .payload = {"0123456789012345678901234567890123456789", 40}};
        add(one, &record, needs_sync);
    }
    writer_put(writer, &one->put);
}

static void put_one(struct writer *writer, struct tally *tally, uint64_t nonce, bool needs_sync)
{
    put_group(writer, tally, nonce, 1, needs_sync);
}

static void on_closed(void *arg)
{
    *(bool *)arg = true;
}

static void close_writer(struct writer *writer, uv_loop_t *loop)
{
    bool is_closed = false;
    writer_close(writer, on_closed, &is_closed);
    uv_run(loop, UV_RUN_DEFAULT);
    assert_true(is_closed);
    assert_int_equal(uv_loop_close(loop), 0);
}

/* How many records all journals hold; seen[nonce] is set for each. */
static int count_records(const struct spoolfolder *folder, bool *seen)
{
    char path[128];
    int count = 0;
    snprintf(path, sizeof path, "%s/journals", folder->path);
    DIR *entries = opendir(path);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        uint64_t writer;
        uint32_t sequence;
        struct record record;
        if (!journal_parse_name(entry->d_name, &writer, &sequence))
            continue;
        struct journal_reader *reader =
            journal_reader_open(&folder->directory, writer, sequence, NULL);
        assert_non_null(reader);
        while (journal_next(reader, true, &record) == JOURNAL_RECORD) {
            seen[record.nonce] = true;
            count++;
        }
        journal_reader_close(reader);
    }
    closedir(entries);
    return count;
}

static void ten_thousand_puts_are_stored_and_readable(void **state)
{
    enum { COUNT = 10000 };
    struct spoolfolder *folder = *state;
    static bool seen[COUNT];
    uv_loop_t loop;
    bobbin_error error;
    uv_loop_init(&loop);
    struct tally tally = {.acknowledged_fd = -1, .loop = &loop, .expected = COUNT};
    struct writer *writer = writer_open(&loop, &folder->directory, NULL, &error);
    assert_non_null(writer);
    for (uint64_t i = 0; i < COUNT; i++)
        put_one(writer, &tally, i, i % 2 == 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(tally.stored, COUNT);
    close_writer(writer, &loop);
    memset(seen, 0, sizeof seen);
    assert_int_equal(count_records(folder, seen), COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_true(seen[i]);
}

static void what_was_put_is_answered_before_the_writer_closes(void **state)
{
    struct spoolfolder *folder = *state;
    uv_loop_t loop;
    bobbin_error error;
    uv_loop_init(&loop);
    struct tally tally = {.acknowledged_fd = -1, .loop = &loop, .expected = -1};
    struct writer *writer = writer_open(&loop, &folder->directory, NULL, &error);
    for (uint64_t i = 0; i < 500; i++)
        put_one(writer, &tally, i, true);
    close_writer(writer, &loop);
    assert_int_equal(tally.stored, 500);
}

static void a_record_larger_than_the_journal_gets_a_larger_journal(void **state)
{
    struct spoolfolder *folder = *state;
    uv_loop_t loop;
    bobbin_error error;
    static char large[300000];
    uv_loop_init(&loop);
    struct tally tally = {.acknowledged_fd = -1, .loop = &loop, .expected = 1};
    struct writer *writer = writer_open(&loop, &folder->directory, NULL, &error);
    struct record record = {.queue = {"q", 1}, .payload = {large, sizeof large}};
    struct one *one = make_one(&tally);
    add(one, &record, true);
    writer_put(writer, &one->put);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(tally.stored, 1);
    close_writer(writer, &loop);
}

static void a_folder_that_is_gone_fails_the_puts_with_a_sentence(void **state)
{
    struct spoolfolder *folder = *state;
    char path[128];
    uv_loop_t loop;
    bobbin_error error;
    uv_loop_init(&loop);
    struct tally tally = {.acknowledged_fd = -1, .loop = &loop, .expected = 3};
    struct writer *writer = writer_open(&loop, &folder->directory, NULL, &error);
    snprintf(path, sizeof path, "%s/journals", folder->path);
    assert_int_equal(rmdir(path), 0);
    for (uint64_t i = 0; i < 3; i++)
        put_one(writer, &tally, i, true);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(tally.others, 3);
    close_writer(writer, &loop);
}

static void groups_of_all_sizes_are_stored_whole(void **state)
{
    struct spoolfolder *folder = *state;
    static bool seen[110000];
    uv_loop_t loop;
    bobbin_error error;
    int jobs = 0, groups = 0;
    uv_loop_init(&loop);
    struct tally tally = {.acknowledged_fd = -1, .loop = &loop, .expected = -1};
    struct writer *writer = writer_open(&loop, &folder->directory, NULL, &error);
    for (int count = 1; count <= GROUP_MAX; count += 37, groups++) {
        put_group(writer, &tally, (uint64_t)jobs, count, groups % 2 == 0);
        jobs += count;
    }
    put_group(writer, &tally, (uint64_t)jobs, GROUP_MAX, true);
    jobs += GROUP_MAX;
    close_writer(writer, &loop);
    assert_int_equal(tally.stored, groups + 1);
    memset(seen, 0, sizeof seen);
    assert_int_equal(count_records(folder, seen), jobs);
}

enum { KILLED_GROUP = 100 };

/* The child: puts groups as fast as it can, and tells every acknowledgement. */
static void put_groups_for_ever(const struct spoolfolder *folder, int fd)
{
    uv_loop_t loop;
    bobbin_error error;
    uv_loop_init(&loop);
    struct tally tally = {.acknowledged_fd = fd, .loop = &loop, .expected = -1};
    struct writer *writer = writer_open(&loop, &folder->directory, NULL, &error);
    for (uint64_t nonce = 0;; uv_run(&loop, UV_RUN_ONCE), nonce += KILLED_GROUP)
        put_group(writer, &tally, nonce, KILLED_GROUP, false);
}

static void a_group_is_there_whole_or_not_at_all_after_kill_9(void **state)
{
    enum { MOST = 40000000 };
    struct spoolfolder *folder = *state;
    int pair[2];
    uint64_t nonce;
    bool *seen = calloc(MOST, 1);
    assert_int_equal(pipe(pair), 0);
    pid_t pid = fork();
    if (pid == 0)
        put_groups_for_ever(folder, pair[1]);
    close(pair[1]);
    for (int i = 0; i < 200 && read(pair[0], &nonce, 8) == 8; i++)
        ;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_int_equal(count_records(folder, seen) % KILLED_GROUP, 0);
    for (uint64_t i = 0; i < MOST; i++)
        assert_int_equal(seen[i], seen[i / KILLED_GROUP * KILLED_GROUP]);
    free(seen);
    close(pair[0]);
}

/* The child: puts as fast as it can, and tells every acknowledgement. */
static void put_for_ever(const struct spoolfolder *folder, int fd)
{
    uv_loop_t loop;
    bobbin_error error;
    uv_loop_init(&loop);
    struct tally tally = {.acknowledged_fd = fd, .loop = &loop, .expected = -1};
    struct writer *writer = writer_open(&loop, &folder->directory, NULL, &error);
    for (uint64_t nonce = 0;; uv_run(&loop, UV_RUN_ONCE))
        for (int i = 0; i < 10; i++)
            put_one(writer, &tally, nonce++, true);
}

static void what_was_acknowledged_survives_kill_9(void **state)
{
    enum { MOST = 4000000 };
    struct spoolfolder *folder = *state;
    int pair[2];
    uint64_t nonce, acknowledged = 0, count = 0;
    assert_int_equal(pipe(pair), 0);
    pid_t pid = fork();
    if (pid == 0)
        put_for_ever(folder, pair[1]);
    close(pair[1]);
    bool *told = calloc(MOST, 1), *seen = calloc(MOST, 1);
    while (count++ < 2000 && read(pair[0], &nonce, 8) == 8)
        told[nonce] = true;
    kill(pid, SIGKILL);
    while (read(pair[0], &nonce, 8) == 8)
        told[nonce] = true;
    waitpid(pid, NULL, 0);
    count_records(folder, seen);
    for (uint64_t i = 0; i < MOST; i++) {
        acknowledged += told[i];
        assert_true(!told[i] || seen[i]);
    }
    assert_true(acknowledged >= 2000);
    free(told);
    free(seen);
    close(pair[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SPOOL(ten_thousand_puts_are_stored_and_readable),
        WITH_SPOOL(what_was_put_is_answered_before_the_writer_closes),
        WITH_SPOOL(a_record_larger_than_the_journal_gets_a_larger_journal),
        WITH_SPOOL(a_folder_that_is_gone_fails_the_puts_with_a_sentence),
        WITH_SPOOL(groups_of_all_sizes_are_stored_whole),
        WITH_SPOOL(what_was_acknowledged_survives_kill_9),
        WITH_SPOOL(a_group_is_there_whole_or_not_at_all_after_kill_9),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
