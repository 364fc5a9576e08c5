/* bobbin_spool_many of plugins/bobbin.h: several jobs of one request, stored all or none. */
#include <stdlib.h>

#include "core/base/error.h"
#include "core/exchange/spooling.h"
#include "core/plugin/jobspec.h"
#include "core/plugin/plugin.h"
#include "core/plugin/running.h"

/* One call under way; lives in the request's arena. */
struct spooling_many {
    struct deferral deferral; /* of what failed before it began */
    bobbin_request *request;
    bobbin_on_stored_many *on_stored;
    void *arg;
    size_t count;
    bobbin_error error;
};

static void on_stored(void *arg, const struct bobbin_stored_many *stored)
{
    struct spooling_many *many = arg;
    bobbin_request *request = many->request;
    running_enter(request->app->name, "on_stored");
    many->on_stored(request, stored, many->arg);
    running_leave();
    request_settle(request);
}

static void report_failure(struct deferral *deferral)
{
    struct spooling_many *many = (struct spooling_many *)deferral;
    const struct bobbin_stored_many stored = {.size = sizeof stored,
                                              .outcome = BOBBIN_FAILED,
                                              .count = many->count,
                                              .sentence = many->error.text};
    on_stored(many, &stored);
}

static bool resolve_all(struct spooling_many *many, const struct bobbin_job_spec *const *specs,
                        struct jobsport_job *jobs)
{
    size_t bodies = 0;
    for (size_t i = 0; i < many->count; i++) {
        if (!spooling_resolve(many->request, specs[i], &jobs[i], &many->error)) {
            error_prefix(&many->error, "job %zu of %zu: ", i + 1, many->count);
            return false;
        }
        bodies += jobs[i].spec.payload_is_body;
    }
    return bodies <= 1 ||
           bobbin_fail(&many->error, "the body can be the payload of one job, and not of %zu",
                       bodies);
}

static bool put_all(struct spooling_many *many, const struct bobbin_job_spec *const *specs)
{
    const struct jobsport *port = &many->request->exchange->jobs;
    if (!spooling_is_possible(port, &many->error) ||
        !jobspec_check_count(many->count, &many->error))
        return false;
    struct jobsport_job *jobs = malloc(many->count * sizeof *jobs);
    if (jobs == NULL)
        return bobbin_fail(&many->error, "there is no memory for %zu jobs", many->count);
    bool done = resolve_all(many, specs, jobs);
    if (done)
        port->put_many(port->door, jobs, many->count, on_stored, many);
    free(jobs);
    return done;
}

void bobbin_spool_many(bobbin_request *request, const struct bobbin_job_spec *const *specs,
                       size_t count, bobbin_on_stored_many *callback, void *arg)
{
    struct spooling_many *many = arena_take(&request->arena, sizeof *many);
    if (many == NULL) {
        log_write(request->exchange->log, BOBBIN_ERROR, request->app->name,
                  "no memory to store jobs: the request is refused");
        bobbin_refuse(request, 503, "there is no memory to store the jobs");
        return;
    }
    *many = (struct spooling_many){
        .request = request, .on_stored = callback, .arg = arg, .count = count};
    request->pending++;
    if (put_all(many, specs))
        return;
    many->deferral.run = report_failure;
    exchange_defer(request->exchange, &many->deferral);
}
