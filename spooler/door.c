#include "spooler/door.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "spooler/asker.h"
#include "spooler/engine.h"
#include "spooler/files/record.h"
#include "spooler/lookup.h"
#include "spooler/writer.h"

enum { BODY_PATH_BYTES = 4096, NONCES = 256 };

#define FOR_EVER_US (UINT64_MAX / 2)

struct door {
    struct door_options options;
    uv_loop_t *loop;
    struct spool_directory directory;
    struct lookup *lookup;
    struct writer *writer; /* NULL until the first job */
    char body_directory[BODY_PATH_BYTES];
    uint64_t nonces[NONCES]; /* random numbers, fetched many at a time */
    size_t nonces_left;

    struct asker asker;

    void (*on_closed)(void *arg);
    void *on_closed_arg;
};

/* ------------------------------------------------------------------ storing */

/* One job that the worker wants stored; goes along with its put. */
struct storing {
    struct put *put;
    struct door *door;
    jobsport_on_stored *on_stored;
    void *arg;
    const char *queue; /* behind the struct */
};

static uint64_t next_nonce(struct door *door)
{
    if (door->nonces_left == 0) {
        if (getrandom(door->nonces, sizeof door->nonces, 0) != (ssize_t)sizeof door->nonces)
            abort(); /* never: the pool was ready when the writer's id was drawn (getrandom(2)) */
        door->nonces_left = NONCES;
    }
    return door->nonces[--door->nonces_left];
}

static void on_written(struct put *put)
{
    struct storing *storing = put->context;
    char id[ID_TEXT_BYTES + 1] = "";
    struct bobbin_stored stored = {
        .size = sizeof stored, .outcome = put->outcome, .queue = storing->queue, .sentence = ""};
    if (put->outcome == BOBBIN_STORED) {
        id_format(&put->address, id);
        stored.id = (bobbin_str){id, ID_TEXT_BYTES};
    } else {
        stored.sentence = put->error.text;
    }
    storing->on_stored(storing->arg, &stored);
    free(storing);
    put_destroy(put);
}

static struct storing *make_storing(struct door *door, const char *queue,
                                    jobsport_on_stored *on_stored, void *arg)
{
    size_t bytes = strlen(queue) + 1;
    struct storing *storing = malloc(sizeof *storing + bytes);
    if (storing == NULL)
        return NULL;
    char *copy = (char *)(storing + 1);
    memcpy(copy, queue, bytes);
    *storing = (struct storing){.door = door, .on_stored = on_stored, .arg = arg, .queue = copy};
    return storing;
}

/* So long after now; for ever when that cannot be told in microseconds. */
static uint64_t after(uint64_t now_us, uint64_t delay_ms)
{
    uint64_t time_us;
    if (__builtin_mul_overflow(delay_ms, 1000, &time_us) ||
        __builtin_add_overflow(time_us, now_us, &time_us) || time_us > FOR_EVER_US)
        return FOR_EVER_US;
    return time_us;
}

static struct record record_of(struct door *door, const struct bobbin_job_spec *spec, bool is_blob,
                               uint64_t payload_bytes, bool needs_sync)
{
    bobbin_str type = bobbin_text(spec->content_type != NULL ? spec->content_type : "");
    uint64_t now_us = clock_us();
    return (struct record){
        .nonce = next_nonce(door),
        .enqueued_us = now_us,
        .due_us = spec->delay_ms > 0 ? after(now_us, spec->delay_ms) : spec->due_us,
        .expires_us = spec->expires_ms > 0 ? after(now_us, spec->expires_ms) : 0,
        .timeout_ms = spec->timeout_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)spec->timeout_ms,
        .attempts = (uint16_t)spec->attempts,
        .priority = (uint8_t)(spec->priority > 0 ? spec->priority - 1 : 5),
        .flags =
            (uint8_t)((is_blob ? RECORD_FLAG_BLOB : 0) | (needs_sync ? 0 : RECORD_FLAG_PROCESS)),
        .payload_bytes = payload_bytes,
        .queue = bobbin_text(spec->queue),
        .content_type = type,
        .unique_key = bobbin_text(spec->unique_key != NULL ? spec->unique_key : ""),
        .headers = spec->headers,
        .header_count = spec->header_count,
        .payload = is_blob ? (bobbin_str){NULL, 0} : spec->payload,
    };
}

/* The payload of a blob, kept until the writer thread has made a file of it. */
static bool keep_blob(struct put *put, const struct bobbin_job_spec *spec, int fd, uint64_t length)
{
    put->blob_bytes = length;
    if (fd >= 0)
        return (put->blob_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3)) >= 0;
    put->blob = malloc(length);
    if (put->blob != NULL)
        memcpy(put->blob, spec->payload.data, length);
    return put->blob != NULL;
}

static struct put *make_put(struct door *door, const struct bobbin_job_spec *spec, int fd,
                            uint64_t length, bobbin_error *error)
{
    bool is_blob = fd >= 0 || length > door->options.spool->inline_max_bytes;
    bool needs_sync = settings_need_sync(
        door->options.spool, queue_table_find(door->options.queues, bobbin_text(spec->queue)),
        spec->durability);
    if (fd >= 0 && length == 0) {
        is_blob = false;
        fd = -1;
    }
    struct record record = record_of(door, spec, is_blob, length, needs_sync);
    size_t bytes = record_size(&record);
    if (bytes == 0) {
        bobbin_fail(error, "the job's content type and headers are too long");
        return NULL;
    }
    struct put *put = put_create(bytes);
    if (put == NULL || (is_blob && !keep_blob(put, spec, fd, length))) {
        put_destroy(put);
        bobbin_fail(error, "there is no memory for the job");
        return NULL;
    }
    put->needs_sync = needs_sync;
    put->address.nonce = record.nonce;
    record_encode(&record, 0, put->record);
    return put;
}

/* What fails before it begins is answered like everything else: later. */
static void on_refused(uv_handle_t *handle)
{
    struct storing *storing = handle->data;
    on_written(storing->put);
    free(handle);
}

static void refuse_later(struct door *door, struct storing *storing, const bobbin_error *error)
{
    struct put *put = put_create(0);
    uv_timer_t *handle = malloc(sizeof *handle);
    if (put == NULL || handle == NULL)
        abort(); /* two small blocks: nothing that follows could work either */
    put->outcome = BOBBIN_FAILED;
    put->error = *error;
    put->context = storing;
    storing->put = put;
    uv_timer_init(door->loop, handle);
    handle->data = storing;
    uv_close((uv_handle_t *)handle, on_refused);
}

static bool ready_writer(struct door *door, bobbin_error *error)
{
    if (door->writer == NULL)
        door->writer = writer_open(door->loop, &door->directory, door->options.log, error);
    return door->writer != NULL;
}

static void put(void *context, const struct bobbin_job_spec *spec, int payload_fd,
                uint64_t payload_length, jobsport_on_stored *on_stored, void *arg)
{
    struct door *door = context;
    bobbin_error error;
    uint64_t length = payload_fd >= 0 ? payload_length : spec->payload.length;
    struct storing *storing = make_storing(door, spec->queue, on_stored, arg);
    if (storing == NULL)
        abort(); /* as in refuse_later */
    struct put *made =
        ready_writer(door, &error) ? make_put(door, spec, payload_fd, length, &error) : NULL;
    if (made == NULL) {
        refuse_later(door, storing, &error);
        return;
    }
    made->context = storing;
    made->on_written = on_written;
    writer_put(door->writer, made);
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
    asker_init(&door->asker, loop, &door->directory, door->lookup);
    *port = (struct jobsport){.door = door,
                              .put = put,
                              .ask = ask,
                              .cancel = cancel,
                              .wait = wait,
                              .end_wait = end_wait,
                              .body_directory = door->body_directory};
    return true;
}

static void on_writer_closed(void *arg)
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
    if (door->writer != NULL)
        writer_close(door->writer, on_writer_closed, door);
    else
        on_writer_closed(door);
}

const struct engine engine_files = {.name = "files", .open = door_open, .close = door_close};
