/*
 * What every forked process of bobbin does first, and how its parent makes it.
 *
 * Signals are blocked in every process of bobbin from main on and taken through signalfd(2) in a
 * uv_poll: so a child can never run its parent's handler, and there is no moment in which a signal
 * is lost. A program that is executed gets its dispositions and mask back by child_before_exec.
 */
#ifndef CORE_BASE_CHILD_H
#define CORE_BASE_CHILD_H

#include <signal.h>
#include <sys/types.h>

#include "plugins/bobbin.h"

/* Blocks all signals that bobbin handles (TERM INT QUIT HUP USR1 CHLD) and ignores PIPE. Called
 * once in main before anything else, inherited by all. */
void child_block_signals(void);

/* A signalfd for those signals, non-blocking, close-on-exec; -1 with errno. */
int child_signal_fd(void);

/* The next signal of the signalfd, 0 when there is none. */
int child_next_signal(int signal_fd);

/*
 * fork(2), asserted to be called with one thread. In the child: its own process group, PDEATHSIG
 * KILL (and leaves when the parent has died already, getppid(2) compared with parent), every
 * descriptor above 2 closed but those of keep (count of them, any order), the process' name set to
 * name (prctl PR_SET_NAME, 15 bytes; the title of ps too). Returns like fork.
 */
pid_t child_fork(const char *name, const int *keep, size_t count);

/* Unblocks signals and restores dispositions, SIGPIPE included. */
void child_before_exec(void);

/* "exit status 3", "signal 9 (Killed)": for log lines. Static storage per thread is avoided: out.
 */
void child_describe_status(int status, char *out, size_t size);

#endif
