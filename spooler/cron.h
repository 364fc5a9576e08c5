/*
 * When a schedule comes round: crontab(5)'s five fields, in UTC, or "@every 30s". Pure functions on
 * seconds since 1970: no clock, no loop.
 *
 *   minute 0-59   hour 0-23   day 1-31   month 1-12 or jan-dec   weekday 0-7 or sun-sat (0, 7: sun)
 *
 * A field is "*", a number or a name, a range "a-b", either with a step "/n" behind * or a range,
 * or a list of them with commas. As in crontab(5): when both day and weekday are restricted (do not
 * begin with "*"), one of them is enough.
 */
#ifndef SPOOLER_CRON_H
#define SPOOLER_CRON_H

#include "plugins/bobbin.h"

/* Plain values; sets of numbers are bits. */
struct cron {
    uint64_t every_s; /* above 0: the times that it divides, and no fields */
    uint64_t minutes;
    uint64_t hours;
    uint64_t days;
    uint64_t months;
    uint64_t weekdays; /* 0 is Sunday */
    bool is_any_day;   /* the field begins with "*" */
    bool is_any_weekday;
};

/* False with a sentence, also for one that never comes round, as on 30 February. */
bool cron_parse(struct cron *cron, const char *text, bobbin_error *error);

/* The first time after that one; UINT64_MAX: none. */
uint64_t cron_next(const struct cron *cron, uint64_t after_s);

/* The last time after after_s that is not after until_s; 0: none. */
uint64_t cron_latest(const struct cron *cron, uint64_t after_s, uint64_t until_s);

#endif
