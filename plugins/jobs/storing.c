#include "storing.h"

#include <stdio.h>
#include <string.h>

#include "order.h"
#include "status.h"

enum { QUEUE_BYTES = 64, TYPE_BYTES = 200, ID_BYTES = 64 };

/* In the request's memory. */
struct posting {
    struct order order;
    const char *queue; /* the config's */
    uint64_t most_body_bytes;
    char id[ID_BYTES + 1];
};

bool storing_check(const struct config *config, bobbin_error *error)
{
    static const char legal[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t i = 0; i < config->open.count; i++) {
        const char *name = config->open.items[i];
        if (strspn(name, legal) != strlen(name) || strlen(name) > QUEUE_BYTES)
            return bobbin_fail(error,
                               "open: \"%s\" is no queue's name: at most %d of a to z, 0 to 9, - "
                               "and _",
                               name, QUEUE_BYTES);
    }
    return true;
}

const char *storing_find_open(const struct config *config, bobbin_str name)
{
    for (size_t i = 0; i < config->open.count; i++)
        if (bobbin_is(name, config->open.items[i]))
            return config->open.items[i];
    return NULL;
}

static void refuse_length(bobbin_request *request, const struct posting *posting)
{
    bobbin_refuse(request, 413, "the body of a job has at most %llu bytes here",
                  (unsigned long long)posting->most_body_bytes);
}

void storing_begin(const struct config *config, bobbin_request *request, const char *queue)
{
    bobbin_error error;
    uint64_t expected = bobbin_body_expected(request);
    struct posting *posting = bobbin_allocate(request, sizeof *posting);
    if (posting == NULL) {
        bobbin_refuse(request, 503, "there is no memory for this job");
        return;
    }
    *posting = (struct posting){.queue = queue, .most_body_bytes = config->most_body_bytes};
    if (!order_read(&posting->order, request, &error)) {
        bobbin_refuse(request, 400, "%s", error.text);
    } else if (bobbin_get_header(request, "content-type").length > TYPE_BYTES) {
        bobbin_refuse(request, 400, "Content-Type has at most %d bytes here", TYPE_BYTES);
    } else if (expected != UINT64_MAX && expected > posting->most_body_bytes) {
        refuse_length(request, posting);
    } else {
        if (posting->order.wait_ms > config->max_wait_ms)
            posting->order.wait_ms = config->max_wait_ms;
        bobbin_set_data(request, posting);
        bobbin_collect_body(request);
    }
}

/* The job is stored, whatever the spool can say of it now. */
static void on_waited(bobbin_request *request, const struct bobbin_job_info *info, void *arg)
{
    const struct posting *posting = arg;
    if (info->state == BOBBIN_STATE_UNKNOWN) {
        const struct bobbin_stored stored = {.size = sizeof stored,
                                             .id = bobbin_text(posting->id),
                                             .queue = posting->queue,
                                             .sentence = ""};
        bobbin_accept(request, &stored);
        return;
    }
    if (!status_is_final(info->state)) {
        bobbin_str route = bobbin_route(request);
        bobbin_status(request, 202);
        bobbin_headerf(request, "location", "%.*s/%s", BOBBIN_ARG(route), posting->id);
    }
    status_answer(request, info);
}

static void on_stored(bobbin_request *request, const struct bobbin_stored *stored, void *arg)
{
    struct posting *posting = arg;
    if (stored->outcome != BOBBIN_STORED || posting->order.wait_ms == 0) {
        bobbin_accept(request, stored);
        return;
    }
    snprintf(posting->id, sizeof posting->id, "%.*s", BOBBIN_ARG(stored->id));
    bobbin_job_wait(request, stored->id, 0, posting->order.wait_ms, on_waited, posting);
}

static void store(bobbin_request *request, struct posting *posting)
{
    const struct order *order = &posting->order;
    const bobbin_field headers[] = {{bobbin_text("x-request-id"), bobbin_request_id(request)}};
    bobbin_spool(request,
                 BOBBIN_JOB(.queue = posting->queue, .payload_is_body = true,
                            .priority = BOBBIN_PRIORITY((int)order->priority),
                            .attempts = (unsigned)order->attempts, .timeout_ms = order->timeout_ms,
                            .headers = headers, .header_count = 1, .delay_ms = order->delay_ms,
                            .due_us = order->due_us, .expires_ms = order->expires_ms,
                            .unique_key = order->key),
                 on_stored, posting);
}

/* The length of a chunked body is known only now. */
void storing_finish(bobbin_request *request)
{
    struct posting *posting = bobbin_data(request);
    if (posting == NULL)
        return;
    if (bobbin_body_length(request) > posting->most_body_bytes)
        refuse_length(request, posting);
    else
        store(request, posting);
}
