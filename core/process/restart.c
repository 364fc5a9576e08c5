#include "core/process/restart.h"

#include <stdbool.h>
#include <time.h>

enum { FIRST_PAUSE_MS = 100, LONGEST_PAUSE_MS = 5000, PROVEN_MS = 10000 };

uint64_t restart_clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void restart_begun(struct restart *restart, uint64_t now_ms)
{
    restart->started_ms = now_ms;
}

static uint64_t longer(uint64_t pause_ms)
{
    if (pause_ms == 0)
        return FIRST_PAUSE_MS;
    return pause_ms * 2 < LONGEST_PAUSE_MS ? pause_ms * 2 : LONGEST_PAUSE_MS;
}

void restart_died(struct restart *restart, uint64_t now_ms)
{
    bool was_proven = now_ms - restart->started_ms >= PROVEN_MS;
    restart->pause_ms = was_proven ? 0 : longer(restart->pause_ms);
    restart->due_ms = now_ms + restart->pause_ms;
}
