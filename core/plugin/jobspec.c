#include "core/plugin/jobspec.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

enum { HEADERS_MAX = 64, HEADERS_MAX_BYTES = 16 * 1024, ATTEMPTS_MAX = 1000, KEY_MAX_BYTES = 200 };

/* What the first header of this contract had; the macros never make less. */
#define FIRST_BYTES                                                                                \
    (offsetof(struct bobbin_job_spec, unique_key) + sizeof((struct bobbin_job_spec *)0)->unique_key)

/* Members that a newer header added, and that this server would have to know, are not zero. */
static bool has_unknown_members(const struct bobbin_job_spec *spec)
{
    const char *bytes = (const char *)spec;
    for (size_t i = sizeof *spec; i < spec->size; i++)
        if (bytes[i] != 0)
            return true;
    return false;
}

struct bobbin_job_spec jobspec_whole(const struct bobbin_job_spec *spec, const char *queue)
{
    struct bobbin_job_spec whole = {0};
    memcpy(&whole, spec, spec->size < sizeof whole ? spec->size : sizeof whole);
    if (spec->size >= FIRST_BYTES && !has_unknown_members(spec))
        whole.size = sizeof whole;
    if (whole.queue == NULL)
        whole.queue = queue;
    return whole;
}

static bool check_queue(const char *queue, bobbin_error *error)
{
    size_t length = strlen(queue);
    if (length == 0 || length > JOBSPEC_QUEUE_MAX_BYTES)
        return bobbin_fail(error, "a queue's name has 1 to %d bytes", JOBSPEC_QUEUE_MAX_BYTES);
    for (const char *c = queue; *c != '\0'; c++)
        if (!islower((unsigned char)*c) && !isdigit((unsigned char)*c) && *c != '-' && *c != '_')
            return bobbin_fail(error,
                               "the queue's name \"%s\" has another character than "
                               "a to z, 0 to 9, - and _",
                               queue);
    return true;
}

static bool check_headers(const struct bobbin_job_spec *spec, bobbin_error *error)
{
    size_t bytes = 0;
    for (size_t i = 0; i < spec->header_count && i < HEADERS_MAX; i++)
        bytes += spec->headers[i].name.length + spec->headers[i].value.length;
    return (spec->header_count <= HEADERS_MAX && bytes <= HEADERS_MAX_BYTES) ||
           bobbin_fail(error, "a job has at most %d headers of %d bytes in all", HEADERS_MAX,
                       HEADERS_MAX_BYTES);
}

bool jobspec_check(const struct bobbin_job_spec *spec, bobbin_error *error)
{
    if (spec->size < FIRST_BYTES)
        return bobbin_fail(error, "a job's spec has %zu bytes: it was not made with BOBBIN_JOB",
                           spec->size);
    if (spec->size != sizeof *spec)
        return bobbin_fail(error, "a job's spec was made with a newer bobbin.h and uses what this "
                                  "bobbin does not have");
    if (!check_queue(spec->queue, error) || !check_headers(spec, error))
        return false;
    if (spec->priority < 0 || spec->priority > BOBBIN_PRIORITY(9))
        return bobbin_fail(error, "a job's priority is BOBBIN_PRIORITY(0) to (9)");
    if (spec->delay_ms > 0 && spec->due_us > 0)
        return bobbin_fail(error, "a job has a delay or a due time, not both");
    if (spec->unique_key != NULL && strlen(spec->unique_key) > KEY_MAX_BYTES)
        return bobbin_fail(error, "a job's unique key has at most %d bytes", KEY_MAX_BYTES);
    if (spec->attempts > ATTEMPTS_MAX)
        return bobbin_fail(error, "a job has at most %d attempts", ATTEMPTS_MAX);
    return true;
}

bool jobspec_check_count(size_t count, bobbin_error *error)
{
    return (count > 0 && count <= JOBSPECS_MAX) ||
           bobbin_fail(error, "1 to %d jobs are stored at once, and not %zu", JOBSPECS_MAX, count);
}
