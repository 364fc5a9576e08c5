/*
 * What became of a job:
 *   GET    /jobs/<id>          its state, as JSON
 *   GET    /jobs/<id>/result   what it answered
 *          ...?wait=10s        the same once the job has ended, or the time has passed
 *   DELETE /jobs/<id>          cancels it; so does POST /jobs/<id>/cancel
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bobbin.h"

enum what { STATUS, RESULT, CANCEL, NOTHING };

struct config {
    uint64_t max_wait_ms;
};

static const struct bobbin_option options[] = {
    BOBBIN_TIME(struct config, max_wait_ms, "max-wait", "30s", 0, 3600000,
                "the longest ?wait=; a longer one is cut to it. Keep it below request-timeout"),
    BOBBIN_OPTIONS_END,
};

/* "250ms", "10s" or "2m"; absent is 0. */
static bool read_wait(bobbin_str text, uint64_t *wait_ms)
{
    size_t i = 0;
    *wait_ms = 0;
    if (text.data == NULL)
        return true;
    for (; i < text.length && i < 9 && text.data[i] >= '0' && text.data[i] <= '9'; i++)
        *wait_ms = *wait_ms * 10 + (uint64_t)(text.data[i] - '0');
    bobbin_str unit = {text.data + i, text.length - i};
    *wait_ms *= bobbin_is(unit, "m") ? 60000 : bobbin_is(unit, "s") ? 1000 : 1;
    return i > 0 && (bobbin_is(unit, "ms") || bobbin_is(unit, "s") || bobbin_is(unit, "m"));
}

/* The rest of the path: "/<id>", "/<id>/result" or "/<id>/cancel". */
static enum what split(bobbin_str rest, bobbin_str *id)
{
    if (rest.length < 2)
        return NOTHING;
    const char *start = rest.data + 1, *end = rest.data + rest.length;
    const char *slash = memchr(start, '/', (size_t)(end - start));
    *id = (bobbin_str){start, (size_t)((slash != NULL ? slash : end) - start)};
    bobbin_str word = {slash, slash != NULL ? (size_t)(end - slash) : 0};
    if (slash == NULL)
        return STATUS;
    if (bobbin_is(word, "/result"))
        return RESULT;
    return bobbin_is(word, "/cancel") ? CANCEL : NOTHING;
}

/* RFC 3339, UTC, milliseconds; null for a time that has not come. */
static void print_time(bobbin_request *request, const char *name, uint64_t time_us)
{
    char text[32];
    struct tm utc;
    time_t seconds = (time_t)(time_us / 1000000);
    if (time_us == 0) {
        bobbin_print(request, ", \"%s\": null", name);
        return;
    }
    gmtime_r(&seconds, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    bobbin_print(request, ", \"%s\": \"%s.%03uZ\"", name, text, (unsigned)(time_us / 1000 % 1000));
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

static void answer_unknown(bobbin_request *request, const struct bobbin_job_info *info)
{
    if (info->error.length > 0)
        bobbin_refuse(request, 503, "%.*s", BOBBIN_ARG(info->error));
    else
        bobbin_refuse(request, 404, "there is no such job, or it ended too long ago");
}

static void print_status(bobbin_request *request, const struct bobbin_job_info *info, void *arg)
{
    (void)arg;
    if (info->state == BOBBIN_STATE_UNKNOWN) {
        answer_unknown(request, info);
        return;
    }
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

static void send_result(bobbin_request *request, const struct bobbin_job_info *info, void *arg)
{
    (void)arg;
    if (info->state == BOBBIN_STATE_UNKNOWN) {
        answer_unknown(request, info);
    } else if (info->result_fd < 0) {
        const char *state = bobbin_job_state_name(info->state);
        bobbin_refuse(request, 404,
                      info->state == BOBBIN_STATE_DONE ? "the job is %s, and left no result"
                                                       : "the job is %s: it has no result",
                      state);
    } else {
        bobbin_headerf(request, "content-type", "%.*s", BOBBIN_ARG(info->result_type));
        bobbin_header(request, "cache-control", "private, max-age=3600");
        bobbin_header(request, "x-content-type-options", "nosniff");
        bobbin_send_file(request, info->result_fd, info->result_offset, info->result_length);
        bobbin_end(request);
    }
}

static void refuse_method(bobbin_request *request, const char *allowed)
{
    bobbin_header(request, "allow", allowed);
    bobbin_refuse(request, 405, "only %s is possible here", allowed);
}

/* Tells about the job, maybe after a wait for its end. */
static void tell(const struct config *config, bobbin_request *request, bobbin_str id,
                 unsigned flags, bobbin_on_job *on_job)
{
    bobbin_str asked = bobbin_query(request, "wait");
    uint64_t wait_ms;
    if (!read_wait(asked, &wait_ms)) {
        bobbin_refuse(request, 400, "wait is a time like 250ms, 10s or 2m, not \"%.*s\"",
                      asked.length < 40 ? (int)asked.length : 40, asked.data);
        return;
    }
    if (wait_ms > config->max_wait_ms)
        wait_ms = config->max_wait_ms;
    bobbin_job_wait(request, id, flags, wait_ms, on_job, NULL);
}

static void handle(void *state, bobbin_request *request)
{
    bobbin_str id = {NULL, 0}, method = bobbin_method(request);
    bool is_get = bobbin_is(method, "GET") || bobbin_is(method, "HEAD");
    switch (split(bobbin_path_rest(request), &id)) {
    case STATUS:
        if (is_get)
            tell(state, request, id, 0, print_status);
        else if (bobbin_is(method, "DELETE"))
            bobbin_job_cancel(request, id, print_status, NULL);
        else
            refuse_method(request, "GET, HEAD, DELETE");
        break;
    case RESULT:
        if (is_get)
            tell(state, request, id, BOBBIN_WITH_RESULT, send_result);
        else
            refuse_method(request, "GET, HEAD");
        break;
    case CANCEL:
        if (bobbin_is(method, "POST"))
            bobbin_job_cancel(request, id, print_status, NULL);
        else
            refuse_method(request, "POST");
        break;
    default:
        bobbin_refuse(request, 404, "ask for a job by its id, or for its /result");
        break;
    }
}

BOBBIN_PLUGIN(.name = "jobs", .about = "status, result and cancel of jobs", .options = options,
              .config_size = sizeof(struct config), .handle = handle);
