#include "orphans.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static size_t list_children(pid_t pids[ORPHANS_KNOWN])
{
    size_t count = 0;
    FILE *file = fopen("/proc/thread-self/children", "re");
    if (file == NULL)
        return 0;
    while (count < ORPHANS_KNOWN && fscanf(file, "%d", &pids[count]) == 1)
        count++;
    fclose(file);
    return count;
}

static bool is_known(const struct orphans *orphans, pid_t pid)
{
    for (size_t i = 0; i < orphans->known_count; i++)
        if (orphans->known[i] == pid)
            return true;
    return false;
}

void orphans_gather(struct orphans *orphans)
{
    int was_reaper = 0;
    prctl(PR_GET_CHILD_SUBREAPER, &was_reaper);
    orphans->was_reaper = was_reaper != 0;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    orphans->known_count = list_children(orphans->known);
}

/* Whether there were any: their own children are then ours, and next. */
static bool kill_round(const struct orphans *orphans)
{
    pid_t pids[ORPHANS_KNOWN];
    bool found = false;
    size_t count = list_children(pids);
    for (size_t i = 0; i < count; i++)
        if (!is_known(orphans, pids[i]) && kill(pids[i], SIGKILL) == 0)
            found |= waitpid(pids[i], NULL, 0) == pids[i];
    return found;
}

void orphans_kill(struct orphans *orphans)
{
    while (kill_round(orphans))
        ;
    prctl(PR_SET_CHILD_SUBREAPER, orphans->was_reaper ? 1 : 0);
}
