/*
 * Jobs that lead to jobs, and leave a trace of it in a file:
 *
 *   POST /?n=N&do=WORD    spools one job that spools N others, and then does what WORD says
 *   POST /many?n=N        spools N jobs at once; the first one's payload is the body (&do=illegal:
 *                         the last one is not legal)
 *   a timer, "ticks" times, each of which spools one job without a request
 *
 * Lines: "begin <id> <attempt>", "leaf <id> <parent or the word that it was given>", "asked",
 * "told <outcome>", "stop".
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "bobbin.h"

enum { MOST = 2000 };

struct config {
    const char *file;
    const char *journals;
    uint64_t ticks;
};

static const struct bobbin_option options[] = {
    BOBBIN_PATH_REQUIRED(struct config, file, "file", "where the trace goes"),
    BOBBIN_PATH(struct config, journals, "journals", "", "the spool's, for jobs that die"),
    BOBBIN_COUNT(struct config, ticks, "ticks", "0", 0, 100000, "how often the timer spools"),
    BOBBIN_OPTIONS_END,
};

struct chain {
    const struct config *config;
    bobbin_host *host;
    bobbin_timer *timer;
    uint64_t asked;
};

static void trace(const struct config *config, const char *format, ...)
{
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    int fd = open(config->file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, line, (size_t)length) != length)
        abort();
    close(fd);
}

static size_t number_of(bobbin_str text)
{
    char copy[16];
    snprintf(copy, sizeof copy, "%.*s", BOBBIN_ARG(text));
    return (size_t)atol(copy);
}

/* ------------------------------------------------------------------ without a request */

static void on_told(bobbin_host *host, const struct bobbin_stored *stored, void *arg)
{
    struct chain *chain = arg;
    (void)host;
    trace(chain->config, "told %d\n", (int)stored->outcome);
}

static void on_tick(void *arg)
{
    struct chain *chain = arg;
    const bobbin_field header = {bobbin_text("leaf"), bobbin_text("tick")};
    if (chain->asked == chain->config->ticks)
        return;
    /* False: the worker stops. */
    if (bobbin_host_spool(chain->host, BOBBIN_JOB(.headers = &header, .header_count = 1), on_told,
                          chain)) {
        chain->asked++;
        trace(chain->config, "asked\n");
    }
}

static bool start(bobbin_host *host, const void *config, void **state, bobbin_error *error)
{
    struct chain *chain = calloc(1, sizeof *chain);
    if (chain == NULL)
        return bobbin_fail(error, "no memory");
    *chain = (struct chain){.config = config, .host = host};
    *state = chain;
    if (!bobbin_in_job_process(host) && chain->config->ticks > 0)
        chain->timer = bobbin_timer_start(host, 1, 1, on_tick, chain);
    return true;
}

static void stop(void *state)
{
    struct chain *chain = state;
    if (!bobbin_in_job_process(chain->host))
        trace(chain->config, "stop\n");
    free(chain);
}

/* ------------------------------------------------------------------ with a request */

static void on_stored(bobbin_request *request, const struct bobbin_stored_many *stored, void *arg)
{
    (void)arg;
    if (stored->outcome != BOBBIN_STORED) {
        bobbin_refuse(request, stored->outcome == BOBBIN_FULL ? 503 : 500, "%s", stored->sentence);
        return;
    }
    bobbin_header(request, "content-type", "application/json");
    for (size_t i = 0; i < stored->count; i++)
        bobbin_print(request, "%s\"%.*s\"", i == 0 ? "[" : ", ", BOBBIN_ARG(stored->ids[i]));
    bobbin_print(request, "]\n");
    bobbin_end(request);
}

static void spool_many(bobbin_request *request)
{
    size_t count = number_of(bobbin_query(request, "n"));
    bool is_illegal = bobbin_is(bobbin_query(request, "do"), "illegal");
    const bobbin_field header = {bobbin_text("leaf"), bobbin_text("many")};
    static struct bobbin_job_spec specs[MOST];
    static const struct bobbin_job_spec *pointers[MOST];
    for (size_t i = 0; i < count && i < MOST; i++) {
        specs[i] = *BOBBIN_JOB(.payload = bobbin_text("of many"), .payload_is_body = i == 0,
                               .headers = &header, .header_count = 1,
                               .attempts = is_illegal && i == count - 1 ? 9999 : 0);
        pointers[i] = &specs[i];
    }
    bobbin_spool_many(request, pointers, count, on_stored, NULL);
}

static void handle(void *state, bobbin_request *request)
{
    (void)state;
    if (bobbin_is(bobbin_path_rest(request), "/many")) {
        spool_many(request);
        return;
    }
    const bobbin_field headers[] = {{bobbin_text("n"), bobbin_query(request, "n")},
                                    {bobbin_text("do"), bobbin_query(request, "do")}};
    bobbin_spool_and_accept(
        request, BOBBIN_JOB(.payload_is_body = true, .headers = headers, .header_count = 2));
}

/* ------------------------------------------------------------------ jobs */

/* Kills its process as soon as a journal of the spool is written: after the children are in it, and
 * before the spooler can be told. */
static void *die_on_append(void *arg)
{
    _Alignas(struct inotify_event) char events[4096];
    int fd = *(int *)arg;
    for (;;) {
        ssize_t got = read(fd, events, sizeof events);
        for (char *at = events; at < events + got;) {
            const struct inotify_event *event = (const struct inotify_event *)at;
            if (event->len > 0 && event->name[0] != '.' && strstr(event->name, ".state") == NULL)
                raise(SIGKILL);
            at += sizeof *event + event->len;
        }
    }
    return NULL;
}

static void arm(const struct config *config)
{
    static int fd;
    pthread_t thread;
    fd = inotify_init1(IN_CLOEXEC);
    if (fd < 0 || inotify_add_watch(fd, config->journals, IN_MODIFY) < 0 ||
        pthread_create(&thread, NULL, die_on_append, &fd) != 0)
        abort();
    pthread_detach(thread);
}

static void spool_children(bobbin_job *job, size_t count)
{
    const bobbin_field header = {bobbin_text("leaf"), bobbin_job_id(job)};
    bobbin_str payload = bobbin_job_payload(job);
    bobbin_error error;
    for (size_t i = 0; i < count; i++)
        if (!bobbin_job_spool(
                job, BOBBIN_JOB(.payload = payload, .headers = &header, .header_count = 1), &error))
            bobbin_job_fail(job, "%s", error.text);
}

static enum bobbin_job_result run(void *state, bobbin_job *job)
{
    const struct chain *chain = state;
    bobbin_str leaf = bobbin_job_header(job, "leaf"), what = bobbin_job_header(job, "do");
    if (leaf.data != NULL) {
        trace(chain->config, "leaf %.*s %.*s\n", BOBBIN_ARG(bobbin_job_id(job)), BOBBIN_ARG(leaf));
        return BOBBIN_JOB_DONE;
    }
    trace(chain->config, "begin %.*s %u\n", BOBBIN_ARG(bobbin_job_id(job)),
          bobbin_job_attempt(job));
    spool_children(job, number_of(bobbin_job_header(job, "n")));
    if (bobbin_is(what, "fail"))
        return bobbin_job_fail(job, "it was told to fail");
    if (bobbin_is(what, "once") && bobbin_job_attempt(job) == 1)
        return bobbin_job_retry_after(job, 10, "the first attempt always fails");
    if (bobbin_is(what, "crash") && bobbin_job_attempt(job) == 1)
        abort();
    bobbin_job_result(job, "the result", 10, "text/plain");
    if (bobbin_is(what, "die"))
        arm(chain->config);
    return BOBBIN_JOB_DONE;
}

BOBBIN_PLUGIN(.name = "chain", .about = "jobs that lead to jobs", .options = options,
              .config_size = sizeof(struct config), .start = start, .stop = stop, .handle = handle,
              .run = run);
