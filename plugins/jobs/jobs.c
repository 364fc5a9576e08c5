/*
 * Takes jobs for the queues that are open, and tells what became of any job:
 *   POST   /jobs/<queue>       stores the body as a job: storing.h, order.h
 *   GET    /jobs/<id>          its state, as JSON
 *   GET    /jobs/<id>/result   what it answered
 *          ...?wait=10s        the same once the job has ended, or the time has passed
 *   DELETE /jobs/<id>          cancels it; so does POST /jobs/<id>/cancel
 */
#include <string.h>

#include "bobbin.h"
#include "config.h"
#include "order.h"
#include "quantity.h"
#include "status.h"
#include "storing.h"

enum what { STATUS, RESULT, CANCEL, NOTHING };

static const struct bobbin_option options[] = {
    BOBBIN_TIME(struct config, max_wait_ms, "max-wait", "30s", 0, 3600000,
                "the longest ?wait=; a longer one is cut to it. Keep it below request-timeout"),
    BOBBIN_LIST(struct config, open, "open",
                "a queue that takes jobs by POST /jobs/<queue>; may be repeated. By default none"),
    BOBBIN_SIZE(struct config, most_body_bytes, "most-body", "1m", 0, 1ull << 40,
                "the longest body of such a job; max-body of [bobbin] holds as well"),
    BOBBIN_OPTIONS_END,
};

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

static void answer_unknown(bobbin_request *request, const struct bobbin_job_info *info)
{
    if (info->error.length > 0)
        bobbin_refuse(request, 503, "%.*s", BOBBIN_ARG(info->error));
    else
        bobbin_refuse(request, 404, "there is no such job, or it ended too long ago");
}

static void tell_status(bobbin_request *request, const struct bobbin_job_info *info, void *arg)
{
    (void)arg;
    if (info->state == BOBBIN_STATE_UNKNOWN)
        answer_unknown(request, info);
    else
        status_answer(request, info);
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
    bobbin_str quoted = order_quoted(asked);
    uint64_t wait_ms = 0;
    if (asked.data != NULL && !quantity_read_time(asked, UINT64_MAX, &wait_ms)) {
        bobbin_refuse(request, 400, "wait is a time like 250ms, 10s or 2m, not \"%.*s\"",
                      BOBBIN_ARG(quoted));
        return;
    }
    if (wait_ms > config->max_wait_ms)
        wait_ms = config->max_wait_ms;
    bobbin_job_wait(request, id, flags, wait_ms, on_job, NULL);
}

/* /jobs/<id>; of a queue that is not open nobody learns whether there is one. */
static void handle_job(const struct config *config, bobbin_request *request, bobbin_str id)
{
    bobbin_str method = bobbin_method(request);
    if (bobbin_is(method, "GET") || bobbin_is(method, "HEAD"))
        tell(config, request, id, 0, tell_status);
    else if (bobbin_is(method, "DELETE"))
        bobbin_job_cancel(request, id, tell_status, NULL);
    else if (bobbin_is(method, "POST"))
        bobbin_refuse(request, 404, "there is no queue of this name that takes jobs here");
    else
        refuse_method(request, "GET, HEAD, DELETE");
}

static void handle_queue(const struct config *config, bobbin_request *request, const char *queue)
{
    if (bobbin_is(bobbin_method(request), "POST"))
        storing_begin(config, request, queue);
    else
        refuse_method(request, "POST");
}

static void handle(void *state, bobbin_request *request)
{
    bobbin_str id = {NULL, 0}, method = bobbin_method(request);
    bool is_get = bobbin_is(method, "GET") || bobbin_is(method, "HEAD");
    enum what what = split(bobbin_path_rest(request), &id);
    const char *queue = what == STATUS ? storing_find_open(state, id) : NULL;
    switch (what) {
    case STATUS:
        if (queue != NULL)
            handle_queue(state, request, queue);
        else
            handle_job(state, request, id);
        break;
    case RESULT:
        if (is_get)
            tell(state, request, id, BOBBIN_WITH_RESULT, send_result);
        else
            refuse_method(request, "GET, HEAD");
        break;
    case CANCEL:
        if (bobbin_is(method, "POST"))
            bobbin_job_cancel(request, id, tell_status, NULL);
        else
            refuse_method(request, "POST");
        break;
    default:
        bobbin_refuse(request, 404, "ask for a job by its id, or for its /result");
        break;
    }
}

/* Bodies of other requests mean nothing, and are not kept. */
static void on_body(void *state, bobbin_request *request, bobbin_str piece, bool is_last)
{
    (void)state;
    (void)piece;
    if (is_last)
        storing_finish(request);
}

static bool start(bobbin_host *host, const void *config, void **state, bobbin_error *error)
{
    (void)host;
    (void)state;
    return storing_check(config, error);
}

BOBBIN_PLUGIN(.name = "jobs", .about = "takes jobs, and tells status and result of any",
              .options = options, .config_size = sizeof(struct config), .start = start,
              .handle = handle, .on_body = on_body);
