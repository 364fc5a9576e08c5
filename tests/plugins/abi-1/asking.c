/* What became of jobs: asked for, waited for, cancelled. */
#include "golden.h"

#include <unistd.h>

enum { LIMIT_MS = 20000 };

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
    if (rest_is(request, "/job"))
        bobbin_job_status(request, bobbin_query(request, "id"), BOBBIN_WITH_RESULT, on_job,
                          bobbin_data(request));
    else if (rest_is(request, "/wait"))
        bobbin_job_wait(request, bobbin_query(request, "id"), BOBBIN_WITH_RESULT, LIMIT_MS, on_job,
                        bobbin_data(request));
    else if (rest_is(request, "/cancel"))
        bobbin_job_cancel(request, bobbin_query(request, "id"), on_job, bobbin_data(request));
    else
        return false;
    return true;
}
