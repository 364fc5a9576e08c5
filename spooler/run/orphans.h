/*
 * What jobs leave behind when their process dies: as a subreaper (prctl(2)) the nursery becomes its
 * parent, also of what has made itself a session of its own and is in no job's process group.
 */
#ifndef SPOOLER_RUN_ORPHANS_H
#define SPOOLER_RUN_ORPHANS_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Kills each child of this process that is not among the given ones (count of them, 0: none), and
 * their children when they become ours, and waits until they are gone. Where the kernel does not
 * list children in /proc nothing happens.
 */
void orphans_kill(const pid_t *spared, size_t count);

#endif
