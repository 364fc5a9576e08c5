/*
 * What one INI file describes, read and checked as a whole: settings, plugins with their options,
 * routes, queues, crons. Of the spool it knows only the tables that main.c hands in, because core/
 * knows nothing of spooler/.
 *
 * A file is right or wrong whatever its role: role = web reads the queues' sections too, only their
 * handlers may be missing there.
 */
#ifndef CORE_PROCESS_CONTAINER_H
#define CORE_PROCESS_CONTAINER_H

#include "core/config/config.h"
#include "core/config/settings.h"
#include "core/exchange/route.h"
#include "core/plugin/plugin.h"

/* The sections of the spool: [spool], [queue:NAME] and [cron:NAME]. All borrowed. */
struct container_tables {
    const struct bobbin_option *spool;
    size_t spool_bytes; /* sizeof of the struct that the rows fill */
    const struct bobbin_option *queue;
    size_t queue_bytes;
    size_t most_queues;
    /* The plugin instance that a filled queue names as its handler; "" is one of the same name. */
    const char *(*queue_handler)(const void *queue);
    const struct bobbin_option *cron; /* NULL: there are no such sections */
    size_t cron_bytes;
    size_t most_crons;
    const char *(*cron_queue)(const void *cron); /* which queue a filled one puts jobs into */
    /* Whether its schedule is one; false with a sentence. */
    bool (*check_schedule)(const void *cron, bobbin_error *error);
};

struct container_queue {
    char *name;                      /* owned */
    struct plugin_instance *handler; /* runs its jobs; NULL: nobody here does (role = web) */
    void *settings;                  /* owned, of tables.queue_bytes */
};

struct container_cron {
    char *name;     /* owned */
    void *settings; /* owned, of tables.cron_bytes */
};

/* A plain value to read. Owned by container_open's caller. */
struct container {
    struct config *config;
    struct settings settings;
    struct plugin_set *plugins;
    struct routes *routes;
    void *spool; /* of tables.spool_bytes; NULL: there is no [spool] */
    struct container_queue *queues;
    size_t queue_count;
    struct container_cron *crons;
    size_t cron_count;
};

/* Only [bobbin], for the master, which loads no plugin. */
bool container_read_settings(struct container *container, const char *file, bobbin_error *error);

/*
 * Reads and checks all of the file, and loads its plugins. Nothing of the system is opened but
 * files that are read. container_close accepts a half-open or zeroed one.
 */
bool container_open(struct container *container, const char *file,
                    const struct container_tables *tables, bobbin_error *error);
void container_close(struct container *container);

/* Whether this process tree has workers, and whether it has a spooler. */
bool container_serves(const struct container *container);
bool container_spools(const struct container *container);

/* Prints the whole file as it was understood: every key with its value, secrets masked. */
void container_print(const struct container *container, const struct container_tables *tables,
                     FILE *out);

/* Puts "app.ini:7: " in front of a sentence; always false, for "return container_at_line(...)". */
bool container_at_line(const struct container *container, unsigned line, bobbin_error *error);

/* Where plugins are looked for: the setting, or plugins/ beside the binary, or its installed place
 * (../lib/bobbin/plugins). */
void container_plugin_directory(const struct settings *settings, char out[4096]);

#endif
