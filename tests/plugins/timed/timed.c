/*
 * Jobs that are due, expire, and have unique keys: POST /?delay=MS&due=US&expires=MS&key=TEXT&ms=N.
 * Each that runs appends "<microseconds> <key> <id>" to the file, then runs for ms more.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bobbin.h"

struct config {
    const char *file;
};

static const struct bobbin_option options[] = {
    BOBBIN_PATH_REQUIRED(struct config, file, "file", "where the trace goes"),
    BOBBIN_OPTIONS_END,
};

static char *text_of(bobbin_request *request, const char *name)
{
    bobbin_str value = bobbin_query(request, name);
    char *text = bobbin_allocate(request, value.length + 1);
    snprintf(text, value.length + 1, "%.*s", BOBBIN_ARG(value));
    return text;
}

static uint64_t number_of(bobbin_request *request, const char *name)
{
    return strtoull(text_of(request, name), NULL, 10);
}

static void handle(void *state, bobbin_request *request)
{
    (void)state;
    bobbin_str queue = bobbin_query(request, "queue");
    const bobbin_field headers[] = {{bobbin_text("ms"), bobbin_query(request, "ms")},
                                    {bobbin_text("key"), bobbin_query(request, "key")}};
    bobbin_spool_and_accept(
        request,
        BOBBIN_JOB(.queue = queue.length > 0 ? text_of(request, "queue") : NULL, .headers = headers,
                   .header_count = 2, .delay_ms = number_of(request, "delay"),
                   .due_us = number_of(request, "due"), .expires_ms = number_of(request, "expires"),
                   .unique_key = text_of(request, "key")));
}

static void trace(const struct config *config, bobbin_job *job)
{
    char line[512];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int length =
        snprintf(line, sizeof line, "%llu %.*s %.*s\n",
                 (unsigned long long)now.tv_sec * 1000000 + (unsigned)now.tv_nsec / 1000,
                 BOBBIN_ARG(bobbin_job_header(job, "key")), BOBBIN_ARG(bobbin_job_id(job)));
    int fd = open(config->file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, line, (size_t)length) != length)
        abort();
    close(fd);
}

static enum bobbin_job_result run(void *state, bobbin_job *job)
{
    bobbin_str ms = bobbin_job_header(job, "ms"), id = bobbin_job_id(job);
    char number[16];
    snprintf(number, sizeof number, "%.*s", BOBBIN_ARG(ms));
    trace(state, job);
    for (long i = atol(number); i > 0 && !bobbin_job_stopping(job); i--)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    bobbin_job_result(job, id.data, id.length, "text/plain");
    return BOBBIN_JOB_DONE;
}

BOBBIN_PLUGIN(.name = "timed", .about = "jobs with times and keys", .options = options,
              .config_size = sizeof(struct config), .handle = handle, .run = run);
