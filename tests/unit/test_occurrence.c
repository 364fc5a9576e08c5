#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>

#include "spooler/appender.h"
#include "spooler/files/keysearch.h"
#include "spooler/files/occurrence.h"
#include "spooler/scribe.h"
#include "tests/unit/spoolfolder.h"

static void assert_same(const struct job_address *a, const struct job_address *b)
{
    char texts[2][ID_TEXT_BYTES + 1];
    id_format(a, texts[0]);
    id_format(b, texts[1]);
    assert_string_equal(texts[0], texts[1]);
}

static void there_is_none_before_one_is_written(void **state)
{
    const struct spoolfolder *folder = *state;
    struct occurrence occurrence;
    bobbin_error error;
    assert_true(occurrence_read(&folder->directory, "beat", &occurrence, &error));
    assert_int_equal(occurrence.time_s, 0);
    assert_false(occurrence.has_job);
}

static void what_is_written_is_read(void **state)
{
    const struct spoolfolder *folder = *state;
    const struct job_address job = {
        .writer = 7, .sequence = 2, .block = 64, .index = 3, .nonce = 9};
    for (int i = OCCURRENCE_STORING; i <= OCCURRENCE_SKIPPED; i++) {
        const struct occurrence written = {.time_s = 1764093104 + (uint64_t)i,
                                           .state = (enum occurrence_state)i,
                                           .has_job = i != OCCURRENCE_STORING,
                                           .job = job};
        struct occurrence found;
        bobbin_error error;
        assert_true(occurrence_write(&folder->directory, "beat", &written, &error));
        assert_true(occurrence_read(&folder->directory, "beat", &found, &error));
        assert_int_equal(found.time_s, written.time_s);
        assert_int_equal(found.state, written.state);
        assert_int_equal(found.has_job, written.has_job);
        if (found.has_job)
            assert_same(&found.job, &job);
    }
}

static void what_a_leader_does_not_write_is_a_sentence(void **state)
{
    const struct spoolfolder *folder = *state;
    const struct occurrence one = {.time_s = 1};
    struct occurrence found;
    bobbin_error error;
    assert_true(occurrence_write(&folder->directory, "beat", &one, &error));
    for (const char **text =
             (const char *[]){"", "\n", "12\n", "12 stored\n", "12 gone -\n", "12 stored -",
                              "12 stored x\n", "x stored -\n", "12 stored - -\n", NULL};
         *text != NULL; text++) {
        int fd = openat(folder->directory.root, "cron/beat", O_WRONLY | O_TRUNC);
        assert_int_equal(write(fd, *text, strlen(*text)), strlen(*text));
        close(fd);
        assert_false(occurrence_read(&folder->directory, "beat", &found, &error));
        assert_string_equal(error.text, "cron/beat is not what a leader writes");
    }
}

static void store(struct appender *appender, struct scribe *scribe, const char *queue,
                  const char *key, struct job_address *stored)
{
    struct group group = {0};
    bobbin_error error;
    const struct jobsport_job job = {
        .spec = {.size = sizeof job.spec, .queue = queue, .unique_key = key}, .payload_fd = -1};
    assert_true(scribe_add(scribe, &group, &job, NULL, &error));
    assert_true(appender_ready(appender, group.bytes, &error));
    assert_true(appender_place(appender, &group, &error));
    assert_true(appender_write(appender, &error));
    *stored = group.first->address;
    group_finish(&group);
}

static void a_job_is_found_by_its_queue_and_key(void **state)
{
    const struct spoolfolder *folder = *state;
    static const struct queue_table queues;
    const struct spool_settings spool = {.inline_max_bytes = 1024};
    static struct appender appenders[2];
    struct scribe scribe;
    struct job_address found, wanted, other;
    bobbin_error error;
    scribe_init(&scribe, &spool, &queues);
    for (int i = 0; i < 2; i++)
        assert_true(appender_init(&appenders[i], &folder->directory, &error));
    store(&appenders[0], &scribe, "q", "one", &other);
    store(&appenders[1], &scribe, "p", "two", &other);
    store(&appenders[1], &scribe, "q", "two", &wanted);
    assert_true(keysearch_find(&folder->directory, "q", "two", &found, &error));
    assert_same(&found, &wanted);
    assert_false(keysearch_find(&folder->directory, "q", "three", &found, &error));
    assert_string_equal(error.text, "");
    for (int i = 0; i < 2; i++)
        appender_finish(&appenders[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SPOOL(there_is_none_before_one_is_written),
        WITH_SPOOL(what_is_written_is_read),
        WITH_SPOOL(what_a_leader_does_not_write_is_a_sentence),
        WITH_SPOOL(a_job_is_found_by_its_queue_and_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
