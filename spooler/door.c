#include "spooler/door.h"

#include <stdio.h>
#include <stdlib.h>

#include "spooler/asker.h"
#include "spooler/engine.h"
#include "spooler/lookup.h"
#include "spooler/storer.h"

enum { BODY_PATH_BYTES = 4096 };

struct door {
    struct door_options options;
    uv_loop_t *loop;
    struct spool_directory directory;
    struct lookup *lookup;
    char body_directory[BODY_PATH_BYTES];
    struct storer storer;
    struct asker asker;

    void (*on_closed)(void *arg);
    void *on_closed_arg;
};

/* ------------------------------------------------------------------ storing */

static void put(void *context, const struct jobsport_job *job, jobsport_on_stored *on_stored,
                void *arg)
{
    struct door *door = context;
    storer_put(&door->storer, job, on_stored, arg);
}

static void put_many(void *context, const struct jobsport_job *jobs, size_t count,
                     jobsport_on_stored_many *on_stored, void *arg)
{
    struct door *door = context;
    storer_put_many(&door->storer, jobs, count, on_stored, arg);
}

/* ------------------------------------------------------------------ asking, cancelling, waiting */

static void ask(void *context, bobbin_str id, unsigned flags, jobsport_on_job *on_job, void *arg)
{
    struct door *door = context;
    struct bobbin_job_info info;
    lookup_find(door->lookup, id, flags, &info);
    on_job(arg, &info);
}

static void cancel(void *context, bobbin_str id, jobsport_on_job *on_job, void *arg)
{
    struct door *door = context;
    asker_cancel(&door->asker, id, on_job, arg);
}

static uint64_t wait(void *context, bobbin_str id, unsigned flags, uint64_t limit_ms,
                     jobsport_on_job *on_job, void *arg)
{
    struct door *door = context;
    return asker_wait(&door->asker, id, flags, limit_ms, on_job, arg);
}

static void end_wait(void *context, uint64_t ticket)
{
    struct door *door = context;
    asker_end_wait(&door->asker, ticket);
}

/* ------------------------------------------------------------------ life */

static void destroy(struct door *door)
{
    rooms_finish(&door->storer.rooms);
    lookup_destroy(door->lookup);
    directory_close(&door->directory);
    free(door);
}

bool door_open(const struct door_options *options, uv_loop_t *loop, struct jobsport *port,
               bobbin_error *error)
{
    struct door *door = calloc(1, sizeof *door);
    if (door == NULL)
        return bobbin_fail(error, "no memory for the spool");
    door->options = *options;
    door->loop = loop;
    if (!directory_open(&door->directory, options->spool->directory, NULL, error)) {
        free(door);
        return false;
    }
    door->lookup = lookup_create(&door->directory, options->queues);
    int length = snprintf(door->body_directory, sizeof door->body_directory, "%s/blobs",
                          options->spool->directory);
    if (door->lookup == NULL || length >= (int)sizeof door->body_directory) {
        destroy(door);
        return bobbin_fail(error, "no memory for the spool, or its path is too long");
    }
    storer_init(&door->storer, loop, &door->directory, options->spool, options->queues,
                options->log);
    asker_init(&door->asker, loop, &door->directory, door->lookup);
    *port = (struct jobsport){.door = door,
                              .put = put,
                              .put_many = put_many,
                              .ask = ask,
                              .cancel = cancel,
                              .wait = wait,
                              .end_wait = end_wait,
                              .body_directory = door->body_directory};
    return true;
}

static void on_storer_closed(void *arg)
{
    struct door *door = arg;
    void (*on_closed)(void *arg) = door->on_closed;
    void *closed_arg = door->on_closed_arg;
    destroy(door);
    on_closed(closed_arg);
}

void door_close(struct jobsport *port, void (*on_closed)(void *arg), void *arg)
{
    struct door *door = port->door;
    door->on_closed = on_closed;
    door->on_closed_arg = arg;
    asker_finish(&door->asker);
    storer_close(&door->storer, on_storer_closed, door);
}

const struct engine engine_files = {.name = "files", .open = door_open, .close = door_close};
