/*
 * Makes a job of each occurrence of the [cron:NAME] sections. For the leader alone, on its loop.
 *
 *   waiting --its time--> "storing" on disk --> the job is stored --> "stored" on disk --> waiting
 *      ^         |                 \-- a leader died here: the next one looks whether it is there
 *      +--- skipped: the one before has not ended (overlap = no), or it was missed
 *
 * So an occurrence is exactly one job, whatever leads (files/occurrence.h). One is missed when it
 * is more than a minute late: nobody led then, or the clock was set forward. Those that are less
 * late are all made up; of missed ones the last, if missed = once and no later one is made up.
 *
 * Times are of CLOCK_REALTIME. When it is set back, nothing happens twice: what had come comes no
 * more until it is that late again; but when it is set back by more than three hours the time was
 * wrong before, and the schedule begins anew.
 */
#ifndef SPOOLER_CRONTAB_H
#define SPOOLER_CRONTAB_H

#include <uv.h>

#include "core/base/log.h"
#include "spooler/files/directory.h"
#include "spooler/files/id.h"
#include "spooler/settings.h"

struct crontab;

/* All borrowed. */
struct crontab_options {
    uv_loop_t *loop;
    const struct spool_directory *directory;
    const struct spool_settings *spool;
    const struct queue_table *queues;
    const struct cron_table *crons; /* their schedules are legal */
    const struct log *log;
    void *context;
    bool (*has_ended)(void *context, const struct job_address *job); /* or is unknown */
};

/* NULL without memory. */
struct crontab *crontab_create(const struct crontab_options *options);

/* To be called every now and then: clocks are set, and disks have space again. */
void crontab_look(struct crontab *crontab);

/* Makes nothing more; what is being stored is stored when it returns. NULL is fine, here and below.
 */
void crontab_stop(struct crontab *crontab);

/* Its loop has been run until all handles were closed. */
void crontab_destroy(struct crontab *crontab);

#endif
