/*
 * The configuration of one container: the INI file with ${...} expanded, from which owners take
 * their sections. Every section must have an owner and every key a row; what nobody took is an
 * error with file, line, key and the nearest match.
 *
 *   config_open -> config_fill for each section that somebody owns -> config_check_all_taken
 *
 * Expansion in values: ${VAR} (an error when unset), ${VAR:-default}, $$ is a single $.
 * An empty VAR counts as unset for ":-" (as in POSIX shells).
 */
#ifndef CORE_CONFIG_CONFIG_H
#define CORE_CONFIG_CONFIG_H

#include <stdio.h>

#include "plugins/bobbin.h"

struct config;

/* One expanded line of the file, for owners that have no table ([routes]). */
struct config_entry {
    const char *key;
    const char *value;
    unsigned line;
};

struct config *config_open(const char *file, bobbin_error *error);
/* The same from text in memory. file is what errors call it, and must outlive the config. */
struct config *config_open_text(const char *file, const char *text, size_t length,
                                bobbin_error *error);
void config_close(struct config *config);

const char *config_file(const struct config *config);

/* Whether the file has this section. */
bool config_has(const struct config *config, const char *section);

/*
 * Fills structure (zeroed by the caller) from the defaults and the section, which may be missing
 * from the file, and marks the section as taken. Texts belong to the config. Errors name
 * file:line and the section's legal keys' nearest match; a missing REQUIRED key names the section.
 */
bool config_fill(struct config *config, const char *section, const struct bobbin_option *rows,
                 void *structure, bobbin_error *error);

/* The index-th section whose name is prefix ("static") or begins with "prefix:" ; NULL at the end.
 * *line gets the section's line. Repeated section headers are an error of config_open. */
const char *config_section(const struct config *config, const char *prefix, size_t index,
                           unsigned *line);

/* Every section's name in the order of the file; NULL at the end. */
const char *config_section_at(const struct config *config, size_t index, unsigned *line);

/* The index-th entry of a section without a table; false at the end. Marks the section as taken. */
bool config_entry_at(struct config *config, const char *section, size_t index,
                     struct config_entry *entry);

/* The line of a key in a section (0 when it is not in the file), for errors found later. */
unsigned config_line(const struct config *config, const char *section, const char *key);

/* Puts "file:line: " of the key in front of the sentence; returns false. */
bool config_blame(const struct config *config, const char *section, const char *key,
                  bobbin_error *error);

/* known: names of sections that could be legal, for the nearest match. */
bool config_check_all_taken(const struct config *config, const char *const *known, size_t count,
                            bobbin_error *error);

/* Prints "[section]" and each row with its present value; secrets as ******. */
void config_print(const char *section, const struct bobbin_option *rows, const void *structure,
                  FILE *out);

#endif
