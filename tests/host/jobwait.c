#include "tests/host/jobwait.h"

#include <stdlib.h>

#include "tests/host/client.h"
#include "tests/host/host.h"
#include "tests/host/known.h"
#include "tests/host/memory.h"

struct job_wait {
    struct job_wait *next; /* of the spool */
    struct spool *spool;
    bobbin_test_client *client; /* NULL: not known */
    uint64_t ticket;
    bobbin_str id; /* owned */
    unsigned flags;
    jobsport_on_job *on_job;
    void *arg;
    bool is_due;
    uv_timer_t limit;
};

static void on_closed(uv_handle_t *handle)
{
    struct job_wait *wait = handle->data;
    free((char *)(uintptr_t)wait->id.data);
    free(wait);
}

/* Out of the list; its memory goes when its timer is closed. */
static void drop(struct job_wait *wait)
{
    struct job_wait **link = &wait->spool->waits;
    while (*link != wait)
        link = &(*link)->next;
    *link = wait->next;
    uv_close((uv_handle_t *)&wait->limit, on_closed);
}

static void tell(struct job_wait *wait)
{
    struct calls *calls = &wait->spool->host->calls;
    const bobbin_test_client *before = calls->present;
    drop(wait);
    calls->present = wait->client;
    spool_tell(wait->spool, wait->id, wait->flags, wait->on_job, wait->arg);
    calls->present = before;
}

static void on_limit(uv_timer_t *timer)
{
    struct job_wait *wait = timer->data;
    wait->is_due = true;
    jobwait_answer(wait->spool);
}

uint64_t jobwait_begin(struct spool *spool, bobbin_str id, unsigned flags, uint64_t limit_ms,
                       jobsport_on_job *on_job, void *arg)
{
    struct job_wait *wait = memory_take(sizeof *wait);
    *wait = (struct job_wait){.next = spool->waits,
                              .spool = spool,
                              .client = (bobbin_test_client *)(uintptr_t)spool->host->calls.present,
                              .ticket = ++spool->wait_tickets,
                              .id = {memory_copy(id.data, id.length), id.length},
                              .flags = flags,
                              .on_job = on_job,
                              .arg = arg};
    spool->waits = wait;
    uv_timer_init(&spool->host->worker.loop, &wait->limit);
    wait->limit.data = wait;
    uv_update_time(&spool->host->worker.loop);
    uv_timer_start(&wait->limit, on_limit, limit_ms, 0);
    return wait->ticket;
}

void jobwait_end(struct spool *spool, uint64_t ticket)
{
    for (struct job_wait *wait = spool->waits; wait != NULL; wait = wait->next)
        if (wait->ticket == ticket) {
            tell(wait);
            return;
        }
}

static struct job_wait *find_ended(const struct spool *spool)
{
    for (struct job_wait *wait = spool->waits; wait != NULL; wait = wait->next)
        if (wait->is_due || spool->broken != NULL || known_has_ended(spool->known, wait->id))
            return wait;
    return NULL;
}

bool jobwait_answer(struct spool *spool)
{
    struct job_wait *wait = spool->is_held ? NULL : find_ended(spool);
    if (wait == NULL)
        return false;
    struct calls *calls = &spool->host->calls;
    const bobbin_test_client *before = calls->present;
    uint64_t ticket = wait->ticket;
    calls->present = wait->client;
    if (wait->client != NULL)
        client_act_before(wait->client, "on_job");
    jobwait_end(spool, ticket); /* unless that has ended it */
    calls->present = before;
    return true;
}

void jobwait_drop_all(struct spool *spool)
{
    while (spool->waits != NULL)
        drop(spool->waits);
}
