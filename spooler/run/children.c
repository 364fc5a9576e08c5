#include "spooler/run/children.h"

#include <signal.h>

#include "core/plugin/jobspec.h"

void children_init(struct children *children, const struct spool_directory *directory,
                   const struct spool_settings *spool, const struct queue_table *queues)
{
    children->directory = directory;
    children->has_appender = false;
    children->group = (struct group){0};
    scribe_init(&children->scribe, spool, queues);
}

void children_finish(struct children *children)
{
    children_forget(children);
    if (children->has_appender)
        appender_finish(&children->appender);
    children->has_appender = false;
}

void children_forget(struct children *children)
{
    group_finish(&children->group);
}

bool children_add(struct children *children, const struct bobbin_job_spec *spec, const char *queue,
                  const struct job_address *parent, bobbin_error *error)
{
    const struct jobsport_job job = {.spec = jobspec_whole(spec, queue), .payload_fd = -1};
    if (job.spec.payload_is_body)
        return bobbin_fail(error, "payload_is_body is not for jobs: there is no request");
    return jobspec_check(&job.spec, error) &&
           scribe_add(&children->scribe, &children->group, &job, parent, error);
}

static bool ready_appender(struct children *children, bobbin_error *error)
{
    if (!children->has_appender)
        children->has_appender = appender_init(&children->appender, children->directory, error);
    return children->has_appender;
}

static bool append(struct children *children, struct job_address *place, bobbin_error *error)
{
    struct appender *appender = &children->appender;
    if (!ready_appender(children, error) ||
        !appender_ready(appender, children->group.bytes, error) ||
        !appender_place(appender, &children->group, error))
        return false;
    *place =
        (struct job_address){.writer = appender->writer, .sequence = appender->journal.sequence};
    return appender_write(appender, error) &&
           (!children->group.needs_sync || appender_sync(appender, error));
}

bool children_store(struct children *children, struct job_address *place, bobbin_error *error)
{
    sigset_t stop, before;
    *place = (struct job_address){0};
    if (children->group.count == 0)
        return true;
    /* To be told to stop must not cut a call short that is then taken for a broken disk. */
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigprocmask(SIG_BLOCK, &stop, &before);
    bool done = append(children, place, error);
    sigprocmask(SIG_SETMASK, &before, NULL);
    children_forget(children);
    return done;
}
