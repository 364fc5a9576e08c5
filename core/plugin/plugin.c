#include "core/plugin/plugin.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/config/option.h"
#include "core/plugin/running.h"

struct plugin_set {
    char *directory;
    struct plugin_instance **instances; /* owned, as are their configs */
    size_t count;
};

struct plugin_set *plugin_set_create(const char *directory)
{
    struct plugin_set *set = calloc(1, sizeof *set);
    if (set != NULL && (set->directory = strdup(directory)) == NULL) {
        free(set);
        return NULL;
    }
    return set;
}

void plugin_set_destroy(struct plugin_set *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < set->count; i++) {
        free(set->instances[i]->config);
        free(set->instances[i]);
    }
    free(set->instances);
    free(set->directory);
    free(set);
}

/* dlerror says "<file>: undefined symbol: bobbin_x": people want to hear what it means. */
static bool explain(const char *file, const char *reason, bobbin_error *error)
{
    static const char mark[] = "undefined symbol: bobbin_";
    const char *missing = strstr(reason, mark);
    if (missing != NULL)
        return bobbin_fail(error, "%s: needs %s, which this bobbin does not have", file,
                           missing + sizeof mark - sizeof "bobbin_");
    if (strncmp(reason, file, strlen(file)) == 0)
        return bobbin_fail(error, "%s", reason);
    return bobbin_fail(error, "%s: %s", file, reason);
}

static bool is_legal_name(const char *name)
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return length > 0 && length <= 32 && name[length] == '\0';
}

/* Only the frozen head may be looked at before abi and size are known to be right. */
static bool check_descriptor(const struct bobbin_plugin *plugin, const char *file,
                             bobbin_error *error)
{
    if (plugin->magic != BOBBIN_MAGIC)
        return bobbin_fail(error, "%s: its descriptor is not bobbin's", file);
    if (plugin->abi != BOBBIN_ABI)
        return bobbin_fail(error, "%s: speaks contract %u, this bobbin speaks %u", file,
                           plugin->abi, BOBBIN_ABI);
    if (plugin->size > sizeof *plugin)
        return bobbin_fail(error,
                           "%s: was built for a newer bobbin (its descriptor has %u bytes, here "
                           "it has %zu)",
                           file, plugin->size, sizeof *plugin);
    if (plugin->size < offsetof(struct bobbin_plugin, engine))
        return bobbin_fail(error, "%s: its descriptor is too short (%u bytes)", file, plugin->size);
    if (plugin->name == NULL || !is_legal_name(plugin->name))
        return bobbin_fail(error, "%s: its name is not 1 to 32 of a-z, 0-9 and -", file);
    if (plugin->handle == NULL && plugin->run == NULL && plugin->protocol == NULL)
        return bobbin_fail(error, "%s: can do nothing: it has no handle, run or protocol", file);
    return true;
}

static const struct bobbin_plugin *open_file(const char *file, bobbin_error *error)
{
    if (access(file, F_OK) != 0) {
        bobbin_fail(error, "there is no %s", file);
        return NULL;
    }
    void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        explain(file, dlerror(), error);
        return NULL;
    }
    const struct bobbin_plugin *plugin = dlsym(handle, "bobbin_plugin_descriptor");
    if (plugin == NULL) {
        bobbin_fail(error, "%s: is no plugin of bobbin: it exports no bobbin_plugin_descriptor",
                    file);
        return NULL;
    }
    return check_descriptor(plugin, file, error) ? plugin : NULL;
}

/* What stands before ":" of an instance's name. */
static void plugin_name(const char *instance, char out[64])
{
    snprintf(out, 64, "%.*s", (int)strcspn(instance, ":"), instance);
}

static void file_of(const struct plugin_set *set, const char *instance, char out[4096])
{
    char name[64];
    plugin_name(instance, name);
    snprintf(out, 4096, "%s/%s.so", set->directory, name);
}

bool plugin_set_knows(const struct plugin_set *set, const char *instance)
{
    char file[4096], name[64];
    plugin_name(instance, name);
    file_of(set, instance, file);
    return is_legal_name(name) && access(file, F_OK) == 0;
}

struct plugin_instance *plugin_set_find(const struct plugin_set *set, const char *instance)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->instances[i]->name, instance) == 0)
            return set->instances[i];
    return NULL;
}

struct plugin_instance *plugin_set_at(const struct plugin_set *set, size_t index)
{
    return index < set->count ? set->instances[index] : NULL;
}

struct plugin_instance *plugin_set_protocol(const struct plugin_set *set, const char *scheme)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct bobbin_protocol *protocol = set->instances[i]->plugin->protocol;
        if (protocol != NULL && strcmp(protocol->scheme, scheme) == 0)
            return set->instances[i];
    }
    return NULL;
}

static bool configure(struct plugin_instance *instance, struct config *config,
                      bobbin_error *error)
{
    const struct bobbin_plugin *plugin = instance->plugin;
    instance->config = calloc(1, plugin->config_size > 0 ? plugin->config_size : 1);
    if (instance->config == NULL)
        return bobbin_fail(error, "no memory for %s", instance->name);
    instance->state = instance->config;
    return config_fill(config, instance->name, plugin->options, instance->config, error);
}

static bool add(struct plugin_set *set, struct plugin_instance *instance, bobbin_error *error)
{
    struct plugin_instance **instances =
        realloc(set->instances, (set->count + 1) * sizeof(struct plugin_instance *));
    if (instances == NULL)
        return bobbin_fail(error, "no memory for %s", instance->name);
    set->instances = instances;
    instances[set->count++] = instance;
    return true;
}

struct plugin_instance *plugin_set_load(struct plugin_set *set, struct config *config,
                                        const char *name, bobbin_error *error)
{
    char file[4096], plugin[64];
    struct plugin_instance *instance = plugin_set_find(set, name);
    if (instance != NULL)
        return instance;
    plugin_name(name, plugin);
    if (!is_legal_name(plugin) || strlen(name) >= PLUGIN_INSTANCE_NAME_BYTES) {
        bobbin_fail(error, "\"%.100s\" is not the name of a plugin", name);
        return NULL;
    }
    file_of(set, name, file);
    const struct bobbin_plugin *descriptor = open_file(file, error);
    if (descriptor == NULL)
        return NULL;
    if (strcmp(descriptor->name, plugin) != 0) {
        bobbin_fail(error, "%s: calls itself \"%s\"", file, descriptor->name);
        return NULL;
    }
    instance = calloc(1, sizeof *instance);
    if (instance == NULL) {
        bobbin_fail(error, "no memory for %s", name);
        return NULL;
    }
    strcpy(instance->name, name);
    instance->plugin = descriptor;
    if (configure(instance, config, error) && add(set, instance, error))
        return instance;
    free(instance->config);
    free(instance);
    return NULL;
}

bool plugin_start(struct plugin_instance *instance, const struct log *log, struct worker *worker,
                  bobbin_error *error)
{
    instance->host =
        (struct bobbin_host){.instance = instance->name, .log = log, .worker = worker};
    instance->state = instance->config;
    if (instance->plugin->start != NULL) {
        running_enter(instance->name, "start");
        bool done = instance->plugin->start(&instance->host, instance->config, &instance->state,
                                            error);
        running_leave();
        if (!done)
            return error_prefix(error, "%s did not start: ", instance->name);
    }
    instance->started = true;
    return true;
}

void plugin_stop(struct plugin_instance *instance)
{
    if (!instance->started)
        return;
    instance->started = false;
    if (instance->plugin->stop == NULL)
        return;
    running_enter(instance->name, "stop");
    instance->plugin->stop(instance->state);
    running_leave();
}

bool plugin_describe(const char *file, FILE *out, bobbin_error *error)
{
    char path[4096];
    /* Without a slash dlopen would search the system's libraries. */
    snprintf(path, sizeof path, "%s%s", strchr(file, '/') == NULL ? "./" : "", file);
    const struct bobbin_plugin *plugin = open_file(path, error);
    if (plugin == NULL)
        return false;
    fprintf(out, "name:     %s\n", plugin->name);
    fprintf(out, "about:    %s\n", plugin->about != NULL ? plugin->about : "");
    fprintf(out, "version:  %s\n", plugin->version != NULL ? plugin->version : "none");
    fprintf(out, "contract: %u\n", plugin->abi);
    fprintf(out, "can:      %s%s%s\n", plugin->handle != NULL ? "answer requests; " : "",
            plugin->run != NULL ? "run jobs; " : "",
            plugin->protocol != NULL ? "speak a protocol; " : "");
    if (plugin->options != NULL)
        option_print_help(plugin->options, plugin->name, out);
    return true;
}
