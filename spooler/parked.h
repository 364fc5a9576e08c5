/*
 * Jobs whose turn came while their queue was paused: they wait aside, and are the first again once
 * it is resumed. Knows neither files nor loops.
 */
#ifndef SPOOLER_PARKED_H
#define SPOOLER_PARKED_H

#include "spooler/queue.h"

/* All zero is an empty one. */
struct parked {
    struct waiting *jobs; /* owned; in the order of their turns */
    size_t count;
    size_t capacity;
};

void parked_finish(struct parked *parked);

/* False without memory. */
bool parked_put(struct parked *parked, const struct waiting *job);

/* Puts the jobs of a queue back, before those that came later. False without memory: the others
 * stay parked. */
bool parked_release(struct parked *parked, uint16_t number, struct queue *queue);

#endif
