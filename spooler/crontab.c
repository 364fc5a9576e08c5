#include "spooler/crontab.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "core/base/clock.h"
#include "core/plugin/jobspec.h"
#include "spooler/cron.h"
#include "spooler/files/keysearch.h"
#include "spooler/files/occurrence.h"
#include "spooler/storer.h"

enum {
    SECOND_US = 1000 * 1000,
    LATE_S = 60,        /* more is missed */
    WRONG_S = 3 * 3600, /* so far in the future the last occurrence was never */
    SAY_MS = 60 * 1000, /* trouble that lasts is said so often */
    AGAIN_MS = 5000,    /* from a job that could not be stored to the next try */
    LONGEST_MS = 3600 * 1000,
    KEY_BYTES = 128
};

/* One section. */
struct entry {
    struct crontab *crontab;
    const struct cron_settings *settings;
    struct cron cron;
    struct occurrence last; /* as on disk, or newer */
    uint64_t next_after_s;  /* what next_s was reckoned from */
    uint64_t next_s;
    bool is_storing;
    uint64_t again_at_ms; /* of the loop's clock: no try before, each reads all journals */
};

struct crontab {
    struct crontab_options options;
    struct storer storer;
    uv_timer_t timer;
    bool is_stopped;
    uint64_t say_at_ms; /* of the loop's clock: not before is trouble said again */
    size_t count;
    struct entry entries[];
};

static void log_entry(const struct entry *entry, enum bobbin_level level, uint64_t time_s,
                      const char *words)
{
    log_write(entry->crontab->options.log, level, NULL, "cron:%s: its time %" PRIu64 " %s",
              entry->settings->name, time_s, words);
}

static void say_seldom(struct entry *entry, const char *sentence)
{
    struct crontab *crontab = entry->crontab;
    uint64_t now_ms = uv_now(crontab->options.loop);
    if (now_ms < crontab->say_at_ms)
        return;
    crontab->say_at_ms = now_ms + SAY_MS;
    log_write(crontab->options.log, BOBBIN_ERROR, NULL, "cron:%s: %s; it is tried again",
              entry->settings->name, sentence);
}

/* ------------------------------------------------------------------ what is on disk */

static bool note(struct entry *entry, const struct occurrence *occurrence)
{
    bobbin_error error;
    if (occurrence_write(entry->crontab->options.directory, entry->settings->name, occurrence,
                         &error)) {
        entry->last = *occurrence;
        return true;
    }
    say_seldom(entry, error.text);
    return false;
}

static bool note_state(struct entry *entry, uint64_t time_s, enum occurrence_state state)
{
    struct occurrence occurrence = entry->last;
    occurrence.time_s = time_s;
    occurrence.state = state;
    return note(entry, &occurrence);
}

/* Its job is there, whether that can be noted or not: another leader would look. */
static void note_stored(struct entry *entry, const struct job_address *job)
{
    struct occurrence occurrence = {
        .time_s = entry->last.time_s, .state = OCCURRENCE_STORED, .has_job = true, .job = *job};
    if (!note(entry, &occurrence))
        entry->last = occurrence;
}

/* ------------------------------------------------------------------ storing */

static void look_at(struct entry *entry);
static void set_timer(struct crontab *crontab);

static void key_of(const struct entry *entry, uint64_t time_s, char out[KEY_BYTES])
{
    snprintf(out, KEY_BYTES, "cron:%s:%" PRIu64, entry->settings->name, time_s);
}

static void on_stored(void *arg, const struct bobbin_stored *stored)
{
    struct entry *entry = arg;
    struct job_address job;
    entry->is_storing = false;
    if (stored->outcome != BOBBIN_STORED || !id_parse(stored->id.data, stored->id.length, &job)) {
        entry->again_at_ms = uv_now(entry->crontab->options.loop) + AGAIN_MS;
        say_seldom(entry, stored->sentence);
        return;
    }
    note_stored(entry, &job);
    look_at(entry);
    set_timer(entry->crontab);
}

static uint64_t jitter_us(const struct entry *entry)
{
    uint64_t number = 0, jitter_ms = entry->settings->jitter_ms;
    if (jitter_ms == 0 || getrandom(&number, sizeof number, GRND_NONBLOCK) < 0)
        return 0;
    return number % (jitter_ms + 1) * 1000;
}

static void store(struct entry *entry)
{
    const struct cron_settings *settings = entry->settings;
    uint64_t time_s = entry->last.time_s;
    char key[KEY_BYTES], time_text[24];
    key_of(entry, time_s, key);
    snprintf(time_text, sizeof time_text, "%" PRIu64, time_s);
    const bobbin_field headers[] = {{bobbin_text("cron"), bobbin_text(settings->name)},
                                    {bobbin_text("cron-time"), bobbin_text(time_text)}};
    const struct jobsport_job job = {
        .spec = jobspec_whole(BOBBIN_JOB(.payload = bobbin_text(settings->payload),
                                         .unique_key = key, .headers = headers, .header_count = 2,
                                         .due_us = settings->jitter_ms > 0
                                                       ? time_s * SECOND_US + jitter_us(entry)
                                                       : 0),
                              settings->queue),
        .payload_fd = -1};
    entry->is_storing = true;
    storer_put(&entry->crontab->storer, &job, on_stored, entry);
}

/* An earlier try, of this leader or of another, may have stored it. */
static bool store_unless_there(struct entry *entry, uint64_t now_s)
{
    const struct crontab_options *options = &entry->crontab->options;
    struct job_address job;
    char key[KEY_BYTES];
    bobbin_error error;
    key_of(entry, entry->last.time_s, key);
    if (keysearch_find(options->directory, entry->settings->queue, key, &job, &error)) {
        note_stored(entry, &job);
        return true;
    }
    if (error.text[0] != '\0') {
        say_seldom(entry, error.text);
        return false;
    }
    if (entry->settings->missed == CRON_SKIP && entry->last.time_s + LATE_S < now_s)
        return note_state(entry, entry->last.time_s, OCCURRENCE_SKIPPED);
    store(entry);
    return true;
}

/* False: it is to be tried again later. */
static bool act(struct entry *entry, uint64_t time_s)
{
    const struct crontab_options *options = &entry->crontab->options;
    if (!entry->settings->overlap && entry->last.has_job &&
        !options->has_ended(options->context, &entry->last.job)) {
        if (!note_state(entry, time_s, OCCURRENCE_SKIPPED))
            return false;
        log_entry(entry, BOBBIN_INFO, time_s, "is skipped: the job before has not ended");
        return true;
    }
    if (!note_state(entry, time_s, OCCURRENCE_STORING))
        return false;
    store(entry);
    return true;
}

/* ------------------------------------------------------------------ its time */

static uint64_t next_of(struct entry *entry)
{
    if (entry->next_s == 0 || entry->next_after_s != entry->last.time_s) {
        entry->next_after_s = entry->last.time_s;
        entry->next_s = cron_next(&entry->cron, entry->last.time_s);
    }
    return entry->next_s;
}

/* The occurrence whose turn it is; 0: none now. */
static uint64_t due(struct entry *entry, uint64_t now_s)
{
    uint64_t next_s = next_of(entry), late_s = now_s - LATE_S;
    if (next_s > now_s)
        return 0;
    if (next_s >= late_s)
        return next_s;
    uint64_t missed_s = cron_latest(&entry->cron, entry->last.time_s, late_s - 1);
    uint64_t fresh_s = cron_next(&entry->cron, missed_s);
    if (fresh_s > now_s && entry->settings->missed == CRON_ONCE)
        return missed_s;
    log_entry(entry, BOBBIN_WARNING, missed_s, "was missed, and is skipped");
    entry->last.time_s = missed_s;
    return fresh_s <= now_s ? fresh_s : 0;
}

static void begin_anew(struct entry *entry, uint64_t now_s)
{
    if (entry->last.time_s != 0)
        log_entry(entry, BOBBIN_WARNING, entry->last.time_s,
                  "is far in the future: the clock was set back, and it begins anew");
    entry->last.time_s = now_s;
    entry->last.state = OCCURRENCE_SKIPPED;
    note(entry, &entry->last);
}

static void look_at(struct entry *entry)
{
    bool goes_on = uv_now(entry->crontab->options.loop) >= entry->again_at_ms;
    while (goes_on && !entry->is_storing && !entry->crontab->is_stopped) {
        uint64_t time_s, now_s = clock_us() / SECOND_US;
        if (entry->last.time_s == 0 || entry->last.time_s > now_s + WRONG_S)
            begin_anew(entry, now_s);
        if (entry->last.state == OCCURRENCE_STORING)
            goes_on = store_unless_there(entry, now_s);
        else
            goes_on = (time_s = due(entry, now_s)) != 0 && act(entry, time_s);
    }
}

static void on_timer(uv_timer_t *timer)
{
    crontab_look(timer->data);
}

/* For the next that comes; what has to be tried again waits for the next look. */
static void set_timer(struct crontab *crontab)
{
    uint64_t now_us = clock_us(), wait_ms = LONGEST_MS;
    for (size_t i = 0; i < crontab->count; i++) {
        uint64_t next_s = next_of(&crontab->entries[i]);
        if (next_s < UINT64_MAX / SECOND_US && next_s * SECOND_US > now_us &&
            (next_s * SECOND_US - now_us) / 1000 + 1 < wait_ms)
            wait_ms = (next_s * SECOND_US - now_us) / 1000 + 1;
    }
    if (!crontab->is_stopped)
        uv_timer_start(&crontab->timer, on_timer, wait_ms, 0);
}

void crontab_look(struct crontab *crontab)
{
    for (size_t i = 0; i < crontab->count; i++)
        look_at(&crontab->entries[i]);
    set_timer(crontab);
}

/* ------------------------------------------------------------------ life */

static void open_entry(struct crontab *crontab, const struct cron_settings *settings)
{
    struct entry *entry = &crontab->entries[crontab->count++];
    bobbin_error error;
    *entry = (struct entry){.crontab = crontab, .settings = settings};
    if (!cron_parse(&entry->cron, settings->schedule, &error) ||
        !occurrence_read(crontab->options.directory, settings->name, &entry->last, &error)) {
        log_write(crontab->options.log, BOBBIN_ERROR, NULL, "cron:%s: %s: it begins anew",
                  settings->name, error.text);
        entry->last = (struct occurrence){0};
    }
}

struct crontab *crontab_create(const struct crontab_options *options)
{
    size_t count = options->crons != NULL ? options->crons->count : 0;
    struct crontab *crontab = calloc(1, sizeof *crontab + count * sizeof *crontab->entries);
    if (crontab == NULL)
        return NULL;
    crontab->options = *options;
    storer_init(&crontab->storer, options->loop, options->directory, options->spool,
                options->queues, options->log);
    uv_timer_init(options->loop, &crontab->timer);
    crontab->timer.data = crontab;
    for (size_t i = 0; i < count; i++)
        open_entry(crontab, &options->crons->crons[i]);
    crontab_look(crontab);
    return crontab;
}

static void on_closed(void *arg)
{
    (void)arg;
}

void crontab_stop(struct crontab *crontab)
{
    if (crontab == NULL || crontab->is_stopped)
        return;
    crontab->is_stopped = true;
    uv_close((uv_handle_t *)&crontab->timer, NULL);
    storer_close(&crontab->storer, on_closed, NULL);
}

void crontab_destroy(struct crontab *crontab)
{
    free(crontab);
}
