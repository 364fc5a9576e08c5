#include "core/base/child.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const int handled[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGCHLD};

static sigset_t handled_set(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof handled / sizeof *handled; i++)
        sigaddset(&set, handled[i]);
    return set;
}

void child_block_signals(void)
{
    sigset_t set = handled_set();
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int child_signal_fd(void)
{
    sigset_t set = handled_set();
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int child_next_signal(int signal_fd)
{
    struct signalfd_siginfo info;
    ssize_t got = read(signal_fd, &info, sizeof info);
    return got == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}

static int count_threads(void)
{
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    if (tasks == NULL)
        return 1;
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(tasks);
    return count;
}

static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void close_others(const int *keep, size_t count)
{
    int sorted[64];
    assert(count < sizeof sorted / sizeof *sorted);
    memcpy(sorted, keep, count * sizeof *keep);
    qsort(sorted, count, sizeof *sorted, compare);
    unsigned from = 3;
    for (size_t i = 0; i < count; i++) {
        if (sorted[i] < (int)from)
            continue;
        if ((unsigned)sorted[i] > from)
            syscall(SYS_close_range, from, (unsigned)sorted[i] - 1, 0);
        from = (unsigned)sorted[i] + 1;
    }
    if (syscall(SYS_close_range, from, ~0u, 0) == 0)
        return;
    /* Before Linux 5.9, or where a seccomp filter does not know it. */
    for (int fd = 3; fd < 65536; fd++) {
        bool kept = false;
        for (size_t i = 0; i < count; i++)
            kept |= sorted[i] == fd;
        if (!kept)
            close(fd);
    }
}

pid_t child_fork(const char *name, const int *keep, size_t count)
{
    pid_t parent = getpid();
    /* A lock that another thread holds would stay locked in the child for ever. */
    assert(count_threads() == 1);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    prctl(PR_SET_NAME, name);
    close_others(keep, count);
    return 0;
}

void child_before_exec(void)
{
    sigset_t set = handled_set();
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void child_describe_status(int status, char *out, size_t size)
{
    if (WIFSIGNALED(status))
        snprintf(out, size, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(out, size, "exit status %d", WEXITSTATUS(status));
}
