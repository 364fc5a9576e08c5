/* Jobs as the one sees them that runs them: the result says what they know. */
#include "golden.h"

#include <stdio.h>
#include <unistd.h>

enum { SHORT_MS = 1, TURN_US = 1000 };

/* Until it is told to stop. */
static enum bobbin_job_result hang(bobbin_job *job)
{
    bobbin_job_progress(job, 50, "half of it");
    while (!bobbin_job_stopping(job))
        usleep(TURN_US);
    return bobbin_job_fail(job, "it was told to stop");
}

/* A result in two pieces, and another job that is stored with it. */
static enum bobbin_job_result follow(bobbin_job *job)
{
    bobbin_error error;
    const bobbin_field header = {bobbin_text("do"), bobbin_text("end")};
    if (!bobbin_job_result_append(job, "one, ", 5, "text/x-pieces") ||
        !bobbin_job_result_append(job, "two", 3, NULL))
        return bobbin_job_fail(job, "the result cannot be written");
    if (!bobbin_job_spool(job, BOBBIN_JOB(.headers = &header, .header_count = 1), &error))
        return bobbin_job_fail(job, "%s", error.text);
    return BOBBIN_JOB_DONE;
}

enum bobbin_job_result job_run(void *state, bobbin_job *job)
{
    const struct golden *golden = state;
    bobbin_str what = bobbin_job_header(job, "do"), payload = bobbin_job_payload(job);
    bobbin_str type = bobbin_job_content_type(job), queue = bobbin_job_queue(job);
    char result[256];
    if (bobbin_is(what, "fail"))
        return bobbin_job_fail(job, "failed at %s", "once");
    if (bobbin_is(what, "hang"))
        return hang(job);
    if (bobbin_is(what, "follow"))
        return follow(job);
    if (bobbin_is(what, "end"))
        bobbin_log(golden->host, BOBBIN_INFO, "one job has followed another");
    if (bobbin_is(what, "again") && bobbin_job_attempt(job) == 1)
        return bobbin_job_retry_after(job, SHORT_MS, "the first %s", "time");
    int length = snprintf(result, sizeof result, "%.*s %.*s %.*s %.*s %u/%u %zu %s",
                          BOBBIN_ARG(payload), BOBBIN_ARG(type), BOBBIN_ARG(queue),
                          BOBBIN_ARG(bobbin_job_header(job, "more")), bobbin_job_attempt(job),
                          bobbin_job_attempts(job), bobbin_job_id(job).length, golden->text);
    if (!bobbin_job_result(job, result, (size_t)length, "text/plain"))
        return BOBBIN_JOB_RETRY;
    return BOBBIN_JOB_DONE;
}
