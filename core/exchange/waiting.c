#include "core/exchange/waiting.h"

#include <stddef.h>

#include "core/plugin/plugin.h"
#include "core/plugin/running.h"

/* One wait under way; lives in the request's arena. */
struct request_wait {
    struct request_wait *next;
    struct request_wait **link;
    bobbin_request *request;
    bobbin_on_job *on_job;
    void *arg;
    uint64_t ticket; /* of the door's: struct jobsport */
};

static struct request_wait *begin(bobbin_request *request, bobbin_on_job *on_job, void *arg)
{
    struct request_wait *wait = arena_take(&request->arena, sizeof *wait);
    if (wait == NULL)
        return NULL;
    *wait = (struct request_wait){.next = request->waits,
                                  .link = &request->waits,
                                  .request = request,
                                  .on_job = on_job,
                                  .arg = arg};
    if (wait->next != NULL)
        wait->next->link = &wait->next;
    request->waits = wait;
    request->pending++;
    return wait;
}

static void on_job(void *arg, const struct bobbin_job_info *info)
{
    struct request_wait *wait = arg;
    bobbin_request *request = wait->request;
    *wait->link = wait->next;
    if (wait->next != NULL)
        wait->next->link = wait->link;
    running_enter(request->app->name, "on_job");
    wait->on_job(request, info, wait->arg);
    running_leave();
    request_settle(request);
}

static void end_all(struct deferral *deferral)
{
    bobbin_request *request =
        (bobbin_request *)((char *)deferral - offsetof(struct bobbin_request, ending));
    const struct jobsport *jobs = &request->exchange->jobs;
    request->is_ending_waits = false;
    while (request->waits != NULL)
        jobs->end_wait(jobs->door, request->waits->ticket);
    request_settle(request);
}

void waiting_end_soon(bobbin_request *request)
{
    if (request->waits == NULL || request->is_ending_waits)
        return;
    request->is_ending_waits = true;
    request->pending++; /* it stays until then, also when all are told before */
    request->ending.run = end_all;
    exchange_defer(request->exchange, &request->ending);
}

void bobbin_job_wait(bobbin_request *request, bobbin_str id, unsigned flags, uint64_t limit_ms,
                     bobbin_on_job *callback, void *arg)
{
    const struct jobsport *jobs = &request->exchange->jobs;
    if (jobs->wait == NULL || request->state != REQUEST_HANDLING)
        limit_ms = 0;
    if (limit_ms == 0) {
        bobbin_job_status(request, id, flags, callback, arg);
        return;
    }
    struct request_wait *wait = begin(request, callback, arg);
    if (wait == NULL) {
        bobbin_refuse(request, 503, "there is no memory to wait for the job");
        return;
    }
    uint64_t ticket = jobs->wait(jobs->door, id, flags, limit_ms, on_job, wait);
    if (ticket != 0) /* else it was told, and may be gone */
        wait->ticket = ticket;
}
