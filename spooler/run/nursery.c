#include "spooler/run/nursery.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/child.h"
#include "spooler/message.h"
#include "spooler/run/jobprocess.h"
#include "spooler/run/orphans.h"

enum { SLOTS_MAX = 1024, HANDED_FDS = 2 };

struct nursery {
    const struct nursery_options *options;
    int signal_fd;
    pid_t pids[SLOTS_MAX]; /* by slot; 0: none */
};

static void tell(const struct nursery *nursery, uint32_t kind, uint32_t slot, int64_t number)
{
    const struct nursery_message message = {.kind = kind, .slot = slot, .number = number};
    /* A leader that is gone is noticed by the next read. */
    send(nursery->options->leader_fd, &message, sizeof message, MSG_NOSIGNAL);
}

/* A message and the descriptors that came with it. */
static ssize_t hear(int fd, struct nursery_message *message, int fds[HANDED_FDS])
{
    union {
        char bytes[CMSG_SPACE(HANDED_FDS * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec vector = {message, sizeof *message};
    struct msghdr header = {.msg_iov = &vector,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes};
    fds[0] = fds[1] = -1;
    ssize_t got = recvmsg(fd, &header, MSG_CMSG_CLOEXEC);
    const struct cmsghdr *part = got > 0 ? CMSG_FIRSTHDR(&header) : NULL;
    if (part != NULL && part->cmsg_type == SCM_RIGHTS &&
        part->cmsg_len == CMSG_LEN(HANDED_FDS * sizeof(int)))
        memcpy(fds, CMSG_DATA(part), HANDED_FDS * sizeof(int));
    return got;
}

static int be_job_process(const struct nursery *nursery, const int fds[HANDED_FDS])
{
    struct log log = *nursery->options->log;
    log.role = "job";
    log.pid = (long)getpid();
    return jobprocess_run(&(struct jobprocess_options){.spool = nursery->options->spool,
                                                       .queues = nursery->options->queues,
                                                       .plugins = nursery->options->plugins,
                                                       .log = &log,
                                                       .leader_fd = fds[0],
                                                       .slot_fd = fds[1]});
}

/* True in the new process, which then has *status to return. */
static bool fork_one(struct nursery *nursery, uint32_t slot, const int fds[HANDED_FDS], int *status)
{
    if (fds[0] < 0 || fds[1] < 0 || slot >= SLOTS_MAX) {
        tell(nursery, NURSERY_FORKED, slot, -EBADF);
        return false;
    }
    pid_t pid = child_fork("bobbin-job", fds, HANDED_FDS);
    if (pid == 0) {
        *status = be_job_process(nursery, fds);
        return true;
    }
    if (pid > 0)
        nursery->pids[slot] = pid;
    tell(nursery, NURSERY_FORKED, slot, pid > 0 ? pid : -errno);
    return false;
}

static void signal_slot(const struct nursery *nursery, uint32_t slot, int64_t number)
{
    pid_t pid = slot < SLOTS_MAX ? nursery->pids[slot] : 0;
    if (pid > 0)
        kill(number < 0 ? -pid : pid, (int)(number < 0 ? -number : number));
}

/* As subreaper it also gets the orphans of jobs: they are reaped and have no slot. When a process
 * is told to have died they are gone, so that none runs on beside the next attempt of its job. */
static void reap(struct nursery *nursery)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        for (uint32_t slot = 0; slot < SLOTS_MAX; slot++)
            if (nursery->pids[slot] == pid) {
                nursery->pids[slot] = 0;
                kill(-pid, SIGKILL);                    /* what it left behind in its group */
                orphans_kill(nursery->pids, SLOTS_MAX); /* and elsewhere */
                tell(nursery, NURSERY_DIED, slot, status);
            }
}

static void kill_all(struct nursery *nursery)
{
    for (uint32_t slot = 0; slot < SLOTS_MAX; slot++)
        signal_slot(nursery, slot, -SIGKILL);
    orphans_kill(NULL, 0);
    while (waitpid(-1, NULL, 0) > 0)
        ;
}

int nursery_run(const struct nursery_options *options)
{
    struct nursery nursery = {.options = options, .signal_fd = child_signal_fd()};
    struct pollfd waits[] = {{.fd = options->leader_fd, .events = POLLIN},
                             {.fd = nursery.signal_fd, .events = POLLIN}};
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (;;) {
        struct nursery_message message;
        int fds[HANDED_FDS], status;
        if (poll(waits, 2, -1) < 0 && errno != EINTR)
            break;
        while (child_next_signal(nursery.signal_fd) != 0)
            ; /* CHLD; all others are the leader's business */
        reap(&nursery);
        if (waits[0].revents == 0)
            continue;
        ssize_t got = hear(options->leader_fd, &message, fds);
        if (got <= 0)
            break;
        if (message.kind == NURSERY_SIGNAL)
            signal_slot(&nursery, message.slot, message.number);
        else if (message.kind == NURSERY_FORK && fork_one(&nursery, message.slot, fds, &status))
            return status;
        for (int i = 0; i < HANDED_FDS; i++)
            if (fds[i] >= 0)
                close(fds[i]);
    }
    kill_all(&nursery);
    return 0;
}
