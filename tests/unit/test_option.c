#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/config/expand.h"
#include "core/config/option.h"
#include "core/config/settings.h"

struct things {
    uint64_t count, size, time, choice;
    bool flag;
    const char *text;
};

static const struct bobbin_option rows[] = {
    BOBBIN_COUNT_OR_AUTO(struct things, count, "count", "auto", 1, 64, "h"),
    BOBBIN_SIZE(struct things, size, "size", "64k", 512, 1u << 30, "h"),
    BOBBIN_TIME(struct things, time, "time", "30s", 0, 86400000, "h"),
    BOBBIN_CHOICE(struct things, choice, "choice", "two", "one|two|three", "h"),
    BOBBIN_FLAG(struct things, flag, "flag", "on", "h"),
    BOBBIN_TEXT(struct things, text, "text", "t", "h"),
    BOBBIN_OPTIONS_END,
};

static bobbin_error error;
static struct things things;

static bool parse(const char *name, const char *value)
{
    return option_parse(option_find(rows, name), &things, value, &error);
}

static void defaults_are_read_by_the_same_parser(void **state)
{
    (void)state;
    assert_true(option_defaults(rows, &things, &error));
    assert_true(things.count == UINT64_MAX);
    assert_int_equal(things.size, 65536);
    assert_int_equal(things.time, 30000);
    assert_int_equal(things.choice, 1);
    assert_true(things.flag);
    assert_string_equal(things.text, "t");
}

static void values_are_taken_at_their_limits_and_refused_beyond(void **state)
{
    (void)state;
    assert_true(parse("count", "1") && parse("count", "64") && parse("count", "auto"));
    assert_false(parse("count", "0"));
    assert_string_equal(error.text, "count: \"0\" is not a number from 1 to 64, or auto");
    assert_false(parse("count", "65"));
    assert_true(parse("size", "512") && parse("size", "1g") && parse("size", "1024m"));
    assert_false(parse("size", "511"));
    assert_string_equal(error.text, "size: \"511\" is not a size from 512 to 1g, such as 64k");
    assert_true(parse("time", "1d") && parse("time", "0") && parse("time", "250ms"));
    assert_int_equal(things.time, 250);
    assert_false(parse("time", "86400001ms"));
}

static void numbers_are_digits_and_one_unit(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        " 1",
                                        "+1",
                                        "-1",
                                        "1 ",
                                        "0x1",
                                        "1.5",
                                        "k",
                                        "1kk",
                                        "1K",
                                        "1s",
                                        "1b",
                                        "99999999999999999999",
                                        "18446744073709551616",
                                        "17179869184g",
                                        "1e3"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(parse("size", wrong[i]));
    assert_false(parse("time", "5"));
    assert_false(parse("count", "1k"));
}

static void flags_and_choices_know_their_words(void **state)
{
    (void)state;
    assert_true(parse("flag", "off") && !things.flag);
    assert_true(parse("flag", "yes") && things.flag);
    assert_false(parse("flag", "1"));
    assert_string_equal(error.text, "flag: \"1\" is not on or off");
    assert_true(parse("choice", "three"));
    assert_false(parse("choice", "four") || parse("choice", "one|two") || parse("choice", ""));
    assert_string_equal(error.text, "choice: \"\" is not one of one, two, three");
}

static void the_nearest_name_is_offered_when_one_is_near(void **state)
{
    (void)state;
    static const char *const names[] = {"workers", "backlog", "listen"};
    assert_string_equal(option_nearest("worker", names, 3), "workers");
    assert_string_equal(option_nearest("lsiten", names, 3), "listen");
    assert_null(option_nearest("zzzz", names, 3));
    assert_null(option_nearest("x", names, 0));
}

static void a_value_is_written_as_it_would_be_read(void **state)
{
    (void)state;
    char text[64];
    assert_true(option_defaults(rows, &things, &error));
    static const char *const expected[] = {"auto", "64k", "30s", "two", "on", "t"};
    for (size_t i = 0; rows[i].name != NULL; i++) {
        option_format(&rows[i], &things, text, sizeof text);
        assert_string_equal(text, expected[i]);
        assert_true(option_parse(&rows[i], &things, text, &error));
    }
}

static void the_tables_own_defaults_are_legal(void **state)
{
    (void)state;
    struct settings settings = {0};
    assert_true(option_defaults(settings_rows, &settings, &error));
    assert_int_equal(settings.keepalive_timeout_ms, 75000);
    assert_int_equal(settings.head_timeout_ms, 15000);
}

static void variables_are_put_in_and_defaults_used(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"a", "a"},
                                           {"${U_SET}", "value"},
                                           {"x${U_SET}y${U_SET}", "xvaluey"
                                                                  "value"},
                                           {"${U_NONE:-d}", "d"},
                                           {"${U_EMPTY:-d}", "d"},
                                           {"${U_EMPTY}", ""},
                                           {"${U_SET:-d}", "value"},
                                           {"${U_NONE:-}", ""},
                                           {"$$", "$"},
                                           {"$x", "$x"},
                                           {"$", "$"},
                                           {"$${U_SET}", "${U_SET}"},
                                           {"${U_NONE:-http://a:1/}", "http://a:1/"}};
    setenv("U_SET", "value", 1);
    setenv("U_EMPTY", "", 1);
    unsetenv("U_NONE");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *value = expand_value(cases[i][0], &error);
        assert_non_null(value);
        assert_string_equal(value, cases[i][1]);
        free(value);
    }
}

static void a_variable_that_is_not_set_is_a_sentence(void **state)
{
    (void)state;
    assert_null(expand_value("${U_NONE}", &error));
    assert_string_equal(error.text,
                        "${U_NONE} is not set, and has no default (${U_NONE:-default})");
    assert_null(expand_value("${U_NONE", &error));
    assert_string_equal(error.text, "\"${U_NONE\" is not closed with a }");
    assert_null(expand_value("${}", &error));
    assert_string_equal(error.text, "${} names no variable");
    assert_null(expand_value("${a b}", &error));
    assert_string_equal(error.text, "${a b}: \"a b\" is not a variable's name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_read_by_the_same_parser),
        cmocka_unit_test(values_are_taken_at_their_limits_and_refused_beyond),
        cmocka_unit_test(numbers_are_digits_and_one_unit),
        cmocka_unit_test(flags_and_choices_know_their_words),
        cmocka_unit_test(the_nearest_name_is_offered_when_one_is_near),
        cmocka_unit_test(a_value_is_written_as_it_would_be_read),
        cmocka_unit_test(the_tables_own_defaults_are_legal),
        cmocka_unit_test(variables_are_put_in_and_defaults_used),
        cmocka_unit_test(a_variable_that_is_not_set_is_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
