#include "spooler/parked.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 64 };

void parked_finish(struct parked *parked)
{
    free(parked->jobs);
    *parked = (struct parked){0};
}

bool parked_put(struct parked *parked, const struct waiting *job)
{
    if (parked->count == parked->capacity) {
        size_t capacity = parked->capacity > 0 ? parked->capacity * 2 : FIRST_CAPACITY;
        struct waiting *jobs = realloc(parked->jobs, capacity * sizeof *jobs);
        if (jobs == NULL)
            return false;
        parked->jobs = jobs;
        parked->capacity = capacity;
    }
    parked->jobs[parked->count++] = *job;
    return true;
}

/* The last one goes back first, each before the one behind it; those of other queues close up at
 * the end of the array, and are then moved to its start. */
bool parked_release(struct parked *parked, uint16_t number, struct queue *queue)
{
    size_t kept = parked->count;
    bool has_memory = true;
    for (size_t i = parked->count; i-- > 0;) {
        const struct waiting *job = &parked->jobs[i];
        has_memory = has_memory && (job->queue != number || queue_put_first(queue, job));
        if (job->queue != number || !has_memory)
            parked->jobs[--kept] = *job;
    }
    for (size_t i = kept; i < parked->count; i++)
        parked->jobs[i - kept] = parked->jobs[i];
    parked->count -= kept;
    if (parked->count == 0)
        parked_finish(parked);
    return has_memory;
}
