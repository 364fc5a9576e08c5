#include "moment.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "quantity.h"

#define LAST_SECOND 253402300799ll /* 9999-12-31T23:59:59Z */

enum { SECOND_US = 1000000, DATE_TIME_BYTES = 19 };

/* Two or four digits of it. */
static bool read_part(bobbin_str text, size_t at, size_t digits, int least, int most, int *part)
{
    uint64_t number;
    if (at + digits > text.length)
        return false;
    bobbin_str span = {text.data + at, digits};
    if (!quantity_read_number(span, (uint64_t)most, &number))
        return false;
    *part = (int)number;
    return *part >= least;
}

static bool has(bobbin_str text, size_t at, const char *any)
{
    return at < text.length && text.data[at] != '\0' && strchr(any, text.data[at]) != NULL;
}

/* "2026-11-24": timegm carries the 31st of a shorter month over, which shows. */
static bool read_date(bobbin_str text, int64_t *seconds)
{
    int year, month, day;
    if (!read_part(text, 0, 4, 0, 9999, &year) || !has(text, 4, "-") ||
        !read_part(text, 5, 2, 1, 12, &month) || !has(text, 7, "-") ||
        !read_part(text, 8, 2, 1, 31, &day))
        return false;
    struct tm date = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
    *seconds = timegm(&date);
    return date.tm_mday == day;
}

static bool read_clock(bobbin_str text, int64_t *seconds)
{
    int hour, minute, second;
    if (!has(text, 10, "Tt") || !read_part(text, 11, 2, 0, 23, &hour) || !has(text, 13, ":") ||
        !read_part(text, 14, 2, 0, 59, &minute) || !has(text, 16, ":") ||
        !read_part(text, 17, 2, 0, 60, &second))
        return false;
    *seconds += hour * 3600 + minute * 60 + second;
    return true;
}

/* ".5", or nothing: *at is behind it. */
static bool read_fraction(bobbin_str text, size_t *at, int64_t *us)
{
    int64_t worth = SECOND_US / 10;
    *us = 0;
    if (!has(text, *at, "."))
        return true;
    size_t first = ++*at;
    for (; has(text, *at, "0123456789"); ++*at, worth /= 10)
        *us += (text.data[*at] - '0') * worth;
    return *at > first;
}

/* "Z" or "+01:00", and no more. */
static bool read_offset(bobbin_str text, size_t at, int64_t *seconds)
{
    int hours, minutes;
    if (has(text, at, "Zz"))
        return text.length == at + 1;
    if (!has(text, at, "+-") || !read_part(text, at + 1, 2, 0, 23, &hours) ||
        !has(text, at + 3, ":") || !read_part(text, at + 4, 2, 0, 59, &minutes))
        return false;
    int offset = hours * 3600 + minutes * 60;
    *seconds -= text.data[at] == '+' ? offset : -offset;
    return text.length == at + 6;
}

static bool read_calendar(bobbin_str text, int64_t *seconds, int64_t *us)
{
    size_t at = DATE_TIME_BYTES;
    return read_date(text, seconds) && read_clock(text, seconds) && read_fraction(text, &at, us) &&
           read_offset(text, at, seconds) && *seconds <= LAST_SECOND;
}

bool moment_read(bobbin_str text, uint64_t *time_us)
{
    uint64_t number;
    int64_t seconds, us = 0;
    if (quantity_read_number(text, LAST_SECOND, &number))
        seconds = (int64_t)number;
    else if (!read_calendar(text, &seconds, &us))
        return false;
    *time_us = seconds < 0 ? 0 : (uint64_t)(seconds * SECOND_US + us);
    return true;
}

void moment_write(uint64_t time_us, char out[MOMENT_BYTES])
{
    struct tm utc;
    time_t seconds = (time_t)(time_us / SECOND_US);
    gmtime_r(&seconds, &utc);
    size_t length = strftime(out, MOMENT_BYTES, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out + length, MOMENT_BYTES - length, ".%03uZ", (unsigned)(time_us / 1000 % 1000));
}
