/*
 * The calls of plugins/bobbin.h by which an app stores jobs and asks after them. Each holds its
 * request (request->pending) until it has called back.
 */
#include "core/exchange/spooling.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/plugin/jobspec.h"
#include "core/plugin/plugin.h"
#include "core/plugin/running.h"

static const char no_spool[] =
    "this process has no spool: [spool] is not configured, or the worker stops";

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

static const char *content_type_of(bobbin_request *request)
{
    bobbin_str type = request_field(request, "content-type");
    return type.data != NULL ? arena_copy(&request->arena, type.data, type.length) : NULL;
}

bool spooling_is_possible(const struct jobsport *jobs, bobbin_error *error)
{
    return jobs->put != NULL || bobbin_fail(error, "%s", no_spool);
}

bool spooling_resolve(bobbin_request *request, const struct bobbin_job_spec *spec,
                      struct jobsport_job *job, bobbin_error *error)
{
    *job = (struct jobsport_job){.spec = jobspec_whole(spec, request->app->plugin->name),
                                 .payload_fd = -1};
    if (job->spec.payload_is_body) {
        job->spec.payload = bobbin_body(request);
        job->payload_fd = request->body.fd;
        job->payload_length = request->body.length;
        if (job->spec.content_type == NULL)
            job->spec.content_type = content_type_of(request);
    }
    return jobspec_check(&job->spec, error);
}

void bobbin_spool(bobbin_request *request, const struct bobbin_job_spec *spec,
                  bobbin_on_stored *callback, void *arg)
{
    const struct jobsport *jobs = &request->exchange->jobs;
    struct jobsport_job job;
    struct asking *asking = begin(request, arg);
    if (asking == NULL) {
        log_write(request->exchange->log, BOBBIN_ERROR, request->app->name,
                  "no memory to store a job: the request is refused");
        bobbin_refuse(request, 503, "there is no memory to store the job");
        return;
    }
    asking->on_stored = callback;
    bool is_legal = spooling_resolve(request, spec, &job, &asking->error);
    if (spooling_is_possible(jobs, &asking->error) && is_legal) {
        jobs->put(jobs->door, &job, on_stored, asking);
        return;
    }
    asking->queue = arena_copy(&request->arena, job.spec.queue, strlen(job.spec.queue));
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
