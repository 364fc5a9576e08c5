#include "spooler/dispatcher.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "core/base/child.h"
#include "core/base/error.h"
#include "spooler/crontab.h"
#include "spooler/drop.h"
#include "spooler/gate.h"
#include "spooler/leader.h"
#include "spooler/run/crew.h"
#include "spooler/run/nursery.h"

enum {
    SCAN_MS = 500,        /* in case a wake-up was lost */
    SWEEP_MS = 60 * 1000, /* at most; a shorter result-ttl sweeps more often */
    LEADER_MS = 250,
    LEAVING_MS = 2000 /* kept back of shutdown-timeout for killing and handing back */
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
    uv_timer_t deadline;
    uv_prepare_t before_poll;
    struct ledger *ledger;
    struct leader leader;
    struct crew *crew;
    struct gate *gate;
    struct drop *drop;
    struct crontab *crontab;
};

/* ------------------------------------------------------------------ timers */

static void on_scan(uv_timer_t *timer)
{
    struct dispatcher *dispatcher = timer->data;
    ledger_scan(dispatcher->ledger);
    leader_give_out(&dispatcher->leader);
    drop_look(dispatcher->drop);
    crontab_look(dispatcher->crontab);
}

static void on_sweep(uv_timer_t *timer)
{
    struct dispatcher *dispatcher = timer->data;
    ledger_sweep(dispatcher->ledger);
}

/* ------------------------------------------------------------------ leaving */

/* The crew calls back with the leader, which lies inside its dispatcher. */
static struct dispatcher *dispatcher_of(void *leader)
{
    return (struct dispatcher *)((char *)leader - offsetof(struct dispatcher, leader));
}

static void on_empty(void *context)
{
    struct dispatcher *dispatcher = dispatcher_of(context);
    uv_stop(&dispatcher->loop);
}

static void on_nursery_gone(void *context)
{
    struct dispatcher *dispatcher = dispatcher_of(context);
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
    drop_stop(dispatcher->drop);
    crontab_stop(dispatcher->crontab);
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
    gate_tell(dispatcher->gate);
}

/* ------------------------------------------------------------------ life */

static void open_timers(struct dispatcher *dispatcher)
{
    uv_timer_t *timers[] = {&dispatcher->scan, &dispatcher->sweep, &dispatcher->deadline};
    uint64_t ttl_ms = dispatcher->options->spool->result_ttl_ms;
    uint64_t sweep_ms = ttl_ms < SWEEP_MS ? ttl_ms : SWEEP_MS;
    if (sweep_ms < SCAN_MS)
        sweep_ms = SCAN_MS;
    for (size_t i = 0; i < sizeof timers / sizeof *timers; i++) {
        uv_timer_init(&dispatcher->loop, timers[i]);
        timers[i]->data = dispatcher;
    }
    uv_timer_start(&dispatcher->scan, on_scan, SCAN_MS, SCAN_MS);
    uv_timer_start(&dispatcher->sweep, on_sweep, sweep_ms, sweep_ms);
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
                                         .context = &dispatcher->leader,
                                         .on_idle = leader_on_idle,
                                         .on_return = leader_on_return,
                                         .on_empty = on_empty,
                                         .on_nursery_gone = on_nursery_gone,
                                         .is_reserved = leader_is_reserved};
    dispatcher->crew = dispatcher->leader.crew = crew_open(&options, error);
    return dispatcher->crew != NULL;
}

/* What its writer thread has just stored may not have been found yet. */
static bool has_ended(void *context, const struct job_address *job)
{
    struct leader *leader = context;
    struct job_address address = *job; /* of the first, afterwards */
    ledger_follow(leader->ledger, job->writer, job->sequence);
    return leader_has_ended(leader, &address);
}

static struct crontab *open_crontab(struct dispatcher *dispatcher)
{
    const struct dispatcher_options *options = dispatcher->options;
    return crontab_create(&(struct crontab_options){.loop = &dispatcher->loop,
                                                    .directory = &dispatcher->directory,
                                                    .spool = options->spool,
                                                    .queues = options->queues,
                                                    .crons = options->crons,
                                                    .log = options->log,
                                                    .context = &dispatcher->leader,
                                                    .has_ended = has_ended});
}

static bool open_all(struct dispatcher *dispatcher, int nursery_fd, bobbin_error *error)
{
    const struct dispatcher_options *options = dispatcher->options;
    struct leader *leader = &dispatcher->leader;
    const struct ledger_events found = {.context = leader,
                                        .on_expiring = leader_on_expiring,
                                        .on_ready = leader_on_ready,
                                        .on_running = leader_on_running,
                                        .on_succeeded = leader_on_succeeded,
                                        .on_ended = leader_on_ended,
                                        .count_later = leader_count_later};
    const struct gate_events asked = {leader, leader_on_wake, leader_on_cancel, leader_on_pause,
                                      leader_has_ended};
    *leader = (struct leader){
        .directory = &dispatcher->directory, .plugins = options->plugins, .log = options->log};
    leader_init(leader, &dispatcher->loop);
    dispatcher->ledger = ledger_create(&dispatcher->directory, options->spool, options->queues,
                                       options->log, &found);
    if (dispatcher->ledger == NULL)
        return bobbin_fail(error, "no memory");
    leader->ledger = dispatcher->ledger;
    /* Before any slot is taken: what an earlier leader gave out must be known. */
    ledger_scan(dispatcher->ledger);
    dispatcher->gate = gate_open(&dispatcher->loop, &dispatcher->directory, &asked, error);
    leader->gate = dispatcher->gate;
    if (dispatcher->gate == NULL || !open_crew(dispatcher, nursery_fd, error))
        return false;
    dispatcher->signal_fd = child_signal_fd();
    watch(dispatcher, &dispatcher->control, options->control_fd, on_control);
    watch(dispatcher, &dispatcher->signals, dispatcher->signal_fd, on_signal);
    open_timers(dispatcher);
    ledger_sweep(dispatcher->ledger); /* counts the dead letters */
    leader_begin(leader);
    dispatcher->drop = drop_create(&dispatcher->loop, &dispatcher->directory, options->spool,
                                   options->queues, options->log);
    dispatcher->crontab = open_crontab(dispatcher);
    return (dispatcher->drop != NULL && dispatcher->crontab != NULL) ||
           bobbin_fail(error, "no memory");
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void close_all(struct dispatcher *dispatcher)
{
    dispatcher->leader.gate = NULL;
    gate_close(dispatcher->gate);
    crew_close(dispatcher->crew);
    drop_stop(dispatcher->drop);
    crontab_stop(dispatcher->crontab);
    uv_walk(&dispatcher->loop, close_handle, NULL);
    uv_run(&dispatcher->loop, UV_RUN_DEFAULT);
    uv_loop_close(&dispatcher->loop);
    ledger_flush(dispatcher->ledger);
    ledger_destroy(dispatcher->ledger);
    drop_destroy(dispatcher->drop);
    crontab_destroy(dispatcher->crontab);
    leader_finish(&dispatcher->leader);
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
