/*
 * The names of the plugins that lie in a folder: what could be loaded, and what a misspelt name
 * was meant to be. Nothing is opened.
 */
#ifndef CORE_PLUGIN_CATALOGUE_H
#define CORE_PLUGIN_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>

struct catalogue {
    char **names; /* owned: "static" for static.so, in the order of the alphabet */
    size_t count;
};

/* A folder that cannot be read is an empty one. */
void catalogue_init(struct catalogue *catalogue, const char *directory);
void catalogue_finish(struct catalogue *catalogue);

bool catalogue_has(const struct catalogue *catalogue, const char *name, size_t length);

#endif
