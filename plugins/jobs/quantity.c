#include "quantity.h"

static const struct unit {
    const char *name;
    uint64_t ms;
} units[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};

bool quantity_read_number(bobbin_str text, uint64_t most, uint64_t *number)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(text.data[i] - '0');
        if (sum > (UINT64_MAX - digit) / 10)
            return false;
        sum = sum * 10 + digit;
    }
    *number = sum;
    return text.length > 0 && sum <= most;
}

bool quantity_read_time(bobbin_str text, uint64_t most_ms, uint64_t *time_ms)
{
    size_t digits = 0;
    while (digits < text.length && text.data[digits] >= '0' && text.data[digits] <= '9')
        digits++;
    bobbin_str number = {text.data, digits}, name = {text.data + digits, text.length - digits};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (bobbin_is(name, units[i].name)) {
            bool is_legal = quantity_read_number(number, most_ms / units[i].ms, time_ms);
            *time_ms *= is_legal ? units[i].ms : 0;
            return is_legal;
        }
    return false;
}
