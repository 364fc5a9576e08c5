/*
 * What a program leaves behind when it ends, also what has made itself a session of its own: it
 * must not go on while its job is tried again. While orphans are gathered this process is their
 * reaper (PR_SET_CHILD_SUBREAPER, prctl(2)); children that it had before are left alone.
 */
#ifndef EXEC_ORPHANS_H
#define EXEC_ORPHANS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { ORPHANS_KNOWN = 64 };

struct orphans {
    pid_t known[ORPHANS_KNOWN]; /* children from before */
    size_t known_count;
    bool was_reaper;
};

/* Before the program is started. */
void orphans_gather(struct orphans *orphans);

/* After it has been waited for: kills what it left and waits until it is gone. Where the kernel
 * does not list children in /proc nothing is killed here: what remains in the process group of the
 * job dies with the job process. */
void orphans_kill(struct orphans *orphans);

#endif
