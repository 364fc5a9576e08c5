#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "spooler/files/state.h"
#include "tests/unit/spoolfolder.h"

enum { WRITER = 9, SEQUENCE = 1, SALT = 42 };

static struct state_file *opened(const struct spoolfolder *folder, uint64_t salt)
{
    bobbin_error error;
    struct state_file *file = state_open(&folder->directory, WRITER, SEQUENCE, salt, &error);
    assert_non_null(file);
    return file;
}

static struct state_entry entry_of(uint8_t state, uint16_t attempt)
{
    return (struct state_entry){.block = 64, .state = state, .attempt = attempt, .ended_us = 7};
}

static void an_entry_is_decoded_back_and_only_at_its_place(void **state)
{
    (void)state;
    unsigned char bytes[STATE_ENTRY_BYTES];
    struct state_entry entry = {.block = 64,
                                .state = BOBBIN_STATE_DONE,
                                .reason = 1,
                                .attempt = 2,
                                .slot = 3,
                                .due_or_started_us = 4,
                                .ended_us = 5},
                       back;
    state_encode(&entry, SALT, 8, bytes);
    assert_true(state_decode(&back, SALT, 8, bytes));
    assert_int_equal(back.block, 64);
    assert_int_equal(back.state, BOBBIN_STATE_DONE);
    assert_int_equal(back.attempt, 2);
    assert_int_equal(back.slot, 3);
    assert_int_equal(back.due_or_started_us, 4);
    assert_int_equal(back.ended_us, 5);
    assert_false(state_decode(&back, SALT, 9, bytes));
    assert_false(state_decode(&back, SALT + 1, 8, bytes));
}

static void a_duplicate_names_its_first_whole(void **state)
{
    (void)state;
    unsigned char bytes[STATE_ENTRY_BYTES];
    const struct state_entry entry = {.state = BOBBIN_STATE_DUPLICATE,
                                      .ended_us = 4102444800000000, /* in the year 2100 */
                                      .first = {.writer = 0xfedcba9876543210,
                                                .sequence = 0x89abcdef,
                                                .block = 0x12345678,
                                                .index = 0xffffffff}};
    struct state_entry back;
    state_encode(&entry, SALT, 8, bytes);
    assert_true(state_decode(&back, SALT, 8, bytes));
    assert_memory_equal(&back, &entry, sizeof entry);
}

static void every_bit_flip_makes_an_entry_say_nothing(void **state)
{
    (void)state;
    unsigned char bytes[STATE_ENTRY_BYTES];
    struct state_entry entry = entry_of(BOBBIN_STATE_RUNNING, 1), back;
    state_encode(&entry, SALT, 0, bytes);
    for (size_t bit = 0; bit < sizeof bytes * 8; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_false(state_decode(&back, SALT, 0, bytes));
        assert_int_equal(back.state, 0);
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
}

static void a_missing_file_reads_as_untouched(void **state)
{
    struct spoolfolder *folder = *state;
    struct state_entry entry;
    int fd = state_open_read(&folder->directory, WRITER, SEQUENCE);
    assert_int_equal(fd, -1);
    assert_false(state_read(fd, SALT, 0, &entry));
}

static void what_was_put_is_seen_at_once_and_read_after_the_flush(void **state)
{
    struct spoolfolder *folder = *state;
    bobbin_error error;
    struct state_file *file = opened(folder, SALT);
    int fd = state_open_read(&folder->directory, WRITER, SEQUENCE);
    struct state_entry back;
    for (uint32_t i = 0; i < 300; i++) {
        struct state_entry entry = entry_of(BOBBIN_STATE_DONE, (uint16_t)i);
        assert_true(state_put(file, i, &entry, &error));
        assert_true(state_get(file, i, &back));
        assert_int_equal(back.attempt, i);
    }
    struct state_entry far = entry_of(BOBBIN_STATE_DEAD, 1);
    assert_true(state_put(file, 5000, &far, &error));
    assert_true(state_put(file, 7, &far, &error));
    assert_true(state_flush(file, &error));
    for (uint32_t i = 0; i < 300; i++) {
        assert_true(state_read(fd, SALT, i, &back));
        assert_int_equal(back.attempt, i == 7 ? 1 : i);
    }
    assert_true(state_read(fd, SALT, 5000, &back));
    assert_false(state_read(fd, SALT, 4000, &back));
    close(fd);
    state_close(file);
}

static void entries_survive_a_close_and_an_open(void **state)
{
    struct spoolfolder *folder = *state;
    bobbin_error error;
    struct state_entry entry = entry_of(BOBBIN_STATE_DONE, 3), back;
    struct state_file *file = opened(folder, SALT);
    assert_true(state_put(file, 2, &entry, &error));
    state_close(file);
    file = opened(folder, SALT);
    assert_true(state_get(file, 2, &back));
    assert_int_equal(back.attempt, 3);
    state_close(file);
}

static void a_head_of_another_journal_makes_the_file_new(void **state)
{
    struct spoolfolder *folder = *state;
    bobbin_error error;
    struct state_entry entry = entry_of(BOBBIN_STATE_DONE, 3), back;
    struct state_file *file = opened(folder, SALT);
    assert_true(state_put(file, 2, &entry, &error));
    state_close(file);
    file = opened(folder, SALT + 1);
    assert_false(state_get(file, 2, &back));
    state_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_is_decoded_back_and_only_at_its_place),
        cmocka_unit_test(a_duplicate_names_its_first_whole),
        cmocka_unit_test(every_bit_flip_makes_an_entry_say_nothing),
        WITH_SPOOL(a_missing_file_reads_as_untouched),
        WITH_SPOOL(what_was_put_is_seen_at_once_and_read_after_the_flush),
        WITH_SPOOL(entries_survive_a_close_and_an_open),
        WITH_SPOOL(a_head_of_another_journal_makes_the_file_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
