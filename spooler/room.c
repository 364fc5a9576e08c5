#include "spooler/room.h"

#include <inttypes.h>
#include <stdlib.h>

#include "spooler/files/queuepage.h"

struct room_queue {
    const void *mapped;    /* NULL: no leader has ever counted it, as far as is known */
    struct queuepage page; /* as it was seen last */
    uint64_t jobs_since;   /* taken since then */
    uint64_t bytes_since;
};

void rooms_init(struct rooms *rooms, const struct spool_directory *directory,
                const struct queue_table *table)
{
    *rooms = (struct rooms){.directory = directory, .table = table};
}

void rooms_finish(struct rooms *rooms)
{
    for (size_t i = 0; rooms->queues != NULL && i < rooms->table->count; i++)
        queuepage_unmap(rooms->queues[i].mapped);
    free(rooms->queues);
    rooms->queues = NULL;
}

/* Another turn has counted what was taken before it. */
static bool look(struct rooms *rooms, struct room_queue *queue, bobbin_str name)
{
    struct queuepage page;
    if (queue->mapped == NULL)
        queue->mapped = queuepage_map(rooms->directory, name);
    if (queue->mapped == NULL)
        return false;
    if (queuepage_look(queue->mapped, &page) && page.turn != queue->page.turn) {
        queue->page = page;
        queue->jobs_since = queue->bytes_since = 0;
    }
    return queue->page.turn > 0;
}

static bool has_room(const struct queue_settings *settings, const struct room_queue *queue,
                     uint64_t bytes, bobbin_error *error)
{
    uint64_t jobs = queue->page.ready + queue->page.delayed + queue->jobs_since;
    uint64_t waiting_bytes = queue->page.bytes + queue->bytes_since;
    if (settings->max_waiting > 0 && jobs >= settings->max_waiting)
        return bobbin_fail(error,
                           "the queue %s is full: %" PRIu64 " jobs wait, the most is %" PRIu64,
                           settings->name, jobs, settings->max_waiting);
    if (settings->max_bytes > 0 && waiting_bytes + bytes > settings->max_bytes)
        return bobbin_fail(error,
                           "the queue %s is full: %" PRIu64
                           " bytes wait, and with this job's %" PRIu64
                           " they would be more than %" PRIu64,
                           settings->name, waiting_bytes, bytes, settings->max_bytes);
    return true;
}

/* NULL without memory: then there is no limit. */
static struct room_queue *room_of(struct rooms *rooms, const struct queue_settings *settings)
{
    if (rooms->queues == NULL)
        rooms->queues = calloc(rooms->table->count, sizeof *rooms->queues);
    return rooms->queues != NULL ? &rooms->queues[settings - rooms->table->queues] : NULL;
}

bool rooms_take(struct rooms *rooms, const struct jobsport_job *job, struct room_share *share,
                enum bobbin_outcome *outcome, bobbin_error *error)
{
    bobbin_str name = bobbin_text(job->spec.queue);
    const struct queue_settings *settings = queue_table_find(rooms->table, name);
    uint64_t bytes = job->payload_fd >= 0 ? job->payload_length : job->spec.payload.length;
    *share = (struct room_share){0};
    if (settings == NULL || (settings->max_waiting == 0 && settings->max_bytes == 0))
        return true;
    *outcome = BOBBIN_FAILED;
    if (settings->max_bytes > 0 && bytes > settings->max_bytes)
        return bobbin_fail(error,
                           "the payload has %" PRIu64 " bytes; all that wait in the queue %s may "
                           "have %" PRIu64,
                           bytes, settings->name, settings->max_bytes);
    struct room_queue *queue = room_of(rooms, settings);
    if (queue == NULL || !look(rooms, queue, name))
        return true;
    *outcome = BOBBIN_FULL;
    if (!has_room(settings, queue, bytes, error))
        return false;
    queue->jobs_since++;
    queue->bytes_since += bytes;
    *share = (struct room_share){queue, bytes};
    return true;
}

void rooms_give_back(const struct room_share *share)
{
    struct room_queue *queue = share->queue;
    if (queue == NULL)
        return;
    queue->jobs_since -= queue->jobs_since > 0;
    queue->bytes_since -= queue->bytes_since > share->bytes ? share->bytes : queue->bytes_since;
}
