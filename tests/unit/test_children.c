#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "spooler/run/children.h"
#include "tests/unit/spoolfolder.h"

static const struct job_address parent = {.writer = 5, .sequence = 6, .index = 7};
static struct spool_settings settings;
static struct queue_table queues;

static void init(struct children *children, const struct spoolfolder *folder)
{
    settings = (struct spool_settings){.inline_max_bytes = 1000};
    children_init(children, &folder->directory, &settings, &queues);
}

static bool add(struct children *children, size_t length)
{
    static char payload[5000];
    bobbin_error error;
    return children_add(children, BOBBIN_JOB(.payload = {payload, length}), "q", &parent, &error);
}

/* How many jobs there are where the group was put; each must name its parent. */
static int count_at(const struct spoolfolder *folder, const struct job_address *place)
{
    struct record record;
    int count = 0;
    struct journal_reader *reader =
        journal_reader_open(&folder->directory, place->writer, place->sequence, NULL);
    assert_non_null(reader);
    assert_true(journal_writer_lives(reader));
    for (; journal_next(reader, true, &record) == JOURNAL_RECORD; count++) {
        assert_int_equal(record.parent_writer, 5);
        assert_int_equal(record.parent_sequence, 6);
        assert_int_equal(record.parent_index, 7);
        assert_true(bobbin_is(record.queue, "q"));
    }
    journal_reader_close(reader);
    return count;
}

static void what_was_added_is_stored_as_one_group(void **state)
{
    struct spoolfolder *folder = *state;
    static struct children children;
    struct job_address place, again;
    bobbin_error error;
    init(&children, folder);
    for (size_t i = 0; i < 10; i++)
        assert_true(add(&children, i * 300)); /* some of them become blobs */
    assert_true(children_store(&children, &place, &error));
    assert_int_equal(count_at(folder, &place), 10);
    assert_true(children_store(&children, &again, &error)); /* nothing is left */
    assert_int_equal(again.writer, 0);
    assert_true(add(&children, 1));
    assert_true(children_store(&children, &again, &error));
    assert_int_equal(again.writer, place.writer);
    assert_int_equal(count_at(folder, &place), 11);
    children_finish(&children);
    struct journal_reader *reader =
        journal_reader_open(&folder->directory, place.writer, place.sequence, NULL);
    assert_false(journal_writer_lives(reader));
    journal_reader_close(reader);
}

static void what_is_forgotten_leaves_nothing_on_the_disk(void **state)
{
    struct spoolfolder *folder = *state;
    static struct children children;
    struct job_address place;
    bobbin_error error;
    char path[128];
    init(&children, folder);
    for (size_t i = 0; i < 10; i++)
        assert_true(add(&children, i * 300));
    children_forget(&children);
    assert_true(children_store(&children, &place, &error));
    assert_int_equal(place.writer, 0);
    children_finish(&children);
    snprintf(path, sizeof path, "%s/journals", folder->path);
    assert_int_equal(rmdir(path), 0);
}

static void what_is_too_many_or_illegal_is_not_taken(void **state)
{
    struct spoolfolder *folder = *state;
    static struct children children;
    bobbin_error error;
    init(&children, folder);
    assert_false(
        children_add(&children, BOBBIN_JOB(.payload_is_body = true), "q", &parent, &error));
    assert_string_equal(error.text, "payload_is_body is not for jobs: there is no request");
    assert_false(children_add(&children, BOBBIN_JOB(.queue = "A"), "q", &parent, &error));
    for (int i = 0; i < 1000; i++)
        assert_true(add(&children, 1));
    assert_false(children_add(&children, BOBBIN_JOB(.queue = "q"), "q", &parent, &error));
    assert_string_equal(error.text, "at most 1000 jobs are stored at once");
    children_finish(&children);
}

static void without_a_journal_it_is_a_sentence_and_nowhere(void **state)
{
    struct spoolfolder *folder = *state;
    static struct children children;
    struct job_address place;
    bobbin_error error;
    char path[128];
    init(&children, folder);
    snprintf(path, sizeof path, "%s/journals", folder->path);
    assert_int_equal(rmdir(path), 0);
    assert_true(add(&children, 1));
    assert_false(children_store(&children, &place, &error));
    assert_int_equal(place.writer, 0);
    assert_non_null(strstr(error.text, "cannot be made"));
    children_finish(&children);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SPOOL(what_was_added_is_stored_as_one_group),
        WITH_SPOOL(what_is_forgotten_leaves_nothing_on_the_disk),
        WITH_SPOOL(what_is_too_many_or_illegal_is_not_taken),
        WITH_SPOOL(without_a_journal_it_is_a_sentence_and_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
