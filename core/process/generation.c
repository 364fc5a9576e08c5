#include "core/process/generation.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/child.h"
#include "core/process/handover.h"
#include "core/process/restart.h"

enum {
    ENDING_MS = 2000, /* what QUIT leaves them before they are killed */
    LONGEST_WAIT_MS = 60 * 1000
};

/* One process, or its empty place: pid 0. */
struct member {
    const struct generation_kind *kind; /* borrowed */
    pid_t pid;
    int control_fd; /* owned, our end of the pair; -1: none */
    bool is_ready;
    struct restart restart;
};

enum state { STARTING, SERVING, DRAINING, ENDING };

struct generation {
    const struct generation_options *options; /* borrowed */
    const struct log *log;                    /* borrowed */
    struct member *members;                   /* owned */
    size_t member_count;
    struct pollfd *polls; /* owned; signals, master, then one for each member */
    int signal_fd;        /* owned */
    enum state state;
    uint64_t deadline_ms; /* of DRAINING and ENDING: then everybody is killed */
    int status;
};

static bool generation_open(struct generation *generation, const struct generation_options *options)
{
    *generation = (struct generation){
        .options = options, .log = options->log, .signal_fd = child_signal_fd()};
    for (size_t i = 0; i < options->kind_count; i++)
        generation->member_count += options->kinds[i].count;
    generation->members = calloc(generation->member_count + 1, sizeof *generation->members);
    generation->polls = calloc(generation->member_count + 2, sizeof *generation->polls);
    if (generation->members == NULL || generation->polls == NULL || generation->signal_fd < 0)
        return false;
    struct member *member = generation->members;
    for (size_t i = 0; i < options->kind_count; i++)
        for (size_t k = 0; k < options->kinds[i].count; k++)
            *member++ = (struct member){.kind = &options->kinds[i], .control_fd = -1};
    return true;
}

static void generation_close(struct generation *generation)
{
    for (size_t i = 0; generation->members != NULL && i < generation->member_count; i++)
        if (generation->members[i].control_fd >= 0)
            close(generation->members[i].control_fd);
    if (generation->signal_fd >= 0)
        close(generation->signal_fd);
    free(generation->members);
    free(generation->polls);
}

/* ------------------------------------------------------------------ birth */

static size_t inherited(const struct generation *generation, const struct generation_kind *kind,
                        int control_fd, int *keep)
{
    size_t count = 0;
    keep[count++] = control_fd;
    for (size_t i = 0; kind->accepts && i < generation->options->listener_count; i++)
        keep[count++] = generation->options->listeners[i].fd;
    return count;
}

/* As fork(2). *control_fd gets the child's end of the pair, in the child. */
static pid_t start_member(struct generation *generation, struct member *member, int *control_fd)
{
    int keep[LISTENERS_MAX + 1];
    int pair[2];
    char name[16]; /* all that prctl(2) takes */
    restart_begun(&member->restart, restart_clock_ms());
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return -1;
    size_t count = inherited(generation, member->kind, pair[1], keep);
    snprintf(name, sizeof name, "bobbin-%s", member->kind->name);
    pid_t pid = child_fork(name, keep, count);
    if (pid == 0) {
        *control_fd = pair[1];
        return 0;
    }
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return -1;
    }
    member->pid = pid;
    member->control_fd = pair[0];
    member->is_ready = false;
    return pid;
}

/*
 * Forks everybody who is due. In a child: returns its kind, and *control_fd is its end of the pair.
 * In the generation: NULL.
 */
static const struct generation_kind *start_due(struct generation *generation, int *control_fd)
{
    uint64_t now_ms = restart_clock_ms();
    if (generation->state >= DRAINING)
        return NULL;
    for (size_t i = 0; i < generation->member_count; i++) {
        struct member *member = &generation->members[i];
        if (member->pid != 0 || member->restart.due_ms > now_ms)
            continue;
        pid_t pid = start_member(generation, member, control_fd);
        if (pid == 0)
            return member->kind;
        if (pid < 0) {
            log_write(generation->log, BOBBIN_ERROR, NULL, "a %s cannot be forked: %s",
                      member->kind->name, strerror(errno));
            restart_died(&member->restart, now_ms);
        }
    }
    return NULL;
}

/* ------------------------------------------------------------------ end */

static void signal_all(const struct generation *generation, int number)
{
    for (size_t i = 0; i < generation->member_count; i++)
        if (generation->members[i].pid > 0)
            kill(generation->members[i].pid, number);
}

static void drain(struct generation *generation)
{
    generation->state = DRAINING;
    generation->deadline_ms = restart_clock_ms() + generation->options->shutdown_timeout_ms;
    signal_all(generation, SIGTERM);
}

static void end(struct generation *generation)
{
    if (generation->state == ENDING)
        return;
    generation->state = ENDING;
    generation->deadline_ms = restart_clock_ms() + ENDING_MS;
    signal_all(generation, SIGQUIT);
}

static void fail(struct generation *generation)
{
    generation->status = 1;
    end(generation);
}

static void check_deadline(struct generation *generation)
{
    if (generation->state < DRAINING || restart_clock_ms() < generation->deadline_ms)
        return;
    if (generation->state == DRAINING)
        log_write(generation->log, BOBBIN_WARNING, NULL,
                  "not drained after %llu ms: what is left is killed",
                  (unsigned long long)generation->options->shutdown_timeout_ms);
    generation->state = ENDING;
    generation->deadline_ms = restart_clock_ms() + ENDING_MS;
    signal_all(generation, SIGKILL);
}

static bool is_empty(const struct generation *generation)
{
    for (size_t i = 0; i < generation->member_count; i++)
        if (generation->members[i].pid > 0)
            return false;
    return true;
}

/* ------------------------------------------------------------------ service */

/* Every kind has somebody who is ready. */
static bool can_serve(const struct generation *generation)
{
    for (size_t k = 0; k < generation->options->kind_count; k++) {
        const struct generation_kind *kind = &generation->options->kinds[k];
        bool found = kind->count == 0;
        for (size_t i = 0; !found && i < generation->member_count; i++)
            found = generation->members[i].kind == kind && generation->members[i].is_ready;
        if (!found)
            return false;
    }
    return true;
}

static void let_serve(const struct generation *generation, const struct member *member)
{
    if (generation->state == SERVING && member->is_ready && member->kind->accepts)
        send(member->control_fd, "S", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static bool listen_to_all(const struct generation_options *options, bobbin_error *error)
{
    for (size_t i = 0; i < options->listener_count; i++)
        if (!listener_listen(&options->listeners[i], options->backlog, error))
            return false;
    return options->master_fd < 0 ||
           handover_say(options->master_fd, HANDOVER_READY, options->words, error);
}

static void serve_when_ready(struct generation *generation)
{
    bobbin_error error;
    if (generation->state != STARTING || !can_serve(generation))
        return;
    if (!listen_to_all(generation->options, &error)) {
        log_write(generation->log, BOBBIN_ERROR, NULL, "%s", error.text);
        fail(generation);
        return;
    }
    generation->state = SERVING;
    for (size_t i = 0; i < generation->member_count; i++)
        let_serve(generation, &generation->members[i]);
}

/* The member has said 'R', or closed its end. */
static void on_member(struct generation *generation, struct member *member)
{
    char letter;
    ssize_t got = recv(member->control_fd, &letter, 1, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) { /* it dies: waitpid(2) tells the rest */
        close(member->control_fd);
        member->control_fd = -1;
    } else if (letter == 'R' && !member->is_ready) {
        member->is_ready = true;
        let_serve(generation, member);
        serve_when_ready(generation);
    }
}

/* ------------------------------------------------------------------ signals */

static struct member *member_of(struct generation *generation, pid_t pid)
{
    for (size_t i = 0; i < generation->member_count; i++)
        if (generation->members[i].pid == pid)
            return &generation->members[i];
    return NULL;
}

static void log_death(const struct generation *generation, const struct member *member, int status)
{
    char words[64];
    const char *then = generation->state == SERVING    ? "; a new one starts"
                       : generation->state == STARTING ? " before it was ready"
                                                       : "";
    child_describe_status(status, words, sizeof words);
    if (generation->state < DRAINING || status != 0)
        log_write(generation->log, generation->state < DRAINING ? BOBBIN_ERROR : BOBBIN_WARNING,
                  NULL, "%s %ld died: %s%s", member->kind->name, (long)member->pid, words, then);
}

static void bury(struct generation *generation, struct member *member, int status)
{
    log_death(generation, member, status);
    member->pid = 0;
    member->is_ready = false;
    if (member->control_fd >= 0)
        close(member->control_fd);
    member->control_fd = -1;
    restart_died(&member->restart, restart_clock_ms());
    if (generation->state == STARTING)
        fail(generation);
}

static void reap(struct generation *generation)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        struct member *member = member_of(generation, pid);
        if (member != NULL)
            bury(generation, member, status);
    }
}

static void on_signals(struct generation *generation)
{
    for (int number; (number = child_next_signal(generation->signal_fd)) != 0;) {
        if (number == SIGCHLD)
            reap(generation);
        else if (number == SIGQUIT)
            end(generation);
        else if ((number == SIGTERM || number == SIGINT) && generation->state < DRAINING)
            drain(generation);
        else if (number == SIGTERM || number == SIGINT)
            end(generation);
    }
}

/* The master says nothing after the listeners: what can be read is its end. */
static void on_master(struct generation *generation)
{
    if (handover_hear(generation->options->master_fd, NULL) == HANDOVER_NOTHING)
        end(generation);
}

/* ------------------------------------------------------------------ the loop */

static int wait_ms(const struct generation *generation)
{
    uint64_t now_ms = restart_clock_ms();
    uint64_t until_ms = now_ms + LONGEST_WAIT_MS;
    if (generation->state >= DRAINING && generation->deadline_ms < until_ms)
        until_ms = generation->deadline_ms;
    for (size_t i = 0; generation->state < DRAINING && i < generation->member_count; i++) {
        const struct member *member = &generation->members[i];
        if (member->pid == 0 && member->restart.due_ms < until_ms)
            until_ms = member->restart.due_ms;
    }
    return until_ms > now_ms ? (int)(until_ms - now_ms) : 0;
}

static void wait_for_something(struct generation *generation)
{
    struct pollfd *polls = generation->polls;
    int master_fd = generation->state == ENDING ? -1 : generation->options->master_fd;
    polls[0] = (struct pollfd){.fd = generation->signal_fd, .events = POLLIN};
    polls[1] = (struct pollfd){.fd = master_fd, .events = POLLIN};
    for (size_t i = 0; i < generation->member_count; i++)
        polls[i + 2] = (struct pollfd){.fd = generation->members[i].control_fd, .events = POLLIN};
    poll(polls, generation->member_count + 2, wait_ms(generation));
    for (size_t i = 0; i < generation->member_count; i++)
        if (polls[i + 2].revents != 0)
            on_member(generation, &generation->members[i]);
    if (polls[0].revents != 0)
        on_signals(generation);
    if (polls[1].revents != 0)
        on_master(generation);
    check_deadline(generation);
}

/* In a child: its kind. In the generation: NULL, and status says how it ended. */
static const struct generation_kind *turn(struct generation *generation, int *control_fd)
{
    do {
        const struct generation_kind *kind = start_due(generation, control_fd);
        if (kind != NULL)
            return kind;
        serve_when_ready(generation); /* also when there is nobody to wait for */
        wait_for_something(generation);
    } while (generation->state < DRAINING || !is_empty(generation));
    return NULL;
}

static int run_member(const struct generation_kind *kind, const struct log *log, int control_fd)
{
    struct log own = *log;
    own.role = kind->name;
    own.pid = getpid();
    return kind->run(kind->context, &own, control_fd);
}

int generation_run(const struct generation_options *options)
{
    struct generation generation;
    const struct generation_kind *born = NULL;
    int control_fd = -1;
    if (options->listener_count > LISTENERS_MAX || !generation_open(&generation, options)) {
        log_write(options->log, BOBBIN_ERROR, NULL, "too little memory, or too many listeners");
        return 1;
    }
    born = turn(&generation, &control_fd);
    if (born == NULL) {
        generation_close(&generation);
        return generation.status;
    }
    /* This is a child: child_fork has closed all that generation_close would close. */
    free(generation.members);
    free(generation.polls);
    return run_member(born, options->log, control_fd);
}
