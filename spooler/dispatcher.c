#include "spooler/dispatcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "core/base/child.h"
#include "core/base/error.h"
#include "spooler/files/result.h"
#include "spooler/files/slotpage.h"
#include "spooler/gate.h"
#include "spooler/ledger.h"
#include "spooler/retry.h"
#include "spooler/run/crew.h"
#include "spooler/run/nursery.h"

enum {
    SCAN_MS = 500,        /* in case a wake-up was lost */
    SWEEP_MS = 60 * 1000, /* at most; a shorter result-ttl sweeps more often */
    ORPHAN_MS = 20,
    LEADER_MS = 250,
    LEAVING_MS = 2000 /* kept back of shutdown-timeout for killing and handing back */
};

/* A job that an earlier leader had given out: it may still run until its slot's lock is free. */
struct orphan {
    struct waiting job;
    uint32_t slot;
    bool is_cancelled;
};

enum state { LEADING, DRAINING };

struct dispatcher {
    const struct dispatcher_options *options;
    enum state state;
    int status; /* of the process */
    struct spool_directory directory;
    uv_loop_t loop;
    uv_poll_t control;
    uv_poll_t signals;
    int signal_fd;
    uv_timer_t scan;
    uv_timer_t sweep;
    uv_timer_t due;    /* the next job that waits for its time */
    uv_timer_t adopt;  /* while there are orphans */
    uv_timer_t deadline;
    uv_prepare_t before_poll;
    struct ledger *ledger;
    struct queue queue;
    struct crew *crew;
    struct gate *gate;
    struct orphan *orphans; /* owned */
    size_t orphan_count;
};

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* ------------------------------------------------------------------ waiting and giving out */

static void on_due(uv_timer_t *timer);

static void put_back(struct dispatcher *dispatcher, const struct waiting *job)
{
    if (!queue_put(&dispatcher->queue, job, now_us()))
        log_write(dispatcher->options->log, BOBBIN_ERROR, NULL,
                  "no memory for a waiting job: it will be found by the next leader");
}

static bool give_one(struct dispatcher *dispatcher, struct slot *slot)
{
    struct waiting job;
    struct job_address address;
    do
        if (!queue_take(&dispatcher->queue, now_us(), &job))
            return false;
    while (ledger_is_cancelled(dispatcher->ledger, &job));
    const struct queue_settings *queue = ledger_queue(dispatcher->ledger, job.queue);
    if (!ledger_start(dispatcher->ledger, &job, slot_number(slot))) {
        job.attempt--;
        job.due_us = now_us() + 1000 * 1000; /* the disk may have recovered by then */
        put_back(dispatcher, &job);
        return false;
    }
    ledger_address(dispatcher->ledger, &job, &address);
    crew_run(slot, &job, &address, job.timeout_ms, queue->kill_after_ms);
    return true;
}

static void give_out(struct dispatcher *dispatcher)
{
    struct slot *slot;
    if (dispatcher->crew == NULL)
        return;
    while ((slot = crew_idle(dispatcher->crew)) != NULL && give_one(dispatcher, slot))
        ;
    uint64_t due_us = queue_next_due(&dispatcher->queue), now = now_us();
    if (due_us != UINT64_MAX)
        uv_timer_start(&dispatcher->due, on_due,
                       due_us > now ? (due_us - now) / 1000 + 1 : 1, 0);
}

static void on_due(uv_timer_t *timer)
{
    give_out(timer->data);
}

static void on_idle(void *context)
{
    give_out(context);
}

static bool has_handler(const struct dispatcher *dispatcher, uint16_t number)
{
    const struct queue_settings *queue = ledger_queue(dispatcher->ledger, number);
    const char *handler = queue->handler[0] != '\0' ? queue->handler : queue->name;
    const struct plugin_instance *instance =
        plugin_set_find(dispatcher->options->plugins, handler);
    return instance != NULL && instance->plugin->run != NULL;
}

static void on_ready(void *context, const struct waiting *job)
{
    struct dispatcher *dispatcher = context;
    if (has_handler(dispatcher, job->queue))
        put_back(dispatcher, job);
    else if (job->index == 0) /* once a journal is enough */
        log_write(dispatcher->options->log, BOBBIN_WARNING, NULL,
                  "the queue %s has no handler here: its jobs wait",
                  ledger_queue_name(dispatcher->ledger, job->queue));
}

/* ------------------------------------------------------------------ settling */

static uint64_t random_number(void)
{
    uint64_t number = 0;
    ssize_t got = getrandom(&number, sizeof number, GRND_NONBLOCK);
    return got == (ssize_t)sizeof number ? number : now_us();
}

/* Another attempt after a pause, or none any more. */
static void try_again(struct dispatcher *dispatcher, const struct waiting *failed,
                      uint64_t delay_ms, const char *sentence)
{
    struct waiting job = *failed;
    const struct queue_settings *queue = ledger_queue(dispatcher->ledger, job.queue);
    if (job.attempt >= job.attempts) {
        ledger_dead(dispatcher->ledger, &job, sentence);
        return;
    }
    if (delay_ms == UINT64_MAX)
        delay_ms = retry_delay_ms(queue, job.attempt, random_number());
    if (ledger_retry(dispatcher->ledger, &job, now_us() + delay_ms * 1000, sentence))
        put_back(dispatcher, &job);
}

static void hand_back(struct dispatcher *dispatcher, const struct waiting *unfinished)
{
    struct waiting job = *unfinished;
    if (ledger_hand_back(dispatcher->ledger, &job))
        put_back(dispatcher, &job);
}

static void keep_result(struct dispatcher *dispatcher, const struct crew_return *back)
{
    struct job_address address;
    bobbin_error error;
    ledger_address(dispatcher->ledger, back->job, &address);
    if (back->message->has_result == 1 &&
        !result_commit(&dispatcher->directory, &address, back->job->attempt, &error))
        log_write(dispatcher->options->log, BOBBIN_ERROR, NULL, "%s", error.text);
}

static void drop_result(struct dispatcher *dispatcher, const struct waiting *job)
{
    struct job_address address;
    ledger_address(dispatcher->ledger, job, &address);
    result_discard(&dispatcher->directory, &address, job->attempt);
}

/* It ended by itself: done, failed, or to be tried again. */
static void settle(struct dispatcher *dispatcher, const struct crew_return *back)
{
    const struct job_message *message = back->message;
    const char *sentence =
        message->sentence_bytes > 0 ? message->sentence : "the job gave no reason";
    switch (message->result) {
    case BOBBIN_JOB_DONE:
        keep_result(dispatcher, back); /* its name is there before the state says so */
        ledger_done(dispatcher->ledger, back->job);
        return;
    case BOBBIN_JOB_FAILED:
        ledger_dead(dispatcher->ledger, back->job, sentence);
        break;
    default:
        try_again(dispatcher, back->job, message->retry_after_ms, sentence);
        break;
    }
    drop_result(dispatcher, back->job);
}

static void time_out(struct dispatcher *dispatcher, const struct waiting *job)
{
    char sentence[64];
    snprintf(sentence, sizeof sentence, "timed out after %g s", job->timeout_ms / 1000.0);
    try_again(dispatcher, job, UINT64_MAX, sentence);
}

/* Its process died, or it gave up because it was told to. */
static void settle_stopped(struct dispatcher *dispatcher, const struct crew_return *back)
{
    char sentence[128];
    switch (back->cause) {
    case CREW_TIMEOUT:
        time_out(dispatcher, back->job);
        break;
    case CREW_CANCEL:
        ledger_cancelled(dispatcher->ledger, back->job);
        break;
    case CREW_DRAIN:
        hand_back(dispatcher, back->job);
        break;
    default:
        snprintf(sentence, sizeof sentence, "its process died: %s", back->death);
        try_again(dispatcher, back->job, UINT64_MAX, sentence);
        break;
    }
    drop_result(dispatcher, back->job);
}

static void on_return(void *context, const struct crew_return *back)
{
    struct dispatcher *dispatcher = context;
    bool is_done = back->message != NULL && back->message->result == BOBBIN_JOB_DONE;
    bool has_failed = back->message != NULL && back->message->result == BOBBIN_JOB_FAILED;
    bool by_itself = back->message != NULL && back->cause == CREW_NOTHING;
    if (by_itself || is_done || (has_failed && back->cause == CREW_DRAIN))
        settle(dispatcher, back);
    else
        settle_stopped(dispatcher, back);
}

/* ------------------------------------------------------------------ jobs of earlier leaders */

static bool is_reserved(void *context, uint32_t slot)
{
    const struct dispatcher *dispatcher = context;
    for (size_t i = 0; i < dispatcher->orphan_count; i++)
        if (dispatcher->orphans[i].slot == slot)
            return true;
    return false;
}

static void on_running(void *context, const struct waiting *job, uint32_t slot, bool is_cancelled)
{
    struct dispatcher *dispatcher = context;
    struct orphan *orphans =
        realloc(dispatcher->orphans, (dispatcher->orphan_count + 1) * sizeof *orphans);
    if (orphans == NULL)
        return; /* found again by the next leader */
    dispatcher->orphans = orphans;
    orphans[dispatcher->orphan_count++] =
        (struct orphan){.job = *job, .slot = slot, .is_cancelled = is_cancelled};
}

static void adopt(struct dispatcher *dispatcher, const struct orphan *orphan)
{
    drop_result(dispatcher, &orphan->job);
    if (orphan->is_cancelled)
        ledger_cancelled(dispatcher->ledger, &orphan->job);
    else if (has_handler(dispatcher, orphan->job.queue))
        try_again(dispatcher, &orphan->job, UINT64_MAX, "its spooler died while it ran");
}

static void on_adopt(uv_timer_t *timer)
{
    struct dispatcher *dispatcher = timer->data;
    for (size_t i = 0; i < dispatcher->orphan_count;) {
        struct orphan orphan = dispatcher->orphans[i];
        if (slotpage_is_held(&dispatcher->directory, orphan.slot)) {
            i++;
            continue;
        }
        dispatcher->orphans[i] = dispatcher->orphans[--dispatcher->orphan_count];
        adopt(dispatcher, &orphan);
    }
    if (dispatcher->orphan_count == 0)
        uv_timer_stop(timer);
    give_out(dispatcher);
}

/* ------------------------------------------------------------------ from outside */

static void on_wake(void *context, uint64_t writer, uint32_t sequence)
{
    struct dispatcher *dispatcher = context;
    ledger_follow(dispatcher->ledger, writer, sequence);
    give_out(dispatcher);
}

static uint32_t on_cancel(void *context, const struct job_address *address)
{
    struct dispatcher *dispatcher = context;
    struct waiting job;
    enum bobbin_job_state state = ledger_find(dispatcher->ledger, address, &job);
    if (state == BOBBIN_STATE_READY && ledger_cancelled(dispatcher->ledger, &job))
        state = BOBBIN_STATE_CANCELLED;
    if (state == BOBBIN_STATE_RUNNING && ledger_cancelling(dispatcher->ledger, &job)) {
        uint64_t kill_after_ms = ledger_queue(dispatcher->ledger, job.queue)->kill_after_ms;
        state = BOBBIN_STATE_CANCELLING;
        if (!crew_stop(dispatcher->crew, &job, kill_after_ms, CREW_CANCEL))
            for (size_t i = 0; i < dispatcher->orphan_count; i++)
                dispatcher->orphans[i].is_cancelled |=
                    dispatcher->orphans[i].job.journal == job.journal &&
                    dispatcher->orphans[i].job.index == job.index;
    }
    ledger_flush(dispatcher->ledger); /* who asked will look */
    return (uint32_t)state;
}

static void on_scan(uv_timer_t *timer)
{
    struct dispatcher *dispatcher = timer->data;
    ledger_scan(dispatcher->ledger);
    give_out(dispatcher);
}

static void on_sweep(uv_timer_t *timer)
{
    struct dispatcher *dispatcher = timer->data;
    ledger_sweep(dispatcher->ledger);
}

/* ------------------------------------------------------------------ leaving */

static void on_empty(void *context)
{
    struct dispatcher *dispatcher = context;
    uv_stop(&dispatcher->loop);
}

static void on_nursery_gone(void *context)
{
    struct dispatcher *dispatcher = context;
    log_write(dispatcher->options->log, BOBBIN_ERROR, NULL,
              "the nursery died: a new spooler takes over");
    dispatcher->status = 1;
    uv_stop(&dispatcher->loop);
}

static void on_deadline(uv_timer_t *timer)
{
    struct dispatcher *dispatcher = timer->data;
    crew_kill(dispatcher->crew);
}

static void drain(struct dispatcher *dispatcher)
{
    uint64_t grace_ms = dispatcher->options->shutdown_timeout_ms - LEAVING_MS;
    dispatcher->state = DRAINING;
    uv_timer_start(&dispatcher->deadline, on_deadline, grace_ms, 0);
    crew_leave(dispatcher->crew, grace_ms);
}

static void on_signal(uv_poll_t *poll, int status, int events)
{
    struct dispatcher *dispatcher = poll->data;
    (void)status;
    (void)events;
    for (int number; (number = child_next_signal(dispatcher->signal_fd)) != 0;) {
        bool ends = number == SIGTERM || number == SIGINT;
        if (number == SIGQUIT || (ends && dispatcher->state == DRAINING)) {
            dispatcher->state = DRAINING;
            crew_kill(dispatcher->crew);
        } else if (ends) {
            drain(dispatcher);
        }
    }
}

/* The parent says nothing but its end. */
static void on_control(uv_poll_t *poll, int status, int events)
{
    struct dispatcher *dispatcher = poll->data;
    char order;
    (void)status;
    (void)events;
    ssize_t got = recv(dispatcher->options->control_fd, &order, 1, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        uv_stop(&dispatcher->loop);
}

static void before_poll(uv_prepare_t *prepare)
{
    struct dispatcher *dispatcher = prepare->data;
    ledger_flush(dispatcher->ledger);
}

/* ------------------------------------------------------------------ life */

static void open_timers(struct dispatcher *dispatcher)
{
    uv_timer_t *timers[] = {&dispatcher->scan, &dispatcher->sweep, &dispatcher->due,
                            &dispatcher->adopt, &dispatcher->deadline};
    uint64_t ttl_ms = dispatcher->options->spool->result_ttl_ms;
    uint64_t sweep_ms = ttl_ms < SWEEP_MS ? ttl_ms : SWEEP_MS;
    for (size_t i = 0; i < sizeof timers / sizeof *timers; i++) {
        uv_timer_init(&dispatcher->loop, timers[i]);
        timers[i]->data = dispatcher;
    }
    uv_timer_start(&dispatcher->scan, on_scan, SCAN_MS, SCAN_MS);
    uv_timer_start(&dispatcher->sweep, on_sweep, sweep_ms, sweep_ms);
    uv_timer_start(&dispatcher->adopt, on_adopt, 0, ORPHAN_MS);
    uv_prepare_init(&dispatcher->loop, &dispatcher->before_poll);
    dispatcher->before_poll.data = dispatcher;
    uv_prepare_start(&dispatcher->before_poll, before_poll);
}

static void watch(struct dispatcher *dispatcher, uv_poll_t *poll, int fd, uv_poll_cb callback)
{
    uv_poll_init(&dispatcher->loop, poll, fd);
    poll->data = dispatcher;
    uv_poll_start(poll, UV_READABLE, callback);
}

static bool open_crew(struct dispatcher *dispatcher, int nursery_fd, bobbin_error *error)
{
    const struct crew_options options = {.loop = &dispatcher->loop,
                                         .directory = &dispatcher->directory,
                                         .log = dispatcher->options->log,
                                         .nursery_fd = nursery_fd,
                                         .count = dispatcher->options->processes,
                                         .context = dispatcher,
                                         .on_idle = on_idle,
                                         .on_return = on_return,
                                         .on_empty = on_empty,
                                         .on_nursery_gone = on_nursery_gone,
                                         .is_reserved = is_reserved};
    dispatcher->crew = crew_open(&options, error);
    return dispatcher->crew != NULL;
}

static bool open_all(struct dispatcher *dispatcher, int nursery_fd, bobbin_error *error)
{
    const struct dispatcher_options *options = dispatcher->options;
    const struct ledger_events found = {dispatcher, on_ready, on_running};
    const struct gate_events asked = {dispatcher, on_wake, on_cancel};
    queue_init(&dispatcher->queue);
    dispatcher->ledger = ledger_create(&dispatcher->directory, options->spool, options->queues,
                                       options->log, &found);
    if (dispatcher->ledger == NULL)
        return bobbin_fail(error, "no memory");
    /* Before any slot is taken: what an earlier leader gave out must be known. */
    ledger_scan(dispatcher->ledger);
    dispatcher->gate = gate_open(&dispatcher->loop, &dispatcher->directory, &asked, error);
    if (dispatcher->gate == NULL || !open_crew(dispatcher, nursery_fd, error))
        return false;
    dispatcher->signal_fd = child_signal_fd();
    watch(dispatcher, &dispatcher->control, options->control_fd, on_control);
    watch(dispatcher, &dispatcher->signals, dispatcher->signal_fd, on_signal);
    open_timers(dispatcher);
    return true;
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void close_all(struct dispatcher *dispatcher)
{
    gate_close(dispatcher->gate);
    crew_close(dispatcher->crew);
    uv_walk(&dispatcher->loop, close_handle, NULL);
    uv_run(&dispatcher->loop, UV_RUN_DEFAULT);
    uv_loop_close(&dispatcher->loop);
    ledger_flush(dispatcher->ledger);
    ledger_destroy(dispatcher->ledger);
    queue_finish(&dispatcher->queue);
    free(dispatcher->orphans);
    close(dispatcher->signal_fd);
}

static int lead(struct dispatcher *dispatcher, int nursery_fd)
{
    bobbin_error error;
    uv_loop_init(&dispatcher->loop);
    if (!open_all(dispatcher, nursery_fd, &error)) {
        log_write(dispatcher->options->log, BOBBIN_ERROR, NULL, "%s", error.text);
        return 1;
    }
    if (send(dispatcher->options->control_fd, "R", 1, MSG_NOSIGNAL) != 1)
        return 1;
    uv_run(&dispatcher->loop, UV_RUN_DEFAULT);
    close_all(dispatcher);
    return dispatcher->status;
}

/* ------------------------------------------------------------------ before the loop */

/* Waits for a signal that ends us, for the parent's end, or for the time. True: leave. */
static bool must_leave(const struct dispatcher_options *options, int signal_fd, int wait_ms)
{
    struct pollfd waits[] = {{.fd = options->control_fd, .events = POLLIN},
                             {.fd = signal_fd, .events = POLLIN}};
    poll(waits, 2, wait_ms);
    int number = child_next_signal(signal_fd);
    return number == SIGTERM || number == SIGINT || number == SIGQUIT ||
           (waits[0].revents & POLLHUP);
}

/* The lock is held by the descriptor, until the process ends. False: told to leave meanwhile. */
static bool become_leader(const struct dispatcher *dispatcher, int fd)
{
    const struct dispatcher_options *options = dispatcher->options;
    bool is_said = false, is_leader;
    int signal_fd = child_signal_fd();
    while (!(is_leader = flock(fd, LOCK_EX | LOCK_NB) == 0)) {
        if (!is_said) {
            log_write(options->log, BOBBIN_INFO, NULL,
                      "another dispatcher leads the spool %s: this one stands by",
                      options->spool->directory);
            is_said = send(options->control_fd, "R", 1, MSG_NOSIGNAL) == 1;
        }
        if (must_leave(options, signal_fd, LEADER_MS))
            break;
    }
    close(signal_fd);
    return is_leader;
}

static int be_nursery(const struct dispatcher_options *options, int fd)
{
    struct log log = *options->log;
    log.role = "nursery";
    log.pid = (long)getpid();
    return nursery_run(&(struct nursery_options){.spool = options->spool,
                                                 .queues = options->queues,
                                                 .plugins = options->plugins,
                                                 .log = &log,
                                                 .leader_fd = fd});
}

int dispatcher_run(const struct dispatcher_options *options)
{
    struct dispatcher dispatcher = {.options = options};
    bobbin_error error;
    int pair[2];
    if (!directory_open(&dispatcher.directory, options->spool->directory, options->log, &error)) {
        log_write(options->log, BOBBIN_ERROR, NULL, "%s", error.text);
        return 1;
    }
    int lock = openat(dispatcher.directory.root, "leader", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        log_write(options->log, BOBBIN_ERROR, NULL, "the spool cannot be led: %m");
        return 1;
    }
    if (!become_leader(&dispatcher, lock))
        return 0;
    pid_t pid = child_fork("bobbin-nursery", &pair[1], 1);
    if (pid == 0)
        return be_nursery(options, pair[1]);
    close(pair[1]);
    if (pid < 0) {
        log_write(options->log, BOBBIN_ERROR, NULL, "the nursery cannot be forked: %m");
        return 1;
    }
    int status = lead(&dispatcher, pair[0]);
    directory_close(&dispatcher.directory);
    return status;
}
