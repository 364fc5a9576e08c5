/*
 * INI text into entries, nothing more: sections, "key = value" lines, comments (; or # as the first
 * character of a line, or ; after a space), continuation is not known and an indented line is
 * refused. Every entry knows its file and line. No limits but the file's size (1 MiB).
 */
#ifndef CORE_CONFIG_INI_H
#define CORE_CONFIG_INI_H

#include "plugins/bobbin.h"

struct ini_entry {
    const char *section; /* "bobbin", "queue:thumbnail" */
    const char *key;
    const char *value;
    unsigned line;
};

struct ini_section {
    const char *name;
    unsigned line;
};

/* One file as it was read. Owns all its texts. */
struct ini {
    const char *file; /* as it was named by the caller */
    struct ini_entry *entries;
    size_t entry_count;
    struct ini_section *sections; /* also those without a key */
    size_t section_count;
    char *memory; /* everything above points in here */
};

/* ini_finish accepts a zeroed or half-filled one. */
bool ini_read_file(struct ini *ini, const char *file, bobbin_error *error);
bool ini_read_text(struct ini *ini, const char *file, const char *text, size_t length,
                   bobbin_error *error);
void ini_finish(struct ini *ini);

#endif
