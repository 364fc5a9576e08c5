/*
 * A program that runs: a child of this process with pipes for its stdin, stdout and stderr. It has
 * the default of each signal and none blocked, stays in this process' group, and dies with this
 * process (PR_SET_PDEATHSIG, prctl(2)). It inherits no descriptor that is close-on-exec: of a job
 * process that leaves the lock of its slot.
 */
#ifndef EXEC_PROGRAM_H
#define EXEC_PROGRAM_H

#include <sys/types.h>

#include "bobbin.h"

struct program_order {
    const char *file;   /* from program_find */
    char *const *words; /* NULL behind the last */
    char *const *environment;
    const char *directory; /* "": that of this process */
};

/* Our ends; none blocks. Closed ones are -1. */
struct program {
    pid_t pid;
    int pid_fd; /* readable once it has ended; -1: the kernel has no pidfd_open(2) */
    int input, output, errors;
    bool is_waited; /* its status is known, and its pid may be another's */
    int status;
};

/* Where execve(2) finds the program, as seen from the directory: the name when it has a slash, else
 * the first that fits in PATH. False with a sentence when there is nothing that can be executed. */
bool program_find(const char *name, const char *directory, char *out, size_t size,
                  bobbin_error *error);

/* False with a sentence; *is_passing then says whether it may go well another time. All signals are
 * to be blocked by the caller: the parent's handlers must not run in the child. */
bool program_start(struct program *program, const struct program_order *order, bool *is_passing,
                   bobbin_error *error);

/* Whether it has ended; never blocks. */
bool program_has_ended(struct program *program);
/* Nothing happens once it has ended. */
void program_signal(const struct program *program, int number);

/* Kills it if it has not ended, waits, closes everything. */
void program_finish(struct program *program);

/* Closes a descriptor, and makes it -1. */
void program_close(int *fd);

#endif
