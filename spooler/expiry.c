#include "spooler/expiry.h"

enum { STALE_MIN = 1024 };

void expiry_init(struct expiry *expiry)
{
    queue_init(&expiry->jobs);
    expiry->stale_count = 0;
}

void expiry_finish(struct expiry *expiry)
{
    queue_finish(&expiry->jobs);
}

bool expiry_put(struct expiry *expiry, const struct waiting *job, uint64_t expires_us,
                uint64_t now_us)
{
    struct waiting expiring = *job;
    expiring.due_us = expires_us;
    return queue_put(&expiry->jobs, &expiring, now_us);
}

bool expiry_take(struct expiry *expiry, uint64_t now_us, struct waiting *job)
{
    return queue_take(&expiry->jobs, now_us, job);
}

uint64_t expiry_next(const struct expiry *expiry)
{
    return queue_next_due(&expiry->jobs);
}

void expiry_note_stale(struct expiry *expiry,
                       bool (*still_waits)(void *context, const struct waiting *job), void *context)
{
    if (++expiry->stale_count < STALE_MIN || expiry->stale_count < queue_count(&expiry->jobs) / 2)
        return;
    queue_filter(&expiry->jobs, still_waits, context);
    expiry->stale_count = 0;
}
