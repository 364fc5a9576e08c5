/*
 * When a process that died is started again: at once, but with a growing pause (100 ms, doubled up
 * to 5 s) when it dies within 10 s of its start. A plain value; times are those of
 * restart_clock_ms.
 */
#ifndef CORE_PROCESS_RESTART_H
#define CORE_PROCESS_RESTART_H

#include <stdint.h>

struct restart {
    uint64_t started_ms;
    uint64_t pause_ms; /* before the last start; 0: none */
    uint64_t due_ms;   /* when it may start again */
};

/* CLOCK_MONOTONIC. */
uint64_t restart_clock_ms(void);

void restart_begun(struct restart *restart, uint64_t now_ms);
void restart_died(struct restart *restart, uint64_t now_ms);

#endif
