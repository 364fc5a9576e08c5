/*
 * bobbin_host_spool of plugins/bobbin.h: a job that no request asked for. It is the plugin's
 * instance that is told how that went, and the worker waits with its stop until it was.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/exchange/spooling.h"
#include "core/plugin/jobspec.h"
#include "core/plugin/plugin.h"
#include "core/plugin/running.h"
#include "core/process/worker.h"

struct host_spooling {
    bobbin_host *host;
    bobbin_on_host_stored *on_stored; /* NULL: a failure is logged */
    void *arg;
};

static void on_stored(void *arg, const struct bobbin_stored *stored)
{
    struct host_spooling spooling = *(struct host_spooling *)arg;
    free(arg);
    if (spooling.on_stored != NULL) {
        running_enter(spooling.host->instance, "on_stored");
        spooling.on_stored(spooling.host, stored, spooling.arg);
        running_leave();
    } else if (stored->outcome != BOBBIN_STORED) {
        bobbin_log(spooling.host, BOBBIN_ERROR, "a job for the queue %s was not stored: %s",
                   stored->queue, stored->sentence);
    }
}

static bool is_possible(const bobbin_host *host, bobbin_error *error)
{
    if (host->worker == NULL)
        return bobbin_fail(error, "this is a job process: bobbin_job_spool is for jobs");
    return spooling_is_possible(&host->worker->exchange.jobs, error);
}

/* "thumbnail:large" is an instance of the plugin "thumbnail". */
static void plugin_name(const bobbin_host *host, char out[PLUGIN_INSTANCE_NAME_BYTES])
{
    size_t length = strcspn(host->instance, ":");
    snprintf(out, PLUGIN_INSTANCE_NAME_BYTES, "%.*s", (int)length, host->instance);
}

static bool resolve(const struct bobbin_job_spec *spec, const char *queue, struct jobsport_job *job,
                    bobbin_error *error)
{
    *job = (struct jobsport_job){.spec = jobspec_whole(spec, queue), .payload_fd = -1};
    if (job->spec.payload_is_body)
        return bobbin_fail(error, "payload_is_body needs a request, and there is none");
    return jobspec_check(&job->spec, error);
}

static bool put(bobbin_host *host, const struct bobbin_job_spec *spec,
                const struct host_spooling *spooling, bobbin_error *error)
{
    char queue[PLUGIN_INSTANCE_NAME_BYTES];
    struct jobsport_job job;
    plugin_name(host, queue);
    if (!is_possible(host, error) || !resolve(spec, queue, &job, error))
        return false;
    struct host_spooling *kept = malloc(sizeof *kept);
    if (kept == NULL)
        return bobbin_fail(error, "there is no memory");
    *kept = *spooling;
    const struct jobsport *jobs = &host->worker->exchange.jobs;
    jobs->put(jobs->door, &job, on_stored, kept);
    return true;
}

bool bobbin_host_spool(bobbin_host *host, const struct bobbin_job_spec *spec,
                       bobbin_on_host_stored *callback, void *arg)
{
    const struct host_spooling spooling = {.host = host, .on_stored = callback, .arg = arg};
    bobbin_error error;
    if (put(host, spec, &spooling, &error))
        return true;
    bobbin_log(host, BOBBIN_ERROR, "a job was not stored: %s", error.text);
    return false;
}
