/*
 * The jobs that wait, in memory: a ring for each priority (first in, first out) of those that may
 * run now, and a heap of those that are due later. Taking one costs the same with ten waiting jobs
 * and with a million. Knows neither files nor loops nor plugins.
 */
#ifndef SPOOLER_QUEUE_H
#define SPOOLER_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { QUEUE_PRIORITIES = 10, QUEUE_NUMBERS = 4096 };

enum {
    WAITING_HAS_KEY = 1, /* it holds a unique key */
    WAITING_EXPIRES = 2
};

/* One job, in 40 bytes: where it is, and what its leader must know to give it out. */
struct waiting {
    uint64_t due_us; /* 0: at once */
    uint64_t payload_bytes;
    uint32_t journal; /* number of the journal in the ledger */
    uint32_t index;
    uint32_t block;
    uint32_t timeout_ms;
    uint16_t attempt;  /* begun so far */
    uint16_t attempts; /* allowed */
    uint16_t queue;    /* number of the queue in the ledger, below QUEUE_NUMBERS */
    uint8_t priority;
    uint8_t flags; /* WAITING_... */
};

struct ring {
    struct waiting *items; /* owned */
    size_t capacity;       /* a power of two, or 0 */
    size_t first;
    size_t count;
};

struct queue {
    struct ring rings[QUEUE_PRIORITIES];
    struct waiting *heap; /* owned; the earliest due is heap[0] */
    size_t heap_count;
    size_t heap_capacity;
    uint32_t later[QUEUE_NUMBERS]; /* how many of each queue are in the heap */
};

void queue_init(struct queue *queue);
void queue_finish(struct queue *queue);

/* False without memory. */
bool queue_put(struct queue *queue, const struct waiting *job, uint64_t now_us);

/* Before all others of its priority, whatever its due time. False without memory. */
bool queue_put_first(struct queue *queue, const struct waiting *job);

/* The next job to run: priority, then due time, then age. False when none may run now. */
bool queue_take(struct queue *queue, uint64_t now_us, struct waiting *job);

/* When the earliest of the later ones is due; UINT64_MAX: none waits for a time. */
uint64_t queue_next_due(const struct queue *queue);

/* How many of a queue are due later; cancelled ones count until they are. */
uint64_t queue_count_later(const struct queue *queue, uint16_t number);

/* Of those that are due later, only those stay that keeps answers true for. */
void queue_filter(struct queue *queue, bool (*keeps)(void *context, const struct waiting *job),
                  void *context);

/* All that wait, those for later included. */
size_t queue_count(const struct queue *queue);

#endif
