#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "spooler/files/bytes.h"
#include "spooler/files/record.h"

enum { SALT = 0x55667788 };

static const bobbin_field headers[] = {{{"width", 5}, {"256", 3}}, {{"a", 1}, {"", 0}}};

static struct record sample(void)
{
    return (struct record){.offset = 4096,
                           .index = 3,
                           .nonce = 0x0102030405060708,
                           .enqueued_us = 1700000000000000,
                           .due_us = 5,
                           .expires_us = 6,
                           .timeout_ms = 7,
                           .attempts = 8,
                           .priority = 9,
                           .parent_writer = 10,
                           .parent_sequence = 11,
                           .parent_index = 12,
                           .queue = {"thumbnail", 9},
                           .content_type = {"image/jpeg", 10},
                           .unique_key = {"key", 3},
                           .headers = headers,
                           .header_count = 2,
                           .payload = {"some payload", 12}};
}

/* The sample as bytes, once and for ever: packed by another program from the table in record.h. */
static const unsigned char golden[] = {
    0x4a, 0x52, 0x45, 0x43, 0xdc, 0xc9, 0x45, 0x60, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x03, 0x00, 0x00, 0x00, 0xc0, 0x00, 0x00, 0x00, 0xa7, 0x00, 0x00, 0x00, 0x83, 0x6b, 0xf6, 0xff,
    0x0c, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01,
    0x00, 0x40, 0x1e, 0x18, 0x24, 0x0a, 0x06, 0x00, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x06, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00, 0x00, 0x08, 0x00, 0x09, 0x00,
    0x09, 0x00, 0x0a, 0x00, 0x03, 0x00, 0x02, 0x00, 0x11, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x0a, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0b, 0x00, 0x00, 0x00, 0x0c, 0x00, 0x00, 0x00,
    0x74, 0x68, 0x75, 0x6d, 0x62, 0x6e, 0x61, 0x69, 0x6c, 0x69, 0x6d, 0x61, 0x67, 0x65, 0x2f, 0x6a,
    0x70, 0x65, 0x67, 0x6b, 0x65, 0x79, 0x05, 0x00, 0x03, 0x00, 0x77, 0x69, 0x64, 0x74, 0x68, 0x32,
    0x35, 0x36, 0x01, 0x00, 0x00, 0x00, 0x61, 0x73, 0x6f, 0x6d, 0x65, 0x20, 0x70, 0x61, 0x79, 0x6c,
    0x6f, 0x61, 0x64, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};

static unsigned char *encoded(size_t *size)
{
    struct record record = sample();
    *size = record_size(&record);
    unsigned char *bytes = malloc(*size);
    record_encode(&record, SALT, bytes);
    return bytes;
}

static enum record_verdict decode(struct record *record, const unsigned char *bytes, size_t length)
{
    size_t needed;
    return record_decode_head(record, bytes, length, SALT, 4096, 3, &needed);
}

static void a_record_has_the_bytes_that_the_documentation_says(void **state)
{
    (void)state;
    size_t size;
    unsigned char *bytes = encoded(&size);
    assert_int_equal(size, sizeof golden);
    assert_memory_equal(bytes, golden, sizeof golden);
    free(bytes);
}

static void what_was_encoded_is_decoded(void **state)
{
    (void)state;
    size_t size;
    unsigned char *bytes = encoded(&size);
    struct record record;
    assert_int_equal(decode(&record, bytes, size), RECORD_WHOLE);
    assert_int_equal(record.record_bytes, size);
    assert_int_equal(record.nonce, 0x0102030405060708);
    assert_int_equal(record.enqueued_us, 1700000000000000);
    assert_int_equal(record.due_us, 5);
    assert_int_equal(record.expires_us, 6);
    assert_int_equal(record.timeout_ms, 7);
    assert_int_equal(record.attempts, 8);
    assert_int_equal(record.priority, 9);
    assert_int_equal(record.parent_writer, 10);
    assert_int_equal(record.parent_sequence, 11);
    assert_int_equal(record.parent_index, 12);
    assert_true(bobbin_is(record.queue, "thumbnail"));
    assert_true(bobbin_is(record.content_type, "image/jpeg"));
    assert_true(bobbin_is(record.unique_key, "key"));
    assert_true(bobbin_is(record_header(&record, "WIDTH"), "256"));
    assert_non_null(record_header(&record, "a").data);
    assert_null(record_header(&record, "b").data);
    assert_true(record_payload_holds(&record, bytes + record.head_bytes, 12));
    assert_false(record_payload_holds(&record, "some paYload", 12));
    free(bytes);
}

static void every_bit_flip_of_the_head_is_detected(void **state)
{
    (void)state;
    size_t size;
    unsigned char *bytes = encoded(&size);
    struct record record;
    size_t head = get32(bytes + 24);
    for (size_t bit = 0; bit < head * 8; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        unsigned char *exact = malloc(size);
        memcpy(exact, bytes, size);
        assert_int_not_equal(decode(&record, exact, size), RECORD_WHOLE);
        free(exact);
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    free(bytes);
}

static void a_head_that_is_cut_asks_for_more_and_reads_nothing_beyond(void **state)
{
    (void)state;
    size_t size, needed;
    unsigned char *bytes = encoded(&size);
    struct record record;
    size_t head = get32(bytes + 24);
    for (size_t length = 0; length < head; length++) {
        unsigned char *exact = malloc(length > 0 ? length : 1);
        memcpy(exact, bytes, length);
        assert_int_equal(record_decode_head(&record, exact, length, SALT, 4096, 3, &needed),
                         RECORD_SHORT);
        assert_int_equal(needed, length < RECORD_FIXED_BYTES ? RECORD_FIXED_BYTES : head);
        free(exact);
    }
    free(bytes);
}

static void another_salt_place_or_number_is_not_a_record(void **state)
{
    (void)state;
    size_t size, needed;
    unsigned char *bytes = encoded(&size);
    struct record record;
    assert_int_equal(record_decode_head(&record, bytes, size, SALT + 1, 4096, 3, &needed),
                     RECORD_TORN);
    assert_int_equal(record_decode_head(&record, bytes, size, SALT, 4160, 3, &needed), RECORD_TORN);
    assert_int_equal(record_decode_head(&record, bytes, size, SALT, 4096, 4, &needed), RECORD_TORN);
    assert_int_equal(
        record_decode_head(&record, bytes, size, SALT, 4096, RECORD_ANY_INDEX, &needed),
        RECORD_WHOLE);
    free(bytes);
}

static void a_record_can_be_given_another_place(void **state)
{
    (void)state;
    size_t size, needed;
    unsigned char *bytes = encoded(&size);
    struct record record;
    record_place(bytes, 640, 77, SALT + 5);
    assert_int_equal(record_decode_head(&record, bytes, size, SALT + 5, 640, 77, &needed),
                     RECORD_WHOLE);
    free(bytes);
}

static void zeroes_are_nothing(void **state)
{
    (void)state;
    unsigned char zero[RECORD_FIXED_BYTES] = {0};
    struct record record;
    assert_int_equal(decode(&record, zero, sizeof zero), RECORD_NOTHING);
}

static void what_is_too_large_has_no_size(void **state)
{
    (void)state;
    struct record record = sample();
    record.content_type.length = RECORD_HEAD_MAX;
    assert_int_equal(record_size(&record), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_has_the_bytes_that_the_documentation_says),
        cmocka_unit_test(what_was_encoded_is_decoded),
        cmocka_unit_test(every_bit_flip_of_the_head_is_detected),
        cmocka_unit_test(a_head_that_is_cut_asks_for_more_and_reads_nothing_beyond),
        cmocka_unit_test(another_salt_place_or_number_is_not_a_record),
        cmocka_unit_test(a_record_can_be_given_another_place),
        cmocka_unit_test(zeroes_are_nothing),
        cmocka_unit_test(what_is_too_large_has_no_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
