#include "spooler/run/orphans.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>

static bool is_spared(pid_t pid, const pid_t *spared, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (spared[i] == pid)
            return true;
    return false;
}

/* The first that may be killed; 0: there is none. */
static pid_t kill_one(const pid_t *spared, size_t count)
{
    pid_t pid, killed = 0;
    FILE *children = fopen("/proc/thread-self/children", "re");
    while (children != NULL && killed == 0 && fscanf(children, "%d", &pid) == 1)
        if (!is_spared(pid, spared, count) && kill(pid, SIGKILL) == 0)
            killed = pid;
    if (children != NULL)
        fclose(children);
    return killed;
}

void orphans_kill(const pid_t *spared, size_t count)
{
    for (pid_t pid; (pid = kill_one(spared, count)) != 0;)
        if (waitpid(pid, NULL, 0) < 0)
            return;
}
