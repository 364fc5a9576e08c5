/* When to try again: exponential backoff with full jitter. A pure function. */
#ifndef SPOOLER_RETRY_H
#define SPOOLER_RETRY_H

#include "spooler/settings.h"

/*
 * The wait before the next attempt, in milliseconds, after attempt (1 is the first) failed: random
 * between 0 and backoff * factor^(attempt - 1), which is at most backoff-max. random is any 64
 * bits.
 */
uint64_t retry_delay_ms(const struct queue_settings *queue, unsigned attempt, uint64_t random);

#endif
