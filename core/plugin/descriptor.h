/*
 * One shared object, opened and checked: from a file to a descriptor that may be trusted.
 */
#ifndef CORE_PLUGIN_DESCRIPTOR_H
#define CORE_PLUGIN_DESCRIPTOR_H

#include <stdio.h>

#include "plugins/bobbin.h"

/*
 * Opens the file (RTLD_NOW | RTLD_LOCAL) and checks in this order, before any function of the
 * plugin is called: the descriptor is exported, its magic, abi, size and name are right (the name
 * is that of the file), it has some capability, its option table is sane. NULL with a sentence that
 * begins with the file. The object stays open for the life of the process. The descriptor may be
 * shorter than today's: see descriptor_complete.
 */
const struct bobbin_plugin *descriptor_load(const char *file, bobbin_error *error);

/* What a plugin says of itself, in the form of today's header. Points into the shared object and
 * into itself: not to be copied. */
struct descriptor {
    struct bobbin_plugin plugin;
    struct bobbin_protocol protocol; /* plugin.protocol points to it, or is NULL */
};

/* Fills it from a descriptor that was checked: members that the header of its time did not have
 * are zero. */
void descriptor_complete(struct descriptor *descriptor, const struct bobbin_plugin *given);
/* The same checks for a descriptor that is in this program already; the sentence names no file. */
bool descriptor_check(const struct bobbin_plugin *plugin, bobbin_error *error);

/* Prints what the plugin is: for "bobbin --plugin FILE". */
bool descriptor_describe(const char *file, FILE *out, bobbin_error *error);

#endif
