/*
 * One shared object, opened and checked: from a file to a descriptor that may be trusted.
 */
#ifndef CORE_PLUGIN_DESCRIPTOR_H
#define CORE_PLUGIN_DESCRIPTOR_H

#include <stdio.h>

#include "plugins/bobbin.h"

/*
 * Opens the file (RTLD_NOW | RTLD_LOCAL) and checks in this order, before any function of the
 * plugin is called: the descriptor is exported, its magic, abi, size and name are right, it has
 * some capability, its option table is sane. NULL with a sentence that begins with the file.
 * The object stays open for the life of the process.
 */
const struct bobbin_plugin *descriptor_load(const char *file, bobbin_error *error);

/* The same checks for a descriptor that is in this program already; the sentence names no file. */
bool descriptor_check(const struct bobbin_plugin *plugin, bobbin_error *error);

/* Prints what the plugin is: for "bobbin --plugin FILE". */
bool descriptor_describe(const char *file, FILE *out, bobbin_error *error);

#endif
