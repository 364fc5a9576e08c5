#include "core/process/master.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/child.h"
#include "core/base/error.h"
#include "core/net/listener.h"
#include "core/process/handover.h"
#include "core/process/restart.h"

enum {
    GRACE_MS = 1000,  /* beyond shutdown-timeout, in which a generation ends by itself */
    ENDING_MS = 4000, /* what QUIT leaves it */
    LONGEST_WAIT_MS = 60 * 1000,
    WRONG_CONFIGURATION = 2
};

struct generation_process {
    pid_t pid; /* 0: none runs */
    int fd;    /* owned: our end of the pair; -1: none */
    bool is_checked;
};

enum state { STARTING, SERVING, DRAINING, ENDING, OVER };

struct master {
    const struct master_options *options; /* borrowed */
    const struct log *log;                /* borrowed */
    char program[4096]; /* by its path: a new binary that was put there is what is started next */
    int signal_fd;      /* owned */
    struct listener listeners[LISTENERS_MAX];
    size_t listener_count;
    struct generation_process generation;
    struct restart restart;
    enum state state;
    uint64_t deadline_ms; /* of DRAINING and ENDING: then it is killed */
    int status;
};

static bool find_program(struct master *master)
{
    ssize_t length = readlink("/proc/self/exe", master->program, sizeof master->program - 1);
    return length > 0;
}

static void master_finish(struct master *master)
{
    for (size_t i = 0; i < master->listener_count; i++)
        listener_remove(&master->listeners[i]);
    if (master->generation.fd >= 0)
        close(master->generation.fd);
    if (master->signal_fd >= 0)
        close(master->signal_fd);
}

static void over(struct master *master, int status)
{
    master->state = OVER;
    master->status = status;
}

/* ------------------------------------------------------------------ a generation's birth */

/* In the forked child. Returns only when it failed; then the child must leave. */
static int become_generation(const struct master *master, int fd)
{
    char number[16];
    snprintf(number, sizeof number, "%d", fd);
    fcntl(fd, F_SETFD, 0); /* this one goes through exec */
    execl(master->program, "bobbin: generation", "--generation", number, master->options->file,
          (char *)NULL);
    log_write(master->log, BOBBIN_ERROR, NULL, "%s cannot be executed: %s", master->program,
              strerror(errno));
    return 1;
}

/* As fork(2); *fd gets the child's end of the pair, in the child. */
static pid_t start_generation(struct master *master, int *fd)
{
    int pair[2];
    restart_begun(&master->restart, restart_clock_ms());
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return -1;
    pid_t pid = child_fork("bobbin-gen", &pair[1], 1);
    if (pid == 0) {
        *fd = pair[1];
        return 0;
    }
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return -1;
    }
    master->generation = (struct generation_process){.pid = pid, .fd = pair[0]};
    return pid;
}

/* Whether this is the child now. */
static bool start_when_due(struct master *master, int *fd)
{
    if (master->generation.pid != 0 || master->state > SERVING ||
        restart_clock_ms() < master->restart.due_ms)
        return false;
    pid_t pid = start_generation(master, fd);
    if (pid == 0)
        return true;
    if (pid < 0) {
        log_write(master->log, BOBBIN_ERROR, NULL, "a generation cannot be forked: %s",
                  strerror(errno));
        restart_died(&master->restart, restart_clock_ms());
        if (master->state == STARTING)
            over(master, 1);
    }
    return false;
}

/* ------------------------------------------------------------------ its death */

static void kill_generation(const struct master *master, int number)
{
    if (master->generation.pid > 0)
        kill(master->generation.pid, number);
}

static void drain(struct master *master)
{
    master->state = DRAINING;
    master->deadline_ms =
        restart_clock_ms() + master->options->settings->shutdown_timeout_ms + GRACE_MS;
    kill_generation(master, SIGTERM);
}

static void end(struct master *master)
{
    if (master->state >= ENDING)
        return;
    master->state = ENDING;
    master->deadline_ms = restart_clock_ms() + ENDING_MS;
    kill_generation(master, SIGQUIT);
}

/* Its children die with it (PDEATHSIG). */
static void check_deadline(struct master *master)
{
    if (master->state != DRAINING && master->state != ENDING)
        return;
    if (restart_clock_ms() < master->deadline_ms)
        return;
    master->state = ENDING;
    master->deadline_ms = restart_clock_ms() + ENDING_MS;
    kill_generation(master, SIGKILL);
}

/* The first one could not start. What it could say itself it has said. */
static void give_up(struct master *master, int status)
{
    char words[64];
    bool said_why = WIFEXITED(status) && WEXITSTATUS(status) != 0;
    if (!said_why) {
        child_describe_status(status, words, sizeof words);
        log_write(master->log, BOBBIN_ERROR, NULL, "the server did not start: %s", words);
    }
    bool is_wrong = WIFEXITED(status) && WEXITSTATUS(status) == WRONG_CONFIGURATION;
    over(master, is_wrong && !master->generation.is_checked ? WRONG_CONFIGURATION : 1);
}

static void on_generation_died(struct master *master, int status)
{
    char words[64];
    pid_t pid = master->generation.pid;
    if (master->state >= DRAINING)
        over(master, master->status);
    else if (master->state == STARTING)
        give_up(master, status);
    else {
        child_describe_status(status, words, sizeof words);
        log_write(master->log, BOBBIN_ERROR, NULL, "generation %ld died: %s; a new one starts",
                  (long)pid, words);
        restart_died(&master->restart, restart_clock_ms());
    }
    close(master->generation.fd);
    master->generation = (struct generation_process){.fd = -1};
}

/* As PID 1 everybody's orphans arrive here: a pid is looked up before it means anything. */
static void reap(struct master *master)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        if (pid == master->generation.pid)
            on_generation_died(master, status);
}

/* ------------------------------------------------------------------ what it says */

static bool bind_all(struct master *master, bobbin_error *error)
{
    const struct settings *settings = master->options->settings;
    bool is_bound = master->listener_count > 0 || settings->role == ROLE_SPOOLER;
    for (size_t i = 0; !is_bound && i < settings->listen.count; i++) {
        struct address address;
        if (!address_parse(&address, settings->listen.items[i], error) ||
            !listener_open(&master->listeners[i], &address, error))
            return false;
        master->listener_count++;
    }
    return true;
}

static void on_checked(struct master *master)
{
    bobbin_error error;
    master->generation.is_checked = true;
    if (bind_all(master, &error) &&
        handover_send(master->generation.fd, master->listeners, master->listener_count, &error))
        return;
    log_write(master->log, BOBBIN_ERROR, NULL, "%s", error.text);
    kill_generation(master, SIGKILL);
    if (master->state == STARTING) {
        master->status = 1;
        end(master);
    }
}

static void on_ready(struct master *master, const char *words)
{
    char places[LISTENERS_MAX * (ADDRESS_TEXT_BYTES + 2)] = "";
    size_t length = 0;
    for (size_t i = 0; i < master->listener_count; i++)
        length += (size_t)snprintf(places + length, sizeof places - length, "%s%s",
                                   i > 0 ? ", " : " listens on ", master->listeners[i].text);
    log_write(master->log, BOBBIN_INFO, NULL, "bobbin %s%s, %s", master->options->version,
              length > 0 ? places : " is ready", words);
    if (master->state == STARTING)
        master->state = SERVING;
}

static void on_generation(struct master *master)
{
    char words[HANDOVER_WORDS_BYTES];
    enum handover_kind kind = handover_hear(master->generation.fd, words);
    if (kind == HANDOVER_CHECKED)
        on_checked(master);
    else if (kind == HANDOVER_READY)
        on_ready(master, words);
}

static void on_signals(struct master *master)
{
    for (int number; (number = child_next_signal(master->signal_fd)) != 0;) {
        if (number == SIGCHLD)
            reap(master);
        else if (number == SIGQUIT)
            end(master);
        else if (number == SIGTERM || number == SIGINT)
            master->state < DRAINING ? drain(master) : end(master);
        else
            log_write(master->log, BOBBIN_WARNING, NULL, "%s is ignored",
                      number == SIGHUP ? "HUP" : "USR1");
    }
    bool is_leaving = master->state == DRAINING || master->state == ENDING;
    if (is_leaving && master->generation.pid == 0) /* it came in a pause between two generations */
        over(master, master->status);
}

/* ------------------------------------------------------------------ the loop */

static int wait_ms(const struct master *master)
{
    uint64_t now_ms = restart_clock_ms();
    uint64_t until_ms = now_ms + LONGEST_WAIT_MS;
    bool is_leaving = master->state == DRAINING || master->state == ENDING;
    if (is_leaving && master->deadline_ms < until_ms)
        until_ms = master->deadline_ms;
    if (!is_leaving && master->generation.pid == 0 && master->restart.due_ms < until_ms)
        until_ms = master->restart.due_ms;
    return until_ms > now_ms ? (int)(until_ms - now_ms) : 0;
}

/* What the generation said is heard before its death is. */
static void wait_for_something(struct master *master)
{
    struct pollfd polls[] = {{.fd = master->generation.fd, .events = POLLIN},
                             {.fd = master->signal_fd, .events = POLLIN}};
    poll(polls, 2, wait_ms(master));
    if (polls[0].revents & POLLIN)
        on_generation(master);
    if (polls[1].revents != 0)
        on_signals(master);
    check_deadline(master);
}

int master_run(const struct master_options *options)
{
    struct master master = {.options = options,
                            .log = options->log,
                            .signal_fd = child_signal_fd(),
                            .generation = {.fd = -1}};
    int fd = -1;
    if (master.signal_fd < 0 || !find_program(&master)) {
        log_write(options->log, BOBBIN_ERROR, NULL, "signals or /proc cannot be read: %s",
                  strerror(errno));
        over(&master, 1);
    }
    while (master.state != OVER) {
        if (start_when_due(&master, &fd))
            return become_generation(&master, fd);
        if (master.state != OVER)
            wait_for_something(&master);
    }
    master_finish(&master);
    return master.status;
}
