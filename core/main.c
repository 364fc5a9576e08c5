/*
 * bobbin's table of contents: what the command line can ask for, and who does it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core/base/child.h"
#include "core/base/error.h"
#include "core/config/arguments.h"
#include "core/plugin/descriptor.h"
#include "core/plugin/reference.h"
#include "core/process/container.h"
#include "core/process/generation.h"
#include "core/process/handover.h"
#include "core/process/limits.h"
#include "core/process/master.h"
#include "core/process/worker.h"
#include "spooler/cron.h"
#include "spooler/dispatcher.h"
#include "spooler/door.h"
#include "spooler/engine.h"
#include "spooler/settings.h"

#define VERSION "0.1.0"

enum { FAILED = 1, WRONG_USE = 2 };

/* ------------------------------------------------------------------ the sections of the spool */

static const char *handler_of(const void *queue)
{
    return ((const struct queue_settings *)queue)->handler;
}

static const char *queue_of(const void *cron)
{
    return ((const struct cron_settings *)cron)->queue;
}

static bool check_schedule(const void *settings, bobbin_error *error)
{
    struct cron cron;
    return cron_parse(&cron, ((const struct cron_settings *)settings)->schedule, error);
}

static const struct container_tables tables = {.spool = spool_rows,
                                               .spool_bytes = sizeof(struct spool_settings),
                                               .queue = queue_rows,
                                               .queue_bytes = sizeof(struct queue_settings),
                                               .most_queues = QUEUES_MAX,
                                               .queue_handler = handler_of,
                                               .cron = cron_rows,
                                               .cron_bytes = sizeof(struct cron_settings),
                                               .most_crons = CRONS_MAX,
                                               .cron_queue = queue_of,
                                               .check_schedule = check_schedule};

static const struct reference_table reference[] = {
    {"bobbin", settings_rows, NULL},
    {"routes", NULL, "/path = plugin, or plugin:instance: the longest path that fits is taken"},
    {"spool", spool_rows, NULL},
    {"queue:NAME", queue_rows, NULL},
    {"cron:NAME", cron_rows, NULL},
};

static int complain(const bobbin_error *error, int status)
{
    fprintf(stderr, "bobbin: %s\n", error->text);
    return status;
}

static void open_log(struct log *log, const struct settings *settings, const char *role)
{
    log_init(log, STDERR_FILENO, role);
    log->level = (enum bobbin_level)settings->log_level;
    if (settings->log_format != LOG_FORMAT_AUTO)
        log->format = settings->log_format == LOG_FORMAT_JSON ? LOG_JSON : LOG_TEXT;
}

/* ------------------------------------------------------------------ bobbin FILE */

static int run_master(const char *file)
{
    bobbin_error error;
    struct container container;
    struct log log;
    int status = WRONG_USE;
    if (!container_read_settings(&container, file, &error)) {
        complain(&error, status);
    } else {
        open_log(&log, &container.settings, "master");
        status = master_run(&(struct master_options){
            .file = file, .version = VERSION, .settings = &container.settings, .log = &log});
    }
    container_close(&container);
    return status;
}

/* ------------------------------------------------------------------ a generation */

/* What the processes of a generation are made of. */
struct service {
    struct container container;
    struct handover_listeners listeners;
    struct queue_table queues;
    struct cron_table crons;
};

static void fill_queues(struct service *service)
{
    for (size_t i = 0; i < service->container.queue_count; i++) {
        const struct container_queue *queue = &service->container.queues[i];
        struct queue_settings *settings = &service->queues.queues[service->queues.count++];
        *settings = *(const struct queue_settings *)queue->settings;
        settings->name = queue->name;
        if (settings->handler[0] == '\0' && queue->handler != NULL)
            settings->handler = queue->handler->name;
    }
}

static void fill_crons(struct service *service)
{
    for (size_t i = 0; i < service->container.cron_count; i++) {
        const struct container_cron *cron = &service->container.crons[i];
        struct cron_settings *settings = &service->crons.crons[service->crons.count++];
        *settings = *(const struct cron_settings *)cron->settings;
        settings->name = cron->name;
    }
}

static bool open_door(void *context, uv_loop_t *loop, const struct log *log, struct jobsport *port,
                      bobbin_error *error)
{
    const struct service *service = context;
    const struct door_options options = {
        .spool = service->container.spool, .queues = &service->queues, .log = log};
    return engine_files.open(&options, loop, port, error);
}

static int run_worker(void *context, const struct log *log, int control_fd)
{
    struct service *service = context;
    const struct jobsport_factory jobs = {
        .context = service, .open = open_door, .close = engine_files.close};
    return worker_run(
        &(struct worker_options){.settings = &service->container.settings,
                                 .routes = service->container.routes,
                                 .plugins = service->container.plugins,
                                 .listeners = service->listeners.items,
                                 .listener_count = service->listeners.count,
                                 .log = log,
                                 .control_fd = control_fd,
                                 .jobs = service->container.spool != NULL ? &jobs : NULL});
}

static size_t worker_count(const struct container *container)
{
    if (!container_serves(container))
        return 0;
    uint64_t workers = container->settings.workers;
    return workers == UINT64_MAX ? settings_cpus() : (size_t)workers;
}

/* The web half keeps a CPU: a cgroup's throttling stops all of a container, whatever nice says. */
static size_t process_count(const struct container *container)
{
    if (!container_spools(container))
        return 0;
    uint64_t processes = ((const struct spool_settings *)container->spool)->processes;
    size_t cpus = settings_cpus();
    if (processes != UINT64_MAX)
        return (size_t)processes;
    return container_serves(container) && cpus > 1 ? cpus - 1 : cpus;
}

static int run_spooler(void *context, const struct log *log, int control_fd)
{
    struct service *service = context;
    return dispatcher_run(&(struct dispatcher_options){
        .spool = service->container.spool,
        .queues = &service->queues,
        .crons = &service->crons,
        .plugins = service->container.plugins,
        .log = log,
        .processes = process_count(&service->container),
        .shutdown_timeout_ms = service->container.settings.shutdown_timeout_ms,
        .control_fd = control_fd});
}

/* "2 workers, spool build/spool (1 process)" */
static void describe(const struct container *container, char *out, size_t size)
{
    size_t workers = worker_count(container);
    size_t processes = process_count(container);
    size_t length = 0;
    if (workers > 0)
        length = (size_t)snprintf(out, size, "%zu worker%s%s", workers, workers == 1 ? "" : "s",
                                  container->spool != NULL ? ", " : "");
    if (container->spool == NULL)
        return;
    const struct spool_settings *spool = container->spool;
    if (processes == 0)
        snprintf(out + length, size - length, "spool %.150s (run elsewhere)", spool->directory);
    else
        snprintf(out + length, size - length, "spool %.150s (%zu process%s)", spool->directory,
                 processes, processes == 1 ? "" : "es");
}

static int serve(struct service *service, const struct log *log, int master_fd)
{
    const struct settings *settings = &service->container.settings;
    char words[HANDOVER_WORDS_BYTES];
    describe(&service->container, words, sizeof words);
    const struct generation_kind kinds[] = {
        {.name = "worker",
         .count = worker_count(&service->container),
         .accepts = true,
         .run = run_worker,
         .context = service},
        {.name = "spooler",
         .count = container_spools(&service->container),
         .run = run_spooler,
         .context = service},
    };
    return generation_run(
        &(struct generation_options){.kinds = kinds,
                                     .kind_count = sizeof kinds / sizeof *kinds,
                                     .listeners = service->listeners.items,
                                     .listener_count = service->listeners.count,
                                     .backlog = (int)settings->backlog,
                                     .shutdown_timeout_ms = settings->shutdown_timeout_ms,
                                     .master_fd = master_fd,
                                     .words = words,
                                     .log = log});
}

static int run_generation(const char *file, int master_fd)
{
    bobbin_error error;
    struct service service = {0};
    struct log log;
    int status = FAILED;
    prctl(PR_SET_NAME, "bobbin-gen"); /* exec has taken the name that child_fork gave */
    limits_raise_files();
    if (!container_open(&service.container, file, &tables, &error))
        status = complain(&error, WRONG_USE);
    else if (!handover_say(master_fd, HANDOVER_CHECKED, "", &error) ||
             !handover_receive(master_fd, &service.listeners, &error))
        complain(&error, status);
    else {
        fill_queues(&service);
        fill_crons(&service);
        open_log(&log, &service.container.settings, "generation");
        status = serve(&service, &log, master_fd);
    }
    handover_finish(&service.listeners);
    container_close(&service.container);
    return status;
}

/* ------------------------------------------------------------------ questions */

static int check(const char *file, bool print)
{
    bobbin_error error;
    struct container container;
    int status = 0;
    if (!container_open(&container, file, &tables, &error))
        status = complain(&error, WRONG_USE);
    else if (print)
        container_print(&container, &tables, stdout);
    else
        printf("%s is right\n", file);
    container_close(&container);
    return status;
}

static int describe_plugin(const char *file)
{
    bobbin_error error;
    return descriptor_describe(file, stdout, &error) ? 0 : complain(&error, WRONG_USE);
}

static int print_reference(const char *section)
{
    bobbin_error error;
    char directory[4096];
    container_plugin_directory(&(struct settings){.plugin_directory = ""}, directory);
    return reference_print(reference, sizeof reference / sizeof *reference, directory, section,
                           stdout, &error)
               ? 0
               : complain(&error, WRONG_USE);
}

static int run(const struct arguments *arguments)
{
    switch (arguments->command) {
    case COMMAND_RUN:
        return run_master(arguments->operand);
    case COMMAND_GENERATION:
        return run_generation(arguments->operand, arguments->fd);
    case COMMAND_CHECK:
        return check(arguments->operand, false);
    case COMMAND_CONFIG:
        return check(arguments->operand, true);
    case COMMAND_OPTIONS:
        return print_reference(arguments->operand);
    case COMMAND_PLUGIN:
        return describe_plugin(arguments->operand);
    case COMMAND_VERSION:
        puts("bobbin " VERSION);
        return 0;
    default:
        arguments_print_help(stdout);
        return 0;
    }
}

int main(int argc, char **argv)
{
    bobbin_error error;
    struct arguments arguments;
    child_block_signals();
    limits_open_standard();
    if (!arguments_parse(&arguments, argc, argv, &error))
        return complain(&error, WRONG_USE);
    return run(&arguments);
}
