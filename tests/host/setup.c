#include "tests/host/setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/host/memory.h"

/* What an INI file cannot say (core/config/ini.h) would be read as something else. */
static bool check_pair(const char *key, const char *value, bobbin_error *error)
{
    if (value == NULL)
        return bobbin_fail(error, "setup: %s: has no value: pairs end with NULL", key);
    size_t length = strlen(value);
    if (strpbrk(key, "\n=;#[") != NULL || strpbrk(value, "\n\r") != NULL ||
        strstr(value, " ;") != NULL || strstr(value, "\t;") != NULL || value[0] == ';' ||
        (length > 0 && (strchr(" \t", value[0]) != NULL || strchr(" \t", value[length - 1]))))
        return bobbin_fail(error, "setup: %s: \"%.100s\" cannot stand in an INI file", key, value);
    return true;
}

static bool print_section(FILE *out, const char *section, const char *const *pairs,
                          bobbin_error *error)
{
    fprintf(out, "[%s]\n", section);
    for (; pairs != NULL && pairs[0] != NULL; pairs += 2) {
        if (!check_pair(pairs[0], pairs[1], error))
            return false;
        fprintf(out, "%s = %s\n", pairs[0], pairs[1]);
    }
    return true;
}

struct config *setup_read(const struct bobbin_test_setup *setup, const char *instance,
                          bobbin_error *error)
{
    char *text = NULL;
    size_t length = 0;
    struct config *config = NULL;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL)
        memory_misuse("there is no memory");
    bool is_printed = print_section(out, "bobbin", setup->settings, error) &&
                      print_section(out, instance, setup->options, error);
    fclose(out);
    if (is_printed)
        config = config_open_text("setup", text, length, error);
    free(text);
    return config;
}
