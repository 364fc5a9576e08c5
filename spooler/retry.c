#include "spooler/retry.h"

uint64_t retry_delay_ms(const struct queue_settings *queue, unsigned attempt, uint64_t random)
{
    uint64_t most = queue->backoff_ms;
    for (unsigned i = 1; i < attempt && most < queue->backoff_max_ms; i++)
        if (__builtin_mul_overflow(most, queue->backoff_factor, &most))
            most = queue->backoff_max_ms;
    if (most > queue->backoff_max_ms)
        most = queue->backoff_max_ms;
    return random % (most + 1);
}
