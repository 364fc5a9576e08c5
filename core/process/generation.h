/*
 * One generation: the process that forks and watches workers and the spooler, all of one reading of
 * app.ini. A reload is a second generation beside it.
 *
 *   STARTING --all kinds are ready, listen(2)--> SERVING --TERM, INT--> DRAINING --nobody left--> 0
 *      |                                            |                      |
 *      +--somebody died: 1                          +--QUIT, or a second TERM, or the deadline:
 *                                                      ENDING --nobody left--> 0
 *
 * While it serves, a member that died is replaced (restart.h). It has no event loop of libuv: it
 * forks, and waits for few descriptors with poll(2).
 */
#ifndef CORE_PROCESS_GENERATION_H
#define CORE_PROCESS_GENERATION_H

#include "core/base/log.h"
#include "core/net/listener.h"

/*
 * One kind of process. run is called in a forked child; what it returns is the child's exit status.
 * It writes 'R' to control_fd when it is ready, and may then read 'S': serve. Readable with an end
 * of file, control_fd says that the generation is gone. TERM means drain, QUIT means now.
 */
struct generation_kind {
    const char *name; /* "worker": in the log and in ps */
    size_t count;     /* how many; 0 is fine */
    bool accepts;     /* keeps the listeners */
    int (*run)(void *context, const struct log *log, int control_fd);
    void *context; /* borrowed */
};

/* All borrowed. */
struct generation_options {
    const struct generation_kind *kinds;
    size_t kind_count;
    const struct listener *listeners; /* bound; close-on-exec */
    size_t listener_count;
    int backlog;
    uint64_t shutdown_timeout_ms;
    int master_fd; /* handover.h: READY is said here; an end of file means QUIT. -1: no master */
    const char *words; /* for READY */
    const struct log *log;
};

/*
 * Returns the exit status of the process: of the generation (0 drained, 1 could not start, which
 * was logged), and, in each child, of that child. Signals must be blocked (child_block_signals).
 */
int generation_run(const struct generation_options *options);

#endif
