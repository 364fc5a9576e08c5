/*
 * Jobs that leave a trace: each attempt appends "begin <id> <attempt> <pid>" and "end ..." to a
 * file, so that a test can see what ran, how often, and whether two ran at once.
 * POST /?do=WORD&ms=N spools one; its payload is the body.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static void handle(void *state, bobbin_request *request)
{
    (void)state;
    bobbin_str what = bobbin_query(request, "do"), ms = bobbin_query(request, "ms");
    const bobbin_field headers[] = {{bobbin_text("do"), what}, {bobbin_text("ms"), ms}};
    bobbin_str durability = bobbin_query(request, "durability");
    bobbin_spool_and_accept(request, BOBBIN_JOB(.queue = "ledger", .payload_is_body = true,
                                                .headers = headers, .header_count = 2,
                                                .durability = bobbin_is(durability, "process")
                                                                  ? BOBBIN_DURABILITY_PROCESS
                                                                  : BOBBIN_DURABILITY_QUEUE));
}

static void trace(const struct config *config, bobbin_job *job, const char *word)
{
    char line[256];
    int length = snprintf(line, sizeof line, "%s %.*s %u %ld\n", word,
                          BOBBIN_ARG(bobbin_job_id(job)), bobbin_job_attempt(job), (long)getpid());
    int fd = open(config->file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, line, (size_t)length) != length)
        abort();
    close(fd);
}

static enum bobbin_job_result end(bobbin_job *job, bobbin_str what)
{
    if (bobbin_is(what, "fail"))
        return bobbin_job_fail(job, "it was told to fail");
    if (bobbin_is(what, "retry"))
        return bobbin_job_retry_after(job, 10, "it was told to try again");
    if (bobbin_is(what, "once") && bobbin_job_attempt(job) == 1)
        return bobbin_job_retry_after(job, 10, "the first attempt always fails");
    bobbin_str payload = bobbin_job_payload(job);
    bobbin_job_result(job, payload.data, payload.length, "text/plain");
    return BOBBIN_JOB_DONE;
}

static enum bobbin_job_result run(void *state, bobbin_job *job)
{
    const struct config *config = state;
    bobbin_str what = bobbin_job_header(job, "do"), ms = bobbin_job_header(job, "ms");
    char number[16];
    snprintf(number, sizeof number, "%.*s", BOBBIN_ARG(ms));
    long wait_ms = atol(number);
    trace(config, job, "begin");
    if (bobbin_is(what, "crash"))
        abort();
    bobbin_job_progress(job, 50, "half of it");
    for (long i = 0; i < wait_ms && !bobbin_job_stopping(job); i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    if (bobbin_is(what, "hang"))
        for (;;)
            pause();
    trace(config, job, "end");
    return end(job, what);
}

BOBBIN_PLUGIN(.name = "ledger", .about = "jobs that leave a trace", .options = options,
              .config_size = sizeof(struct config), .handle = handle, .run = run);
