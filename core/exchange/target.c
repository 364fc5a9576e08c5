#include "core/exchange/target.h"

#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that the escape at text stands for, or -1. */
static int escaped(const char *text, const char *end)
{
    if (end - text < 3)
        return -1;
    int high = hex_digit(text[1]), low = hex_digit(text[2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* Most paths need no work at all: no escape, no dot segment, no empty one. */
static bool is_plain(bobbin_str path)
{
    for (size_t i = 0; i < path.length; i++) {
        char c = path.data[i];
        if (c == '%' || c == '\\')
            return false;
        if (c == '/' && i + 1 < path.length && (path.data[i + 1] == '/' || path.data[i + 1] == '.'))
            return false;
    }
    return true;
}

/* Ends the segment that starts at out[start]: "" and "." vanish, ".." takes its parent along. */
static bool close_segment(const char *out, size_t start, size_t *length)
{
    size_t bytes = *length - start;
    if (bytes == 0 || (bytes == 1 && out[start] == '.')) {
        *length = start;
        return true;
    }
    if (bytes != 2 || out[start] != '.' || out[start + 1] != '.')
        return true;
    if (start == 1)
        return false;
    *length = start - 1;
    while (out[*length - 1] != '/')
        (*length)--;
    return true;
}

static const char *normalise(bobbin_str raw, char *out, size_t *out_length)
{
    size_t length = 1, start = 1;
    out[0] = '/';
    const char *end = raw.data + raw.length;
    for (const char *at = raw.data + 1; at < end; at++) {
        int c = (unsigned char)*at;
        bool border = c == '/'; /* an escaped slash is one as well: nothing may hide behind it */
        if (c == '%') {
            c = escaped(at, end);
            if (c < 0)
                return "the path has a % that is not followed by two hex digits";
            at += 2;
            border = c == '/';
        }
        if (c == 0)
            return "the path has a NUL";
        if (c == '\\')
            return "the path has a backslash";
        if (!border) {
            out[length++] = (char)c;
            continue;
        }
        if (!close_segment(out, start, &length))
            return "the path leads above the root";
        if (out[length - 1] != '/')
            out[length++] = '/';
        start = length;
    }
    if (!close_segment(out, start, &length))
        return "the path leads above the root";
    *out_length = length;
    return NULL;
}

bool target_read(struct target *target, bobbin_str raw, char *out, const char **sentence)
{
    const char *mark = memchr(raw.data, '?', raw.length);
    bobbin_str path = raw;
    target->query = (bobbin_str){NULL, 0};
    if (mark != NULL) {
        path.length = (size_t)(mark - raw.data);
        target->query = (bobbin_str){mark + 1, raw.length - path.length - 1};
    }
    target->path = path;
    if ((path.length == 1 && path.data[0] == '*') || is_plain(path))
        return true;
    size_t length = 0;
    *sentence = normalise(path, out, &length);
    target->path = (bobbin_str){out, length};
    return *sentence == NULL;
}

/* Decodes one name or value; "+" is a space, a broken escape stands for itself. */
static size_t decode(const char *at, const char *end, char *out)
{
    size_t length = 0;
    for (; at < end; at++) {
        int c = *at == '%' ? escaped(at, end) : -1;
        if (c >= 0)
            at += 2;
        else
            c = *at == '+' ? ' ' : *at;
        out[length++] = (char)c;
    }
    return length;
}

bobbin_str target_parameter(bobbin_str query, const char *name, char *out)
{
    size_t name_length = strlen(name);
    const char *at = query.data, *end = query.data + query.length;
    while (at != NULL && at < end) {
        const char *next = memchr(at, '&', (size_t)(end - at));
        const char *stop = next != NULL ? next : end;
        const char *equals = memchr(at, '=', (size_t)(stop - at));
        size_t length = decode(at, equals != NULL ? equals : stop, out);
        if (length == name_length && memcmp(out, name, length) == 0)
            return (bobbin_str){out, equals != NULL ? decode(equals + 1, stop, out) : 0};
        at = next != NULL ? next + 1 : end;
    }
    return (bobbin_str){NULL, 0};
}
