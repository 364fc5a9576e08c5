#include "core/exchange/route.h"

#include <stdlib.h>
#include <string.h>

enum { PREFIX_MAX_BYTES = 1000 };

struct routes {
    struct route *rows; /* owned, as are their prefixes; longest prefix first */
    size_t count;
};

struct routes *routes_create(void)
{
    return calloc(1, sizeof(struct routes));
}

void routes_destroy(struct routes *routes)
{
    if (routes == NULL)
        return;
    for (size_t i = 0; i < routes->count; i++)
        free((char *)(uintptr_t)routes->rows[i].prefix.data);
    free(routes->rows);
    free(routes);
}

static bool check_prefix(const char *prefix, size_t length, bobbin_error *error)
{
    if (prefix[0] != '/')
        return bobbin_fail(error, "a route begins with \"/\"");
    if (length > PREFIX_MAX_BYTES)
        return bobbin_fail(error, "a route has at most %d bytes", PREFIX_MAX_BYTES);
    if (length > 1 && prefix[length - 1] == '/')
        return bobbin_fail(error, "a route has no \"/\" at its end: write %.*s", (int)length - 1,
                           prefix);
    if (strstr(prefix, "//") != NULL)
        return bobbin_fail(error, "a route has no empty segment");
    return true;
}

bool routes_add(struct routes *routes, const char *prefix, struct plugin_instance *app,
                bobbin_error *error)
{
    size_t length = strlen(prefix);
    if (!check_prefix(prefix, length, error))
        return false;
    if (length == 1)
        length = 0;
    size_t at = 0;
    while (at < routes->count && routes->rows[at].prefix.length >= length) {
        bobbin_str other = routes->rows[at++].prefix;
        if (other.length == length && memcmp(other.data, prefix, length) == 0)
            return bobbin_fail(error, "the route %s stands there twice", prefix);
    }
    struct route *rows = realloc(routes->rows, (routes->count + 1) * sizeof *rows);
    if (rows != NULL)
        routes->rows = rows;
    char *copy = strndup(prefix, length);
    if (rows == NULL || copy == NULL) {
        free(copy);
        return bobbin_fail(error, "no memory for a route");
    }
    memmove(rows + at + 1, rows + at, (routes->count - at) * sizeof *rows);
    rows[at] = (struct route){.prefix = {copy, length}, .app = app};
    routes->count++;
    return true;
}

static bool takes(bobbin_str prefix, bobbin_str path)
{
    return path.length >= prefix.length && memcmp(path.data, prefix.data, prefix.length) == 0 &&
           (path.length == prefix.length || path.data[prefix.length] == '/');
}

const struct route *routes_find(const struct routes *routes, bobbin_str path)
{
    for (size_t i = 0; i < routes->count; i++)
        if (takes(routes->rows[i].prefix, path))
            return &routes->rows[i];
    return NULL;
}

const struct route *routes_at(const struct routes *routes, size_t index)
{
    return index < routes->count ? &routes->rows[index] : NULL;
}
