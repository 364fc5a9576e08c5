#include "spooler/run/jobprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/plugin/running.h"
#include "spooler/files/result.h"
#include "spooler/run/job.h"

enum { OPEN_JOURNALS = 8 };

struct jobprocess {
    const struct jobprocess_options *options;
    struct spool_directory directory;
    struct slotpage *page;
    /* The journals of the last jobs; the oldest gives way. */
    struct journal_reader *readers[OPEN_JOURNALS];
    uint64_t writers[OPEN_JOURNALS];
    uint32_t sequences[OPEN_JOURNALS];
    unsigned next_reader;
    struct children children;
    struct bobbin_job job;
};

static struct journal_reader *reader_of(struct jobprocess *process,
                                        const struct job_address *address, bobbin_error *error)
{
    for (unsigned i = 0; i < OPEN_JOURNALS; i++)
        if (process->readers[i] != NULL && process->writers[i] == address->writer &&
            process->sequences[i] == address->sequence)
            return process->readers[i];
    unsigned place = process->next_reader++ % OPEN_JOURNALS;
    journal_reader_close(process->readers[place]);
    process->readers[place] =
        journal_reader_open(&process->directory, address->writer, address->sequence, error);
    process->writers[place] = address->writer;
    process->sequences[place] = address->sequence;
    return process->readers[place];
}

static struct plugin_instance *handler_of(const struct jobprocess *process, bobbin_str queue)
{
    char name[128];
    const struct queue_settings *settings = queue_table_find(process->options->queues, queue);
    snprintf(name, sizeof name, "%.*s", BOBBIN_ARG(queue));
    if (settings != NULL && settings->handler[0] != '\0')
        snprintf(name, sizeof name, "%s", settings->handler);
    struct plugin_instance *instance = plugin_set_find(process->options->plugins, name);
    return instance != NULL && instance->plugin->run != NULL ? instance : NULL;
}

static enum bobbin_job_result run(struct jobprocess *process, struct bobbin_job *job)
{
    struct plugin_instance *handler = handler_of(process, job->record.queue);
    if (handler == NULL)
        return bobbin_job_retry_after(job, 1000, "no plugin here runs the queue %.*s",
                                      BOBBIN_ARG(job->record.queue));
    job->handler = handler;
    running_enter(handler->name, "run");
    enum bobbin_job_result result = handler->plugin->run(handler->state, job);
    running_leave();
    return result;
}

/* What is sent: the struct as far as its sentence goes. */
static size_t settle_bytes(const struct job_message *message)
{
    return offsetof(struct job_message, sentence) + message->sentence_bytes;
}

/*
 * What it spooled is stored with its success, before the leader hears of it. The result is whole by
 * then: who finds the jobs and no word from us keeps it.
 */
static enum bobbin_job_result
store_children(struct jobprocess *process, enum bobbin_job_result result, struct job_address *place)
{
    struct bobbin_job *job = &process->job;
    bobbin_error error;
    *place = (struct job_address){0};
    if (result != BOBBIN_JOB_DONE) {
        children_forget(&process->children);
        return result;
    }
    /* One that was lost (message.h): what this attempt wrote before must not stand for it. */
    if (job->has_result == 2)
        result_discard(&process->directory, &job->address, job->attempt);
    if (children_store(&process->children, place, &error))
        return result;
    return bobbin_job_retry_after(job, UINT64_MAX, "the jobs that it spooled were not stored: %s",
                                  error.text);
}

static bool settle(struct jobprocess *process, enum bobbin_job_result result,
                   const struct job_address *children)
{
    const struct bobbin_job *job = &process->job;
    struct job_message message = {.kind = JOB_SETTLE,
                                  .attempt = job->attempt,
                                  .address = job->address,
                                  .result = (uint32_t)result,
                                  .has_result = job->has_result,
                                  .sentence_bytes = (uint32_t)strlen(job->sentence.text),
                                  .retry_after_ms = job->retry_after_ms,
                                  .children_writer = children->writer,
                                  .children_sequence = children->sequence};
    memcpy(message.sentence, job->sentence.text, message.sentence_bytes);
    size_t bytes = settle_bytes(&message);
    ssize_t sent;
    do
        sent = send(process->options->leader_fd, &message, bytes, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)bytes;
}

static bool run_one(struct jobprocess *process, const struct job_message *order)
{
    struct bobbin_job *job = &process->job;
    bobbin_error error;
    enum bobbin_job_result result;
    struct job_address children;
    *job = (struct bobbin_job){.directory = &process->directory,
                               .page = process->page,
                               .log = process->options->log,
                               .children = &process->children,
                               .stream = {.fd = -1}};
    slotpage_begin(process->page, &order->address, order->attempt);
    const struct journal_reader *reader = reader_of(process, &order->address, &error);
    if (reader != NULL && job_load(job, reader, order, &error))
        result = run(process, job);
    else {
        job->address = order->address;
        job->attempt = order->attempt;
        result = bobbin_job_fail(job, "%s", error.text);
    }
    if (result == BOBBIN_JOB_DONE)
        job_finish_result(job);
    job_unload(job);
    result = store_children(process, result, &children);
    slotpage_end(process->page);
    return settle(process, result, &children);
}

static bool start_plugins(const struct jobprocess_options *options, bobbin_error *error)
{
    for (size_t i = 0; plugin_set_at(options->plugins, i) != NULL; i++) {
        struct plugin_instance *instance = plugin_set_at(options->plugins, i);
        if (instance->plugin->run != NULL && !plugin_start(instance, options->log, NULL, error))
            return false;
    }
    return true;
}

/* The web half goes first: a job may always wait. */
static void stand_back(const struct spool_settings *spool)
{
    const struct sched_param none = {0};
    setpriority(PRIO_PROCESS, 0, (int)spool->nice);
    sched_setscheduler(0, SCHED_BATCH, &none);
}

static bool start(struct jobprocess *process, bobbin_error *error)
{
    const struct jobprocess_options *options = process->options;
    const struct job_message ready = {.kind = JOB_READY};
    stand_back(options->spool);
    running_catch_crashes(options->log);
    job_install_stop_signal();
    fcntl(options->slot_fd, F_SETFD, 0); /* the lock lives as long as what jobs execute */
    if (!directory_open(&process->directory, options->spool->directory, NULL, error) ||
        (process->page = slotpage_map(options->slot_fd, error)) == NULL ||
        !start_plugins(options, error))
        return false;
    children_init(&process->children, &process->directory, options->spool, options->queues);
    size_t bytes = settle_bytes(&ready);
    return send(options->leader_fd, &ready, bytes, MSG_NOSIGNAL) == (ssize_t)bytes ||
           error_system(error, errno, "the spooler is gone");
}

static void serve(struct jobprocess *process)
{
    struct job_message order;
    for (;;) {
        ssize_t got = recv(process->options->leader_fd, &order, sizeof order, 0);
        if (got < 0 && errno == EINTR)
            continue; /* told to stop what it does not do: see the order that follows */
        if (got <= 0 || order.kind != JOB_RUN)
            return;
        job_clear_stop();
        if (!run_one(process, &order))
            return;
    }
}

static void stop(struct jobprocess *process)
{
    for (size_t i = 0; plugin_set_at(process->options->plugins, i) != NULL; i++)
        plugin_stop(plugin_set_at(process->options->plugins, i));
    for (unsigned i = 0; i < OPEN_JOURNALS; i++)
        journal_reader_close(process->readers[i]);
    children_finish(&process->children);
    slotpage_unmap(process->page);
    directory_close(&process->directory);
}

int jobprocess_run(const struct jobprocess_options *options)
{
    struct jobprocess process = {0};
    bobbin_error error;
    process.options = options;
    if (!start(&process, &error)) {
        log_write(options->log, BOBBIN_ERROR, NULL, "%s", error.text);
        return 1;
    }
    serve(&process);
    stop(&process);
    return 0;
}
