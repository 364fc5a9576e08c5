/*
 * The master: the process that people and containers see. It binds the sockets, starts generations,
 * reaps (as PID 1: everybody's orphans), and passes signals on. It loads no plugin and has no event
 * loop of libuv, only poll(2): nothing in it can crash or block.
 *
 *   STARTING --the generation is READY--> SERVING --TERM, INT--> DRAINING --it left--> 0
 *      |                                    |  ^                    |
 *      +--it died: 1; 2 when app.ini        |  +--it died:          +--QUIT, a second TERM, or the
 *         is wrong                          |     a new one            deadline: ENDING --> 0
 *
 * A reload (HUP) is a second generation beside the first: struct generation_process is one of them.
 */
#ifndef CORE_PROCESS_MASTER_H
#define CORE_PROCESS_MASTER_H

#include "core/base/log.h"
#include "core/config/settings.h"

/* All borrowed. */
struct master_options {
    const char *file;    /* app.ini, for the generation */
    const char *version; /* for the line that says "ready" */
    const struct settings *settings;
    const struct log *log;
};

/* Returns the exit status of the process. Signals must be blocked (child_block_signals). */
int master_run(const struct master_options *options);

#endif
