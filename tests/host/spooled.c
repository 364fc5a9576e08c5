#include "tests/host/spooled.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "tests/host/host.h"
#include "tests/host/memory.h"

/* Terminated, whatever is in it. */
static bobbin_str own(bobbin_str bytes)
{
    char *copy = memory_take(bytes.length + 1);
    if (bytes.length > 0)
        memcpy(copy, bytes.data, bytes.length);
    return (bobbin_str){copy, bytes.length};
}

static bobbin_str read_payload(int fd, uint64_t length)
{
    char *bytes = memory_take(length + 1);
    if (pread(fd, bytes, length, 0) != (ssize_t)length)
        memory_misuse("the body of a request cannot be read: %s", strerror(errno));
    return (bobbin_str){bytes, length};
}

static const bobbin_field *own_fields(const struct bobbin_job_spec *spec)
{
    bobbin_field *fields = memory_take(spec->header_count * sizeof *fields);
    for (size_t i = 0; i < spec->header_count; i++)
        fields[i] = (bobbin_field){own(spec->headers[i].name), own(spec->headers[i].value)};
    return fields;
}

struct spooled_job *spooled_create(const struct jobsport_job *given)
{
    const struct bobbin_job_spec *spec = &given->spec;
    struct spooled_job *job = memory_take(sizeof *job);
    job->spec = *spec;
    job->spec.queue = memory_text(bobbin_text(spec->queue));
    job->spec.content_type = memory_text(bobbin_text(spec->content_type));
    if (spec->unique_key != NULL)
        job->spec.unique_key = memory_text(bobbin_text(spec->unique_key));
    job->spec.headers = own_fields(spec);
    job->spec.payload = given->payload_fd >= 0
                            ? read_payload(given->payload_fd, given->payload_length)
                            : own(spec->payload);
    return job;
}

void spooled_destroy(struct spooled_job *job)
{
    struct bobbin_job_spec *spec = &job->spec;
    for (size_t i = 0; i < spec->header_count; i++) {
        free((char *)(uintptr_t)spec->headers[i].name.data);
        free((char *)(uintptr_t)spec->headers[i].value.data);
    }
    free((bobbin_field *)(uintptr_t)spec->headers);
    free((char *)(uintptr_t)spec->payload.data);
    free((char *)(uintptr_t)spec->queue);
    free((char *)(uintptr_t)spec->unique_key);
    free((char *)(uintptr_t)spec->content_type);
    free(job);
}

/* ------------------------------------------------------------------ to the test */

static const struct spooled_job *job_at(const bobbin_test_host *host, size_t index)
{
    return index < host->spool.job_count ? host->spool.jobs[index] : NULL;
}

size_t bobbin_test_spooled_count(const bobbin_test_host *host)
{
    return host->spool.job_count;
}

const struct bobbin_job_spec *bobbin_test_spooled(const bobbin_test_host *host, size_t index)
{
    const struct spooled_job *job = job_at(host, index);
    return job != NULL ? &job->spec : NULL;
}

const char *bobbin_test_spooled_header(const bobbin_test_host *host, size_t index, const char *name)
{
    const struct spooled_job *job = job_at(host, index);
    for (size_t i = 0; job != NULL && i < job->spec.header_count; i++)
        if (strcasecmp(job->spec.headers[i].name.data, name) == 0)
            return job->spec.headers[i].value.data;
    return NULL;
}

const char *bobbin_test_spooled_id(const bobbin_test_host *host, size_t index)
{
    const struct spooled_job *job = job_at(host, index);
    return job != NULL && job->id[0] != '\0' ? job->id : NULL;
}
