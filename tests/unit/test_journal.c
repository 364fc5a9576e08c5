#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <cmocka.h>

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

static void append(struct journal *journal, const char *payload, uint32_t group_left)
{
    unsigned char bytes[1024];
    bobbin_error error;
    struct record record = {.offset = journal->end,
                            .index = journal->next_index,
                            .nonce = 7,
                            .group_left = group_left,
                            .queue = {"q", 1},
                            .payload = bobbin_text(payload)};
    size_t size = record_size(&record);
    record_encode(&record, journal->salt, bytes);
    struct iovec vector = {bytes, size};
    assert_true(journal_append(journal, &vector, 1, size, 1, &error));
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
        append(&journal, "payload", 0);
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
        append(&journal, "0123456789012345678901234567890123456789012345678901234567", 0);
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
    append(&journal, "first", 0);
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
    append(&journal, "first", 0);
    uint64_t second = journal.end;
    append(&journal, "second", 0);
    append(&journal, "third", 0);
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
    append(&journal, "payload", 0);
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
    append(&journal, "one of three", 2);
    assert_int_equal(journal_next(reader, true, &record), JOURNAL_TORN);
    append(&journal, "two of three", 1);
    assert_int_equal(journal_next(reader, true, &record), JOURNAL_TORN);
    append(&journal, "three of three", 0);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(journal_next(reader, true, &record), JOURNAL_RECORD);
        assert_int_equal(record.index, i);
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
    append(&journal, "the payload", 0);
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
        WITH_SPOOL(a_head_that_does_not_hold_is_a_sentence),
        WITH_SPOOL(a_sealed_journal_takes_nothing),
        WITH_SPOOL(a_payload_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
