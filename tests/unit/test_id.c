#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "spooler/files/id.h"

static const struct job_address address = {.writer = 0x0123456789abcdef,
                                           .sequence = 0x89abcdef,
                                           .block = 0x01020304,
                                           .index = 0xfffefdfc,
                                           .nonce = 0xfedcba9876543210};

static void an_id_is_the_address_in_base32(void **state)
{
    (void)state;
    char text[ID_TEXT_BYTES + 1];
    id_format(&address, text);
    /* 28 bytes, big-endian, packed by another program. */
    assert_string_equal(text, "04hmasw9nf6yz2dbsqqg20g30kzzxzfwzvebn63pags10");
}

static void an_id_is_parsed_back(void **state)
{
    (void)state;
    char text[ID_TEXT_BYTES + 1];
    struct job_address back;
    id_format(&address, text);
    assert_true(id_parse(text, ID_TEXT_BYTES, &back));
    assert_int_equal(back.writer, address.writer);
    assert_int_equal(back.sequence, address.sequence);
    assert_int_equal(back.block, address.block);
    assert_int_equal(back.index, address.index);
    assert_int_equal(back.nonce, address.nonce);
}

static void only_the_exact_text_is_an_id(void **state)
{
    (void)state;
    char text[ID_TEXT_BYTES + 1];
    struct job_address back;
    id_format(&address, text);
    assert_false(id_parse(text, ID_TEXT_BYTES - 1, &back));
    assert_false(id_parse(text, 0, &back));
    for (int i = 0; i < ID_TEXT_BYTES; i++)
        for (const char *c = "ilouA-/ \x80"; *c != '\0'; c++) {
            char spoiled[ID_TEXT_BYTES + 1];
            memcpy(spoiled, text, sizeof spoiled);
            spoiled[i] = *c;
            assert_false(id_parse(spoiled, ID_TEXT_BYTES, &back));
        }
    text[5] = '\0';
    assert_false(id_parse(text, ID_TEXT_BYTES, &back));
}

static void bits_behind_the_last_byte_must_be_zero(void **state)
{
    (void)state;
    char text[ID_TEXT_BYTES + 1];
    struct job_address back;
    id_format(&(struct job_address){0}, text);
    assert_true(id_parse(text, ID_TEXT_BYTES, &back));
    text[ID_TEXT_BYTES - 1] = '1';
    assert_false(id_parse(text, ID_TEXT_BYTES, &back));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_the_address_in_base32),
        cmocka_unit_test(an_id_is_parsed_back),
        cmocka_unit_test(only_the_exact_text_is_an_id),
        cmocka_unit_test(bits_behind_the_last_byte_must_be_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
