#include "tests/host/waited.h"

#include <stdlib.h>
#include <uv.h>

#include "tests/host/host.h"
#include "tests/host/known.h"
#include "tests/host/memory.h"
#include "tests/host/spool.h"

struct waited {
    uv_timer_t limit;
    struct waited *next;
    struct waited **link;
    struct spool *spool;
    const bobbin_test_client *client;
    uint64_t ticket;
    char *id; /* owned */
    size_t id_bytes;
    unsigned flags;
    jobsport_on_job *on_job;
    void *arg;
};

static bool has_ended(enum bobbin_job_state state)
{
    return state != BOBBIN_STATE_READY && state != BOBBIN_STATE_RUNNING &&
           state != BOBBIN_STATE_CANCELLING;
}

static void on_closed(uv_handle_t *handle)
{
    struct waited *wait = handle->data;
    free(wait->id);
    free(wait);
}

/* Takes it out of the list; on_job is called for its client. */
static void tell(struct waited *wait)
{
    struct calls *calls = &wait->spool->host->calls;
    const bobbin_test_client *before = calls->present;
    *wait->link = wait->next;
    if (wait->next != NULL)
        wait->next->link = wait->link;
    calls->present = wait->client;
    spool_tell_job(wait->spool, (bobbin_str){wait->id, wait->id_bytes}, wait->flags, wait->on_job,
                   wait->arg);
    calls->present = before;
    uv_close((uv_handle_t *)&wait->limit, on_closed);
}

static void on_limit(uv_timer_t *timer)
{
    tell(timer->data);
}

uint64_t waited_begin(void *door, bobbin_str id, unsigned flags, uint64_t limit_ms,
                      jobsport_on_job *on_job, void *arg)
{
    struct spool *spool = door;
    const struct bobbin_job_info info = known_find(spool->known, id, 0);
    if (spool->broken != NULL || has_ended(info.state)) {
        spool_tell_job(spool, id, flags, on_job, arg);
        return 0;
    }
    struct waited *wait = memory_take(sizeof *wait);
    *wait = (struct waited){.next = spool->waits,
                            .link = &spool->waits,
                            .spool = spool,
                            .client = spool->host->calls.present,
                            .ticket = ++spool->last_ticket,
                            .id = memory_copy(id.data, id.length),
                            .id_bytes = id.length,
                            .flags = flags,
                            .on_job = on_job,
                            .arg = arg};
    if (wait->next != NULL)
        wait->next->link = &wait->next;
    spool->waits = wait;
    uv_timer_init(&spool->host->worker.loop, &wait->limit);
    wait->limit.data = wait;
    uv_timer_start(&wait->limit, on_limit, limit_ms, 0);
    return wait->ticket;
}

void waited_end(void *door, uint64_t ticket)
{
    const struct spool *spool = door;
    for (struct waited *wait = spool->waits; wait != NULL; wait = wait->next)
        if (wait->ticket == ticket) {
            tell(wait);
            return;
        }
}

void waited_look(struct spool *spool)
{
    for (struct waited *wait = spool->waits; wait != NULL; wait = wait->next) {
        bobbin_str id = {wait->id, wait->id_bytes};
        if (has_ended(known_find(spool->known, id, 0).state))
            uv_timer_start(&wait->limit, on_limit, 0, 0); /* by the turning loop, like an answer */
    }
}

void waited_end_all(struct spool *spool)
{
    while (spool->waits != NULL)
        tell(spool->waits);
}
