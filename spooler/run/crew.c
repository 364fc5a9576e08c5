#include "spooler/run/crew.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/child.h"
#include "core/base/error.h"
#include "spooler/files/slotpage.h"

enum { FIRST_PAUSE_MS = 100, LONGEST_PAUSE_MS = 5000, HANDED_FDS = 2, NUMBERS_MAX = 1024 };

enum slot_state { SLOT_EMPTY, SLOT_STARTING, SLOT_IDLE, SLOT_BUSY };

struct slot {
    struct crew *crew;
    enum slot_state state;
    uint32_t number;  /* of the slot's file; chosen anew for each process */
    int fd;           /* our end of the pair; -1: none */
    uv_poll_t *poll;  /* NULL: none */
    uv_timer_t timer; /* EMPTY: the pause; BUSY: the job's time */
    uint64_t pause_ms;
    bool is_signalled; /* told to stop: the next thing is SIGKILL */
    enum crew_cause cause;
    uint64_t kill_after_ms;
    struct waiting job; /* BUSY */
};

struct crew {
    struct crew_options options;
    uv_poll_t nursery;
    bool is_leaving;
    bool is_closing;
    size_t open_timers;
    struct slot slots[];
};

uint32_t slot_number(const struct slot *slot)
{
    return slot->number;
}

/* ------------------------------------------------------------------ the nursery */

static bool tell_nursery(struct crew *crew, const struct nursery_message *message, const int *fds)
{
    union {
        char bytes[CMSG_SPACE(HANDED_FDS * sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec vector = {(void *)(uintptr_t)message, sizeof *message};
    struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};
    if (fds != NULL) {
        header.msg_control = control.bytes;
        header.msg_controllen = sizeof control.bytes;
        struct cmsghdr *part = CMSG_FIRSTHDR(&header);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(HANDED_FDS * sizeof(int));
        memcpy(CMSG_DATA(part), fds, HANDED_FDS * sizeof(int));
    }
    return sendmsg(crew->options.nursery_fd, &header, MSG_NOSIGNAL) == (ssize_t)sizeof *message;
}

static void send_signal(struct slot *slot, int64_t number)
{
    const struct nursery_message message = {
        .kind = NURSERY_SIGNAL, .slot = slot->number, .number = number};
    tell_nursery(slot->crew, &message, NULL);
}

/* ------------------------------------------------------------------ from a job process */

static void on_timer(uv_timer_t *timer);

static void come_back(struct slot *slot, const struct job_message *message, const char *death)
{
    const struct waiting job = slot->job;
    const struct crew_return back = {
        .job = &job, .message = message, .cause = slot->cause, .death = death};
    uv_timer_stop(&slot->timer);
    slot->state = message != NULL ? SLOT_IDLE : SLOT_EMPTY;
    slot->cause = CREW_NOTHING;
    slot->is_signalled = false;
    slot->crew->options.on_return(slot->crew->options.context, &back);
}

static void quit(struct slot *slot)
{
    const struct job_message message = {.kind = JOB_QUIT};
    send(slot->fd, &message, offsetof(struct job_message, sentence), MSG_NOSIGNAL);
}

static void become_idle(struct slot *slot)
{
    slot->state = SLOT_IDLE;
    slot->pause_ms = 0;
    if (slot->crew->is_leaving)
        quit(slot);
    else
        slot->crew->options.on_idle(slot->crew->options.context);
}

static bool is_whole(const struct job_message *message, ssize_t got)
{
    size_t fixed = offsetof(struct job_message, sentence);
    return got >= (ssize_t)fixed && message->sentence_bytes < JOB_SENTENCE_BYTES &&
           (size_t)got == fixed + message->sentence_bytes;
}

/* Takes one message; false when there is none. */
static bool hear(struct slot *slot)
{
    struct job_message message;
    if (slot->fd < 0)
        return false;
    ssize_t got = recv(slot->fd, &message, sizeof message, MSG_DONTWAIT);
    if (!is_whole(&message, got))
        return false;
    message.sentence[message.sentence_bytes] = '\0';
    if (message.kind == JOB_SETTLE && slot->state == SLOT_BUSY)
        come_back(slot, &message, NULL);
    else if (message.kind != JOB_READY || slot->state != SLOT_STARTING)
        return true;
    become_idle(slot);
    return true;
}

static void on_message(uv_poll_t *poll, int status, int events)
{
    struct slot *slot = poll->data;
    (void)status;
    (void)events;
    if (!hear(slot) && slot->poll != NULL)
        uv_poll_stop(slot->poll); /* the end of file: the nursery will say how it died */
}

/* ------------------------------------------------------------------ forking and dying */

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

static void disconnect(struct slot *slot)
{
    if (slot->poll != NULL)
        uv_close((uv_handle_t *)slot->poll, free_handle);
    if (slot->fd >= 0)
        close(slot->fd);
    slot->poll = NULL;
    slot->fd = -1;
}

static bool is_used(const struct crew *crew, uint32_t number)
{
    for (size_t i = 0; i < crew->options.count; i++)
        if (crew->slots[i].state != SLOT_EMPTY && crew->slots[i].number == number)
            return true;
    return crew->options.is_reserved(crew->options.context, number);
}

/* A slot's file that nobody lives in, locked; -1: none could be had. */
static int lock_number(struct slot *slot)
{
    for (uint32_t number = 0; number < NUMBERS_MAX; number++) {
        if (is_used(slot->crew, number))
            continue;
        int fd = slotpage_lock(slot->crew->options.directory, number);
        if (fd >= 0 || errno != EWOULDBLOCK) {
            slot->number = number;
            return fd;
        }
    }
    return -1;
}

static bool watch(struct slot *slot, int fd)
{
    slot->poll = malloc(sizeof *slot->poll);
    if (slot->poll == NULL || uv_poll_init(slot->crew->options.loop, slot->poll, fd) != 0) {
        free(slot->poll);
        slot->poll = NULL;
        return false;
    }
    slot->fd = fd;
    slot->poll->data = slot;
    uv_poll_start(slot->poll, UV_READABLE, on_message);
    return true;
}

static void close_all(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

static bool fork_into(struct slot *slot)
{
    int pair[2] = {-1, -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    int handed[HANDED_FDS] = {pair[1], lock_number(slot)};
    const struct nursery_message message = {.kind = NURSERY_FORK, .slot = slot->number};
    bool done =
        handed[1] >= 0 && tell_nursery(slot->crew, &message, handed) && watch(slot, pair[0]);
    close_all(handed, HANDED_FDS);
    if (!done)
        close(pair[0]);
    return done;
}

static void rest(struct slot *slot)
{
    slot->pause_ms = slot->pause_ms == 0 ? FIRST_PAUSE_MS : slot->pause_ms * 2;
    if (slot->pause_ms > LONGEST_PAUSE_MS)
        slot->pause_ms = LONGEST_PAUSE_MS;
    uv_timer_start(&slot->timer, on_timer, slot->pause_ms, 0);
}

static void start(struct slot *slot)
{
    if (slot->crew->is_leaving)
        return;
    if (fork_into(slot)) {
        slot->state = SLOT_STARTING;
        return;
    }
    log_write(slot->crew->options.log, BOBBIN_ERROR, NULL, "no job process can be started: %m");
    rest(slot);
}

static void check_empty(struct crew *crew)
{
    if (!crew->is_leaving || crew->is_closing)
        return;
    for (size_t i = 0; i < crew->options.count; i++)
        if (crew->slots[i].state != SLOT_EMPTY)
            return;
    crew->options.on_empty(crew->options.context);
}

static void on_death(struct slot *slot, const char *how)
{
    struct crew *crew = slot->crew;
    /* What it said before it died counts. */
    while (hear(slot))
        ;
    bool never_served = slot->state == SLOT_STARTING;
    if (!crew->is_leaving)
        log_write(crew->options.log, BOBBIN_WARNING, NULL, "a job process of slot %u died: %s",
                  slot->number, how);
    disconnect(slot);
    if (slot->state == SLOT_BUSY)
        come_back(slot, NULL, how);
    slot->state = SLOT_EMPTY;
    if (never_served && !crew->is_leaving)
        rest(slot);
    else
        start(slot);
    check_empty(crew);
}

static struct slot *slot_of(struct crew *crew, uint32_t number)
{
    for (size_t i = 0; i < crew->options.count; i++)
        if (crew->slots[i].state != SLOT_EMPTY && crew->slots[i].number == number)
            return &crew->slots[i];
    return NULL;
}

static void on_nursery(uv_poll_t *poll, int status, int events)
{
    struct crew *crew = poll->data;
    struct nursery_message message;
    char how[64];
    (void)status;
    (void)events;
    ssize_t got = recv(crew->options.nursery_fd, &message, sizeof message, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got != (ssize_t)sizeof message) {
        crew->options.on_nursery_gone(crew->options.context);
        return;
    }
    struct slot *slot = slot_of(crew, message.slot);
    if (slot == NULL)
        return;
    if (message.kind == NURSERY_DIED) {
        child_describe_status((int)message.number, how, sizeof how);
        on_death(slot, how);
    } else if (message.kind == NURSERY_FORKED && message.number < 0) {
        on_death(slot, strerror((int)-message.number));
    }
}

/* ------------------------------------------------------------------ stopping */

static void begin_stop(struct slot *slot, enum crew_cause cause)
{
    slot->cause = cause;
    slot->is_signalled = true;
    send_signal(slot, SIGTERM);
    uv_timer_start(&slot->timer, on_timer, slot->kill_after_ms, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct slot *slot = timer->data;
    if (slot->state == SLOT_EMPTY)
        start(slot);
    else if (slot->state == SLOT_BUSY && !slot->is_signalled)
        begin_stop(slot, CREW_TIMEOUT);
    else
        send_signal(slot, -SIGKILL);
}

bool crew_stop(struct crew *crew, const struct waiting *job, uint64_t kill_after_ms,
               enum crew_cause cause)
{
    for (size_t i = 0; i < crew->options.count; i++) {
        struct slot *slot = &crew->slots[i];
        if (slot->state != SLOT_BUSY || slot->job.journal != job->journal ||
            slot->job.index != job->index)
            continue;
        slot->kill_after_ms = kill_after_ms;
        begin_stop(slot, cause);
        return true;
    }
    return false;
}

void crew_leave(struct crew *crew, uint64_t kill_after_ms)
{
    crew->is_leaving = true;
    for (size_t i = 0; i < crew->options.count; i++) {
        struct slot *slot = &crew->slots[i];
        if (slot->state == SLOT_IDLE)
            quit(slot);
        else if (slot->state == SLOT_BUSY && !slot->is_signalled) {
            slot->kill_after_ms = kill_after_ms;
            begin_stop(slot, CREW_DRAIN);
        } else if (slot->state == SLOT_EMPTY)
            uv_timer_stop(&slot->timer);
    }
    check_empty(crew);
}

void crew_kill(struct crew *crew)
{
    crew->is_leaving = true;
    for (size_t i = 0; i < crew->options.count; i++) {
        struct slot *slot = &crew->slots[i];
        if (slot->state == SLOT_BUSY && slot->cause == CREW_NOTHING)
            slot->cause = CREW_DRAIN;
        if (slot->state != SLOT_EMPTY)
            send_signal(slot, -SIGKILL);
        else
            uv_timer_stop(&slot->timer);
    }
    check_empty(crew);
}

/* ------------------------------------------------------------------ running */

struct slot *crew_idle(struct crew *crew)
{
    for (size_t i = 0; i < crew->options.count && !crew->is_leaving; i++)
        if (crew->slots[i].state == SLOT_IDLE)
            return &crew->slots[i];
    return NULL;
}

bool crew_run(struct slot *slot, const struct waiting *job, const struct job_address *address,
              uint64_t timeout_ms, uint64_t kill_after_ms)
{
    const struct job_message message = {
        .kind = JOB_RUN, .attempt = job->attempt, .address = *address, .attempts = job->attempts};
    size_t bytes = offsetof(struct job_message, sentence);
    slot->state = SLOT_BUSY;
    slot->job = *job;
    slot->cause = CREW_NOTHING;
    slot->is_signalled = false;
    slot->kill_after_ms = kill_after_ms;
    uv_timer_start(&slot->timer, on_timer, timeout_ms, 0);
    /* A process that is gone already comes back through on_death, with its job. */
    return send(slot->fd, &message, bytes, MSG_NOSIGNAL) == (ssize_t)bytes;
}

/* ------------------------------------------------------------------ life */

struct crew *crew_open(const struct crew_options *options, bobbin_error *error)
{
    struct crew *crew = calloc(1, sizeof *crew + options->count * sizeof(struct slot));
    if (crew == NULL || uv_poll_init(options->loop, &crew->nursery, options->nursery_fd) != 0) {
        free(crew);
        bobbin_fail(error, "no memory for %zu job processes", options->count);
        return NULL;
    }
    crew->options = *options;
    crew->nursery.data = crew;
    uv_poll_start(&crew->nursery, UV_READABLE, on_nursery);
    for (size_t i = 0; i < options->count; i++) {
        struct slot *slot = &crew->slots[i];
        slot->crew = crew;
        slot->fd = -1;
        uv_timer_init(options->loop, &slot->timer);
        slot->timer.data = slot;
        start(slot);
    }
    crew->open_timers = options->count + 1;
    return crew;
}

static void on_closed(uv_handle_t *handle)
{
    struct crew *crew =
        handle->type == UV_POLL ? handle->data : ((struct slot *)handle->data)->crew;
    if (--crew->open_timers == 0)
        free(crew);
}

void crew_close(struct crew *crew)
{
    if (crew == NULL)
        return;
    crew->is_closing = true;
    for (size_t i = 0; i < crew->options.count; i++) {
        disconnect(&crew->slots[i]);
        uv_close((uv_handle_t *)&crew->slots[i].timer, on_closed);
    }
    uv_close((uv_handle_t *)&crew->nursery, on_closed);
    close(crew->options.nursery_fd);
}
