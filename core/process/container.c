#include "core/process/container.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/net/address.h"
#include "core/net/listener.h"

enum { MOST_NAMES = 256 };

static const char queue_prefix[] = "queue:", cron_prefix[] = "cron:";

void container_plugin_directory(const struct settings *settings, char out[4096])
{
    char binary[4000];
    if (settings->plugin_directory[0] != '\0') {
        snprintf(out, 4096, "%s", settings->plugin_directory);
        return;
    }
    ssize_t length = readlink("/proc/self/exe", binary, sizeof binary - 1);
    binary[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(binary, '/');
    if (slash != NULL)
        *slash = '\0';
    snprintf(out, 4096, "%s/../lib/bobbin/plugins", binary);
    if (access(out, F_OK) != 0)
        snprintf(out, 4096, "%s/plugins", binary);
}

bool container_serves(const struct container *container)
{
    return container->settings.role != ROLE_SPOOLER;
}

bool container_spools(const struct container *container)
{
    return container->settings.role != ROLE_WEB && container->spool != NULL;
}

/* Puts the place in front of a sentence; for "return at_line(...)". */
static bool at_line(const struct container *container, unsigned line, bobbin_error *error)
{
    return error_prefix(error, "%s:%u: ", config_file(container->config), line);
}

static bool at_listen(const struct container *container, bobbin_error *error)
{
    error_prefix(error, "listen: ");
    return config_blame(container->config, "bobbin", "listen", error);
}

/* ------------------------------------------------------------------ [bobbin] */

static bool check_listen(const struct container *container, bobbin_error *error)
{
    const bobbin_list *listen = &container->settings.listen;
    if (listen->count == 0 && container_serves(container))
        return bobbin_fail(error, "%s: [bobbin] needs a listen, such as http://127.0.0.1:8080",
                           config_file(container->config));
    if (listen->count > LISTENERS_MAX) {
        bobbin_fail(error, "there are more than %d", LISTENERS_MAX);
        return at_listen(container, error);
    }
    for (size_t i = 0; i < listen->count; i++) {
        struct address address;
        if (!address_parse(&address, listen->items[i], error))
            return at_listen(container, error);
        for (size_t k = 0; k < i; k++)
            if (strcmp(listen->items[i], listen->items[k]) == 0) {
                bobbin_fail(error, "\"%s\" stands there twice", listen->items[i]);
                return at_listen(container, error);
            }
    }
    return true;
}

/* Nothing listens there yet, but a wrong address is wrong today. */
static bool check_admin(const struct container *container, bobbin_error *error)
{
    struct address address;
    const char *admin = container->settings.admin;
    if (admin[0] == '\0' || address_parse(&address, admin, error))
        return true;
    error_prefix(error, "admin: ");
    return config_blame(container->config, "bobbin", "admin", error);
}

bool container_read_settings(struct container *container, const char *file, bobbin_error *error)
{
    *container = (struct container){.config = config_open(file, error)};
    return container->config != NULL &&
           config_fill(container->config, "bobbin", settings_rows, &container->settings, error) &&
           check_listen(container, error) && check_admin(container, error);
}

static bool load_protocols(struct container *container, bobbin_error *error)
{
    const bobbin_list *listen = &container->settings.listen;
    for (size_t i = 0; i < listen->count; i++) {
        struct address address;
        if (!address_parse(&address, listen->items[i], error) ||
            !plugin_set_expect(container->plugins, address.scheme, error))
            return at_listen(container, error);
        const struct plugin_instance *protocol =
            plugin_set_load(container->plugins, container->config, address.scheme, error);
        if (protocol == NULL)
            return false;
        if (plugin_set_protocol(container->plugins, address.scheme) == NULL) {
            bobbin_fail(error, "the plugin \"%s\" does not speak %s://", address.scheme,
                        address.scheme);
            return at_listen(container, error);
        }
    }
    return true;
}

/* ------------------------------------------------------------------ [routes] */

static bool check_prefix(const char *prefix, bobbin_error *error)
{
    size_t length = strlen(prefix);
    if (*prefix != '/')
        return bobbin_fail(error, "a route begins with \"/\"");
    if (length > 1 && prefix[length - 1] == '/')
        return bobbin_fail(error, "a route does not end with \"/\": \"%.*s\" takes all below it",
                           (int)length - 1, prefix);
    return true;
}

static bool add_route(struct container *container, const struct config_entry *entry,
                      bobbin_error *error)
{
    struct plugin_instance *app = plugin_set_find(container->plugins, entry->value);
    if (app->plugin->handle == NULL)
        return bobbin_fail(error, "the plugin \"%s\" answers no requests: it has no .handle",
                           entry->value);
    return routes_add(container->routes, entry->key, app, error);
}

static bool load_route(struct container *container, const struct config_entry *entry,
                       bobbin_error *error)
{
    if (!check_prefix(entry->key, error) ||
        !plugin_set_expect(container->plugins, entry->value, error)) {
        error_prefix(error, "%s: ", entry->key);
        return at_line(container, entry->line, error);
    }
    if (plugin_set_load(container->plugins, container->config, entry->value, error) == NULL)
        return false; /* with the place that is wrong: the plugin's file, or its section */
    if (add_route(container, entry, error))
        return true;
    error_prefix(error, "%s: ", entry->key);
    return at_line(container, entry->line, error);
}

static bool load_routes(struct container *container, bobbin_error *error)
{
    struct config_entry entry;
    for (size_t i = 0; config_entry_at(container->config, "routes", i, &entry); i++)
        if (!load_route(container, &entry, error))
            return false;
    return true;
}

/* ------------------------------------------------------------------ sections of plugins */

static bool is_of(const char *section, const char *prefix)
{
    return strncmp(section, prefix, strlen(prefix)) == 0;
}

static bool is_plugins(const struct container *container, const char *section)
{
    return strcmp(section, "bobbin") != 0 && strcmp(section, "routes") != 0 &&
           strcmp(section, "spool") != 0 && !is_of(section, queue_prefix) &&
           !is_of(section, cron_prefix) && plugin_set_knows(container->plugins, section);
}

static bool load_sections(struct container *container, bobbin_error *error)
{
    const char *section;
    unsigned line;
    for (size_t i = 0; (section = config_section_at(container->config, i, &line)) != NULL; i++)
        if (is_plugins(container, section) &&
            plugin_set_load(container->plugins, container->config, section, error) == NULL)
            return false;
    return true;
}

static bool check_sections(const struct container *container, bobbin_error *error)
{
    const char *known[MOST_NAMES] = {"bobbin", "routes", "spool", "queue:NAME", "cron:NAME"};
    size_t count = 5;
    size_t plugin_count = 0;
    const char *const *plugins = plugin_set_names(container->plugins, &plugin_count);
    for (size_t i = 0; i < plugin_count && count < MOST_NAMES; i++)
        known[count++] = plugins[i];
    return config_check_all_taken(container->config, known, count, error);
}

/* ------------------------------------------------------------------ the spool */

static bool load_spool(struct container *container, const struct container_tables *tables,
                       bobbin_error *error)
{
    if (!config_has(container->config, "spool")) {
        if (container->settings.role != ROLE_SPOOLER)
            return true;
        return bobbin_fail(error, "%s: role = spooler needs a section [spool]",
                           config_file(container->config));
    }
    container->spool = calloc(1, tables->spool_bytes);
    if (container->spool == NULL)
        return bobbin_fail(error, "no memory for [spool]");
    return config_fill(container->config, "spool", tables->spool, container->spool, error);
}

static struct container_queue *add_queue(struct container *container, const char *name,
                                         const struct container_tables *tables, bobbin_error *error)
{
    if (container->queue_count == tables->most_queues) {
        bobbin_fail(error, "there are more than %zu queues", tables->most_queues);
        return NULL;
    }
    struct container_queue *more =
        realloc(container->queues, (container->queue_count + 1) * sizeof *container->queues);
    if (more != NULL) {
        container->queues = more;
        struct container_queue *queue = &more[container->queue_count++];
        *queue = (struct container_queue){.name = strdup(name),
                                          .settings = calloc(1, tables->queue_bytes)};
        if (queue->name != NULL && queue->settings != NULL)
            return queue;
    }
    bobbin_fail(error, "no memory for the queue %s", name);
    return NULL;
}

static bool check_name(const char *name, const char *what, bobbin_error *error)
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");
    if (length > 0 && length <= 64 && name[length] == '\0')
        return true;
    return bobbin_fail(error, "\"%s\" is not the name of a %s: 1 to 64 of a-z, 0-9, _ and -", name,
                       what);
}

/* What the queue's handler must be. A queue that is only filled here needs none. */
static bool check_handler(const struct container *container, const struct container_queue *queue,
                          const char *handler, bobbin_error *error)
{
    if (container_spools(container) && queue->handler == NULL)
        return plugin_set_expect(container->plugins, handler, error);
    if (queue->handler != NULL && queue->handler->plugin->run == NULL)
        return bobbin_fail(error, "the plugin \"%s\" runs no jobs: it has no .run", handler);
    return true;
}

static bool load_queue(struct container *container, const struct container_tables *tables,
                       const char *section, unsigned line, bobbin_error *error)
{
    const char *name = section + strlen(queue_prefix);
    if (container->spool == NULL)
        return bobbin_fail(error, "%s:%u: [%s] needs a section [spool]",
                           config_file(container->config), line, section);
    if (!check_name(name, "queue", error))
        return at_line(container, line, error);
    struct container_queue *queue = add_queue(container, name, tables, error);
    if (queue == NULL)
        return at_line(container, line, error);
    if (!config_fill(container->config, section, tables->queue, queue->settings, error))
        return false;
    const char *handler = tables->queue_handler(queue->settings);
    if (*handler == '\0')
        handler = name;
    if (plugin_set_knows(container->plugins, handler) &&
        plugin_set_load(container->plugins, container->config, handler, error) == NULL)
        return false;
    queue->handler = plugin_set_find(container->plugins, handler);
    if (check_handler(container, queue, handler, error))
        return true;
    error_prefix(error, "[%s]: ", section);
    return at_line(container, line, error);
}

static bool load_queues(struct container *container, const struct container_tables *tables,
                        bobbin_error *error)
{
    const char *section;
    unsigned line;
    for (size_t i = 0; (section = config_section_at(container->config, i, &line)) != NULL; i++)
        if (is_of(section, queue_prefix) && !load_queue(container, tables, section, line, error))
            return false;
    return true;
}

static bool has_queue(const struct container *container, const char *name)
{
    for (size_t i = 0; i < container->queue_count; i++)
        if (strcmp(container->queues[i].name, name) == 0)
            return true;
    return false;
}

/* Whether it only runs what queues that name it hold: nothing else of it is stored. */
static bool is_employed(const struct container *container, const struct plugin_instance *instance)
{
    for (size_t i = 0; i < container->queue_count; i++)
        if (container->queues[i].handler == instance)
            return instance->plugin->handle == NULL;
    return false;
}

/* Whether this instance is the one that runs the jobs of its plugin's own queue: the plain one, or
 * the only one that is not employed elsewhere. False with a sentence when it could be any of
 * several. */
static bool is_own_handler(const struct container *container,
                           const struct plugin_instance *instance, bool *is_it, bobbin_error *error)
{
    const char *name = instance->plugin->name;
    const struct plugin_instance *other;
    *is_it = strcmp(instance->name, name) == 0;
    if (*is_it || plugin_set_find(container->plugins, name) != NULL)
        return true;
    for (size_t i = 0; (other = plugin_set_at(container->plugins, i)) != NULL; i++) {
        if (other == instance || strcmp(other->plugin->name, name) != 0)
            continue;
        if (is_employed(container, instance))
            return true;
        if (!is_employed(container, other))
            return bobbin_fail(error,
                               "%s: %s and %s both spool into the queue \"%s\": say which of them "
                               "runs its jobs, with [queue:%s] and handler = %s",
                               config_file(container->config), instance->name, other->name, name,
                               name, instance->name);
    }
    return *is_it = true;
}

static bool add_silent_queue(struct container *container, const struct container_tables *tables,
                             struct plugin_instance *instance, bobbin_error *error)
{
    const char *name = instance->plugin->name;
    char section[PLUGIN_INSTANCE_NAME_BYTES + sizeof queue_prefix];
    struct container_queue *queue = add_queue(container, name, tables, error);
    if (queue == NULL)
        return false;
    snprintf(section, sizeof section, "%s%s", queue_prefix, name);
    queue->handler = instance;
    return config_fill(container->config, section, tables->queue, queue->settings, error);
}

/* A plugin that runs jobs has a queue of its own name, also when nobody wrote a section for it. */
static bool add_silent_queues(struct container *container, const struct container_tables *tables,
                              bobbin_error *error)
{
    struct plugin_instance *instance;
    for (size_t i = 0; (instance = plugin_set_at(container->plugins, i)) != NULL; i++) {
        bool is_handler;
        if (instance->plugin->run == NULL || has_queue(container, instance->plugin->name))
            continue;
        if (!is_own_handler(container, instance, &is_handler, error) ||
            (is_handler && !add_silent_queue(container, tables, instance, error)))
            return false;
    }
    return true;
}

/* ------------------------------------------------------------------ [cron:NAME] */

static struct container_cron *add_cron(struct container *container, const char *name,
                                       const struct container_tables *tables, bobbin_error *error)
{
    if (container->cron_count == tables->most_crons) {
        bobbin_fail(error, "there are more than %zu sections [cron:NAME]", tables->most_crons);
        return NULL;
    }
    struct container_cron *more =
        realloc(container->crons, (container->cron_count + 1) * sizeof *container->crons);
    if (more != NULL) {
        container->crons = more;
        struct container_cron *cron = &more[container->cron_count++];
        *cron = (struct container_cron){.name = strdup(name),
                                        .settings = calloc(1, tables->cron_bytes)};
        if (cron->name != NULL && cron->settings != NULL)
            return cron;
    }
    bobbin_fail(error, "no memory for the section [cron:%s]", name);
    return NULL;
}

/* "app.ini:7: cron:nightly: schedule: ..." */
static bool at_key(const struct container *container, const char *section, const char *key,
                   bobbin_error *error)
{
    error_prefix(error, "%s: %s: ", section, key);
    return config_blame(container->config, section, key, error);
}

static bool check_cron(const struct container *container, const struct container_tables *tables,
                       const char *section, const void *settings, bobbin_error *error)
{
    const char *queue = tables->cron_queue(settings);
    if (!tables->check_schedule(settings, error))
        return at_key(container, section, "schedule", error);
    if (has_queue(container, queue))
        return true;
    bobbin_fail(error, "there is no queue \"%s\" in this file", queue);
    return at_key(container, section, "queue", error);
}

static bool load_cron(struct container *container, const struct container_tables *tables,
                      const char *section, unsigned line, bobbin_error *error)
{
    const char *name = section + strlen(cron_prefix);
    if (container->spool == NULL)
        return bobbin_fail(error, "%s:%u: [%s] needs a section [spool]",
                           config_file(container->config), line, section);
    const struct container_cron *cron = NULL;
    if (!check_name(name, "cron", error) ||
        (cron = add_cron(container, name, tables, error)) == NULL)
        return at_line(container, line, error);
    return config_fill(container->config, section, tables->cron, cron->settings, error) &&
           check_cron(container, tables, section, cron->settings, error);
}

static bool load_crons(struct container *container, const struct container_tables *tables,
                       bobbin_error *error)
{
    const char *section;
    unsigned line;
    for (size_t i = 0; (section = config_section_at(container->config, i, &line)) != NULL; i++)
        if (tables->cron != NULL && is_of(section, cron_prefix) &&
            !load_cron(container, tables, section, line, error))
            return false;
    return true;
}

/* ------------------------------------------------------------------ all of it */

bool container_open(struct container *container, const char *file,
                    const struct container_tables *tables, bobbin_error *error)
{
    char directory[4096];
    if (!container_read_settings(container, file, error))
        return false;
    container_plugin_directory(&container->settings, directory);
    container->plugins = plugin_set_create(directory);
    container->routes = routes_create();
    if (container->plugins == NULL || container->routes == NULL)
        return bobbin_fail(error, "no memory for plugins and routes");
    return load_protocols(container, error) && load_routes(container, error) &&
           load_sections(container, error) && load_spool(container, tables, error) &&
           load_queues(container, tables, error) &&
           (container->spool == NULL || add_silent_queues(container, tables, error)) &&
           load_crons(container, tables, error) && check_sections(container, error);
}

void container_close(struct container *container)
{
    for (size_t i = 0; i < container->queue_count; i++) {
        free(container->queues[i].name);
        free(container->queues[i].settings);
    }
    free(container->queues);
    for (size_t i = 0; i < container->cron_count; i++) {
        free(container->crons[i].name);
        free(container->crons[i].settings);
    }
    free(container->crons);
    free(container->spool);
    routes_destroy(container->routes);
    plugin_set_destroy(container->plugins);
    config_close(container->config);
    *container = (struct container){0};
}

static void print_routes(const struct container *container, FILE *out)
{
    fputs("[routes]\n", out);
    const struct route *route;
    for (size_t i = 0; (route = routes_at(container->routes, i)) != NULL; i++)
        fprintf(out, "%s = %s\n", route->prefix.length > 0 ? route->prefix.data : "/",
                route->app->name);
    fputc('\n', out);
}

void container_print(const struct container *container, const struct container_tables *tables,
                     FILE *out)
{
    char section[PLUGIN_INSTANCE_NAME_BYTES + sizeof queue_prefix];
    const struct plugin_instance *instance;
    config_print("bobbin", settings_rows, &container->settings, out);
    print_routes(container, out);
    for (size_t i = 0; (instance = plugin_set_at(container->plugins, i)) != NULL; i++) {
        if (instance->plugin->options == NULL || instance->plugin->options->name == NULL)
            continue;
        config_print(instance->name, instance->plugin->options, instance->config, out);
    }
    if (container->spool != NULL)
        config_print("spool", tables->spool, container->spool, out);
    for (size_t i = 0; i < container->queue_count; i++) {
        snprintf(section, sizeof section, "%s%s", queue_prefix, container->queues[i].name);
        config_print(section, tables->queue, container->queues[i].settings, out);
    }
    for (size_t i = 0; i < container->cron_count; i++) {
        snprintf(section, sizeof section, "%s%s", cron_prefix, container->crons[i].name);
        config_print(section, tables->cron, container->crons[i].settings, out);
    }
}
