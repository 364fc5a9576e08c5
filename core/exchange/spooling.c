/*
 * The calls of plugins/bobbin.h by which an app stores jobs and asks after them. Each holds its
 * request (request->pending) until it has called back.
 */
#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/exchange/request.h"
#include "core/plugin/plugin.h"
#include "core/plugin/running.h"

enum {
    QUEUE_MAX_BYTES = 64,
    HEADERS_MAX = 64,
    HEADERS_MAX_BYTES = 16 * 1024,
    ATTEMPTS_MAX = 1000,
    KEY_MAX_BYTES = 200
};

/* One call under way; lives in the request's arena. */
struct asking {
    struct deferral deferral; /* of a store that failed before it began */
    bobbin_request *request;
    bobbin_on_stored *on_stored;
    bobbin_on_job *on_job;
    void *arg;
    const char *queue;
    bobbin_error error;
};

static struct asking *begin(bobbin_request *request, void *arg)
{
    struct asking *asking = arena_take(&request->arena, sizeof *asking);
    if (asking == NULL)
        return NULL;
    *asking = (struct asking){.request = request, .arg = arg};
    request->pending++;
    return asking;
}

static void on_stored(void *arg, const struct bobbin_stored *stored)
{
    struct asking *asking = arg;
    bobbin_request *request = asking->request;
    running_enter(request->app->name, "on_stored");
    asking->on_stored(request, stored, asking->arg);
    running_leave();
    request_settle(request);
}

static void report_failure(struct deferral *deferral)
{
    struct asking *asking = (struct asking *)deferral;
    struct bobbin_stored stored = {.size = sizeof stored,
                                   .outcome = BOBBIN_FAILED,
                                   .queue = asking->queue,
                                   .sentence = asking->error.text};
    on_stored(asking, &stored);
}

static bool check_queue(const char *queue, bobbin_error *error)
{
    size_t length = strlen(queue);
    if (length == 0 || length > QUEUE_MAX_BYTES)
        return bobbin_fail(error, "a queue's name has 1 to %d bytes", QUEUE_MAX_BYTES);
    for (const char *c = queue; *c != '\0'; c++)
        if (!islower((unsigned char)*c) && !isdigit((unsigned char)*c) && *c != '-' && *c != '_')
            return bobbin_fail(error,
                               "the queue's name \"%s\" has another character than "
                               "a to z, 0 to 9, - and _",
                               queue);
    return true;
}

static bool check_spec(const struct bobbin_job_spec *spec, bobbin_error *error)
{
    size_t header_bytes = 0;
    for (size_t i = 0; i < spec->header_count && i < HEADERS_MAX; i++)
        header_bytes += spec->headers[i].name.length + spec->headers[i].value.length;
    if (spec->header_count > HEADERS_MAX || header_bytes > HEADERS_MAX_BYTES)
        return bobbin_fail(error, "a job has at most %d headers of %d bytes in all", HEADERS_MAX,
                           HEADERS_MAX_BYTES);
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

static const char *content_type_of(bobbin_request *request)
{
    bobbin_str type = request_field(request, "content-type");
    return type.data != NULL ? arena_copy(&request->arena, type.data, type.length) : NULL;
}

void bobbin_spool(bobbin_request *request, const struct bobbin_job_spec *spec,
                  bobbin_on_stored *callback, void *arg)
{
    const struct jobsport *jobs = &request->exchange->jobs;
    struct bobbin_job_spec whole = {0};
    memcpy(&whole, spec, spec->size < sizeof whole ? spec->size : sizeof whole);
    if (whole.queue == NULL)
        whole.queue = request->app->plugin->name;
    struct asking *asking = begin(request, arg);
    if (asking == NULL) {
        log_write(request->exchange->log, BOBBIN_ERROR, request->app->name,
                  "no memory to store a job: the request is refused");
        bobbin_refuse(request, 503, "there is no memory to store the job");
        return;
    }
    asking->on_stored = callback;
    asking->queue = arena_copy(&request->arena, whole.queue, strlen(whole.queue));
    int fd = -1;
    uint64_t length = 0;
    if (whole.payload_is_body) {
        whole.payload = bobbin_body(request);
        fd = request->body.fd;
        length = request->body.length;
        if (whole.content_type == NULL)
            whole.content_type = content_type_of(request);
    }
    if (jobs->put == NULL)
        bobbin_fail(&asking->error, "this process has no spool: [spool] is not configured");
    if (jobs->put != NULL && check_queue(whole.queue, &asking->error) &&
        check_spec(&whole, &asking->error)) {
        jobs->put(jobs->door, &whole, fd, length, on_stored, asking);
        return;
    }
    asking->deferral.run = report_failure;
    exchange_defer(request->exchange, &asking->deferral);
}

static void accept_job(bobbin_request *request, const struct bobbin_stored *stored)
{
    const char *route = request->exchange->jobs_route;
    bobbin_status(request, 202);
    bobbin_header(request, "content-type", "application/json");
    bobbin_header(request, "cache-control", "no-store");
    if (route != NULL)
        bobbin_headerf(request, "location", "%s/%.*s", route, BOBBIN_ARG(stored->id));
    bobbin_print(request, "{\"id\": \"%.*s\", \"queue\": \"%s\", \"state\": \"ready\"",
                 BOBBIN_ARG(stored->id), stored->queue);
    if (route != NULL)
        bobbin_print(request, ", \"location\": \"%s/%.*s\"", route, BOBBIN_ARG(stored->id));
    bobbin_print(request, "}\n");
    bobbin_end(request);
}

void bobbin_accept(bobbin_request *request, const struct bobbin_stored *stored)
{
    if (stored->outcome == BOBBIN_STORED) {
        accept_job(request, stored);
    } else if (stored->outcome == BOBBIN_FULL) {
        bobbin_header(request, "retry-after", "5");
        bobbin_refuse(request, 503, "the job was not stored: %s", stored->sentence);
    } else {
        log_write(request->exchange->log, BOBBIN_ERROR, request->app->name,
                  "a job for the queue %s was not stored: %s", stored->queue, stored->sentence);
        bobbin_refuse(request, 500, "the job was not stored: %s", stored->sentence);
    }
}

static void accept_or_refuse(bobbin_request *request, const struct bobbin_stored *stored, void *arg)
{
    (void)arg;
    bobbin_accept(request, stored);
}

void bobbin_spool_and_accept(bobbin_request *request, const struct bobbin_job_spec *spec)
{
    bobbin_spool(request, spec, accept_or_refuse, NULL);
}

static void on_job(void *arg, const struct bobbin_job_info *info)
{
    struct asking *asking = arg;
    bobbin_request *request = asking->request;
    running_enter(request->app->name, "on_job");
    asking->on_job(request, info, asking->arg);
    running_leave();
    request_settle(request);
}

static void answer_unknown(struct asking *asking, bobbin_str id, const char *sentence)
{
    struct bobbin_job_info info = {.size = sizeof info,
                                   .id = id,
                                   .queue = {"", 0},
                                   .percent = -1,
                                   .progress = {"", 0},
                                   .error = bobbin_text(sentence),
                                   .result_fd = -1,
                                   .result_type = {"", 0}};
    on_job(asking, &info);
}

static const char no_spool[] = "this process has no spool: [spool] is not configured";

void bobbin_job_status(bobbin_request *request, bobbin_str id, unsigned flags,
                       bobbin_on_job *callback, void *arg)
{
    const struct jobsport *jobs = &request->exchange->jobs;
    struct asking *asking = begin(request, arg);
    if (asking == NULL) {
        bobbin_refuse(request, 503, "there is no memory to ask for the job");
        return;
    }
    asking->on_job = callback;
    if (jobs->ask != NULL)
        jobs->ask(jobs->door, id, flags, on_job, asking);
    else
        answer_unknown(asking, id, no_spool);
}

void bobbin_job_cancel(bobbin_request *request, bobbin_str id, bobbin_on_job *callback, void *arg)
{
    const struct jobsport *jobs = &request->exchange->jobs;
    struct asking *asking = begin(request, arg);
    if (asking == NULL) {
        bobbin_refuse(request, 503, "there is no memory to cancel the job");
        return;
    }
    asking->on_job = callback;
    if (jobs->cancel != NULL)
        jobs->cancel(jobs->door, id, on_job, asking);
    else
        answer_unknown(asking, id, no_spool);
}

const char *bobbin_job_state_name(enum bobbin_job_state state)
{
    static const char *const names[] = {"unknown",    "ready",     "running", "done",     "dead",
                                        "cancelling", "cancelled", "expired", "duplicate"};
    return (size_t)state < sizeof names / sizeof *names ? names[state] : "unknown";
}
