#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "spooler/cron.h"

/* "2024-02-29 12:34:56", UTC, by the C library: a judge of its own. */
static uint64_t at(const char *text)
{
    struct tm time = {0};
    assert_non_null(strptime(text, "%Y-%m-%d %H:%M:%S", &time));
    return (uint64_t)timegm(&time);
}

static struct cron parse(const char *schedule)
{
    struct cron cron;
    bobbin_error error;
    if (!cron_parse(&cron, schedule, &error))
        fail_msg("%s: %s", schedule, error.text);
    return cron;
}

static void expect(const char *schedule, const char *after, const char *const *times)
{
    struct cron cron = parse(schedule);
    uint64_t time_s = at(after);
    for (; *times != NULL; times++) {
        time_s = cron_next(&cron, time_s);
        if (time_s != at(*times))
            fail_msg("%s: %s is expected, and it is %lld", schedule, *times, (long long)time_s);
    }
}

#define EXPECT(schedule, after, ...)                                                               \
    expect(schedule, after, (const char *const[]){__VA_ARGS__, NULL})

static void expect_wrong(const char *schedule, const char *sentence)
{
    struct cron cron;
    bobbin_error error = {0};
    if (cron_parse(&cron, schedule, &error))
        fail_msg("%s is taken", schedule);
    assert_string_equal(error.text, sentence);
}

static void every_minute_is_the_next_whole_one(void **state)
{
    (void)state;
    EXPECT("* * * * *", "2026-01-01 00:00:00", "2026-01-01 00:01:00", "2026-01-01 00:02:00");
    EXPECT("* * * * *", "2026-12-31 23:59:59", "2027-01-01 00:00:00");
}

static void numbers_lists_ranges_and_steps_are_what_they_say(void **state)
{
    (void)state;
    EXPECT("30 4 * * *", "2026-03-01 04:30:00", "2026-03-02 04:30:00", "2026-03-03 04:30:00");
    EXPECT("5,10-12 0 * * *", "2026-03-01 00:00:00", "2026-03-01 00:05:00", "2026-03-01 00:10:00",
           "2026-03-01 00:11:00", "2026-03-01 00:12:00", "2026-03-02 00:05:00");
    EXPECT("*/20 23 * * *", "2026-03-01 23:00:00", "2026-03-01 23:20:00", "2026-03-01 23:40:00",
           "2026-03-02 23:00:00");
    EXPECT("0 9-17/4 * * *", "2026-03-01 00:00:00", "2026-03-01 09:00:00", "2026-03-01 13:00:00",
           "2026-03-01 17:00:00", "2026-03-02 09:00:00");
    EXPECT("0 0 1 1-12/6,12 *", "2026-01-01 00:00:00", "2026-07-01 00:00:00", "2026-12-01 00:00:00",
           "2027-01-01 00:00:00");
    EXPECT("  7\t1 * *   * ", "2026-03-01 00:00:00", "2026-03-01 01:07:00");
    EXPECT("*/100 * * * *", "2026-03-01 00:00:00", "2026-03-01 01:00:00");
}

static void names_of_months_and_weekdays_are_numbers(void **state)
{
    (void)state;
    EXPECT("0 0 1 feb,Nov *", "2026-01-01 00:00:00", "2026-02-01 00:00:00", "2026-11-01 00:00:00");
    EXPECT("0 0 * * mon-WED", "2026-03-01 00:00:00", "2026-03-02 00:00:00", "2026-03-03 00:00:00",
           "2026-03-04 00:00:00", "2026-03-09 00:00:00");
    EXPECT("0 0 * * fri-sun", "2026-03-02 00:00:00", "2026-03-06 00:00:00", "2026-03-07 00:00:00",
           "2026-03-08 00:00:00", "2026-03-13 00:00:00");
}

static void sunday_is_0_and_7(void **state)
{
    (void)state;
    for (const char **day = (const char *[]){"0", "7", "sun", "0,7", NULL}; *day != NULL; day++) {
        char schedule[32] = "0 12 * * ";
        strcat(schedule, *day);
        EXPECT(schedule, "2026-03-01 12:00:00", "2026-03-08 12:00:00", "2026-03-15 12:00:00");
    }
    EXPECT("0 0 * * 6-7", "2026-03-01 00:00:00", "2026-03-07 00:00:00", "2026-03-08 00:00:00");
}

static void the_31st_comes_only_in_months_that_have_it(void **state)
{
    (void)state;
    EXPECT("0 0 31 * *", "2026-01-01 00:00:00", "2026-01-31 00:00:00", "2026-03-31 00:00:00",
           "2026-05-31 00:00:00", "2026-07-31 00:00:00", "2026-08-31 00:00:00",
           "2026-10-31 00:00:00", "2026-12-31 00:00:00");
}

static void leap_days_come_when_there_are_some(void **state)
{
    (void)state;
    EXPECT("0 0 29 2 *", "2024-02-29 00:00:00", "2028-02-29 00:00:00", "2032-02-29 00:00:00");
    EXPECT("0 0 29 2 *", "2096-02-29 00:00:00", "2104-02-29 00:00:00");
    EXPECT("0 0 29 2 *", "1999-01-01 00:00:00", "2000-02-29 00:00:00");
    EXPECT("0 0 * 2-3 *", "2026-02-28 00:00:00", "2026-03-01 00:00:00");
    /* The day and the weekday both: "*" at its front makes the weekday one more condition. */
    EXPECT("0 0 29 2 */7", "2026-01-01 00:00:00", "2032-02-29 00:00:00", "2060-02-29 00:00:00");
}

static void day_or_weekday_is_enough_when_both_are_restricted(void **state)
{
    (void)state;
    EXPECT("0 0 13 * 5", "2026-03-01 00:00:00", "2026-03-06 00:00:00", "2026-03-13 00:00:00",
           "2026-03-20 00:00:00", "2026-03-27 00:00:00", "2026-04-03 00:00:00",
           "2026-04-10 00:00:00", "2026-04-13 00:00:00");
    EXPECT("0 0 13 * *", "2026-03-01 00:00:00", "2026-03-13 00:00:00", "2026-04-13 00:00:00");
    EXPECT("0 0 * * 5", "2026-03-01 00:00:00", "2026-03-06 00:00:00", "2026-03-13 00:00:00");
    /* Friday the 13th: crontab(5)'s trick. */
    EXPECT("0 0 */12 * 5", "2026-01-01 00:00:00", "2026-02-13 00:00:00", "2026-03-13 00:00:00",
           "2026-05-01 00:00:00");
}

static void every_comes_at_the_times_that_it_divides(void **state)
{
    (void)state;
    EXPECT("@every 30s", "2026-03-01 00:00:01", "2026-03-01 00:00:30", "2026-03-01 00:01:00");
    EXPECT("@every 5m", "2026-03-01 00:00:00", "2026-03-01 00:05:00");
    EXPECT("@every 12h", "2026-03-01 00:00:00", "2026-03-01 12:00:00");
    EXPECT(" @every  1d ", "2026-03-01 00:00:01", "2026-03-02 00:00:00");
    assert_int_equal(parse("@every 366d").every_s, 366 * 86400);
}

/* Against the C library, for eighty years. */
static void each_day_is_the_calendars(void **state)
{
    (void)state;
    struct cron daily = parse("0 0 * * *");
    for (uint64_t day = 0, time_s = 0; day < 80 * 366; day++) {
        struct tm date;
        char schedule[64];
        time_t seconds = (time_t)(time_s = cron_next(&daily, time_s));
        gmtime_r(&seconds, &date);
        snprintf(schedule, sizeof schedule, "0 0 %d %d */1", date.tm_mday, date.tm_mon + 1);
        assert_int_equal(time_s % 86400, 0);
        struct cron cron = parse(schedule);
        assert_int_equal(cron_next(&cron, time_s - 1), time_s);
        snprintf(schedule, sizeof schedule, "0 0 * * %d", date.tm_wday);
        cron = parse(schedule);
        assert_int_equal(cron_next(&cron, time_s - 1), time_s);
    }
}

static void the_latest_is_the_last_that_is_not_after_then(void **state)
{
    (void)state;
    struct cron hourly = parse("0 * * * *"), every = parse("@every 7s");
    struct cron yearly = parse("* * 1 1 *"), leap = parse("0 0 29 2 *");
    uint64_t start_s = at("2026-01-01 00:30:00");
    assert_int_equal(cron_latest(&hourly, start_s, at("2026-05-01 10:00:00")),
                     at("2026-05-01 10:00:00"));
    assert_int_equal(cron_latest(&hourly, start_s, at("2026-05-01 10:59:59")),
                     at("2026-05-01 10:00:00"));
    assert_int_equal(cron_latest(&hourly, start_s, start_s + 1799), 0);
    assert_int_equal(cron_latest(&hourly, at("2026-05-01 10:00:00"), at("2026-05-01 10:59:59")), 0);
    assert_int_equal(cron_latest(&yearly, start_s, at("2026-12-01 00:00:00")),
                     at("2026-01-01 23:59:00"));
    assert_int_equal(cron_latest(&leap, at("2024-02-28 00:00:00"), start_s),
                     at("2024-02-29 00:00:00"));
    assert_int_equal(cron_latest(&leap, at("2024-02-29 00:00:00"), start_s), 0);
    assert_int_equal(cron_latest(&every, 100, 111), 105);
    assert_int_equal(cron_latest(&every, 105, 111), 0);
    assert_int_equal(cron_latest(&every, 200, 100), 0);
}

static void what_is_no_schedule_is_a_sentence(void **state)
{
    (void)state;
    expect_wrong("", "\"\" has 0 fields, not five: minute hour day month weekday; or @every TIME");
    expect_wrong("* * * *", "\"* * * *\" has 4 fields, not five: minute hour day month weekday; or "
                            "@every TIME");
    expect_wrong("* * * * * *", "\"* * * * * *\" has 6 fields, not five: minute hour day month "
                                "weekday; or @every TIME");
    expect_wrong("60 * * * *", "the minute \"60\" is none of 0 to 59");
    expect_wrong("* 24 * * *", "the hour \"24\" is none of 0 to 23");
    expect_wrong("* * 0 * *", "the day \"0\" is none of 1 to 31");
    expect_wrong("* * * 13 *",
                 "the month \"13\" is none of 1 to 12, and not the first three letters of one");
    expect_wrong("* * * * 8",
                 "the weekday \"8\" is none of 0 to 7, and not the first three letters of one");
    expect_wrong(
        "* * * * sunday",
        "the weekday \"sunday\" is none of 0 to 7, and not the first three letters of one");
    expect_wrong("jan * * * *", "the minute \"jan\" is none of 0 to 59");
    expect_wrong("-1 * * * *", "the minute \"\" is none of 0 to 59");
    expect_wrong("1- * * * *", "the minute \"\" is none of 0 to 59");
    expect_wrong("1,,2 * * * *", "the minute \"\" is none of 0 to 59");
    expect_wrong("1, * * * *", "the minute \"\" is none of 0 to 59");
    expect_wrong("99999999999 * * * *", "the minute \"99999999999\" is none of 0 to 59");
    expect_wrong("*5 * * * *", "the minute \"*5\" is none of 0 to 59");
    expect_wrong("30-10 * * * *", "the minute \"30-10\" goes backwards");
    expect_wrong("*/0 * * * *", "the minute \"*/0\" has a step that is no number from 1");
    expect_wrong("*/ * * * *", "the minute \"*/\" has a step that is no number from 1");
    expect_wrong("*/x * * * *", "the minute \"*/x\" has a step that is no number from 1");
    expect_wrong("5/10 * * * *",
                 "the minute \"5/10\": a step stands behind * or a range, as in */5");
    expect_wrong("0 0 30 2 *", "\"0 0 30 2 *\" never comes round: no such month has such a day");
    expect_wrong("0 0 31 4,6,9,11 *",
                 "\"0 0 31 4,6,9,11 *\" never comes round: no such month has such a day");
    expect_wrong("@daily", "\"@daily\" is not known: five fields, or @every TIME");
    for (const char **time = (const char *[]){"", "0s", "30", "30ms", "s", "367d", "-1s", "1.5h",
                                              "99999999999999999999999s", NULL};
         *time != NULL; time++) {
        char schedule[64] = "@every ", sentence[160];
        strcat(schedule, *time);
        snprintf(sentence, sizeof sentence,
                 "@every \"%s\" is no time from 1s to 366d, such as 30s, 5m, 12h or 1d", *time);
        expect_wrong(schedule, sentence);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_minute_is_the_next_whole_one),
        cmocka_unit_test(numbers_lists_ranges_and_steps_are_what_they_say),
        cmocka_unit_test(names_of_months_and_weekdays_are_numbers),
        cmocka_unit_test(sunday_is_0_and_7),
        cmocka_unit_test(the_31st_comes_only_in_months_that_have_it),
        cmocka_unit_test(leap_days_come_when_there_are_some),
        cmocka_unit_test(day_or_weekday_is_enough_when_both_are_restricted),
        cmocka_unit_test(every_comes_at_the_times_that_it_divides),
        cmocka_unit_test(each_day_is_the_calendars),
        cmocka_unit_test(the_latest_is_the_last_that_is_not_after_then),
        cmocka_unit_test(what_is_no_schedule_is_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
