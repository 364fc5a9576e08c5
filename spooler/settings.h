/* What may stand in [spool], [queue:NAME] and [cron:NAME]. Plain values; texts belong to the
 * configuration. */
#ifndef SPOOLER_SETTINGS_H
#define SPOOLER_SETTINGS_H

#include "plugins/bobbin.h"

enum { QUEUES_MAX = 256, CRONS_MAX = 256 };

struct spool_settings {
    const char *directory;
    uint64_t processes;  /* job processes; UINT64_MAX: auto */
    uint64_t durability; /* enum spool_durability */
    uint64_t inline_max_bytes;
    uint64_t result_ttl_ms;
    uint64_t nice;
};

enum spool_durability { SPOOL_POWER, SPOOL_PROCESS };
enum queue_durability { QUEUE_AS_SPOOL, QUEUE_POWER, QUEUE_PROCESS };

struct queue_settings {
    const char *name;    /* of the section; not an option */
    const char *handler; /* the plugin instance that runs its jobs; "": the queue's name */
    uint64_t attempts;
    uint64_t timeout_ms;
    uint64_t kill_after_ms;
    uint64_t backoff_ms;
    uint64_t backoff_factor;
    uint64_t backoff_max_ms;
    uint64_t durability;  /* enum queue_durability */
    uint64_t dead_ttl_ms; /* 0: for ever */
    bool paused;          /* until somebody says otherwise */
    uint64_t max_waiting; /* jobs; 0: no limit */
    uint64_t max_bytes;   /* of their payloads; 0: no limit */
};

enum cron_missed { CRON_ONCE, CRON_SKIP };

struct cron_settings {
    const char *name;     /* of the section; not an option */
    const char *schedule; /* cron.h; legal */
    const char *queue;
    const char *payload;
    uint64_t jitter_ms;
    uint64_t missed; /* enum cron_missed */
    bool overlap;
    uint64_t time_zone;
};

extern const struct bobbin_option spool_rows[];
extern const struct bobbin_option queue_rows[];
extern const struct bobbin_option cron_rows[];

/* All queues of a container that have a section or a handler. */
struct queue_table {
    struct queue_settings queues[QUEUES_MAX];
    size_t count;
};

struct cron_table {
    struct cron_settings crons[CRONS_MAX];
    size_t count;
};

/* The settings of a queue; for one that nobody configured NULL. */
const struct queue_settings *queue_table_find(const struct queue_table *table, bobbin_str name);

/* What a queue without a section has. */
struct queue_settings queue_defaults(void);

/* Whether a job of this queue must be on disk before it counts as stored. */
bool settings_need_sync(const struct spool_settings *spool, const struct queue_settings *queue,
                        enum bobbin_durability wanted);

#endif
