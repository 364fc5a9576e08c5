#include "order.h"

#include <string.h>

#include "moment.h"
#include "quantity.h"

#define DAY_MS (86400ull * 1000)

enum { QUOTED_BYTES = 40, DEFAULT_PRIORITY = 5 };

static bool take_priority(struct order *order, bobbin_str text)
{
    return quantity_read_number(text, 9, &order->priority);
}

static bool take_attempts(struct order *order, bobbin_str text)
{
    return quantity_read_number(text, 1000, &order->attempts) && order->attempts > 0;
}

static bool take_timeout(struct order *order, bobbin_str text)
{
    return quantity_read_time(text, 7 * DAY_MS, &order->timeout_ms) && order->timeout_ms > 0;
}

static bool take_delay(struct order *order, bobbin_str text)
{
    return quantity_read_time(text, 365 * DAY_MS, &order->delay_ms);
}

static bool take_due(struct order *order, bobbin_str text)
{
    return moment_read(text, &order->due_us);
}

static bool take_expires(struct order *order, bobbin_str text)
{
    return quantity_read_time(text, 365 * DAY_MS, &order->expires_ms) && order->expires_ms > 0;
}

static bool take_wait(struct order *order, bobbin_str text)
{
    return quantity_read_time(text, UINT64_MAX, &order->wait_ms);
}

static bool take_key(struct order *order, bobbin_str text)
{
    for (size_t i = 0; i < text.length; i++)
        if ((unsigned char)text.data[i] < ' ' || text.data[i] == 127)
            return false;
    if (text.length == 0 || text.length > ORDER_KEY_BYTES)
        return false;
    memcpy(order->key, text.data, text.length);
    order->key[text.length] = '\0';
    return true;
}

static const struct parameter {
    const char *name;
    const char *field;
    const char *other_field; /* NULL: none */
    bool (*take)(struct order *order, bobbin_str text);
    const char *legal;
} parameters[] = {
    {"priority", "Bobbin-Priority", NULL, take_priority, "a number from 0 (first) to 9 (last)"},
    {"attempts", "Bobbin-Attempts", NULL, take_attempts, "a number from 1 to 1000"},
    {"timeout", "Bobbin-Timeout", NULL, take_timeout, "a time from 1ms to 7d, like 30s"},
    {"delay", "Bobbin-Delay", NULL, take_delay, "a time from 0s to 365d, like 10s"},
    {"due", "Bobbin-Due", NULL, take_due,
     "a time like 2026-11-24T13:04:47Z (in a query + is %2B), or seconds since 1970"},
    {"expires", "Bobbin-Expires", NULL, take_expires, "a time from 1ms to 365d, like 1h"},
    {"wait", "Bobbin-Wait", NULL, take_wait, "a time like 250ms, 10s or 2m"},
    {"key", "Bobbin-Key", "Idempotency-Key", take_key, "1 to 200 bytes without control characters"},
};

enum { PARAMETERS = sizeof parameters / sizeof *parameters };

/* A value, and under which name it came. */
struct given {
    const char *name;
    bobbin_str text;
};

static struct given find(bobbin_request *request, const struct parameter *parameter)
{
    struct given given = {parameter->name, bobbin_query(request, parameter->name)};
    if (given.text.data == NULL)
        given = (struct given){parameter->field, bobbin_get_header(request, parameter->field)};
    if (given.text.data == NULL && parameter->other_field != NULL)
        given = (struct given){parameter->other_field,
                               bobbin_get_header(request, parameter->other_field)};
    return given;
}

bobbin_str order_quoted(bobbin_str text)
{
    if (text.length > QUOTED_BYTES)
        text.length = QUOTED_BYTES;
    return text;
}

static bool check_name(bobbin_str name, bool is_given[PARAMETERS], bobbin_error *error)
{
    bobbin_str quoted = order_quoted(name);
    for (size_t i = 0; i < PARAMETERS; i++) {
        if (!bobbin_is(name, parameters[i].name))
            continue;
        if (is_given[i])
            return bobbin_fail(error, "the parameter %s is given twice", parameters[i].name);
        is_given[i] = true;
        return true;
    }
    return bobbin_fail(error, "there is no parameter \"%.*s\"", BOBBIN_ARG(quoted));
}

/* Names are compared as they stand: there is no reason to escape one of them. */
static bool check_names(bobbin_str query, bobbin_error *error)
{
    bool is_given[PARAMETERS] = {false};
    while (query.length > 0) {
        const char *and = memchr(query.data, '&', query.length);
        size_t length = and != NULL ? (size_t)(and-query.data) : query.length;
        const char *equals = memchr(query.data, '=', length);
        bobbin_str name = {query.data, equals != NULL ? (size_t)(equals - query.data) : length};
        if (length > 0 && !check_name(name, is_given, error))
            return false;
        size_t skip = length + (and != NULL);
        query = (bobbin_str){query.data + skip, query.length - skip};
    }
    return true;
}

static bool read_parameter(struct order *order, bobbin_request *request,
                           const struct parameter *parameter, bool *is_given, bobbin_error *error)
{
    struct given given = find(request, parameter);
    *is_given = given.text.data != NULL;
    bobbin_str quoted = order_quoted(given.text);
    return !*is_given || parameter->take(order, given.text) ||
           bobbin_fail(error, "%s is %s, not \"%.*s\"", given.name, parameter->legal,
                       BOBBIN_ARG(quoted));
}

bool order_read(struct order *order, bobbin_request *request, bobbin_error *error)
{
    bool has_delay = false, has_due = false;
    *order = (struct order){.priority = DEFAULT_PRIORITY};
    if (!check_names(bobbin_query_string(request), error))
        return false;
    for (size_t i = 0; i < PARAMETERS; i++) {
        bool is_given;
        if (!read_parameter(order, request, &parameters[i], &is_given, error))
            return false;
        has_delay |= is_given && parameters[i].take == take_delay;
        has_due |= is_given && parameters[i].take == take_due;
    }
    return !(has_delay && has_due) ||
           bobbin_fail(error, "a job has a delay or a due time, not both");
}
