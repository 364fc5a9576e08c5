#include "core/plugin/descriptor.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/config/option.h"

enum { NAME_BYTES = 32, MOST_OPTIONS = 1000, MOST_BYTES = 4096 };

/* Where the structs of the first header of this contract ended: what has no more loads for ever. */
#define THROUGH(type, member) (offsetof(type, member) + sizeof((type *)0)->member)
#define FIRST_PLUGIN_BYTES THROUGH(struct bobbin_plugin, transport)
#define FIRST_PROTOCOL_BYTES THROUGH(struct bobbin_protocol, close)

#define STRING_(text) #text
#define STRING(text) STRING_(text)

/* "x.so: undefined symbol: bobbin_later" is what the loader says to a plugin of a newer contract.
 */
static bool refuse_to_open(const char *file, bobbin_error *error)
{
    static const char undefined[] = "undefined symbol: ";
    const char *reason = dlerror();
    if (reason == NULL)
        return bobbin_fail(error, "%s: cannot be opened", file);
    const char *symbol = strstr(reason, undefined);
    if (symbol == NULL)
        return bobbin_fail(error, "%s", reason);
    symbol += strlen(undefined);
    int length = (int)strcspn(symbol, " ,");
    return bobbin_fail(error, "%s: needs %.*s, which this bobbin does not have", file, length,
                       symbol);
}

static bool is_name(const char *name, size_t most_bytes)
{
    size_t length = name != NULL ? strnlen(name, most_bytes + 1) : 0;
    return length > 0 && length <= most_bytes &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") >= length;
}

/* Members that a newer header added, and that this server would have to know, are not zero. */
static bool has_unknown_members(const void *given, size_t given_bytes, size_t known_bytes)
{
    const char *bytes = given;
    for (size_t i = known_bytes; i < given_bytes; i++)
        if (bytes[i] != 0)
            return true;
    return false;
}

static bool check_size(const char *what, const void *given, size_t given_bytes, size_t least_bytes,
                       size_t known_bytes, bobbin_error *error)
{
    if (given_bytes < least_bytes || given_bytes > MOST_BYTES)
        return bobbin_fail(error, "its %s has %zu bytes, this bobbin needs %zu", what, given_bytes,
                           least_bytes);
    if (has_unknown_members(given, given_bytes, known_bytes))
        return bobbin_fail(error, "was made with a newer bobbin.h and uses what this bobbin does "
                                  "not have");
    return true;
}

/* Whether the file is <name>.so: what stands in [routes] leads to the file, and to the section. */
static bool check_name(const char *file, const char *name, bobbin_error *error)
{
    const char *slash = strrchr(file, '/');
    const char *base = slash != NULL ? slash + 1 : file;
    if (strncmp(base, name, strlen(name)) != 0 || strcmp(base + strlen(name), ".so") != 0)
        return bobbin_fail(error, "calls itself \"%s\": then its file must be %s.so", name, name);
    return true;
}

static bool check_head(const struct bobbin_plugin *plugin, bobbin_error *error)
{
    if (plugin->magic != BOBBIN_MAGIC)
        return bobbin_fail(
            error,
            "its " STRING(BOBBIN_DESCRIPTOR) " does not begin as BOBBIN_PLUGIN(...) makes it");
    if (plugin->abi != BOBBIN_ABI)
        return bobbin_fail(error, "speaks contract %u, this bobbin speaks %u", plugin->abi,
                           BOBBIN_ABI);
    if (!check_size("descriptor", plugin, plugin->size, FIRST_PLUGIN_BYTES, sizeof *plugin, error))
        return false;
    if (!is_name(plugin->name, NAME_BYTES))
        return bobbin_fail(error, "its name is not 1 to %d of a-z, 0-9 and -", NAME_BYTES);
    return true;
}

static bool check_protocol(const struct bobbin_protocol *protocol, bobbin_error *error)
{
    if (protocol == NULL)
        return true;
    if (!check_size("protocol", protocol, protocol->size, FIRST_PROTOCOL_BYTES, sizeof *protocol,
                    error))
        return false;
    if (protocol->scheme == NULL || protocol->open == NULL || protocol->feed == NULL ||
        protocol->head == NULL || protocol->frame == NULL || protocol->close == NULL)
        return bobbin_fail(error, "its protocol lacks a scheme, open, feed, head, frame or close");
    return true;
}

static bool check_capabilities(const struct bobbin_plugin *plugin, bobbin_error *error)
{
    if (plugin->handle == NULL && plugin->run == NULL && plugin->protocol == NULL)
        return bobbin_fail(error, "can do nothing: it has no .handle, no .run and no .protocol");
    return check_protocol(plugin->protocol, error);
}

static size_t field_bytes(const struct bobbin_option *row)
{
    switch (row->type) {
    case BOBBIN_TYPE_FLAG:
        return sizeof(bool);
    case BOBBIN_TYPE_TEXT:
    case BOBBIN_TYPE_PATH:
        return sizeof(const char *);
    case BOBBIN_TYPE_LIST:
        return sizeof(bobbin_list);
    default:
        return sizeof(uint64_t);
    }
}

static bool check_option(const struct bobbin_plugin *plugin, const struct bobbin_option *row,
                         bobbin_error *error)
{
    if (!is_name(row->name, 64))
        return bobbin_fail(error, "an option's name is not 1 to 64 of a-z, 0-9 and -");
    if (row->type < BOBBIN_TYPE_COUNT || row->type > BOBBIN_TYPE_LIST)
        return bobbin_fail(error, "its option %s is of the unknown type %u", row->name, row->type);
    if (row->offset > plugin->config_size || plugin->config_size - row->offset < field_bytes(row))
        return bobbin_fail(error, "its option %s lies outside of .config_size", row->name);
    if (row->type == BOBBIN_TYPE_CHOICE && row->choices == NULL)
        return bobbin_fail(error, "its option %s has no choices", row->name);
    return true;
}

static bool check_defaults(const struct bobbin_plugin *plugin, bobbin_error *error)
{
    void *config = calloc(1, plugin->config_size);
    bool good = config != NULL ? option_defaults(plugin->options, config, error)
                               : bobbin_fail(error, "no memory for its options");
    free(config);
    return good;
}

static bool check_options(const struct bobbin_plugin *plugin, bobbin_error *error)
{
    if (plugin->options == NULL)
        return true;
    size_t count = 0;
    for (; plugin->options[count].name != NULL; count++) {
        if (count == MOST_OPTIONS)
            return bobbin_fail(error, "its options do not end with BOBBIN_OPTIONS_END");
        if (!check_option(plugin, &plugin->options[count], error))
            return false;
    }
    return count == 0 || check_defaults(plugin, error);
}

bool descriptor_check(const struct bobbin_plugin *plugin, bobbin_error *error)
{
    return check_head(plugin, error) && check_capabilities(plugin, error) &&
           check_options(plugin, error);
}

static void *open_object(const char *file)
{
    if (strchr(file, '/') != NULL)
        return dlopen(file, RTLD_NOW | RTLD_LOCAL);
    char here[4096]; /* without a slash the loader would search the system's folders */
    snprintf(here, sizeof here, "./%s", file);
    return dlopen(here, RTLD_NOW | RTLD_LOCAL);
}

const struct bobbin_plugin *descriptor_load(const char *file, bobbin_error *error)
{
    void *object = open_object(file);
    if (object == NULL) {
        refuse_to_open(file, error);
        return NULL;
    }
    const struct bobbin_plugin *plugin = dlsym(object, STRING(BOBBIN_DESCRIPTOR));
    if (plugin == NULL) {
        bobbin_fail(error, "%s: is no plugin: it exports no %s", file, STRING(BOBBIN_DESCRIPTOR));
        return NULL;
    }
    if (descriptor_check(plugin, error) && check_name(file, plugin->name, error))
        return plugin;
    error_prefix(error, "%s: ", file);
    return NULL;
}

static void complete(void *whole, size_t bytes, const void *given, size_t given_bytes)
{
    memset(whole, 0, bytes);
    memcpy(whole, given, given_bytes < bytes ? given_bytes : bytes);
}

void descriptor_complete(struct descriptor *descriptor, const struct bobbin_plugin *given)
{
    complete(&descriptor->plugin, sizeof descriptor->plugin, given, given->size);
    if (given->protocol == NULL)
        return;
    complete(&descriptor->protocol, sizeof descriptor->protocol, given->protocol,
             given->protocol->size);
    descriptor->plugin.protocol = &descriptor->protocol;
}

static void print_capabilities(const struct bobbin_plugin *plugin, FILE *out)
{
    const char *separator = "";
    const struct {
        bool present;
        const char *words;
    } all[] = {{plugin->handle != NULL, "app (answers requests)"},
               {plugin->run != NULL, "job (runs jobs)"},
               {plugin->protocol != NULL, "protocol"}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (!all[i].present)
            continue;
        fprintf(out, "%s%s", separator, all[i].words);
        separator = ", ";
    }
    if (plugin->protocol != NULL)
        fprintf(out, " %s://", plugin->protocol->scheme);
    fputc('\n', out);
}

bool descriptor_describe(const char *file, FILE *out, bobbin_error *error)
{
    const struct bobbin_plugin *plugin = descriptor_load(file, error);
    if (plugin == NULL)
        return false;
    fprintf(out, "%s%s%s%s%s\n\n", plugin->name, plugin->version != NULL ? " " : "",
            plugin->version != NULL ? plugin->version : "", plugin->about != NULL ? ": " : "",
            plugin->about != NULL ? plugin->about : "");
    fprintf(out, "file          %s\ncontract      %u\ncapabilities  ", file, plugin->abi);
    print_capabilities(plugin, out);
    if (plugin->options == NULL || plugin->options->name == NULL) {
        fprintf(out, "options       none\n");
        return true;
    }
    fputc('\n', out);
    option_print_help(plugin->options, plugin->name, out);
    return true;
}
