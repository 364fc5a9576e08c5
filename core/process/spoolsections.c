#include "core/process/spoolsections.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/error.h"

static const char queue_prefix[] = "queue:", cron_prefix[] = "cron:";

static bool is_of(const char *section, const char *prefix)
{
    return strncmp(section, prefix, strlen(prefix)) == 0;
}

bool spoolsections_have(const char *section)
{
    return strcmp(section, "spool") == 0 || is_of(section, queue_prefix) ||
           is_of(section, cron_prefix);
}

/* ------------------------------------------------------------------ [spool] and [queue:NAME] */

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
        return container_at_line(container, line, error);
    struct container_queue *queue = add_queue(container, name, tables, error);
    if (queue == NULL)
        return container_at_line(container, line, error);
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
    return container_at_line(container, line, error);
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
        return container_at_line(container, line, error);
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

/* ------------------------------------------------------------------ all of them */

bool spoolsections_load(struct container *container, const struct container_tables *tables,
                        bobbin_error *error)
{
    return load_spool(container, tables, error) && load_queues(container, tables, error) &&
           (container->spool == NULL || add_silent_queues(container, tables, error)) &&
           load_crons(container, tables, error);
}

void spoolsections_close(struct container *container)
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
}

void spoolsections_print(const struct container *container, const struct container_tables *tables,
                         FILE *out)
{
    char section[PLUGIN_INSTANCE_NAME_BYTES + sizeof queue_prefix];
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
