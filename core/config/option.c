#include "core/config/option.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit size_units[] = {{"", 1}, {"k", 1024}, {"m", 1u << 20}, {"g", 1u << 30}};
static const struct unit time_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 3600 * 1000}, {"d", 86400 * 1000}};
static const struct unit count_units[] = {{"", 1}};

static size_t units_of(uint32_t type, const struct unit **units)
{
    switch (type) {
    case BOBBIN_TYPE_SIZE:
        *units = size_units;
        return sizeof size_units / sizeof *size_units;
    case BOBBIN_TYPE_TIME:
        *units = time_units;
        return sizeof time_units / sizeof *time_units;
    default:
        *units = count_units;
        return 1;
    }
}

/* Digits and one unit, nothing else. */
static bool parse_number(const char *text, uint32_t type, uint64_t *number)
{
    const struct unit *units;
    size_t count = units_of(type, &units);
    uint64_t value = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
            return false;
    if (at == text)
        return false;
    for (size_t i = 0; i < count; i++)
        if (strcmp(at, units[i].name) == 0)
            return !__builtin_mul_overflow(value, units[i].factor, number);
    /* "0" needs no unit. */
    *number = 0;
    return *at == '\0' && value == 0;
}

static void format_number(uint64_t number, uint32_t type, char *out, size_t size)
{
    const struct unit *units;
    size_t best = 0, count = units_of(type, &units);
    for (size_t i = 0; i < count; i++)
        if (number > 0 && number % units[i].factor == 0)
            best = i;
    snprintf(out, size, "%" PRIu64 "%s", number / units[best].factor, units[best].name);
}

/* The index of a word in "one|two|three", or -1. */
static int choice_index(const char *choices, const char *word)
{
    size_t length = strlen(word);
    for (int index = 0;; index++) {
        const char *end = strchrnul(choices, '|');
        if ((size_t)(end - choices) == length && memcmp(choices, word, length) == 0)
            return index;
        if (*end == '\0')
            return -1;
        choices = end + 1;
    }
}

static int flag_value(const char *value)
{
    static const char on[] = "on|true|yes", off[] = "off|false|no";
    return choice_index(on, value) >= 0 ? 1 : choice_index(off, value) >= 0 ? 0 : -1;
}

void option_describe(const struct bobbin_option *row, char *out, size_t size)
{
    const char *or_auto = row->flags & BOBBIN_OPTION_AUTO ? ", or auto" : "";
    char least[32], most[32];
    format_number(row->minimum, row->type, least, sizeof least);
    format_number(row->maximum, row->type, most, sizeof most);
    switch (row->type) {
    case BOBBIN_TYPE_COUNT:
        snprintf(out, size, "a number from %s to %s%s", least, most, or_auto);
        break;
    case BOBBIN_TYPE_SIZE:
        snprintf(out, size, "a size from %s to %s, such as 64k%s", least, most, or_auto);
        break;
    case BOBBIN_TYPE_TIME:
        snprintf(out, size, "a time from %s to %s, such as 30s%s", least, most, or_auto);
        break;
    case BOBBIN_TYPE_FLAG:
        snprintf(out, size, "on or off");
        break;
    case BOBBIN_TYPE_CHOICE: {
        int length = snprintf(out, size, "one of ");
        for (const char *c = row->choices; *c != '\0' && (size_t)length + 3 < size; c++)
            length += snprintf(out + length, size - (size_t)length, *c == '|' ? ", " : "%c", *c);
        break;
    }
    case BOBBIN_TYPE_PATH:
        snprintf(out, size, "a path");
        break;
    case BOBBIN_TYPE_LIST:
        snprintf(out, size, "a text, and the key may be repeated");
        break;
    default:
        snprintf(out, size, "a text");
    }
}

static bool refuse(const struct bobbin_option *row, const char *value, bobbin_error *error)
{
    char legal[256];
    option_describe(row, legal, sizeof legal);
    return bobbin_fail(error, "%s: \"%.100s\" is not %s", row->name, value, legal);
}

static bool parse_uint(const struct bobbin_option *row, uint64_t *field, const char *value,
                       bobbin_error *error)
{
    if ((row->flags & BOBBIN_OPTION_AUTO) && strcmp(value, "auto") == 0) {
        *field = UINT64_MAX;
        return true;
    }
    if (!parse_number(value, row->type, field) || *field < row->minimum || *field > row->maximum)
        return refuse(row, value, error);
    return true;
}

bool option_parse(const struct bobbin_option *row, void *structure, const char *value,
                  bobbin_error *error)
{
    void *field = (char *)structure + row->offset;
    int found;
    switch (row->type) {
    case BOBBIN_TYPE_COUNT:
    case BOBBIN_TYPE_SIZE:
    case BOBBIN_TYPE_TIME:
        return parse_uint(row, field, value, error);
    case BOBBIN_TYPE_FLAG:
        if ((found = flag_value(value)) < 0)
            return refuse(row, value, error);
        *(bool *)field = found == 1;
        return true;
    case BOBBIN_TYPE_CHOICE:
        if ((found = choice_index(row->choices, value)) < 0)
            return refuse(row, value, error);
        *(uint64_t *)field = (uint64_t)found;
        return true;
    case BOBBIN_TYPE_PATH:
    case BOBBIN_TYPE_TEXT:
        if (row->maximum > 0 && strlen(value) > row->maximum)
            return bobbin_fail(error, "%s: a text of at most %" PRIu64 " bytes is legal here",
                               row->name, row->maximum);
        if ((row->flags & BOBBIN_OPTION_REQUIRED) && *value == '\0')
            return bobbin_fail(error, "%s: must not be empty", row->name);
        *(const char **)field = value;
        return true;
    default:
        return bobbin_fail(error, "%s: its row has the unknown type %u", row->name, row->type);
    }
}

bool option_defaults(const struct bobbin_option *rows, void *structure, bobbin_error *error)
{
    for (const struct bobbin_option *row = rows; row != NULL && row->name != NULL; row++) {
        if (row->type == BOBBIN_TYPE_LIST || (row->flags & BOBBIN_OPTION_REQUIRED))
            continue;
        const char *text = row->default_text != NULL ? row->default_text : "";
        if (!option_parse(row, structure, text, error))
            return error_prefix(error, "the default of the table is wrong: ");
    }
    return true;
}

const struct bobbin_option *option_find(const struct bobbin_option *rows, const char *name)
{
    for (const struct bobbin_option *row = rows; row != NULL && row->name != NULL; row++)
        if (strcmp(row->name, name) == 0)
            return row;
    return NULL;
}

/* Levenshtein's distance of two words of at most 64 bytes. */
static size_t distance(const char *a, const char *b)
{
    enum { MOST = 64 };
    size_t rows = strlen(a), columns = strlen(b), line[MOST + 1];
    if (rows > MOST || columns > MOST)
        return SIZE_MAX;
    for (size_t j = 0; j <= columns; j++)
        line[j] = j;
    for (size_t i = 1; i <= rows; i++) {
        size_t diagonal = line[0];
        line[0] = i;
        for (size_t j = 1; j <= columns; j++) {
            size_t above = line[j], least = diagonal + (a[i - 1] != b[j - 1]);
            if (above + 1 < least)
                least = above + 1;
            if (line[j - 1] + 1 < least)
                least = line[j - 1] + 1;
            diagonal = above;
            line[j] = least;
        }
    }
    return line[columns];
}

const char *option_nearest(const char *word, const char *const *candidates, size_t count)
{
    const char *nearest = NULL;
    size_t least = strlen(word) / 3 + 1;
    for (size_t i = 0; i < count; i++) {
        size_t between = distance(word, candidates[i]);
        if (between <= least && (nearest == NULL || between < least)) {
            least = between;
            nearest = candidates[i];
        }
    }
    return nearest;
}

static void format_choice(const char *choices, uint64_t index, char *out, size_t size)
{
    for (; index > 0 && strchr(choices, '|') != NULL; index--)
        choices = strchr(choices, '|') + 1;
    snprintf(out, size, "%.*s", (int)strcspn(choices, "|"), choices);
}

void option_format(const struct bobbin_option *row, const void *structure, char *out, size_t size)
{
    const void *field = (const char *)structure + row->offset;
    switch (row->type) {
    case BOBBIN_TYPE_COUNT:
    case BOBBIN_TYPE_SIZE:
    case BOBBIN_TYPE_TIME:
        if ((row->flags & BOBBIN_OPTION_AUTO) && *(const uint64_t *)field == UINT64_MAX)
            snprintf(out, size, "auto");
        else
            format_number(*(const uint64_t *)field, row->type, out, size);
        break;
    case BOBBIN_TYPE_FLAG:
        snprintf(out, size, "%s", *(const bool *)field ? "on" : "off");
        break;
    case BOBBIN_TYPE_CHOICE:
        format_choice(row->choices, *(const uint64_t *)field, out, size);
        break;
    case BOBBIN_TYPE_LIST:
        snprintf(out, size, "%zu values", ((const bobbin_list *)field)->count);
        break;
    default:
        snprintf(out, size, "%s", *(const char *const *)field);
    }
}

void option_print_help(const struct bobbin_option *rows, const char *section, FILE *out)
{
    fprintf(out, "[%s]\n", section);
    for (const struct bobbin_option *row = rows; row != NULL && row->name != NULL; row++) {
        char legal[256];
        option_describe(row, legal, sizeof legal);
        fprintf(out, "  %-24s %s\n", row->name, row->help);
        fprintf(out, "  %-24s %s; ", "", legal);
        if (row->flags & BOBBIN_OPTION_REQUIRED)
            fprintf(out, "required\n");
        else
            fprintf(out, "default: %s\n",
                    row->default_text != NULL && *row->default_text ? row->default_text : "none");
    }
}
