#include "core/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bobbin_str bobbin_text(const char *text)
{
    return (bobbin_str){text, text != NULL ? strlen(text) : 0};
}

bool bobbin_is(bobbin_str str, const char *text)
{
    size_t length = strlen(text);
    return str.data != NULL && str.length == length && memcmp(str.data, text, length) == 0;
}

bool bobbin_fail(bobbin_error *error, const char *format, ...)
{
    if (error == NULL)
        return false;
    /* The old sentence may be among the arguments. */
    char text[sizeof error->text];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    memcpy(error->text, text, sizeof text);
    return false;
}

bool error_prefix(bobbin_error *error, const char *format, ...)
{
    if (error == NULL)
        return false;
    char place[sizeof error->text];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(place, sizeof place, format, arguments);
    va_end(arguments);
    return bobbin_fail(error, "%s%s", place, error->text);
}

bool error_system(bobbin_error *error, int number, const char *format, ...)
{
    char what[256];
    char reason[128];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return bobbin_fail(error, "%s: %s", what, strerror_r(number, reason, sizeof reason));
}
