#include "spooler/unique.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 64 };

void unique_init(struct unique *unique, uint64_t seed)
{
    *unique = (struct unique){.seed = seed};
}

void unique_finish(struct unique *unique)
{
    free(unique->jobs);
    unique_init(unique, 0);
}

/* FNV-1a */
static uint64_t add_bytes(uint64_t hash, const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

uint64_t unique_hash(const struct unique *unique, const void *queue, size_t queue_bytes,
                     const void *key, size_t key_bytes)
{
    uint64_t hash = add_bytes(0xcbf29ce484222325u ^ unique->seed, queue, queue_bytes);
    hash = add_bytes(hash, (const unsigned char *)"", 1);
    hash = add_bytes(hash, key, key_bytes);
    return (hash ^ hash >> 32) * 0xd6e8feb86659fd93u; /* the low bits choose the place */
}

static void place(struct unique *unique, const struct unique_job *job)
{
    size_t at = job->hash & (unique->capacity - 1);
    while (unique->jobs[at].block != 0)
        at = (at + 1) & (unique->capacity - 1);
    unique->jobs[at] = *job;
}

static bool resize(struct unique *unique, size_t capacity)
{
    struct unique resized = {.capacity = capacity, .count = unique->count, .seed = unique->seed};
    resized.jobs = calloc(capacity, sizeof *resized.jobs);
    if (resized.jobs == NULL)
        return false;
    for (size_t i = 0; i < unique->capacity; i++)
        if (unique->jobs[i].block != 0)
            place(&resized, &unique->jobs[i]);
    free(unique->jobs);
    *unique = resized;
    return true;
}

bool unique_put(struct unique *unique, const struct unique_job *job)
{
    bool is_tight = unique->count + unique->count / 3 >= unique->capacity;
    if (is_tight && !resize(unique, unique->capacity > 0 ? unique->capacity * 2 : FIRST_CAPACITY))
        return false;
    place(unique, job);
    unique->count++;
    return true;
}

const struct unique_job *unique_next(const struct unique *unique, uint64_t hash, size_t *at)
{
    while (unique->capacity > 0 && *at < unique->capacity) {
        size_t place_of = (hash + (*at)++) & (unique->capacity - 1);
        const struct unique_job *job = &unique->jobs[place_of];
        if (job->block == 0)
            return NULL;
        if (job->hash == hash)
            return job;
    }
    return NULL;
}

/* Those that follow in the run move up, unless that would take them before their own place. */
static void close_gap(struct unique *unique, size_t gap)
{
    size_t mask = unique->capacity - 1;
    for (size_t at = (gap + 1) & mask; unique->jobs[at].block != 0; at = (at + 1) & mask) {
        size_t home = unique->jobs[at].hash & mask;
        if (((at - home) & mask) < ((at - gap) & mask))
            continue;
        unique->jobs[gap] = unique->jobs[at];
        gap = at;
    }
    unique->jobs[gap] = (struct unique_job){0};
}

void unique_remove(struct unique *unique, uint64_t hash, uint32_t journal, uint32_t index)
{
    const struct unique_job *job;
    for (size_t at = 0; (job = unique_next(unique, hash, &at)) != NULL;) {
        if (job->journal != journal || job->index != index)
            continue;
        close_gap(unique, (size_t)(job - unique->jobs));
        unique->count--;
        if (unique->capacity > FIRST_CAPACITY && unique->count < unique->capacity / 8)
            resize(unique, unique->capacity / 2); /* without memory it stays as it is */
        return;
    }
}
