#include "spooler/settings.h"

#include "core/config/option.h"

/* clang-format off */
#define DAY_MS (86400ull * 1000)

const struct bobbin_option spool_rows[] = {
    BOBBIN_PATH_REQUIRED(struct spool_settings, directory, "directory",
                         "the folder that is the queue; on a local disk or a volume"),
    BOBBIN_COUNT_OR_AUTO(struct spool_settings, processes, "processes", "auto", 1, 256,
                         "how many job processes; auto is one a CPU, one less in role = all"),
    BOBBIN_CHOICE(struct spool_settings, durability, "durability", "power", "power|process",
                  "what a stored job survives: the loss of power, or the death of any process"),
    BOBBIN_SIZE(struct spool_settings, inline_max_bytes, "inline-max", "64k", 0, 1u << 20,
                "payloads that are longer get a file of their own"),
    BOBBIN_TIME(struct spool_settings, result_ttl_ms, "result-ttl", "1h", 1, 365 * DAY_MS,
                "how long one may ask after a job that has ended"),
    BOBBIN_COUNT(struct spool_settings, nice, "nice", "10", 0, 19,
                 "how much job processes stand back behind the web half (nice(2))"),
    BOBBIN_OPTIONS_END,
};

const struct bobbin_option queue_rows[] = {
    BOBBIN_TEXT(struct queue_settings, handler, "handler", "",
                "the plugin that runs its jobs; empty is the plugin of the queue's name"),
    BOBBIN_COUNT(struct queue_settings, attempts, "attempts", "5", 1, 1000,
                 "how often a job is tried before it is a dead letter"),
    BOBBIN_TIME(struct queue_settings, timeout_ms, "timeout", "60s", 1, 7 * DAY_MS,
                "of one attempt; then the job is told to stop (SIGTERM)"),
    BOBBIN_TIME(struct queue_settings, kill_after_ms, "kill-after", "5s", 1, DAY_MS,
                "from being told to stop to being killed"),
    BOBBIN_TIME(struct queue_settings, backoff_ms, "backoff", "1s", 0, DAY_MS,
                "the most that a job waits before its second attempt (full jitter)"),
    BOBBIN_COUNT(struct queue_settings, backoff_factor, "backoff-factor", "2", 1, 100,
                 "how much longer it waits before each further attempt"),
    BOBBIN_TIME(struct queue_settings, backoff_max_ms, "backoff-max", "5m", 0, 7 * DAY_MS,
                "the longest such wait"),
    BOBBIN_CHOICE(struct queue_settings, durability, "durability", "spool", "spool|power|process",
                  "as [spool] says, or otherwise for this queue"),
    BOBBIN_TIME(struct queue_settings, dead_ttl_ms, "dead-ttl", "30d", 0, 3650 * DAY_MS,
                "how long its dead letters are kept; 0 is for ever"),
    BOBBIN_FLAG(struct queue_settings, paused, "paused", "off",
                "its jobs wait until it is resumed; who pauses or resumes it has the last word"),
    BOBBIN_COUNT(struct queue_settings, max_waiting, "max-waiting", "0", 0, 1000 * 1000 * 1000,
                 "when so many jobs wait no more are taken (503); 0 is no limit"),
    BOBBIN_SIZE(struct queue_settings, max_bytes, "max-bytes", "0", 0, 1ull << 50,
                "how much the payloads of all that wait may have; 0 is no limit"),
    BOBBIN_OPTIONS_END,
};

const struct bobbin_option cron_rows[] = {
    BOBBIN_ROW(BOBBIN_TYPE_TEXT, const char *, struct cron_settings, schedule, "schedule", NULL, 0,
               0, NULL, BOBBIN_OPTION_REQUIRED,
               "minute hour day month weekday, as in crontab(5), or @every 30s"),
    BOBBIN_ROW(BOBBIN_TYPE_TEXT, const char *, struct cron_settings, queue, "queue", NULL, 0, 0,
               NULL, BOBBIN_OPTION_REQUIRED, "where its jobs go: a queue of this file"),
    BOBBIN_TEXT(struct cron_settings, payload, "payload", "", "of each job"),
    BOBBIN_TIME(struct cron_settings, jitter_ms, "jitter", "0", 0, DAY_MS,
                "a job is due so much later at most, by chance"),
    BOBBIN_FLAG(struct cron_settings, overlap, "overlap", "yes",
                "no: it is skipped while the job before has not ended"),
    BOBBIN_CHOICE(struct cron_settings, missed, "missed", "once", "once|skip",
                  "what comes of times more than a minute ago: the last of them is made up, or none"),
    BOBBIN_CHOICE(struct cron_settings, time_zone, "time-zone", "UTC", "UTC",
                  "of the schedule; there is no other yet"),
    BOBBIN_OPTIONS_END,
};
/* clang-format on */

const struct queue_settings *queue_table_find(const struct queue_table *table, bobbin_str name)
{
    for (size_t i = 0; i < table->count; i++)
        if (bobbin_is(name, table->queues[i].name))
            return &table->queues[i];
    return NULL;
}

struct queue_settings queue_defaults(void)
{
    struct queue_settings queue = {.name = ""};
    option_defaults(queue_rows, &queue, NULL);
    return queue;
}

bool settings_need_sync(const struct spool_settings *spool, const struct queue_settings *queue,
                        enum bobbin_durability wanted)
{
    if (wanted != BOBBIN_DURABILITY_QUEUE)
        return wanted == BOBBIN_DURABILITY_POWER;
    if (queue != NULL && queue->durability != QUEUE_AS_SPOOL)
        return queue->durability == QUEUE_POWER;
    return spool->durability == SPOOL_POWER;
}
