#include "spooler/cron.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/error.h"

enum {
    MINUTE_S = 60,
    DAY_S = 86400,
    DAY_MINUTES = 1440,
    CYCLE_DAYS = 146097, /* of 400 years: then the calendar, with its weekdays, begins again */
    LONGEST_EVERY_DAYS = 366,
    FIELDS = 5,
    NAME_BYTES = 3
};

/* ------------------------------------------------------------------ fields */

struct field {
    const char *what;
    unsigned first;
    unsigned last;
    const char *names; /* of first and what follows, NAME_BYTES each; or NULL */
};

static const struct field fields[FIELDS] = {
    {"minute", 0, 59, NULL},
    {"hour", 0, 23, NULL},
    {"day", 1, 31, NULL},
    {"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
    {"weekday", 0, 7, "sunmontuewedthufrisat"},
};

static bool parse_name(const struct field *field, const char *text, size_t length, unsigned *value)
{
    if (field->names == NULL || length != NAME_BYTES)
        return false;
    for (size_t i = 0; field->names[i * NAME_BYTES] != '\0'; i++)
        if (strncasecmp(text, field->names + i * NAME_BYTES, NAME_BYTES) == 0) {
            *value = field->first + (unsigned)i;
            return true;
        }
    return false;
}

static bool parse_number(const char *text, size_t length, unsigned *value)
{
    *value = 0;
    for (size_t i = 0; i < length; i++) {
        if (!isdigit((unsigned char)text[i]) || i > 3)
            return false;
        *value = *value * 10 + (unsigned)(text[i] - '0');
    }
    return length > 0;
}

static bool parse_value(const struct field *field, const char *text, size_t length, unsigned *value,
                        bobbin_error *error)
{
    if (parse_name(field, text, length, value) ||
        (parse_number(text, length, value) && *value >= field->first && *value <= field->last))
        return true;
    return bobbin_fail(error, "the %s \"%.*s\" is none of %u to %u%s", field->what, (int)length,
                       text, field->first, field->last,
                       field->names != NULL ? ", and not the first three letters of one" : "");
}

static bool parse_range(const struct field *field, const char *text, size_t length, unsigned *from,
                        unsigned *to, bobbin_error *error)
{
    const char *dash = memchr(text, '-', length);
    if (length == 1 && *text == '*') {
        *from = field->first;
        *to = field->last;
        return true;
    }
    size_t head = dash != NULL ? (size_t)(dash - text) : length;
    if (!parse_value(field, text, head, from, error))
        return false;
    *to = *from;
    if (dash != NULL && !parse_value(field, dash + 1, length - head - 1, to, error))
        return false;
    if (dash != NULL && *to == 0 && field->last == 7)
        *to = 7; /* a week that ends on Sunday */
    return *from <= *to ||
           bobbin_fail(error, "the %s \"%.*s\" goes backwards", field->what, (int)length, text);
}

/* One part of a list: a range, maybe with a step. */
static bool parse_part(const struct field *field, const char *text, size_t length, uint64_t *set,
                       bobbin_error *error)
{
    const char *slash = memchr(text, '/', length);
    size_t head = slash != NULL ? (size_t)(slash - text) : length;
    unsigned from, to, step = 1;
    if (!parse_range(field, text, head, &from, &to, error))
        return false;
    if (slash != NULL && (!parse_number(slash + 1, length - head - 1, &step) || step == 0))
        return bobbin_fail(error, "the %s \"%.*s\" has a step that is no number from 1",
                           field->what, (int)length, text);
    if (slash != NULL && *text != '*' && memchr(text, '-', head) == NULL)
        return bobbin_fail(error, "the %s \"%.*s\": a step stands behind * or a range, as in */5",
                           field->what, (int)length, text);
    for (unsigned value = from; value <= to; value += step)
        *set |= 1ull << value;
    return true;
}

static bool parse_field(const struct field *field, const char *text, size_t length, uint64_t *set,
                        bobbin_error *error)
{
    *set = 0;
    for (size_t at = 0; at <= length;) {
        const char *comma = memchr(text + at, ',', length - at);
        size_t end = comma != NULL ? (size_t)(comma - text) : length;
        if (!parse_part(field, text + at, end - at, set, error))
            return false;
        at = end + 1;
    }
    return true;
}

/* The next word of the text; 0 at the end. */
static size_t next_word(const char **text)
{
    *text += strspn(*text, " \t");
    return strcspn(*text, " \t");
}

static bool parse_fields(struct cron *cron, const char *text, bobbin_error *error)
{
    uint64_t *const sets[FIELDS] = {&cron->minutes, &cron->hours, &cron->days, &cron->months,
                                    &cron->weekdays};
    const char *at = text;
    size_t count = 0;
    for (size_t length; (length = next_word(&at)) > 0; at += length, count++) {
        if (count < FIELDS && !parse_field(&fields[count], at, length, sets[count], error))
            return false;
        if (count == 2)
            cron->is_any_day = *at == '*';
        if (count == 4)
            cron->is_any_weekday = *at == '*';
    }
    if (count != FIELDS)
        return bobbin_fail(error,
                           "\"%s\" has %zu fields, not five: minute hour day month weekday; or "
                           "@every TIME",
                           text, count);
    cron->weekdays |= cron->weekdays >> 7; /* 7 is Sunday too */
    return cron_next(cron, 0) != UINT64_MAX ||
           bobbin_fail(error, "\"%s\" never comes round: no such month has such a day", text);
}

/* ------------------------------------------------------------------ @every */

static bool parse_every(struct cron *cron, const char *text, bobbin_error *error)
{
    static const char units[] = "smhd";
    static const uint64_t seconds[] = {1, MINUTE_S, 60 * MINUTE_S, DAY_S};
    char *end = NULL;
    unsigned long long number = isdigit((unsigned char)*text) ? strtoull(text, &end, 10) : 0;
    const char *unit = end != NULL && *end != '\0' ? strchr(units, *end) : NULL;
    if (unit != NULL && end[1 + strspn(end + 1, " \t")] == '\0' && number > 0 &&
        number <= (uint64_t)LONGEST_EVERY_DAYS * DAY_S / seconds[unit - units]) {
        cron->every_s = number * seconds[unit - units];
        return true;
    }
    return bobbin_fail(error, "@every \"%s\" is no time from 1s to %dd, such as 30s, 5m, 12h or 1d",
                       text, LONGEST_EVERY_DAYS);
}

bool cron_parse(struct cron *cron, const char *text, bobbin_error *error)
{
    static const char every[] = "@every";
    *cron = (struct cron){0};
    text += strspn(text, " \t");
    if (*text != '@')
        return parse_fields(cron, text, error);
    size_t length = next_word(&text);
    if (length != strlen(every) || strncmp(text, every, length) != 0)
        return bobbin_fail(error, "\"%.*s\" is not known: five fields, or @every TIME", (int)length,
                           text);
    text += length;
    next_word(&text);
    return parse_every(cron, text, error);
}

/* ------------------------------------------------------------------ the calendar */

struct date {
    unsigned day;
    unsigned month;
    unsigned weekday;
};

/* The Gregorian calendar in years that begin on 1 March, so that the odd day comes last. */
static struct date date_of(uint64_t days)
{
    uint64_t in_cycle = (days + 719468) % CYCLE_DAYS; /* 719468: from 1 March of the year 0 */
    uint64_t year =
        (in_cycle - in_cycle / 1460 + in_cycle / 36524 - in_cycle / (CYCLE_DAYS - 1)) / 365;
    uint64_t in_year = in_cycle - (365 * year + year / 4 - year / 100);
    uint64_t month = (5 * in_year + 2) / 153;
    return (struct date){.day = (unsigned)(in_year - (153 * month + 2) / 5 + 1),
                         .month = (unsigned)(month < 10 ? month + 3 : month - 9),
                         .weekday = (unsigned)((days + 4) % 7)}; /* 1 January 1970: a Thursday */
}

static bool has(uint64_t set, unsigned value)
{
    return (set >> value & 1) != 0;
}

static bool is_day(const struct cron *cron, uint64_t days)
{
    struct date date = date_of(days);
    bool day = has(cron->days, date.day), weekday = has(cron->weekdays, date.weekday);
    if (!has(cron->months, date.month))
        return false;
    return cron->is_any_day || cron->is_any_weekday ? day && weekday : day || weekday;
}

/* The first minute of a day that is not before this one; DAY_MINUTES: none. */
static unsigned minute_from(const struct cron *cron, unsigned minute)
{
    while (minute < DAY_MINUTES &&
           !(has(cron->hours, minute / 60) && has(cron->minutes, minute % 60)))
        minute++;
    return minute;
}

uint64_t cron_next(const struct cron *cron, uint64_t after_s)
{
    if (cron->every_s > 0)
        return (after_s / cron->every_s + 1) * cron->every_s;
    uint64_t minute = after_s / MINUTE_S + 1, day = minute / DAY_MINUTES;
    unsigned start = (unsigned)(minute % DAY_MINUTES);
    for (uint64_t end = day + CYCLE_DAYS; day <= end; day++, start = 0) {
        unsigned found = is_day(cron, day) ? minute_from(cron, start) : DAY_MINUTES;
        if (found < DAY_MINUTES)
            return day * DAY_S + (uint64_t)found * MINUTE_S;
    }
    return UINT64_MAX;
}

uint64_t cron_latest(const struct cron *cron, uint64_t after_s, uint64_t until_s)
{
    uint64_t found = 0, back_s = MINUTE_S;
    if (cron->every_s > 0)
        found = until_s / cron->every_s * cron->every_s;
    else
        /* Further and further back, so that there are never many between what is found and then. */
        for (bool is_all = false; found == 0 && !is_all; back_s *= 2) {
            is_all = until_s < after_s + back_s;
            uint64_t from_s = is_all ? after_s : until_s - back_s;
            for (uint64_t next; (next = cron_next(cron, from_s)) <= until_s; from_s = next)
                found = next;
        }
    return found > after_s ? found : 0;
}
