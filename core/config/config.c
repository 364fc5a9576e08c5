#include "core/config/config.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/config/expand.h"
#include "core/config/ini.h"
#include "core/config/option.h"

struct config {
    struct ini ini;
    char **values; /* one for each entry of ini, expanded, owned */
    bool *taken;   /* one for each section */
    void **lists;  /* arrays behind bobbin_list fields, owned */
    size_t list_count;
};

static bool expand_all(struct config *config, bobbin_error *error)
{
    for (size_t i = 0; i < config->ini.entry_count; i++) {
        const struct ini_entry *entry = &config->ini.entries[i];
        config->values[i] = expand_value(entry->value, error);
        if (config->values[i] == NULL)
            return error_prefix(error, "%s:%u: %s: ", config->ini.file, entry->line, entry->key);
    }
    return true;
}

/* Takes the ini over. is_read is false when it could not be read: the sentence is there then. */
static struct config *open_ini(struct ini *ini, bool is_read, bobbin_error *error)
{
    struct config *config = calloc(1, sizeof *config);
    if (config == NULL) {
        ini_finish(ini);
        bobbin_fail(error, "no memory");
        return NULL;
    }
    config->ini = *ini;
    if (!is_read) {
        config_close(config);
        return NULL;
    }
    config->values = calloc(config->ini.entry_count + 1, sizeof *config->values);
    config->taken = calloc(config->ini.section_count + 1, sizeof *config->taken);
    if (config->values == NULL || config->taken == NULL || !expand_all(config, error)) {
        config_close(config);
        return NULL;
    }
    return config;
}

struct config *config_open(const char *file, bobbin_error *error)
{
    struct ini ini;
    bool is_read = ini_read_file(&ini, file, error);
    return open_ini(&ini, is_read, error);
}

struct config *config_open_text(const char *file, const char *text, size_t length,
                                bobbin_error *error)
{
    struct ini ini;
    bool is_read = ini_read_text(&ini, file, text, length, error);
    return open_ini(&ini, is_read, error);
}

void config_close(struct config *config)
{
    if (config == NULL)
        return;
    for (size_t i = 0; config->values != NULL && i < config->ini.entry_count; i++)
        free(config->values[i]);
    for (size_t i = 0; i < config->list_count; i++)
        free(config->lists[i]);
    free(config->lists);
    free(config->values);
    free(config->taken);
    ini_finish(&config->ini);
    free(config);
}

const char *config_file(const struct config *config)
{
    return config->ini.file;
}

static const struct ini_section *find_section(const struct config *config, const char *section)
{
    for (size_t i = 0; i < config->ini.section_count; i++)
        if (strcmp(config->ini.sections[i].name, section) == 0)
            return &config->ini.sections[i];
    return NULL;
}

static void take(struct config *config, const char *section)
{
    const struct ini_section *found = find_section(config, section);
    if (found != NULL)
        config->taken[found - config->ini.sections] = true;
}

bool config_has(const struct config *config, const char *section)
{
    return find_section(config, section) != NULL;
}

static bool in_section(const struct config *config, size_t index, const char *section)
{
    return strcmp(config->ini.entries[index].section, section) == 0;
}

/* Where the key of an entry stood before in its section, or 0. */
static unsigned earlier_line(const struct config *config, size_t index)
{
    const struct ini_entry *entry = &config->ini.entries[index];
    for (size_t i = 0; i < index; i++)
        if (in_section(config, i, entry->section) &&
            strcmp(config->ini.entries[i].key, entry->key) == 0)
            return config->ini.entries[i].line;
    return 0;
}

static bool append(struct config *config, bobbin_list *list, const char *value)
{
    const char **items = realloc((void *)(uintptr_t)list->items, (list->count + 1) * sizeof *items);
    if (items == NULL)
        return false;
    if (list->count == 0) {
        void **lists = realloc(config->lists, (config->list_count + 1) * sizeof *lists);
        if (lists == NULL) {
            free(items);
            return false;
        }
        config->lists = lists;
        lists[config->list_count++] = items;
    } else {
        for (size_t i = 0; i < config->list_count; i++)
            if (config->lists[i] == (const void *)list->items)
                config->lists[i] = items;
    }
    items[list->count++] = value;
    list->items = items;
    return true;
}

static bool unknown_key(const char *section, const char *key, const struct bobbin_option *rows,
                        bobbin_error *error)
{
    const char *names[128] = {NULL};
    size_t count = 0;
    for (; rows != NULL && rows->name != NULL && count < 128; rows++)
        names[count++] = rows->name;
    const char *nearest = option_nearest(key, names, count);
    if (nearest != NULL)
        return bobbin_fail(error, "[%s] has no key \"%s\"; did you mean \"%s\"?", section, key,
                           nearest);
    if (count == 0)
        return bobbin_fail(error, "[%s] has no key \"%s\": it has no keys at all", section, key);
    return bobbin_fail(error, "[%s] has no key \"%s\" (\"bobbin options %s\" lists them)", section,
                       key, section);
}

static bool fill_entry(struct config *config, size_t index, const struct bobbin_option *rows,
                       void *structure, bobbin_error *error)
{
    const struct ini_entry *entry = &config->ini.entries[index];
    const struct bobbin_option *row = option_find(rows, entry->key);
    if (row == NULL)
        return unknown_key(entry->section, entry->key, rows, error);
    if (row->type == BOBBIN_TYPE_LIST)
        return append(config, (bobbin_list *)((char *)structure + row->offset),
                      config->values[index]) ||
               bobbin_fail(error, "no memory");
    unsigned line = earlier_line(config, index);
    if (line != 0)
        return bobbin_fail(error, "%s: stands there twice: first in line %u", entry->key, line);
    return option_parse(row, structure, config->values[index], error);
}

static bool check_required(const struct config *config, const char *section,
                           const struct bobbin_option *rows, bobbin_error *error)
{
    for (; rows != NULL && rows->name != NULL; rows++)
        if ((rows->flags & BOBBIN_OPTION_REQUIRED) && config_line(config, section, rows->name) == 0)
            return bobbin_fail(error, "%s: [%s] needs the key \"%s\" (%s)", config->ini.file,
                               section, rows->name, rows->help);
    return true;
}

bool config_fill(struct config *config, const char *section, const struct bobbin_option *rows,
                 void *structure, bobbin_error *error)
{
    take(config, section);
    if (!option_defaults(rows, structure, error))
        return error_prefix(error, "[%s]: ", section);
    for (size_t i = 0; i < config->ini.entry_count; i++)
        if (in_section(config, i, section) && !fill_entry(config, i, rows, structure, error))
            return error_prefix(error, "%s:%u: ", config->ini.file, config->ini.entries[i].line);
    return check_required(config, section, rows, error);
}

const char *config_section_at(const struct config *config, size_t index, unsigned *line)
{
    if (index >= config->ini.section_count)
        return NULL;
    *line = config->ini.sections[index].line;
    return config->ini.sections[index].name;
}

const char *config_section(const struct config *config, const char *prefix, size_t index,
                           unsigned *line)
{
    size_t length = strlen(prefix);
    for (size_t i = 0; i < config->ini.section_count; i++) {
        const struct ini_section *section = &config->ini.sections[i];
        bool matches = strncmp(section->name, prefix, length) == 0 &&
                       (section->name[length] == '\0' || section->name[length] == ':');
        if (matches && index-- == 0) {
            *line = section->line;
            return section->name;
        }
    }
    return NULL;
}

bool config_entry_at(struct config *config, const char *section, size_t index,
                     struct config_entry *entry)
{
    take(config, section);
    for (size_t i = 0; i < config->ini.entry_count; i++)
        if (in_section(config, i, section) && index-- == 0) {
            *entry = (struct config_entry){config->ini.entries[i].key, config->values[i],
                                           config->ini.entries[i].line};
            return true;
        }
    return false;
}

unsigned config_line(const struct config *config, const char *section, const char *key)
{
    for (size_t i = 0; i < config->ini.entry_count; i++)
        if (in_section(config, i, section) && strcmp(config->ini.entries[i].key, key) == 0)
            return config->ini.entries[i].line;
    return 0;
}

bool config_blame(const struct config *config, const char *section, const char *key,
                  bobbin_error *error)
{
    unsigned line = config_line(config, section, key);
    const struct ini_section *found = find_section(config, section);
    if (line == 0 && found != NULL)
        line = found->line;
    if (line == 0)
        return error_prefix(error, "%s: ", config->ini.file);
    return error_prefix(error, "%s:%u: ", config->ini.file, line);
}

bool config_check_all_taken(const struct config *config, const char *const *known, size_t count,
                            bobbin_error *error)
{
    for (size_t i = 0; i < config->ini.section_count; i++) {
        const struct ini_section *section = &config->ini.sections[i];
        if (config->taken[i])
            continue;
        const char *nearest = option_nearest(section->name, known, count);
        bobbin_fail(error, "%s:%u: unknown section [%s]", config->ini.file, section->line,
                    section->name);
        if (nearest != NULL)
            bobbin_fail(error, "%s; did you mean [%s]?", error->text, nearest);
        return false;
    }
    return true;
}

void config_print(const char *section, const struct bobbin_option *rows, const void *structure,
                  FILE *out)
{
    fprintf(out, "[%s]\n", section);
    for (; rows != NULL && rows->name != NULL; rows++) {
        char value[4096];
        if (rows->type == BOBBIN_TYPE_LIST) {
            const bobbin_list *list = (const bobbin_list *)((const char *)structure + rows->offset);
            for (size_t i = 0; i < list->count; i++)
                fprintf(out, "%s = %s\n", rows->name, list->items[i]);
            continue;
        }
        option_format(rows, structure, value, sizeof value);
        bool hide = (rows->flags & BOBBIN_OPTION_SECRET) && *value != '\0';
        fprintf(out, "%s = %s\n", rows->name, hide ? "******" : value);
    }
    fprintf(out, "\n");
}
