#include "spooler/census.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spooler/files/queuepage.h"

struct counted {
    bool is_open; /* or was tried */
    bool is_dirty;
    bool is_failed; /* and that was said */
    int fd;         /* -1: it is not published */
    uint64_t waiting;
    struct queuepage page; /* ready and delayed: as they were written last */
};

struct census {
    const struct spool_directory *directory;
    const struct queuenames *names;
    const struct log *log;
    census_count_later *count_later;
    void *context;
    size_t count; /* numbers up to here may be open */
    struct counted queues[QUEUE_NUMBERS];
};

struct census *census_create(const struct spool_directory *directory,
                             const struct queuenames *names, const struct log *log,
                             census_count_later *count_later, void *context)
{
    struct census *census = calloc(1, sizeof *census); /* touched as far as it is used */
    if (census != NULL) {
        census->directory = directory;
        census->names = names;
        census->log = log;
        census->count_later = count_later;
        census->context = context;
    }
    return census;
}

void census_destroy(struct census *census)
{
    if (census == NULL)
        return;
    for (size_t i = 0; i < census->count; i++)
        if (census->queues[i].is_open && census->queues[i].fd >= 0)
            close(census->queues[i].fd);
    free(census);
}

/* Said once: counters are worth less than the log. */
static void complain(struct census *census, uint16_t number)
{
    struct counted *queue = &census->queues[number];
    if (!queue->is_failed)
        log_write(census->log, BOBBIN_WARNING, NULL,
                  "the counters of the queue %s cannot be written: %m",
                  queuenames_settings(census->names, number)->name);
    queue->is_failed = true;
}

static void open_page(struct census *census, uint16_t number)
{
    struct counted *queue = &census->queues[number];
    struct queuepage before;
    bobbin_str name = bobbin_text(queuenames_settings(census->names, number)->name);
    queue->is_open = queue->is_dirty = true;
    queue->fd = queuepage_open(census->directory, name, &before);
    if (queue->fd < 0)
        complain(census, number);
    queue->page.flags = before.flags;
    if (!(before.flags & QUEUE_ORDERED))
        queue->page.flags = queuenames_settings(census->names, number)->paused ? QUEUE_PAUSED : 0;
    queue->page.turn = before.turn;
    if (number >= census->count)
        census->count = (size_t)number + 1;
}

static struct counted *queue_of(struct census *census, uint16_t number)
{
    if (!census->queues[number].is_open)
        open_page(census, number);
    return &census->queues[number];
}

/* ------------------------------------------------------------------ counting */

static bool is_waiting(unsigned state)
{
    return state == BOBBIN_STATE_UNKNOWN || state == BOBBIN_STATE_READY;
}

static bool is_running(unsigned state)
{
    return state == BOBBIN_STATE_RUNNING || state == BOBBIN_STATE_CANCELLING;
}

void census_found(struct census *census, const struct waiting *job, unsigned state)
{
    struct counted *queue = queue_of(census, job->queue);
    queue->waiting += is_waiting(state);
    queue->page.bytes += is_waiting(state) ? job->payload_bytes : 0;
    queue->page.running += is_running(state);
    queue->is_dirty = true;
}

void census_moved(struct census *census, const struct waiting *job, unsigned before, unsigned now)
{
    struct counted *queue = queue_of(census, job->queue);
    queue->waiting -= is_waiting(before);
    queue->page.bytes -= is_waiting(before) ? job->payload_bytes : 0;
    queue->page.running -= is_running(before);
    census_found(census, job, now);
}

void census_buried(struct census *census, uint16_t queue)
{
    queue_of(census, queue)->page.dead++;
}

void census_letters(struct census *census, uint16_t queue, uint64_t count)
{
    struct counted *counted = queue_of(census, queue);
    counted->is_dirty |= counted->page.dead != count;
    counted->page.dead = count;
}

/* ------------------------------------------------------------------ publishing */

static void write_page(struct census *census, uint16_t number)
{
    struct counted *queue = &census->queues[number];
    uint64_t later = census->count_later != NULL ? census->count_later(census->context, number) : 0;
    if (later > queue->waiting)
        later = queue->waiting; /* some of those were cancelled */
    if (queue->fd < 0 || (!queue->is_dirty && later == queue->page.delayed))
        return;
    queue->page.delayed = later;
    queue->page.ready = queue->waiting - later;
    queue->page.turn++;
    if (!queuepage_write(queue->fd, &queue->page))
        complain(census, number);
    else
        queue->is_dirty = queue->is_failed = false;
}

bool census_is_paused(struct census *census, uint16_t queue)
{
    return queue_of(census, queue)->page.flags & QUEUE_PAUSED;
}

void census_pause(struct census *census, uint16_t queue, bool is_paused)
{
    struct counted *counted = queue_of(census, queue);
    counted->page.flags = QUEUE_ORDERED | (is_paused ? QUEUE_PAUSED : 0);
    counted->is_dirty = true;
    write_page(census, queue);
    if (counted->is_dirty || !queuepage_sync(census->directory, counted->fd))
        log_write(census->log, BOBBIN_ERROR, NULL,
                  "that the queue %s is %s will be forgotten: it cannot be written: %m",
                  queuenames_settings(census->names, queue)->name,
                  is_paused ? "paused" : "resumed");
}

void census_flush(struct census *census)
{
    for (size_t i = 0; i < census->count; i++)
        if (census->queues[i].is_open)
            write_page(census, (uint16_t)i);
}
