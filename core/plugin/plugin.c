#include "core/plugin/plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"
#include "core/config/option.h"
#include "core/plugin/catalogue.h"
#include "core/plugin/descriptor.h"
#include "core/plugin/running.h"

struct plugin_set {
    char *directory; /* owned */
    struct catalogue catalogue;
    struct plugin_instance **instances; /* owned, in the order they were loaded */
    size_t count;
};

void plugin_instance_destroy(struct plugin_instance *instance)
{
    if (instance == NULL)
        return;
    free(instance->config);
    free(instance);
}

struct plugin_instance *plugin_instance_create(const struct bobbin_plugin *plugin,
                                               struct config *config, const char *name,
                                               bobbin_error *error)
{
    static const struct bobbin_option no_options[] = {BOBBIN_OPTIONS_END};
    struct plugin_instance *instance = calloc(1, sizeof *instance);
    if (instance != NULL)
        instance->config = calloc(1, plugin->config_size > 0 ? plugin->config_size : 1);
    if (instance == NULL || instance->config == NULL) {
        bobbin_fail(error, "no memory for the configuration of %s", name);
        plugin_instance_destroy(instance);
        return NULL;
    }
    snprintf(instance->name, sizeof instance->name, "%s", name);
    descriptor_complete(&instance->descriptor, plugin);
    instance->plugin = &instance->descriptor.plugin;
    instance->state = instance->config;
    instance->host.instance = instance->name;
    if (config_fill(config, name, plugin->options != NULL ? plugin->options : no_options,
                    instance->config, error))
        return instance;
    plugin_instance_destroy(instance);
    return NULL;
}

struct plugin_set *plugin_set_create(const char *directory)
{
    struct plugin_set *set = calloc(1, sizeof *set);
    if (set == NULL)
        return NULL;
    set->directory = strdup(directory);
    if (set->directory == NULL) {
        free(set);
        return NULL;
    }
    catalogue_init(&set->catalogue, directory);
    return set;
}

void plugin_set_destroy(struct plugin_set *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < set->count; i++)
        plugin_instance_destroy(set->instances[i]);
    free(set->instances);
    catalogue_finish(&set->catalogue);
    free(set->directory);
    free(set);
}

/* The plugin's part of an instance's name: of "static:assets" it is "static". */
static size_t plugin_length(const char *instance)
{
    return strcspn(instance, ":");
}

bool plugin_set_knows(const struct plugin_set *set, const char *instance)
{
    return catalogue_has(&set->catalogue, instance, plugin_length(instance));
}

const char *const *plugin_set_names(const struct plugin_set *set, size_t *count)
{
    *count = set->catalogue.count;
    return (const char *const *)set->catalogue.names;
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

bool plugin_set_expect(const struct plugin_set *set, const char *instance, bobbin_error *error)
{
    if (plugin_set_knows(set, instance))
        return true;
    char name[PLUGIN_INSTANCE_NAME_BYTES];
    snprintf(name, sizeof name, "%.*s", (int)plugin_length(instance), instance);
    size_t count = 0;
    const char *const *names = plugin_set_names(set, &count);
    const char *nearest = option_nearest(name, names, count);
    if (nearest != NULL)
        return bobbin_fail(error, "there is no plugin \"%s\"; did you mean \"%s\"?", name, nearest);
    return bobbin_fail(error, "there is no plugin \"%s\" in %s", name, set->directory);
}

static const struct bobbin_plugin *load_descriptor(const struct plugin_set *set,
                                                   const char *instance, bobbin_error *error)
{
    char file[4096];
    int length = (int)plugin_length(instance);
    if (!plugin_set_expect(set, instance, error))
        return NULL;
    snprintf(file, sizeof file, "%s/%.*s.so", set->directory, length, instance);
    return descriptor_load(file, error);
}

static bool add_instance(struct plugin_set *set, struct plugin_instance *instance)
{
    struct plugin_instance **more =
        realloc(set->instances, (set->count + 1) * sizeof *set->instances);
    if (more == NULL)
        return false;
    set->instances = more;
    set->instances[set->count++] = instance;
    return true;
}

struct plugin_instance *plugin_set_load(struct plugin_set *set, struct config *config,
                                        const char *name, bobbin_error *error)
{
    struct plugin_instance *instance = plugin_set_find(set, name);
    if (instance != NULL)
        return instance;
    if (strlen(name) >= PLUGIN_INSTANCE_NAME_BYTES) {
        bobbin_fail(error, "\"%.20s...\" is longer than %d bytes", name,
                    PLUGIN_INSTANCE_NAME_BYTES - 1);
        return NULL;
    }
    const struct bobbin_plugin *plugin = load_descriptor(set, name, error);
    if (plugin == NULL)
        return NULL;
    instance = plugin_instance_create(plugin, config, name, error);
    if (instance == NULL || add_instance(set, instance))
        return instance;
    bobbin_fail(error, "no memory for the plugin %s", name);
    plugin_instance_destroy(instance);
    return NULL;
}

bool plugin_start(struct plugin_instance *instance, const struct log *log, struct worker *worker,
                  bobbin_error *error)
{
    const struct bobbin_plugin *plugin = instance->plugin;
    instance->host.log = log;
    instance->host.worker = worker;
    instance->state = instance->config;
    if (plugin->start != NULL) {
        bobbin_error reason = {"it did not say why"};
        running_enter(instance->name, "start");
        bool started = plugin->start(&instance->host, instance->config, &instance->state, &reason);
        running_leave();
        if (!started)
            return bobbin_fail(error, "%s did not start: %s", instance->name, reason.text);
    }
    instance->started = true;
    return true;
}

void plugin_drain(struct plugin_instance *instance)
{
    if (!instance->started || instance->plugin->drain == NULL)
        return;
    running_enter(instance->name, "drain");
    instance->plugin->drain(instance->state);
    running_leave();
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
