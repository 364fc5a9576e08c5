/*
 * Options are tables (struct bobbin_option of plugins/bobbin.h): one row is the parser, the limits,
 * the default, the help and the line of the reference page. The core's own settings, the spool's
 * and every plugin's are read by this one module.
 */
#ifndef CORE_CONFIG_OPTION_H
#define CORE_CONFIG_OPTION_H

#include <stdio.h>

#include "plugins/bobbin.h"

/* Reads one value into the struct's field. The sentence begins with the key: "workers: ...".
 * TEXT and PATH fields point at value afterwards: it must outlive the struct. LIST is not for here.
 */
bool option_parse(const struct bobbin_option *row, void *structure, const char *value,
                  bobbin_error *error);

/* All defaults of a table. A default that its own row refuses is an error (a bug of the table). */
bool option_defaults(const struct bobbin_option *rows, void *structure, bobbin_error *error);

const struct bobbin_option *option_find(const struct bobbin_option *rows, const char *name);

/* The nearest of the candidates by edit distance, or NULL when none is near (at most a third of the
 * word wrong). Used for "did you mean". */
const char *option_nearest(const char *word, const char *const *candidates, size_t count);

/* What is legal, as words: "a number from 1 to 64", "on or off", "a time such as 30s". */
void option_describe(const struct bobbin_option *row, char *out, size_t size);

/* The field's present value as text that option_parse would read. */
void option_format(const struct bobbin_option *row, const void *structure, char *out, size_t size);

/* The rows as a help page: name, what is legal, default, help. */
void option_print_help(const struct bobbin_option *rows, const char *section, FILE *out);

#endif
