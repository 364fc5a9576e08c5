#include "spooler/scribe.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/clock.h"
#include "spooler/files/record.h"

#define FOR_EVER_US (UINT64_MAX / 2)

void scribe_init(struct scribe *scribe, const struct spool_settings *spool,
                 const struct queue_table *queues)
{
    scribe->spool = spool;
    scribe->queues = queues;
    scribe->nonces_left = 0;
}

static uint64_t next_nonce(struct scribe *scribe)
{
    if (scribe->nonces_left == 0) {
        if (getrandom(scribe->nonces, sizeof scribe->nonces, 0) != (ssize_t)sizeof scribe->nonces)
            abort(); /* never: up to 256 bytes or once the pool is ready (getrandom(2)) */
        scribe->nonces_left = SCRIBE_NONCES;
    }
    return scribe->nonces[--scribe->nonces_left];
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

static struct record record_of(struct scribe *scribe, const struct bobbin_job_spec *spec,
                               bool is_blob, uint64_t payload_bytes, bool needs_sync)
{
    bobbin_str type = bobbin_text(spec->content_type != NULL ? spec->content_type : "");
    uint64_t now_us = clock_us();
    return (struct record){
        .nonce = next_nonce(scribe),
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

static void name_parent(struct record *record, const struct job_address *parent)
{
    if (parent == NULL)
        return;
    record->parent_writer = parent->writer;
    record->parent_sequence = parent->sequence;
    record->parent_index = parent->index;
}

/* The payload of a blob, kept until somebody has made a file of it. */
static bool keep_blob(struct draft *draft, const struct bobbin_job_spec *spec, int fd,
                      uint64_t length)
{
    draft->blob_bytes = length;
    if (fd >= 0)
        return (draft->blob_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3)) >= 0;
    draft->blob = malloc(length);
    if (draft->blob != NULL)
        memcpy(draft->blob, spec->payload.data, length);
    return draft->blob != NULL;
}

bool scribe_add(struct scribe *scribe, struct group *group, const struct jobsport_job *job,
                const struct job_address *parent, bobbin_error *error)
{
    const struct bobbin_job_spec *spec = &job->spec;
    uint64_t length = job->payload_fd >= 0 ? job->payload_length : spec->payload.length;
    int fd = length > 0 ? job->payload_fd : -1;
    bool is_blob = fd >= 0 || length > scribe->spool->inline_max_bytes;
    bool needs_sync = settings_need_sync(scribe->spool,
                                         queue_table_find(scribe->queues, bobbin_text(spec->queue)),
                                         spec->durability);
    struct record record = record_of(scribe, spec, is_blob, length, needs_sync);
    name_parent(&record, parent);
    size_t bytes = record_size(&record);
    if (bytes == 0)
        return bobbin_fail(error, "the job's content type and headers are too long");
    if (!group_takes(group, bytes, error))
        return false;
    struct draft *draft = draft_create(bytes);
    if (draft == NULL || (is_blob && !keep_blob(draft, spec, fd, length))) {
        draft_destroy(draft);
        return bobbin_fail(error, "there is no memory for the job");
    }
    draft->address.nonce = record.nonce;
    record_encode(&record, 0, draft->record);
    group_add(group, draft, needs_sync);
    return true;
}
