/*
 * Waits for the end of a job: GET /<id>?ms=N[&end=1]. Writes to the log what happens, in its order:
 * "on_job <state>", "on_abort", "on_finish". With end=1 the request is ended while it waits; with
 * late=1 it waits only when it is aborted.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bobbin.h"

enum mode { ENDS = 1, IS_LATE = 2 }; /* the request's data; NULL: neither */

static bool is_in(bobbin_request *request, enum mode mode)
{
    return (uintptr_t)bobbin_data(request) == mode;
}

static void on_job(bobbin_request *request, const struct bobbin_job_info *info, void *arg)
{
    (void)arg;
    bobbin_log(bobbin_host_of(request), BOBBIN_INFO, "on_job %s",
               bobbin_job_state_name(info->state));
    if (is_in(request, ENDS))
        return;
    bobbin_print(request, "%s\n", bobbin_job_state_name(info->state));
    bobbin_end(request);
}

static void handle(void *state, bobbin_request *request)
{
    (void)state;
    bobbin_str id = bobbin_path_rest(request), ms = bobbin_query(request, "ms");
    char number[24];
    snprintf(number, sizeof number, "%.*s", BOBBIN_ARG(ms));
    if (bobbin_query(request, "late").data != NULL) {
        bobbin_set_data(request, (void *)IS_LATE);
        return;
    }
    if (bobbin_query(request, "end").data != NULL)
        bobbin_set_data(request, (void *)ENDS);
    bobbin_job_wait(request, (bobbin_str){id.data + 1, id.length - 1}, 0,
                    strtoull(number, NULL, 10), on_job, NULL);
    if (is_in(request, ENDS)) {
        bobbin_print(request, "at once\n");
        bobbin_end(request);
    }
}

static void on_abort(void *state, bobbin_request *request)
{
    (void)state;
    bobbin_log(bobbin_host_of(request), BOBBIN_INFO, "on_abort");
    if (is_in(request, IS_LATE))
        bobbin_job_wait(request, bobbin_text("nonsense"), 0, 60000, on_job, NULL);
}

static void on_finish(void *state, bobbin_request *request)
{
    (void)state;
    bobbin_log(bobbin_host_of(request), BOBBIN_INFO, "on_finish");
}

static void stop(void *state)
{
    (void)state;
    fprintf(stderr, "patience: on_stop\n");
}

BOBBIN_PLUGIN(.name = "patience", .about = "waits for jobs", .handle = handle, .on_abort = on_abort,
              .on_finish = on_finish, .stop = stop);
