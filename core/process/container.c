#include "core/process/container.h"

#include <string.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/net/address.h"
#include "core/net/listener.h"
#include "core/process/spoolsections.h"

enum { MOST_NAMES = 256 };

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

bool container_at_line(const struct container *container, unsigned line, bobbin_error *error)
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
        return container_at_line(container, entry->line, error);
    }
    if (plugin_set_load(container->plugins, container->config, entry->value, error) == NULL)
        return false; /* with the place that is wrong: the plugin's file, or its section */
    if (add_route(container, entry, error))
        return true;
    error_prefix(error, "%s: ", entry->key);
    return container_at_line(container, entry->line, error);
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

static bool is_plugins(const struct container *container, const char *section)
{
    return strcmp(section, "bobbin") != 0 && strcmp(section, "routes") != 0 &&
           !spoolsections_have(section) && plugin_set_knows(container->plugins, section);
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
           load_sections(container, error) && spoolsections_load(container, tables, error) &&
           check_sections(container, error);
}

void container_close(struct container *container)
{
    spoolsections_close(container);
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
    const struct plugin_instance *instance;
    config_print("bobbin", settings_rows, &container->settings, out);
    print_routes(container, out);
    for (size_t i = 0; (instance = plugin_set_at(container->plugins, i)) != NULL; i++) {
        if (instance->plugin->options == NULL || instance->plugin->options->name == NULL)
            continue;
        config_print(instance->name, instance->plugin->options, instance->config, out);
    }
    spoolsections_print(container, tables, out);
}
