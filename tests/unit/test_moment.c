/* links: plugins/jobs/moment.c plugins/jobs/quantity.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugins/jobs/moment.h"
#include "plugins/jobs/quantity.h"

static void a_moment_is_read_as_people_write_it(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t us;
    } cases[] = {
        {"0", 0},
        {"1700000000", 1700000000000000},
        {"253402300799", 253402300799000000},
        {"2023-11-14T22:13:20Z", 1700000000000000},
        {"2023-11-14t22:13:20.123z", 1700000000123000},
        {"2023-11-14T22:13:20.1234567899Z", 1700000000123456},
        {"2023-11-14T23:43:20+01:30", 1700000000000000},
        {"2023-11-14T00:13:20-22:00", 1700000000000000},
        {"2024-02-29T00:00:00Z", 1709164800000000},
        {"2000-02-29T00:00:00Z", 951782400000000},
        {"2016-12-31T23:59:60Z", 1483228800000000},
        {"9999-12-31T23:59:59Z", 253402300799000000},
        {"1969-12-31T23:59:59.9Z", 0},
        {"0000-01-01T00:00:00Z", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t us = 7;
        if (!moment_read(bobbin_text(cases[i].text), &us) || us != cases[i].us)
            fail_msg("%s is %llu", cases[i].text, (unsigned long long)us);
    }
}

static void what_is_no_moment_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "-1",
        "+1",
        " 1",
        "1.5",
        "1s",
        "253402300800",
        "18446744073709551616",
        "2023-11-14",
        "2023-11-14T22:13:20",
        "2023-11-14T22:13Z",
        "2023-11-14 22:13:20Z",
        "2023-11-14T22:13:20.Z",
        "2023-11-14T22:13:20.5",
        "2023-11-14T22:13:20Zx",
        "2023-11-14T22:13:20 01:00",
        "2023-11-14T22:13:20+0100",
        "2023-11-14T22:13:20+01:0",
        "2023-11-14T22:13:20+01:000",
        "2023-11-14T22:13:20+24:00",
        "2023-11-14T22:13:20+01:60",
        "2023-00-14T22:13:20Z",
        "2023-13-14T22:13:20Z",
        "2023-11-00T22:13:20Z",
        "2023-11-31T22:13:20Z",
        "2023-12-32T22:13:20Z",
        "2023-02-29T22:13:20Z",
        "1900-02-29T22:13:20Z",
        "2023-11-14T24:00:00Z",
        "2023-11-14T22:60:00Z",
        "2023-11-14T22:13:61Z",
        "2023-+1-14T22:13:20Z",
        "20231-1-14T22:13:20Z",
        "9999-12-31T23:59:60Z",
        "9999-12-31T23:59:59-00:01",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t us;
        if (moment_read(bobbin_text(cases[i]), &us))
            fail_msg("\"%s\" is %llu", cases[i], (unsigned long long)us);
    }
}

/* Nothing behind the end is looked at: a sanitizer sees a read beyond the copy. */
static void a_moment_that_is_cut_anywhere_is_refused(void **state)
{
    (void)state;
    bobbin_str whole = bobbin_text("2023-11-14T22:13:20.5+01:00");
    for (size_t length = 0; length < whole.length; length++) {
        uint64_t us;
        char *copy = malloc(length > 0 ? length : 1);
        assert_non_null(copy);
        memcpy(copy, whole.data, length);
        bobbin_str cut = {copy, length};
        assert_int_equal(moment_read(cut, &us), length >= 1 && length <= 4); /* seconds */
        free(copy);
    }
}

static void a_moment_is_written_in_milliseconds(void **state)
{
    (void)state;
    char text[MOMENT_BYTES];
    moment_write(1700000000123999, text);
    assert_string_equal(text, "2023-11-14T22:13:20.123Z");
    moment_write(UINT64_MAX, text);
    assert_string_equal(text, "586524-01-19T08:01:49.551Z");
}

static void a_time_has_a_unit_or_is_seconds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ms;
    } cases[] = {{"0", 0},
                 {"2", 2000},
                 {"250ms", 250},
                 {"10s", 10000},
                 {"2m", 120000},
                 {"1h", 3600000},
                 {"7d", 604800000},
                 {"18446744073709551615ms", UINT64_MAX},
                 {"18446744073709551s", 18446744073709551000u}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t ms = 7;
        if (!quantity_read_time(bobbin_text(cases[i].text), UINT64_MAX, &ms) || ms != cases[i].ms)
            fail_msg("%s is %llu", cases[i].text, (unsigned long long)ms);
    }
}

static void what_is_no_time_or_too_long_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {"",
                                        "s",
                                        "ms",
                                        "-1s",
                                        "+1s",
                                        " 1s",
                                        "1 s",
                                        "1s ",
                                        "1S",
                                        "1w",
                                        "1.5s",
                                        "0x1s",
                                        "1s1s",
                                        "1ms1",
                                        "1mss",
                                        "18446744073709551616ms",
                                        "18446744073709552s",
                                        "213503982335d",
                                        "99999999999999999999d"};
    uint64_t ms;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (quantity_read_time(bobbin_text(cases[i]), UINT64_MAX, &ms))
            fail_msg("\"%s\" is %llu", cases[i], (unsigned long long)ms);
    assert_true(quantity_read_time(bobbin_text("60s"), 60000, &ms));
    assert_true(quantity_read_time(bobbin_text("1m"), 60000, &ms));
    assert_false(quantity_read_time(bobbin_text("61s"), 60000, &ms));
    assert_false(quantity_read_time(bobbin_text("60001ms"), 60000, &ms));
    assert_false(quantity_read_time(bobbin_text("2m"), 60000, &ms));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_moment_is_read_as_people_write_it),
        cmocka_unit_test(what_is_no_moment_is_refused),
        cmocka_unit_test(a_moment_that_is_cut_anywhere_is_refused),
        cmocka_unit_test(a_moment_is_written_in_milliseconds),
        cmocka_unit_test(a_time_has_a_unit_or_is_seconds),
        cmocka_unit_test(what_is_no_time_or_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
