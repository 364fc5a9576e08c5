#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/config/ini.h"

static bobbin_error error;

static bool read_text(struct ini *ini, const char *text)
{
    return ini_read_text(ini, "f", text, strlen(text), &error);
}

static void expect_refusal(const char *text, const char *sentence)
{
    struct ini ini;
    assert_false(read_text(&ini, text));
    assert_string_equal(error.text, sentence);
    ini_finish(&ini);
}

static void entries_know_their_section_and_line(void **state)
{
    (void)state;
    struct ini ini;
    assert_true(read_text(
        &ini, "\xef\xbb\xbf; comment\r\n[a]\r\nk = v w ; c\r\n# c\n\n[b:c]\nx=a;b\ny =\n"));
    assert_int_equal(ini.section_count, 2);
    assert_int_equal(ini.entry_count, 3);
    assert_string_equal(ini.entries[0].section, "a");
    assert_string_equal(ini.entries[0].value, "v w");
    assert_int_equal(ini.entries[0].line, 3);
    assert_string_equal(ini.entries[1].section, "b:c");
    assert_string_equal(ini.entries[1].value, "a;b");
    assert_string_equal(ini.entries[2].value, "");
    assert_int_equal(ini.entries[2].line, 8);
    ini_finish(&ini);
}

static void a_text_without_a_final_newline_is_whole(void **state)
{
    (void)state;
    struct ini ini;
    assert_true(read_text(&ini, "[a]\nk=v"));
    assert_string_equal(ini.entries[0].value, "v");
    ini_finish(&ini);
    assert_true(read_text(&ini, ""));
    ini_finish(&ini);
}

static void what_is_malformed_is_a_sentence_with_its_line(void **state)
{
    (void)state;
    expect_refusal("[a]\nnonsense\n", "f:2: \"nonsense\" is neither [section] nor key = value");
    expect_refusal("k = v\n", "f:1: \"k = v\" stands before the first [section]");
    expect_refusal("[a]\n k = v\n", "f:2: a line must not begin with a space");
    expect_refusal("[a\n", "f:1: a section is written [name], alone on its line");
    expect_refusal("[a] b\n", "f:1: a section is written [name], alone on its line");
    expect_refusal("[ ]\n", "f:1: a section needs a name");
    expect_refusal("[a]\n= v\n", "f:2: a value needs a key before the =");
    expect_refusal("[a]\n[b]\n[a]\n", "f:3: [a] stands there twice: it began in line 1");
}

static void a_nul_and_too_much_are_refused(void **state)
{
    (void)state;
    struct ini ini;
    static char large[1024 * 1024 + 1];
    assert_false(ini_read_text(&ini, "f", "[a]\nk=\0v\n", 9, &error));
    assert_string_equal(error.text, "f:2: there is a NUL byte");
    ini_finish(&ini);
    memset(large, '\n', sizeof large);
    assert_true(ini_read_text(&ini, "f", large, sizeof large - 1, &error));
    ini_finish(&ini);
    assert_false(ini_read_text(&ini, "f", large, sizeof large, &error));
    ini_finish(&ini);
}

static void a_very_long_value_is_kept(void **state)
{
    (void)state;
    struct ini ini;
    static char text[100000];
    memset(text, 'x', sizeof text - 1);
    memcpy(text, "[a]\nk = ", 8);
    assert_true(read_text(&ini, text));
    assert_int_equal(strlen(ini.entries[0].value), sizeof text - 1 - 8);
    ini_finish(&ini);
}

static void a_file_that_is_not_there_is_a_sentence(void **state)
{
    (void)state;
    struct ini ini;
    assert_false(ini_read_file(&ini, "/nowhere/x.ini", &error));
    assert_string_equal(error.text, "/nowhere/x.ini: No such file or directory");
    ini_finish(&ini);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_know_their_section_and_line),
        cmocka_unit_test(a_text_without_a_final_newline_is_whole),
        cmocka_unit_test(what_is_malformed_is_a_sentence_with_its_line),
        cmocka_unit_test(a_nul_and_too_much_are_refused),
        cmocka_unit_test(a_very_long_value_is_kept),
        cmocka_unit_test(a_file_that_is_not_there_is_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
