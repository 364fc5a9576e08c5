#include "core/config/expand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Writes what stands for the inside of ${...}. */
static bool replace(FILE *out, const char *inside, size_t length, bobbin_error *error)
{
    char name[256];
    const char *fallback = memmem(inside, length, ":-", 2);
    size_t name_length = fallback != NULL ? (size_t)(fallback - inside) : length;
    if (name_length == 0 || name_length >= sizeof name)
        return bobbin_fail(error, "${%.*s} names no variable", (int)length, inside);
    memcpy(name, inside, name_length);
    name[name_length] = '\0';
    if (strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") !=
        name_length)
        return bobbin_fail(error, "${%.*s}: \"%s\" is not a variable's name", (int)length, inside,
                           name);
    const char *value = getenv(name);
    if (fallback != NULL && (value == NULL || *value == '\0')) {
        fwrite(fallback + 2, 1, length - name_length - 2, out);
        return true;
    }
    if (value == NULL)
        return bobbin_fail(error, "${%s} is not set, and has no default (${%s:-default})", name,
                           name);
    fputs(value, out);
    return true;
}

static bool expand(FILE *out, const char *at, bobbin_error *error)
{
    while (*at != '\0') {
        if (at[0] == '$' && at[1] == '{') {
            const char *end = strchr(at, '}');
            if (end == NULL)
                return bobbin_fail(error, "\"%.60s\" is not closed with a }", at);
            if (!replace(out, at + 2, (size_t)(end - at) - 2, error))
                return false;
            at = end + 1;
            continue;
        }
        if (at[0] == '$' && at[1] == '$')
            at++;
        fputc(*at++, out);
    }
    return true;
}

char *expand_value(const char *value, bobbin_error *error)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    bool done = out != NULL && expand(out, value, error);
    if (out == NULL || fclose(out) != 0) {
        bobbin_fail(error, "no memory");
        done = false;
    }
    if (!done) {
        free(text);
        return NULL;
    }
    return text;
}
