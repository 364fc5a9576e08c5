/*
 * Which app answers a path: the longest prefix that ends at a segment border. "/foo" takes "/foo"
 * and "/foo/bar", never "/foobar"; "/" takes everything that nothing else takes.
 */
#ifndef CORE_EXCHANGE_ROUTE_H
#define CORE_EXCHANGE_ROUTE_H

#include "plugins/bobbin.h"

struct plugin_instance;
struct routes;

struct route {
    bobbin_str prefix; /* "/jobs"; "" for "/" */
    struct plugin_instance *app;
};

struct routes *routes_create(void);
void routes_destroy(struct routes *routes);

/* prefix: "/" or "/one/two" without a final slash, at most 1,000 bytes, copied; app: borrowed.
 * A second route of the same prefix is an error. */
bool routes_add(struct routes *routes, const char *prefix, struct plugin_instance *app,
                bobbin_error *error);

/* path begins with "/". NULL when no route takes it. The result lives as long as the routes. */
const struct route *routes_find(const struct routes *routes, bobbin_str path);

/* In the order of their prefixes' length, longest first; NULL at the end. */
const struct route *routes_at(const struct routes *routes, size_t index);

#endif
