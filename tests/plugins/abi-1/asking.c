/* Jobs, as an app sees them: stored, asked for, cancelled. */
#include "golden.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static const char *const outcomes[] = {
    [BOBBIN_STORED] = "stored", [BOBBIN_FULL] = "full", [BOBBIN_FAILED] = "failed"};

static void on_stored(bobbin_request *request, const struct bobbin_stored *stored, void *arg)
{
    if (stored->size < sizeof *stored || arg != bobbin_data(request))
        bobbin_print(request, "too short, or of somebody else\n");
    bobbin_print(request, "%s %.*s %s %s\n", outcomes[stored->outcome], BOBBIN_ARG(stored->id),
                 stored->queue, stored->sentence);
    bobbin_end(request);
}

static void spool(bobbin_request *request)
{
    const bobbin_field headers[] = {{bobbin_text("do"), bobbin_query(request, "do")},
                                    {bobbin_text("more"), bobbin_text("of it")}};
    bobbin_spool(request,
                 BOBBIN_JOB(.queue = "abi-1", .payload = bobbin_text("the payload"),
                            .content_type = "text/x-golden", .priority = BOBBIN_PRIORITY(9),
                            .attempts = 3, .timeout_ms = 20000, .headers = headers,
                            .header_count = 2, .durability = BOBBIN_DURABILITY_PROCESS),
                 on_stored, bobbin_data(request));
}

static void on_job(bobbin_request *request, const struct bobbin_job_info *info, void *arg)
{
    char result[128] = "";
    if (info->size < sizeof *info || arg != bobbin_data(request))
        bobbin_print(request, "too short, or of somebody else\n");
    size_t length =
        info->result_length < sizeof result ? (size_t)info->result_length : sizeof result - 1;
    if (info->result_fd >= 0) {
        if (pread(info->result_fd, result, length, (off_t)info->result_offset) < 0)
            bobbin_print(request, "the result cannot be read\n");
        close(info->result_fd);
    }
    bobbin_print(request, "state %s\nqueue %.*s\nattempt %u of %u\npercent %d %.*s\n",
                 bobbin_job_state_name(info->state), BOBBIN_ARG(info->queue), info->attempt,
                 info->attempts, info->percent, BOBBIN_ARG(info->progress));
    bobbin_print(request, "error %.*s\nresult %d %.*s %s\n", BOBBIN_ARG(info->error),
                 info->has_result, BOBBIN_ARG(info->result_type), result);
    bobbin_print(request, "times %d\n",
                 info->enqueued_us > 0 && info->started_us >= info->enqueued_us &&
                     info->ended_us >= info->started_us);
    bobbin_end(request);
}

bool asking_handle(bobbin_request *request)
{
    if (rest_is(request, "/spool"))
        spool(request);
    else if (rest_is(request, "/accept"))
        bobbin_spool_and_accept(request, BOBBIN_JOB(.payload = bobbin_text("accepted")));
    else if (rest_is(request, "/job"))
        bobbin_job_status(request, bobbin_query(request, "id"), BOBBIN_WITH_RESULT, on_job,
                          bobbin_data(request));
    else if (rest_is(request, "/cancel"))
        bobbin_job_cancel(request, bobbin_query(request, "id"), on_job, bobbin_data(request));
    else
        return false;
    return true;
}
