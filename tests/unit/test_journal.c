#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "spooler/files/journal.h"
#include "spooler/files/store.h"
#include "tests/unit/spoolfolder.h"

enum { WRITER = 0x1234, CAPACITY = 64 * 1024 };

static void make(struct journal *journal, const struct spoolfolder *folder)
{
    bobbin_error error;
    assert_true(journal_create(journal, &folder->directory, WRITER, 1, CAPACITY, &error));
}

static struct journal_reader *reader_of(const struct spoolfolder *folder)
{
    bobbin_error error;
    struct journal_reader *reader = journal_reader_open(&folder->directory, WRITER, 1, &error);
    assert_non_null(reader);
    return reader;
}

static void append_member(struct journal *journal, const char *payload, bool is_first,
                          uint32_t group_left)
{
    unsigned char bytes[1024];
    bobbin_error error;
    struct record record = {.offset = journal->end,
                            .index = journal->next_index,
                            .nonce = 7,
                            .queue = {"q", 1},
                            .payload = bobbin_text(payload)};
    size_t size = record_size(&record);
    record_encode(&record, journal->salt, bytes);
    record_join(bytes, is_first, group_left);
    record_place(bytes, record.offset, record.index, journal->salt);
    struct iovec vector = {bytes, size};
    assert_true(journal_append(journal, &vector, 1, size, 1, &error));
}

static void append(struct journal *journal, const char *payload)
{
    append_member(journal, payload, true, 0);
}

static void names_are_parsed_back_and_others_refused(void **state)
{
    (void)state;
    char name[JOURNAL_NAME_BYTES + 1];
    uint64_t writer;
    uint32_t sequence;
    journal_name(0xfedcba9876543210, 0x89abcdef, name);
    assert_string_equal(name, "fedcba9876543210.89abcdef");
    assert_true(journal_parse_name(name, &writer, &sequence));
    assert_int_equal(writer, 0xfedcba9876543210);
    assert_int_equal(sequence, 0x89abcdef);
    assert_false(journal_parse_name("fedcba9876543210.89abcdef.state", &writer, &sequence));
    assert_false(journal_parse_name(".edcba9876543210.89abcdef", &writer, &sequence));
    assert_false(journal_parse_name("FEDCBA9876543210.89abcdef", &writer, &sequence));
    assert_false(journal_parse_name("", &writer, &sequence));
}

static void what_was_appended_is_followed_in_order(void **state)
{
    struct spoolfolder *folder = *state;
    struct journal journal;
    struct record record;
    make(&journal, folder);
    struct journal_reader *reader = reader_of(folder);
    assert_int_equal(journal_next(reader, true, &record), JOURNAL_END);
    for (uint32_t i = 0; i < 50; i++) {
        append(&journal, "payload");
        assert_int_equal(journal_next(reader, true, &record), JOURNAL_RECORD);
        assert_int_equal(record.index, i);
        assert_int_equal(journal_next(reader, true, &record), JOURNAL_END);
    }
    journal_reader_close(reader);
    journal_close(&journal);
}

static void a_full_journal_says_so(void **state)
{
    struct spoolfolder *folder = *state;
    struct journal journal;
    struct record record;
    uint32_t count = 0;
    make(&journal, folder);
    for (; journal.end + 192 <= journal.capacity; count++)
        append(&journal, "0123456789012345678901234567890123456789012345678901234567");
    struct journal_reader *reader = reader_of(folder);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(journal_next(reader, true, &record), JOURNAL_RECORD);
    enum journal_step step = journal_next(reader, true, &record);
    assert_true(step == JOURNAL_FULL || step == JOURNAL_END);
    journal_reader_close(reader);
    journal_close(&journal);
}

static void the_lock_tells_whether_the_writer_lives(void **state)
{
    struct spoolfolder *folder = *state;
    struct journal journal;
    make(&journal, folder);
    struct journal_reader *reader = reader_of(folder);
    assert_true(journal_writer_lives(reader));
    journal_close(&journal);
    assert_false(journal_writer_lives(reader));
    journal_reader_close(reader);
}

static void a_record_that_is_not_whole_is_torn_until_it_is(void **state)
{
    struct spoolfolder *folder = *state;
    struct journal journal;
    struct record record = {.nonce = 7, .queue = {"q", 1}, .payload = bobbin_text("payload")};
    unsigned char bytes[1024];
    make(&journal, folder);
    append(&journal, "first");
    struct journal_reader *reader = reader_of(folder);
    record.offset = journal.end;
    record.index = 1;
    size_t size = record_size(&record);
    record_encode(&record, journal.salt, bytes);
    struct record found;
    assert_int_equal(journal_next(reader, true, &found), JOURNAL_RECORD);
    /* Its last 64 bytes are still missing, payload among them. */
    assert_true(store_write(journal.fd, bytes, size - 64, journal.end));
    assert_int_equal(journal_next(reader, true, &found), JOURNAL_TORN);
    assert_true(store_write(journal.fd, bytes, size, journal.end));
    assert_int_equal(journal_next(reader, true, &found), JOURNAL_RECORD);
    assert_int_equal(found.index, 1);
    journal_reader_close(reader);
    journal_close(&journal);
}

static void records_behind_damage_are_found_again(void **state)
{
    struct spoolfolder *folder = *state;
    struct journal journal;
    struct record record;
    make(&journal, folder);
    append(&journal, "first");
    uint64_t second = journal.end;
    append(&journal, "second");
    append(&journal, "third");
    unsigned char damage = 0xff;
    assert_true(store_write(journal.fd, &damage, 1, second + 50));
    struct journal_reader *reader = reader_of(folder);
    assert_int_equal(journal_next(reader, true, &record), JOURNAL_RECORD);
    assert_int_equal(journal_next(reader, true, &record), JOURNAL_TORN);
    assert_int_equal(journal_resync(reader, &record), JOURNAL_RECORD);
    assert_int_equal(record.index, 2);
    assert_int_equal(journal_next(reader, true, &record), JOURNAL_END);
    journal_reader_close(reader);
    journal_close(&journal);
}

static void a_damaged_payload_is_no_record(void **state)
{
    struct spoolfolder *folder = *state;
    struct journal journal;
    struct record record;
    make(&journal, folder);
    append(&journal, "payload");
    unsigned char damage = 'X';
    assert_true(store_write(journal.fd, &damage, 1, JOURNAL_HEAD_BYTES + 128 + 1 + 2));
    struct journal_reader *reader = reader_of(folder);
    assert_int_equal(journal_next(reader, true, &record), JOURNAL_TORN);
    assert_int_equal(journal_next(reader, false, &record), JOURNAL_RECORD);
    journal_reader_close(reader);
    journal_close(&journal);
}

static void members_of_a_group_count_when_all_of_it_is_there(void **state)
{
    struct spoolfolder *folder = *state;
    struct journal journal;
    struct record record;
    make(&journal, folder);
    struct journal_reader *reader = reader_of(folder);
    append_member(&journal, "one of three", true, 2);
    assert_int_equal(journal_next(reader, true, &record), JOURNAL_TORN);
    append_member(&journal, "two of three", false, 1);
    assert_int_equal(journal_next(reader, true, &record), JOURNAL_TORN);
    append_member(&journal, "three of three", false, 0);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(journal_next(reader, true, &record), JOURNAL_RECORD);
        assert_int_equal(record.index, i);
    }
    assert_int_equal(journal_next(reader, true, &record), JOURNAL_END);
    journal_reader_close(reader);
    journal_close(&journal);
}

/* Three records of a group, the one with that number damaged, then a single one and a group of two.
 */
static void only_what_stands_behind_the_group_is_found(const struct spoolfolder *folder,
                                                       uint32_t damaged)
{
    struct journal journal;
    struct record record;
    unsigned char damage = 0xff;
    uint64_t places[3];
    make(&journal, folder);
    for (uint32_t i = 0; i < 3; i++) {
        places[i] = journal.end;
        append_member(&journal, "of three", i == 0, 2 - i);
    }
    append(&journal, "behind");
    append_member(&journal, "one of two", true, 1);
    append_member(&journal, "two of two", false, 0);
    assert_true(store_write(journal.fd, &damage, 1, places[damaged] + 50));
    struct journal_reader *reader = reader_of(folder);
    assert_int_equal(journal_next(reader, true, &record), JOURNAL_TORN);
    assert_int_equal(journal_resync(reader, &record), JOURNAL_RECORD);
    for (uint32_t i = 3; i < 6; i++) {
        assert_int_equal(record.index, i);
        assert_int_equal(journal_next(reader, true, &record), i < 5 ? JOURNAL_RECORD : JOURNAL_END);
    }
    journal_reader_close(reader);
    journal_close(&journal);
}

static void nothing_of_a_torn_group_is_found_wherever_it_is_torn(void **state)
{
    struct spoolfolder *folder = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/journals/0000000000001234.00000001", folder->path);
    for (uint32_t damaged = 0; damaged < 3; damaged++) {
        only_what_stands_behind_the_group_is_found(folder, damaged);
        assert_int_equal(unlink(path), 0);
    }
}

static void a_torn_group_at_the_end_is_no_job(void **state)
{
    struct spoolfolder *folder = *state;
    struct journal journal;
    struct record record;
    make(&journal, folder);
    append(&journal, "before");
    for (uint32_t i = 0; i < 3; i++)
        append_member(&journal, "of five", i == 0, 4 - i);
    journal_close(&journal);
    struct journal_reader *reader = reader_of(folder);
    assert_int_equal(journal_next(reader, true, &record), JOURNAL_RECORD);
    assert_int_equal(journal_next(reader, true, &record), JOURNAL_TORN);
    assert_int_equal(journal_resync(reader, &record), JOURNAL_END);
    journal_reader_close(reader);
}

static void a_group_larger_than_the_readers_window_is_read(void **state)
{
    enum { MEMBERS = 500 };
    struct spoolfolder *folder = *state;
    struct journal journal;
    struct record record;
    bobbin_error error;
    char payload[700];
    memset(payload, 'x', sizeof payload - 1);
    payload[sizeof payload - 1] = '\0';
    assert_true(journal_create(&journal, &folder->directory, WRITER, 1, 1024 * 1024, &error));
    for (uint32_t i = 0; i < MEMBERS; i++)
        append_member(&journal, payload, i == 0, MEMBERS - 1 - i);
    struct journal_reader *reader = reader_of(folder);
    for (uint32_t i = 0; i < MEMBERS; i++) {
        assert_int_equal(journal_next(reader, true, &record), JOURNAL_RECORD);
        assert_int_equal(record.index, i);
        assert_true(bobbin_is(record.queue, "q"));
    }
    assert_int_equal(journal_next(reader, true, &record), JOURNAL_END);
    journal_reader_close(reader);
    journal_close(&journal);
}

static void a_head_that_does_not_hold_is_a_sentence(void **state)
{
    struct spoolfolder *folder = *state;
    struct journal journal;
    bobbin_error error;
    make(&journal, folder);
    unsigned char damage = 0xff;
    assert_true(store_write(journal.fd, &damage, 1, 20));
    assert_null(journal_reader_open(&folder->directory, WRITER, 1, &error));
    assert_string_equal(error.text, "the journal 0000000000001234.00000001 has no head that holds");
    journal_close(&journal);
}

static void a_sealed_journal_takes_nothing(void **state)
{
    struct spoolfolder *folder = *state;
    struct journal journal;
    bobbin_error error;
    make(&journal, folder);
    journal.sealed = true;
    struct iovec vector = {"x", 1};
    assert_false(journal_append(&journal, &vector, 1, 1, 1, &error));
    journal_close(&journal);
}

static void what_was_never_finished_is_removed_when_it_is_old_and_nobody_holds_it(void **state)
{
    enum { MINUTE_US = 60 * 1000 * 1000 };
    struct spoolfolder *folder = *state;
    int journals = folder->directory.journals;
    static const char held[] = ".0000000000001234.00000003", left[] = ".0000000000001234.00000002";
    struct journal journal;
    int fds[2] = {store_create(journals, held), store_create(journals, left)};
    make(&journal, folder); /* one with a name is no business of this */
    journal_close(&journal);
    assert_int_equal(flock(fds[0], LOCK_EX), 0);
    uint64_t now_us = clock_us();
    journal_remove_unfinished(&folder->directory, now_us, MINUTE_US);
    assert_int_equal(faccessat(journals, left, F_OK, 0), 0);
    journal_remove_unfinished(&folder->directory, now_us + 2 * MINUTE_US, MINUTE_US);
    assert_int_equal(faccessat(journals, left, F_OK, 0), -1);
    assert_int_equal(faccessat(journals, held, F_OK, 0), 0);
    assert_int_equal(faccessat(journals, "0000000000001234.00000001", F_OK, 0), 0);
    close(fds[0]);
    close(fds[1]);
}

static void a_payload_is_read_back(void **state)
{
    struct spoolfolder *folder = *state;
    struct journal journal;
    bobbin_error error;
    unsigned char head[RECORD_HEAD_MAX];
    struct record record;
    void *payload;
    bool mapped;
    make(&journal, folder);
    append(&journal, "the payload");
    struct journal_reader *reader = reader_of(folder);
    assert_true(journal_read_record(reader, JOURNAL_HEAD_BYTES / 64, 0, head, &record));
    assert_false(journal_read_record(reader, JOURNAL_HEAD_BYTES / 64, 1, head, &record));
    assert_true(journal_read_record(reader, JOURNAL_HEAD_BYTES / 64, 0, head, &record));
    assert_true(
        journal_read_payload(reader, &folder->directory, &record, &payload, &mapped, &error));
    assert_false(mapped);
    assert_memory_equal(payload, "the payload", 11);
    free(payload);
    journal_reader_close(reader);
    journal_close(&journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_parsed_back_and_others_refused),
        WITH_SPOOL(what_was_appended_is_followed_in_order),
        WITH_SPOOL(a_full_journal_says_so),
        WITH_SPOOL(the_lock_tells_whether_the_writer_lives),
        WITH_SPOOL(a_record_that_is_not_whole_is_torn_until_it_is),
        WITH_SPOOL(records_behind_damage_are_found_again),
        WITH_SPOOL(a_damaged_payload_is_no_record),
        WITH_SPOOL(members_of_a_group_count_when_all_of_it_is_there),
        WITH_SPOOL(nothing_of_a_torn_group_is_found_wherever_it_is_torn),
        WITH_SPOOL(a_torn_group_at_the_end_is_no_job),
        WITH_SPOOL(a_group_larger_than_the_readers_window_is_read),
        WITH_SPOOL(a_head_that_does_not_hold_is_a_sentence),
        WITH_SPOOL(a_sealed_journal_takes_nothing),
        WITH_SPOOL(what_was_never_finished_is_removed_when_it_is_old_and_nobody_holds_it),
        WITH_SPOOL(a_payload_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
