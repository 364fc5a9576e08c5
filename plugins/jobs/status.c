#include "status.h"

#include "moment.h"

/* Null for a time that has not come. */
static void print_time(bobbin_request *request, const char *name, uint64_t time_us)
{
    char text[MOMENT_BYTES];
    if (time_us == 0) {
        bobbin_print(request, ", \"%s\": null", name);
        return;
    }
    moment_write(time_us, text);
    bobbin_print(request, ", \"%s\": \"%s\"", name, text);
}

static void print_text(bobbin_request *request, const char *name, bobbin_str text)
{
    if (text.length == 0) {
        bobbin_print(request, ", \"%s\": null", name);
        return;
    }
    bobbin_print(request, ", \"%s\": \"", name);
    bobbin_write_json(request, text);
    bobbin_print(request, "\"");
}

static void print_progress(bobbin_request *request, const struct bobbin_job_info *info)
{
    if (info->percent < 0) {
        bobbin_print(request, ", \"progress\": null");
        return;
    }
    bobbin_print(request, ", \"progress\": {\"percent\": %d", info->percent);
    print_text(request, "words", info->progress);
    bobbin_print(request, "}");
}

bool status_is_final(enum bobbin_job_state state)
{
    return state != BOBBIN_STATE_UNKNOWN && state != BOBBIN_STATE_READY &&
           state != BOBBIN_STATE_RUNNING && state != BOBBIN_STATE_CANCELLING;
}

void status_answer(bobbin_request *request, const struct bobbin_job_info *info)
{
    bobbin_str route = bobbin_route(request);
    bobbin_header(request, "content-type", "application/json");
    bobbin_header(request, "cache-control", "no-store");
    bobbin_print(request, "{\"id\": \"%.*s\", \"queue\": \"%.*s\", \"state\": \"%s\"",
                 BOBBIN_ARG(info->id), BOBBIN_ARG(info->queue), bobbin_job_state_name(info->state));
    bobbin_print(request, ", \"attempt\": %u, \"attempts\": %u", info->attempt, info->attempts);
    print_time(request, "enqueued", info->enqueued_us);
    print_time(request, "due", info->due_us);
    print_time(request, "started", info->started_us);
    print_time(request, "ended", info->ended_us);
    print_progress(request, info);
    print_text(request, "error", info->error);
    if (info->has_result)
        bobbin_print(request, ", \"result\": \"%.*s/%.*s/result\"}\n", BOBBIN_ARG(route),
                     BOBBIN_ARG(info->id));
    else
        bobbin_print(request, ", \"result\": null}\n");
    bobbin_end(request);
}
