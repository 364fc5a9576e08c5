#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "spooler/files/blob.h"
#include "spooler/files/history.h"
#include "spooler/files/letter.h"
#include "tests/unit/spoolfolder.h"

enum { SALT = 7 };

static const struct job_address address = {
    .writer = 1, .sequence = 2, .block = 64, .index = 3, .nonce = 4};

/* As it comes from a journal. */
static void decode(const struct record *asked, unsigned char bytes[2048], struct record *record)
{
    size_t needed;
    assert_true(record_size(asked) <= 2048);
    record_encode(asked, SALT, bytes);
    assert_int_equal(
        record_decode_head(record, bytes, 2048, SALT, asked->offset, asked->index, &needed),
        RECORD_WHOLE);
}

static struct letter letter_of(const struct record *record, const void *payload)
{
    return (struct letter){.address = &address,
                           .record = record,
                           .payload = payload,
                           .attempt = 2,
                           .attempts = 5,
                           .ended_us = 1706745599123456,
                           .reason = "it said:\nno"};
}

static int open_file(const struct spoolfolder *folder, const char *queue, const char *suffix)
{
    char id[ID_TEXT_BYTES + 1], path[256];
    id_format(&address, id);
    snprintf(path, sizeof path, "%s/%s%s", queue, id, suffix);
    return openat(folder->directory.dead, path, O_RDONLY | O_CLOEXEC);
}

static void read_file(const struct spoolfolder *folder, const char *suffix, char text[4096])
{
    int fd = open_file(folder, "q", suffix);
    assert_true(fd >= 0);
    ssize_t got = read(fd, text, 4095);
    assert_true(got >= 0);
    text[got] = '\0';
    close(fd);
}

static bool is_there(const struct spoolfolder *folder, const char *suffix)
{
    int fd = open_file(folder, "q", suffix);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void a_letter_says_all_that_is_known_of_its_job(void **state)
{
    struct spoolfolder *folder = *state;
    const bobbin_field headers[] = {{bobbin_text("do"), bobbin_text("a \"b\"\n")},
                                    {bobbin_text("none"), bobbin_text("")}};
    const struct record asked = {.priority = 5,
                                 .timeout_ms = 1500,
                                 .enqueued_us = 1000001,
                                 .queue = bobbin_text("q"),
                                 .content_type = bobbin_text("text/plain"),
                                 .unique_key = bobbin_text("k\xc3\xa4\xff"),
                                 .headers = headers,
                                 .header_count = 2,
                                 .payload = bobbin_text("the\n\npayload"),
                                 .payload_bytes = 12};
    unsigned char bytes[2048];
    char text[4096], expected[2048], id[ID_TEXT_BYTES + 1];
    struct record record;
    bobbin_error error;
    decode(&asked, bytes, &record);
    assert_true(
        history_append(&folder->directory, &address, 1, 2000000, 3000000, "no \"luck\"", &error));
    assert_true(history_append(&folder->directory, &address, 2, 4000000, 5000000, "again", &error));
    struct letter letter = letter_of(&record, "the\n\npayload");
    assert_true(letter_write(&folder->directory, &letter, &error));
    id_format(&address, id);
    snprintf(expected, sizeof expected,
             "bobbin dead letter 1\nid: %s\nqueue: q\nreason: it said:\\nno\n"
             "enqueued: 1970-01-01T00:00:01.000001Z\nended: 2024-01-31T23:59:59.123456Z\n"
             "attempts: 2 of 5\n"
             "attempt: 1 from 1970-01-01T00:00:02.000000Z to 1970-01-01T00:00:03.000000Z: "
             "no \\\"luck\\\"\n"
             "attempt: 2 from 1970-01-01T00:00:04.000000Z to 1970-01-01T00:00:05.000000Z: again\n"
             "priority: 5\ntimeout: 1500 ms\nunique-key: k\xc3\xa4\xef\xbf\xbd\n"
             "content-type: text/plain\n"
             "header: \"do\": \"a \\\"b\\\"\\n\"\nheader: \"none\": \"\"\n"
             "payload-bytes: 12\npayload: below\n\nthe\n\npayload",
             id);
    read_file(folder, "", text);
    assert_string_equal(text, expected);
}

static void a_letter_replaces_an_earlier_one(void **state)
{
    struct spoolfolder *folder = *state;
    const struct record asked = {.queue = bobbin_text("q"), .payload = bobbin_text("")};
    unsigned char bytes[2048];
    char text[4096];
    struct record record;
    bobbin_error error;
    decode(&asked, bytes, &record);
    struct letter letter = letter_of(&record, "");
    assert_true(letter_write(&folder->directory, &letter, &error));
    letter.reason = "another";
    letter.payload = NULL;
    assert_true(letter_write(&folder->directory, &letter, &error));
    read_file(folder, "", text);
    assert_non_null(strstr(text, "\nreason: another\n"));
    assert_non_null(strstr(text, "\npayload: lost\n\n"));
    letter_remove(&folder->directory, record.queue, &address);
    assert_false(is_there(folder, ""));
    letter_remove(&folder->directory, record.queue, &address); /* a missing one is fine */
}

static void the_payload_that_is_a_blob_outlives_it(void **state)
{
    struct spoolfolder *folder = *state;
    const struct record asked = {.queue = bobbin_text("q"),
                                 .flags = RECORD_FLAG_BLOB,
                                 .payload_bytes = 5,
                                 .blob_writer = 1,
                                 .blob_counter = 9};
    unsigned char bytes[2048];
    char text[4096];
    struct record record;
    uint32_t crc;
    bobbin_error error;
    decode(&asked, bytes, &record);
    assert_true(blob_from_memory(&folder->directory, 1, 9, "large", 5, false, &crc, &error));
    struct letter letter = letter_of(&record, NULL);
    assert_true(letter_write(&folder->directory, &letter, &error));
    blob_remove(&folder->directory, 1, 9);
    read_file(folder, ".payload", text);
    assert_string_equal(text, "large");
    read_file(folder, "", text);
    assert_non_null(strstr(text, "\npayload-bytes: 5\npayload: in "));
    letter_remove(&folder->directory, record.queue, &address);
    assert_false(is_there(folder, ".payload"));
    assert_true(letter_write(&folder->directory, &letter, &error)); /* its blob is gone */
    read_file(folder, "", text);
    assert_non_null(strstr(text, "\npayload: lost\n\n"));
}

static void a_queue_that_is_no_name_gets_no_folder(void **state)
{
    struct spoolfolder *folder = *state;
    static const char *const names[] = {"..", "", "a/b", ".hidden", "/tmp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct record record = {.queue = bobbin_text(names[i])};
        struct letter letter = letter_of(&record, "");
        bobbin_error error;
        assert_false(letter_write(&folder->directory, &letter, &error));
        assert_string_equal(error.text,
                            "the dead letter cannot be written: its queue names no folder");
        letter_remove(&folder->directory, record.queue, &address);
    }
}

struct swept {
    uint64_t ttl_us, letters;
};

static uint64_t ttl_of(void *context, bobbin_str queue)
{
    const struct swept *swept = context;
    assert_true(bobbin_is(queue, "q"));
    return swept->ttl_us;
}

static void on_counted(void *context, bobbin_str queue, uint64_t letters)
{
    struct swept *swept = context;
    assert_true(bobbin_is(queue, "q"));
    swept->letters = letters;
}

/* Returns how many letters are left. */
static uint64_t sweep(const struct spoolfolder *folder, uint64_t now_us, uint64_t ttl_us)
{
    struct swept swept = {.ttl_us = ttl_us};
    letter_sweep(&folder->directory, now_us,
                 &(const struct letter_sweep){&swept, ttl_of, on_counted});
    return swept.letters;
}

static void a_letter_stays_for_its_queues_time(void **state)
{
    struct spoolfolder *folder = *state;
    const struct record asked = {.queue = bobbin_text("q"),
                                 .flags = RECORD_FLAG_BLOB,
                                 .payload_bytes = 5,
                                 .blob_writer = 1,
                                 .blob_counter = 9};
    unsigned char bytes[2048];
    struct record record;
    uint32_t crc;
    bobbin_error error;
    uint64_t second = 1000000, now = clock_us();
    decode(&asked, bytes, &record);
    assert_true(blob_from_memory(&folder->directory, 1, 9, "large", 5, false, &crc, &error));
    struct letter letter = letter_of(&record, NULL);
    assert_true(letter_write(&folder->directory, &letter, &error));
    assert_int_equal(sweep(folder, now + 1000 * second, 0), 1); /* 0: for ever */
    assert_true(is_there(folder, "") && is_there(folder, ".payload"));
    assert_int_equal(sweep(folder, now + 90 * second, 100 * second), 1);
    assert_true(is_there(folder, "") && is_there(folder, ".payload"));
    assert_int_equal(sweep(folder, now + 110 * second, 100 * second), 0);
    assert_false(is_there(folder, "") || is_there(folder, ".payload"));
    assert_int_equal(faccessat(folder->directory.dead, "q", F_OK, 0), -1);
}

static void touch(const struct spoolfolder *folder, const char *before, const char *behind)
{
    char id[ID_TEXT_BYTES + 1], path[256];
    id_format(&address, id);
    snprintf(path, sizeof path, "q/%s%s%s", before, id, behind);
    int fd = openat(folder->directory.dead, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static void what_is_unfinished_is_removed_and_what_is_foreign_stays(void **state)
{
    struct spoolfolder *folder = *state;
    uint64_t second = 1000000, now = clock_us();
    assert_int_equal(mkdirat(folder->directory.dead, "q", 0700), 0);
    touch(folder, ".", "");
    touch(folder, "", ".payload");
    touch(folder, "", ".notes");
    assert_int_equal(sweep(folder, now + 30 * second, 0), 0);
    assert_true(is_there(folder, ".payload")); /* its letter may be being written */
    assert_int_equal(sweep(folder, now + 70 * second, 0), 0);
    assert_false(is_there(folder, ".payload"));
    assert_true(is_there(folder, ".notes"));
    char id[ID_TEXT_BYTES + 1], path[256];
    id_format(&address, id);
    snprintf(path, sizeof path, "q/.%s", id);
    assert_int_equal(faccessat(folder->directory.dead, path, F_OK, 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SPOOL(a_letter_says_all_that_is_known_of_its_job),
        WITH_SPOOL(a_letter_replaces_an_earlier_one),
        WITH_SPOOL(the_payload_that_is_a_blob_outlives_it),
        WITH_SPOOL(a_queue_that_is_no_name_gets_no_folder),
        WITH_SPOOL(a_letter_stays_for_its_queues_time),
        WITH_SPOOL(what_is_unfinished_is_removed_and_what_is_foreign_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
