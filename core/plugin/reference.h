/*
 * The reference of everything that can be written into an INI file: "bobbin options [SECTION]".
 */
#ifndef CORE_PLUGIN_REFERENCE_H
#define CORE_PLUGIN_REFERENCE_H

#include <stdio.h>

#include "plugins/bobbin.h"

struct reference_table {
    const char *section;              /* "spool", "queue:NAME" */
    const struct bobbin_option *rows; /* NULL: its keys are not options, about says what they are */
    const char *about;
};

/*
 * Prints the named section, of these tables or of a plugin in plugin_directory; all of them when
 * section is NULL. "queue:thumbnail" finds "queue:NAME", "static:assets" finds the plugin static.
 */
bool reference_print(const struct reference_table *tables, size_t count,
                     const char *plugin_directory, const char *section, FILE *out,
                     bobbin_error *error);

#endif
