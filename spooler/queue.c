#include "spooler/queue.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 64 };

void queue_init(struct queue *queue)
{
    *queue = (struct queue){0};
}

void queue_finish(struct queue *queue)
{
    for (int i = 0; i < QUEUE_PRIORITIES; i++)
        free(queue->rings[i].items);
    free(queue->heap);
    queue_init(queue);
}

/* Sees to it that there is room for one more. */
static bool ring_ready(struct ring *ring)
{
    if (ring->count < ring->capacity)
        return true;
    size_t capacity = ring->capacity > 0 ? ring->capacity * 2 : FIRST_CAPACITY;
    struct waiting *items = malloc(capacity * sizeof *items);
    if (items == NULL)
        return false;
    for (size_t i = 0; i < ring->count; i++)
        items[i] = ring->items[(ring->first + i) & (ring->capacity - 1)];
    free(ring->items);
    *ring = (struct ring){.items = items, .capacity = capacity, .count = ring->count};
    return true;
}

static bool ring_put(struct ring *ring, const struct waiting *job)
{
    if (!ring_ready(ring))
        return false;
    ring->items[(ring->first + ring->count++) & (ring->capacity - 1)] = *job;
    return true;
}

/* A ring that was once long gives its memory back when it is empty. */
static void ring_take(struct ring *ring, struct waiting *job)
{
    *job = ring->items[ring->first];
    ring->first = (ring->first + 1) & (ring->capacity - 1);
    if (--ring->count == 0 && ring->capacity > FIRST_CAPACITY) {
        free(ring->items);
        *ring = (struct ring){0};
    }
}

static bool is_earlier(const struct waiting *a, const struct waiting *b)
{
    return a->due_us < b->due_us;
}

static void swap(struct waiting *a, struct waiting *b)
{
    struct waiting kept = *a;
    *a = *b;
    *b = kept;
}

static bool heap_put(struct queue *queue, const struct waiting *job)
{
    if (queue->heap_count == queue->heap_capacity) {
        size_t capacity = queue->heap_capacity > 0 ? queue->heap_capacity * 2 : FIRST_CAPACITY;
        struct waiting *heap = realloc(queue->heap, capacity * sizeof *heap);
        if (heap == NULL)
            return false;
        queue->heap = heap;
        queue->heap_capacity = capacity;
    }
    size_t at = queue->heap_count++;
    queue->heap[at] = *job;
    queue->later[job->queue]++;
    for (; at > 0 && is_earlier(&queue->heap[at], &queue->heap[(at - 1) / 2]); at = (at - 1) / 2)
        swap(&queue->heap[at], &queue->heap[(at - 1) / 2]);
    return true;
}

static void heap_take(struct queue *queue, struct waiting *job)
{
    struct waiting *heap = queue->heap;
    *job = heap[0];
    queue->later[job->queue]--;
    heap[0] = heap[--queue->heap_count];
    for (size_t at = 0;;) {
        size_t least = at, left = 2 * at + 1, right = left + 1;
        if (left < queue->heap_count && is_earlier(&heap[left], &heap[least]))
            least = left;
        if (right < queue->heap_count && is_earlier(&heap[right], &heap[least]))
            least = right;
        if (least == at)
            return;
        swap(&heap[at], &heap[least]);
        at = least;
    }
}

static struct ring *ring_of(struct queue *queue, const struct waiting *job)
{
    return &queue->rings[job->priority < QUEUE_PRIORITIES ? job->priority : QUEUE_PRIORITIES - 1];
}

bool queue_put_first(struct queue *queue, const struct waiting *job)
{
    struct ring *ring = ring_of(queue, job);
    if (!ring_ready(ring))
        return false;
    ring->first = (ring->first - 1) & (ring->capacity - 1);
    ring->items[ring->first] = *job;
    ring->count++;
    return true;
}

bool queue_put(struct queue *queue, const struct waiting *job, uint64_t now_us)
{
    if (job->due_us > now_us)
        return heap_put(queue, job);
    return ring_put(ring_of(queue, job), job);
}

/* Those whose time has come join the ends of their rings, in the order of their times. */
static void move_due(struct queue *queue, uint64_t now_us)
{
    while (queue->heap_count > 0 && queue->heap[0].due_us <= now_us) {
        struct waiting job;
        heap_take(queue, &job);
        if (!queue_put(queue, &job, now_us)) {
            heap_put(queue, &job); /* its place in the heap is still there */
            return;
        }
    }
}

bool queue_take(struct queue *queue, uint64_t now_us, struct waiting *job)
{
    move_due(queue, now_us);
    for (int i = 0; i < QUEUE_PRIORITIES; i++)
        if (queue->rings[i].count > 0) {
            ring_take(&queue->rings[i], job);
            return true;
        }
    return false;
}

uint64_t queue_next_due(const struct queue *queue)
{
    return queue->heap_count > 0 ? queue->heap[0].due_us : UINT64_MAX;
}

uint64_t queue_count_later(const struct queue *queue, uint16_t number)
{
    return queue->later[number];
}

void queue_filter(struct queue *queue, bool (*keeps)(void *context, const struct waiting *job),
                  void *context)
{
    size_t count = queue->heap_count;
    queue->heap_count = 0;
    memset(queue->later, 0, sizeof queue->later);
    for (size_t i = 0; i < count; i++) {
        struct waiting job = queue->heap[i];
        if (keeps(context, &job))
            heap_put(queue, &job); /* never behind i */
    }
}

size_t queue_count(const struct queue *queue)
{
    size_t count = queue->heap_count;
    for (int i = 0; i < QUEUE_PRIORITIES; i++)
        count += queue->rings[i].count;
    return count;
}
