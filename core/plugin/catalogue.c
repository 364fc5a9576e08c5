#include "core/plugin/catalogue.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static const char suffix[] = ".so";

static int is_plugin(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > strlen(suffix) && entry->d_name[0] != '.' &&
           strcmp(entry->d_name + length - strlen(suffix), suffix) == 0;
}

void catalogue_init(struct catalogue *catalogue, const char *directory)
{
    struct dirent **entries = NULL;
    int count = scandir(directory, &entries, is_plugin, alphasort);
    *catalogue = (struct catalogue){0};
    if (count > 0)
        catalogue->names = calloc((size_t)count, sizeof *catalogue->names);
    for (int i = 0; i < count; i++) {
        size_t length = strlen(entries[i]->d_name) - strlen(suffix);
        char *name = catalogue->names != NULL ? strndup(entries[i]->d_name, length) : NULL;
        if (name != NULL)
            catalogue->names[catalogue->count++] = name;
        free(entries[i]);
    }
    free(entries);
}

void catalogue_finish(struct catalogue *catalogue)
{
    for (size_t i = 0; i < catalogue->count; i++)
        free(catalogue->names[i]);
    free(catalogue->names);
}

bool catalogue_has(const struct catalogue *catalogue, const char *name, size_t length)
{
    for (size_t i = 0; i < catalogue->count; i++)
        if (strlen(catalogue->names[i]) == length && memcmp(catalogue->names[i], name, length) == 0)
            return true;
    return false;
}
