#include "core/process/worker.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "core/base/child.h"
#include "core/exchange/offload.h"
#include "core/exchange/route.h"
#include "core/exchange/timer.h"
#include "core/net/listener.h"
#include "core/plugin/plugin.h"
#include "core/plugin/running.h"

/* The generation kills what is left at shutdown-timeout: the last seconds are for leaving. */
enum { LEAVING_MS = 2000, HOLDING_MS = 50 };

static void leave(struct worker *worker)
{
    worker->state = WORKER_LEAVING;
    uv_stop(&worker->loop);
}

static void on_empty(void *arg)
{
    leave(arg);
}

static void on_deadline(uv_timer_t *timer)
{
    struct worker *worker = timer->data;
    log_write(worker->options->log, BOBBIN_WARNING, NULL,
              "%zu connections were cut at the end of shutdown-timeout", worker->clients.count);
    leave(worker);
}

static void drain(struct worker *worker)
{
    const struct worker_options *options = worker->options;
    if (worker->state >= WORKER_DRAINING)
        return;
    worker->state = WORKER_DRAINING;
    for (size_t i = 0; plugin_set_at(options->plugins, i) != NULL; i++) {
        struct plugin_instance *instance = plugin_set_at(options->plugins, i);
        plugin_drain(instance);
    }
    uint64_t wait_ms = options->settings->shutdown_timeout_ms - LEAVING_MS;
    uv_timer_start(&worker->deadline, on_deadline, wait_ms, 0);
    clients_drain(&worker->clients, on_empty, worker);
}

static void on_control(uv_poll_t *poll, int status, int events)
{
    struct worker *worker = poll->data;
    char order = 0;
    (void)events;
    ssize_t got = status == 0 ? read(worker->options->control_fd, &order, 1) : 0;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) /* the generation is gone */
        leave(worker);
    else if (order == 'S' && worker->state == WORKER_STARTING) {
        worker->state = WORKER_SERVING;
        clients_serve(&worker->clients);
    }
}

static void on_signal(uv_poll_t *poll, int status, int events)
{
    struct worker *worker = poll->data;
    (void)status;
    (void)events;
    for (int number; (number = child_next_signal(worker->signal_fd)) != 0;) {
        bool is_second = worker->state == WORKER_DRAINING;
        if (number == SIGQUIT || ((number == SIGTERM || number == SIGINT) && is_second))
            leave(worker);
        else if (number == SIGTERM || number == SIGINT)
            drain(worker);
    }
}

static void before_poll(uv_prepare_t *prepare)
{
    struct worker *worker = prepare->data;
    exchange_run_deferred(&worker->exchange);
    if (worker->accesslog != NULL)
        accesslog_flush(worker->accesslog);
}

static void after_poll(uv_check_t *check)
{
    struct worker *worker = check->data;
    exchange_run_deferred(&worker->exchange);
}

static const char *find_jobs_route(const struct routes *routes)
{
    for (size_t i = 0; routes_at(routes, i) != NULL; i++)
        if (strcmp(routes_at(routes, i)->app->plugin->name, "jobs") == 0)
            return routes_at(routes, i)->prefix.data;
    return NULL;
}

static bool open_accesslog(struct worker *worker, bobbin_error *error)
{
    const struct settings *settings = worker->options->settings;
    if (strcmp(settings->access_log, "off") == 0)
        return true;
    enum log_format format =
        settings->log_format == LOG_FORMAT_JSON || (settings->log_format == LOG_FORMAT_AUTO &&
                                                    worker->options->log->format == LOG_JSON)
            ? LOG_JSON
            : LOG_TEXT;
    worker->accesslog = accesslog_open(settings->access_log, format, error);
    return worker->accesslog != NULL;
}

static void watch(struct worker *worker, uv_poll_t *poll, int fd, uv_poll_cb callback)
{
    uv_poll_init(&worker->loop, poll, fd);
    poll->data = worker;
    uv_poll_start(poll, UV_READABLE, callback);
}

static void open_handles(struct worker *worker)
{
    worker->signal_fd = child_signal_fd();
    watch(worker, &worker->control, worker->options->control_fd, on_control);
    watch(worker, &worker->signals, worker->signal_fd, on_signal);
    uv_prepare_init(&worker->loop, &worker->before_poll);
    uv_check_init(&worker->loop, &worker->after_poll);
    uv_timer_init(&worker->loop, &worker->deadline);
    worker->before_poll.data = worker->after_poll.data = worker->deadline.data = worker;
    uv_prepare_start(&worker->before_poll, before_poll);
    uv_check_start(&worker->after_poll, after_poll);
}

static bool open_clients(struct worker *worker, bobbin_error *error)
{
    const struct worker_options *options = worker->options;
    struct plugin_instance *protocols[LISTENERS_MAX];
    for (size_t i = 0; i < options->listener_count; i++) {
        protocols[i] = plugin_set_protocol(options->plugins, options->listeners[i].scheme);
        if (protocols[i] == NULL)
            return bobbin_fail(error, "nobody speaks %s", options->listeners[i].scheme);
    }
    return clients_open(&worker->clients, &worker->loop, &worker->exchange, worker->accesslog,
                        options->listeners, protocols, options->listener_count, error);
}

static bool start_plugins(struct worker *worker, bobbin_error *error)
{
    for (size_t i = 0; plugin_set_at(worker->options->plugins, i) != NULL; i++) {
        struct plugin_instance *instance = plugin_set_at(worker->options->plugins, i);
        bool is_needed = instance->plugin->handle != NULL || instance->plugin->protocol != NULL;
        if (is_needed && !plugin_start(instance, worker->options->log, worker, error))
            return false;
    }
    return true;
}

static bool open_offload(struct worker *worker, bobbin_error *error)
{
    const struct settings *settings = worker->options->settings;
    worker->exchange.offload = offload_open(&worker->loop, worker->options->log, settings->threads,
                                            settings->offload_queue, error);
    return worker->exchange.offload != NULL;
}

static bool open_jobs(struct worker *worker, bobbin_error *error)
{
    const struct jobsport_factory *jobs = worker->options->jobs;
    if (jobs == NULL)
        return true;
    if (!jobs->open(jobs->context, &worker->loop, worker->options->log, &worker->exchange.jobs,
                    error))
        return false;
    if (worker->exchange.jobs.body_directory != NULL)
        worker->exchange.body_limits.directory = worker->exchange.jobs.body_directory;
    return true;
}

static bool open_all(struct worker *worker, bobbin_error *error)
{
    const struct worker_options *options = worker->options;
    if (!exchange_init(&worker->exchange, options->settings, options->routes, options->log, error))
        return false;
    worker->exchange.jobs_route = find_jobs_route(options->routes);
    return postbox_open(&worker->postbox, &worker->loop, &worker->exchange, error) &&
           open_offload(worker, error) && open_accesslog(worker, error) &&
           open_jobs(worker, error) && open_clients(worker, error);
}

static void on_jobs_closed(void *arg)
{
    *(bool *)arg = true;
}

/* From here on nobody can store a job. Those that are being stored are waited for: their
 * acknowledgement may already be on the disk, and whoever asked is told before its stop. */
static void close_jobs(struct worker *worker)
{
    struct jobsport jobs = worker->exchange.jobs;
    bool is_closed = worker->options->jobs == NULL;
    worker->exchange.jobs = (struct jobsport){0};
    if (!is_closed)
        worker->options->jobs->close(&jobs, on_jobs_closed, &is_closed);
    while (!is_closed)
        uv_run(&worker->loop, UV_RUN_ONCE);
}

/* Everything that could still call somebody ends here, in the order in which it was made,
 * backwards. */
static void stop(struct worker *worker)
{
    const struct worker_options *options = worker->options;
    running_watch(NULL, 0);
    clients_close(&worker->clients);
    offload_close(worker->exchange.offload);
    close_jobs(worker);
    postbox_close(&worker->postbox);
    exchange_run_deferred(&worker->exchange);
    for (size_t i = 0; plugin_set_at(options->plugins, i) != NULL; i++) {
        struct plugin_instance *instance = plugin_set_at(options->plugins, i);
        timers_stop_all(worker, &instance->host);
        plugin_stop(instance);
    }
    exchange_run_deferred(&worker->exchange);
    uv_close((uv_handle_t *)&worker->control, NULL);
    uv_close((uv_handle_t *)&worker->signals, NULL);
    uv_close((uv_handle_t *)&worker->before_poll, NULL);
    uv_close((uv_handle_t *)&worker->after_poll, NULL);
    uv_close((uv_handle_t *)&worker->deadline, NULL);
    uv_run(&worker->loop, UV_RUN_DEFAULT);
    uv_loop_close(&worker->loop);
    close(worker->signal_fd);
    accesslog_close(worker->accesslog);
    clients_finish(&worker->clients);
    exchange_finish(&worker->exchange);
}

int worker_run(const struct worker_options *options)
{
    struct worker worker;
    bobbin_error error;
    worker = (struct worker){.options = options};
    uv_loop_init(&worker.loop);
    open_handles(&worker);
    running_catch_crashes(options->log);
    bool is_open = open_all(&worker, &error);
    if (!is_open || !start_plugins(&worker, &error)) {
        log_write(options->log, BOBBIN_ERROR, NULL, "%s", error.text);
        if (is_open)
            stop(&worker); /* those that did start are stopped too */
        return 1;
    }
    if (write(options->control_fd, "R", 1) != 1)
        return 1;
    running_watch(options->log, HOLDING_MS);
    uv_run(&worker.loop, UV_RUN_DEFAULT);
    stop(&worker);
    return 0;
}
