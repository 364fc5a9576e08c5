#include "core/plugin/reference.h"

#include <string.h>

#include "core/config/option.h"
#include "core/plugin/catalogue.h"
#include "core/plugin/descriptor.h"

enum { MOST_NAMES = 256 };

/* Whether both are the same but for what stands behind a colon. */
static bool is_same_kind(const char *a, const char *b)
{
    size_t length = strcspn(a, ":");
    return length == strcspn(b, ":") && strncmp(a, b, length) == 0;
}

static void print_table(const struct reference_table *table, FILE *out)
{
    if (table->rows != NULL)
        option_print_help(table->rows, table->section, out);
    else
        fprintf(out, "[%s]\n  %s\n", table->section, table->about);
    fputc('\n', out);
}

static void print_plugin(const char *directory, const char *name, FILE *out)
{
    char file[4096];
    bobbin_error error;
    snprintf(file, sizeof file, "%s/%s.so", directory, name);
    const struct bobbin_plugin *plugin = descriptor_load(file, &error);
    struct reference_table table = {.section = name, .about = "has no options"};
    if (plugin == NULL)
        table.about = error.text;
    else if (plugin->options != NULL && plugin->options->name != NULL)
        table.rows = plugin->options;
    print_table(&table, out);
}

static bool refuse_unknown(const struct reference_table *tables, size_t count,
                           const struct catalogue *plugins, const char *section,
                           bobbin_error *error)
{
    const char *names[MOST_NAMES];
    size_t name_count = 0;
    for (size_t i = 0; i < count; i++)
        names[name_count++] = tables[i].section;
    for (size_t i = 0; i < plugins->count && name_count < MOST_NAMES; i++)
        names[name_count++] = plugins->names[i];
    const char *nearest = option_nearest(section, names, name_count);
    if (nearest != NULL)
        return bobbin_fail(error, "there is no section [%s]; did you mean [%s]?", section, nearest);
    return bobbin_fail(error, "there is no section [%s] (\"bobbin options\" lists all)", section);
}

bool reference_print(const struct reference_table *tables, size_t count,
                     const char *plugin_directory, const char *section, FILE *out,
                     bobbin_error *error)
{
    struct catalogue plugins;
    size_t printed = 0;
    catalogue_init(&plugins, plugin_directory);
    for (size_t i = 0; i < count; i++) {
        if (section != NULL && !is_same_kind(tables[i].section, section))
            continue;
        print_table(&tables[i], out);
        printed++;
    }
    for (size_t i = 0; i < plugins.count; i++) {
        if (section != NULL && !is_same_kind(plugins.names[i], section))
            continue;
        print_plugin(plugin_directory, plugins.names[i], out);
        printed++;
    }
    bool found = printed > 0 || refuse_unknown(tables, count, &plugins, section, error);
    catalogue_finish(&plugins);
    return found;
}
