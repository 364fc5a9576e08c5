/*
 * Plugins: dlopen, the ABI check, instances and their configuration.
 *
 * A plugin is one shared object (<plugin-directory>/<name>.so). An instance is a plugin with one
 * section's configuration and its own state: "static", or "static:assets" for [static:assets].
 * Loaded once in a generation, before any fork; started in each process that calls it; never
 * dlclosed.
 */
#ifndef CORE_PLUGIN_PLUGIN_H
#define CORE_PLUGIN_PLUGIN_H

#include "core/base/log.h"
#include "core/config/config.h"
#include "core/plugin/descriptor.h"
#include "plugins/bobbin.h"

enum { PLUGIN_INSTANCE_NAME_BYTES = 96 };

struct worker;

/* What a plugin calls its host: one for each instance in each process. */
struct bobbin_host {
    const char *instance;
    const struct log *log;
    struct worker *worker; /* NULL in a job process: no loop, no timers, no tickets */
};

struct plugin_instance {
    char name[PLUGIN_INSTANCE_NAME_BYTES];
    struct descriptor descriptor;
    const struct bobbin_plugin *plugin; /* that of the descriptor */
    void *config;                       /* owned, plugin->config_size bytes, filled */
    void *state;                        /* the plugin's, of this process; config until start */
    struct bobbin_host host;
    bool started;
};

/*
 * An instance without a set, of a descriptor that was checked, configured from the section of its
 * name. NULL with a sentence. name is shorter than PLUGIN_INSTANCE_NAME_BYTES.
 */
struct plugin_instance *plugin_instance_create(const struct bobbin_plugin *plugin,
                                               struct config *config, const char *name,
                                               bobbin_error *error);
void plugin_instance_destroy(struct plugin_instance *instance);

struct plugin_set;

struct plugin_set *plugin_set_create(const char *directory);
void plugin_set_destroy(struct plugin_set *set);

/*
 * The instance of that name, loaded (descriptor.h), checked and configured from its section on
 * first use. NULL with a sentence. It belongs to the set and stays where it is.
 */
struct plugin_instance *plugin_set_load(struct plugin_set *set, struct config *config,
                                        const char *instance, bobbin_error *error);

/* Whether a plugin of that name can be found: what stands before ":" of an instance. */
bool plugin_set_knows(const struct plugin_set *set, const char *instance);

/* The same, with a sentence (and the nearest name) when it cannot. */
bool plugin_set_expect(const struct plugin_set *set, const char *instance, bobbin_error *error);

/* The names of all plugins that can be found, loaded or not. */
const char *const *plugin_set_names(const struct plugin_set *set, size_t *count);

struct plugin_instance *plugin_set_find(const struct plugin_set *set, const char *instance);
struct plugin_instance *plugin_set_at(const struct plugin_set *set, size_t index); /* NULL: end */

/* The protocol instance whose scheme it is, among those loaded; NULL when there is none. */
struct plugin_instance *plugin_set_protocol(const struct plugin_set *set, const char *scheme);

/* Calls start in this process. worker is NULL in a job process. False: the sentence names the
 * instance. plugin_drain and _stop are harmless for what was not started. */
bool plugin_start(struct plugin_instance *instance, const struct log *log, struct worker *worker,
                  bobbin_error *error);
void plugin_drain(struct plugin_instance *instance); /* new work ends soon */
void plugin_stop(struct plugin_instance *instance);

#endif
