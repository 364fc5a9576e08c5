#include "spooler/keys.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void keys_init(struct keys *keys, keys_read *read, void *context)
{
    uint64_t seed = 0; /* without a random one keys could be chosen to collide, which costs time */
    (void)!getrandom(&seed, sizeof seed, GRND_NONBLOCK);
    *keys = (struct keys){.read = read, .context = context};
    unique_init(&keys->unique, seed);
}

void keys_finish(struct keys *keys)
{
    unique_finish(&keys->unique);
    free(keys->found);
}

static uint64_t hash_of(const struct keys *keys, const struct record *record)
{
    return unique_hash(&keys->unique, record->queue.data, record->queue.length,
                       record->unique_key.data, record->unique_key.length);
}

bool keys_hold(struct keys *keys, const struct waiting *job, const struct record *record)
{
    return unique_put(&keys->unique, &(struct unique_job){.hash = hash_of(keys, record),
                                                          .journal = job->journal,
                                                          .index = job->index,
                                                          .block = job->block});
}

void keys_release(struct keys *keys, const struct waiting *job)
{
    unsigned char head[RECORD_HEAD_MAX];
    struct record record;
    if (keys->read(keys->context, job->journal, job->block, job->index, head, &record))
        unique_remove(&keys->unique, hash_of(keys, &record), job->journal, job->index);
}

static bool is_same(bobbin_str a, bobbin_str b)
{
    return a.length == b.length && memcmp(a.data, b.data, a.length) == 0;
}

static const struct unique_job *holder_of(const struct keys *keys, const struct record *wanted)
{
    unsigned char head[RECORD_HEAD_MAX];
    struct record record;
    const struct unique_job *job;
    uint64_t hash = hash_of(keys, wanted);
    for (size_t at = 0; (job = unique_next(&keys->unique, hash, &at)) != NULL;)
        if (keys->read(keys->context, job->journal, job->block, job->index, head, &record) &&
            is_same(record.queue, wanted->queue) && is_same(record.unique_key, wanted->unique_key))
            return job;
    return NULL;
}

bool keys_keep(struct keys *keys, const struct waiting *job, const struct record *record)
{
    size_t count = keys->found_count;
    if ((count & (count - 1)) == 0) { /* grows to powers of two */
        struct keyed *found = realloc(keys->found, (count > 0 ? count * 2 : 1) * sizeof *found);
        if (found == NULL)
            return false;
        keys->found = found;
    }
    keys->found[keys->found_count++] = (struct keyed){
        .job = *job, .enqueued_us = record->enqueued_us, .expires_us = record->expires_us};
    return true;
}

static int compare(const void *first, const void *second)
{
    const struct keyed *a = first, *b = second;
    if (a->enqueued_us != b->enqueued_us)
        return a->enqueued_us < b->enqueued_us ? -1 : 1;
    if (a->job.journal != b->job.journal)
        return a->job.journal < b->job.journal ? -1 : 1;
    return a->job.index < b->job.index ? -1 : a->job.index > b->job.index;
}

void keys_judge(struct keys *keys,
                void (*judge)(void *context, const struct keyed *keyed, const struct record *record,
                              const struct unique_job *holder),
                void *context)
{
    unsigned char head[RECORD_HEAD_MAX];
    struct record record;
    struct keyed *found = keys->found;
    size_t count = keys->found_count;
    if (count == 0)
        return;
    keys->found = NULL;
    keys->found_count = 0;
    qsort(found, count, sizeof *found, compare);
    for (size_t i = 0; i < count; i++) {
        const struct waiting *job = &found[i].job;
        if (keys->read(keys->context, job->journal, job->block, job->index, head, &record))
            judge(context, &found[i], &record, holder_of(keys, &record));
        else
            judge(context, &found[i], NULL, NULL);
    }
    free(found);
}
