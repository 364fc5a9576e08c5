/*
 * Tells when it is started, drained and stopped, and what its timers do.
 *   [life] fails-in = nowhere, workers or jobs; while = a file, as long as it is there
 */
#include <stdlib.h>
#include <unistd.h>

#include "bobbin.h"

enum { NOWHERE, IN_WORKERS, IN_JOBS };

struct config {
    uint64_t fails_in;
    const char *while_path;
};

static const struct bobbin_option options[] = {
    BOBBIN_CHOICE(struct config, fails_in, "fails-in", "nowhere", "nowhere|workers|jobs",
                  "which processes do not start"),
    BOBBIN_PATH(struct config, while_path, "while", "/", "as long as this is there"),
    BOBBIN_OPTIONS_END,
};

struct life {
    bobbin_host *host;
    bobbin_timer *repeated;
    bobbin_timer *stopped;
    int ticks;
};

static void say(const struct life *life, const char *what)
{
    bobbin_log(life->host, BOBBIN_INFO, "%s", what);
}

static void on_once(void *arg)
{
    say(arg, "once");
}

static void on_never(void *arg)
{
    say(arg, "a stopped timer was called");
}

static void on_repeated(void *arg)
{
    struct life *life = arg;
    if (++life->ticks < 3)
        return;
    say(life, "three ticks");
    bobbin_timer_stop(life->repeated); /* inside its own call */
    bobbin_timer_stop(NULL);
}

static bool start(bobbin_host *host, const void *config, void **state, bobbin_error *error)
{
    const struct config *life_config = config;
    bool in_job = bobbin_in_job_process(host);
    if (life_config->fails_in == (in_job ? IN_JOBS : IN_WORKERS) &&
        access(life_config->while_path, F_OK) == 0)
        return bobbin_fail(error, "it fails in %s", in_job ? "jobs" : "workers");
    struct life *life = calloc(1, sizeof *life);
    if (life == NULL)
        return bobbin_fail(error, "there is no memory");
    *life = (struct life){.host = host};
    *state = life;
    say(life, in_job ? "start in a job process" : "start in a worker");
    bobbin_timer *timer = bobbin_timer_start(host, 1, 0, on_once, life);
    life->repeated = bobbin_timer_start(host, 1, 2, on_repeated, life);
    life->stopped = bobbin_timer_start(host, 1, 1, on_never, life);
    bobbin_timer_stop(life->stopped);
    bobbin_timer_start(host, 3600 * 1000, 0, on_never, life); /* nobody stops it: the core does */
    if ((timer == NULL) != in_job)
        say(life, "a timer where there can be none, or none where there should be one");
    return true;
}

static void handle(void *state, bobbin_request *request)
{
    (void)state;
    bobbin_spool_and_accept(request, BOBBIN_JOB(.payload_is_body = true));
}

static enum bobbin_job_result run(void *state, bobbin_job *job)
{
    (void)job;
    say(state, "run");
    return BOBBIN_JOB_DONE;
}

static void drain(void *state)
{
    say(state, "drain");
}

static void stop(void *state)
{
    say(state, "stop");
    free(state);
}

BOBBIN_PLUGIN(.name = "life", .about = "tells of its life", .options = options,
              .config_size = sizeof(struct config), .start = start, .drain = drain, .stop = stop,
              .handle = handle, .run = run);
