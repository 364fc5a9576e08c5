#include "tests/host/host.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/exchange/offload.h"
#include "core/exchange/route.h"
#include "core/exchange/timer.h"
#include "core/plugin/descriptor.h"
#include "tests/host/attempt.h"
#include "tests/host/client.h"
#include "tests/host/jobwait.h"
#include "tests/host/memory.h"
#include "tests/host/setup.h"

enum { LIMIT_MS = 5000 };

/* ------------------------------------------------------------------ open */

static void open_log(bobbin_test_host *host)
{
    int fd = memfd_create("log", MFD_CLOEXEC);
    if (fd < 0)
        memory_misuse("there is no file for the log");
    log_init(&host->log, fd, host->is_job_process ? "job" : "worker");
    host->log.level = BOBBIN_DEBUG;
    host->log.format = LOG_TEXT;
}

static bool make_instance(bobbin_test_host *host, const struct bobbin_plugin *plugin,
                          const struct bobbin_test_setup *setup, bobbin_error *error)
{
    if (!descriptor_check(plugin, error))
        return false;
    const char *name = setup->instance != NULL ? setup->instance : plugin->name;
    size_t length = strlen(plugin->name);
    if (strncmp(name, plugin->name, length) != 0 || (name[length] != ':' && name[length] != '\0') ||
        strlen(name) >= PLUGIN_INSTANCE_NAME_BYTES)
        return bobbin_fail(error, "an instance of %s is called %s, or %s: and some words",
                           plugin->name, plugin->name, plugin->name);
    host->config = setup_read(setup, name, error);
    if (host->config == NULL ||
        !config_fill(host->config, "bobbin", settings_rows, &host->settings, error))
        return false;
    host->instance = plugin_instance_create(plugin, host->config, name, error);
    return host->instance != NULL;
}

static bool mount(bobbin_test_host *host, const struct bobbin_test_setup *setup,
                  bobbin_error *error)
{
    const char *route = setup->route != NULL ? setup->route : "/";
    const char *jobs = setup->jobs_route != NULL ? setup->jobs_route : "/jobs";
    if (!setup->has_no_jobs_route)
        host->jobs_route = memory_text(bobbin_text(strcmp(jobs, "/") == 0 ? "" : jobs));
    host->routes = routes_create();
    return host->routes != NULL && routes_add(host->routes, route, host->instance, error);
}

/* A loop without anything to wait for would not look at what threads have posted (uv_run(3)). */
static void do_nothing(uv_prepare_t *prepare)
{
    (void)prepare;
}

static bool open_loop(bobbin_test_host *host, const struct bobbin_test_setup *setup,
                      bobbin_error *error)
{
    struct worker *worker = &host->worker;
    uv_loop_init(&worker->loop);
    uv_timer_init(&worker->loop, &host->limit);
    uv_prepare_init(&worker->loop, &host->before_poll);
    uv_prepare_start(&host->before_poll, do_nothing);
    host->limit.data = host;
    host->has_exchange = true;
    if (!postbox_open(&worker->postbox, &worker->loop, &worker->exchange, error) ||
        !exchange_init(&worker->exchange, &host->settings, host->routes, &host->log, error))
        return false;
    worker->exchange.client = &client_table;
    worker->exchange.offload = offload_open(&worker->loop, &host->log, host->settings.threads,
                                            host->settings.offload_queue, error);
    if (worker->exchange.offload == NULL)
        return false;
    worker->exchange.jobs_route = host->jobs_route;
    spool_init(&host->spool, host, setup->has_no_spool);
    worker->exchange.jobs = spool_port(&host->spool);
    return true;
}

static bool start(bobbin_test_host *host, bobbin_error *error)
{
    struct calls *before = calls_open_book(&host->calls, NULL);
    bool is_started = plugin_start(host->instance, &host->log,
                                   host->is_job_process ? NULL : &host->worker, error);
    calls_open_book(before, NULL);
    return is_started;
}

static void destroy(bobbin_test_host *host);

bobbin_test_host *bobbin_test_open(const struct bobbin_plugin *plugin,
                                   const struct bobbin_test_setup *given, bobbin_error *error)
{
    struct bobbin_test_setup setup = {0};
    bobbin_test_host *host = memory_take(sizeof *host);
    if (given != NULL)
        memcpy(&setup, given, given->size < sizeof setup ? given->size : sizeof setup);
    host->is_job_process = setup.is_job_process;
    host->limit_ms = setup.limit_ms > 0 ? setup.limit_ms : LIMIT_MS;
    host->clients_end = &host->clients;
    calls_init(&host->calls, host);
    open_log(host);
    if (make_instance(host, plugin, &setup, error) && mount(host, &setup, error) &&
        open_loop(host, &setup, error) && start(host, error)) {
        host_settle(host);
        return host;
    }
    destroy(host);
    return NULL;
}

/* ------------------------------------------------------------------ close */

void bobbin_test_drain(bobbin_test_host *host)
{
    if (host->has_drained || host->is_job_process)
        return;
    host->has_drained = true;
    struct calls *before = calls_open_book(&host->calls, NULL);
    plugin_drain(host->instance);
    calls_open_book(before, NULL);
    host_settle(host);
}

/* As in core/process/worker.c: what could still call somebody ends, in this order. */
static void stop(bobbin_test_host *host)
{
    struct calls *before = calls_open_book(&host->calls, NULL);
    offload_close(host->worker.exchange.offload);
    if (host->has_exchange)
        exchange_run_deferred(&host->worker.exchange); /* while there is a plugin to be told */
    jobwait_drop_all(&host->spool);
    if (host->has_exchange) {
        postbox_close(&host->worker.postbox);
        exchange_run_deferred(&host->worker.exchange);
    }
    if (host->instance != NULL) {
        timers_stop_all(&host->worker, &host->instance->host);
        plugin_stop(host->instance);
    }
    calls_open_book(before, NULL);
}

static void close_loop(bobbin_test_host *host)
{
    if (!host->has_exchange)
        return;
    uv_close((uv_handle_t *)&host->limit, NULL);
    uv_close((uv_handle_t *)&host->before_poll, NULL);
    uv_run(&host->worker.loop, UV_RUN_DEFAULT);
    uv_loop_close(&host->worker.loop);
    exchange_finish(&host->worker.exchange);
}

static void destroy(bobbin_test_host *host)
{
    stop(host);
    clients_destroy(host);
    close_loop(host);
    spool_finish(&host->spool);
    attempt_destroy(host->attempt);
    plugin_instance_destroy(host->instance);
    routes_destroy(host->routes);
    config_close(host->config);
    calls_finish(&host->calls);
    close(host->log.fd);
    free(host->jobs_route);
    free(host->log_text);
    free(host);
}

bool bobbin_test_close(bobbin_test_host *host, bobbin_error *error)
{
    if (host == NULL)
        return true;
    bobbin_test_drain(host);
    bobbin_test_release_spool(host);
    bool is_clean = clients_check_ended(host, error);
    clients_leave(host);
    destroy(host);
    return is_clean;
}

size_t bobbin_test_descriptors(void)
{
    size_t count = 0;
    uv_loop_t loop;
    uv_loop_init(&loop); /* the first one of a program opens a pipe that is never closed */
    uv_loop_close(&loop);
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL)
        memory_misuse("/proc is not mounted");
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count - 3; /* ".", ".." and the folder's own */
}

/* ------------------------------------------------------------------ the log */

const char *bobbin_test_log(bobbin_test_host *host)
{
    off_t length = lseek(host->log.fd, 0, SEEK_END);
    char *text = memory_take((size_t)length + 1);
    ssize_t got = pread(host->log.fd, text, (size_t)length, 0);
    text[got > 0 ? got : 0] = '\0';
    free(host->log_text);
    return host->log_text = text;
}

bool bobbin_test_logged(bobbin_test_host *host, const char *words)
{
    return strstr(bobbin_test_log(host), words) != NULL;
}
