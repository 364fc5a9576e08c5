#include "spooler/run/job.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Set by a signal handler, which is handed nothing: it has to be where the handler can reach it. */
static volatile sig_atomic_t is_stopping;

static void on_stop(int number)
{
    (void)number;
    is_stopping = 1;
}

void job_install_stop_signal(void)
{
    /* Without SA_RESTART: a job that sleeps or waits is woken. */
    struct sigaction action = {.sa_handler = on_stop};
    sigset_t set;
    sigaction(SIGTERM, &action, NULL);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void job_clear_stop(void)
{
    is_stopping = 0;
}

bool job_load(struct bobbin_job *job, const struct journal_reader *reader,
              const struct job_message *order, bobbin_error *error)
{
    job->address = order->address;
    job->attempt = order->attempt;
    job->attempts = order->attempts;
    job->retry_after_ms = UINT64_MAX;
    if (!journal_read_record(reader, order->address.block, order->address.index, job->head,
                             &job->record))
        return bobbin_fail(error, "the job's record cannot be read");
    job->address.nonce = job->record.nonce;
    job->needs_sync = !(job->record.flags & RECORD_FLAG_PROCESS);
    id_format(&job->address, job->id);
    return journal_read_payload(reader, job->directory, &job->record, &job->payload,
                                &job->payload_is_mapped, error);
}

void job_unload(struct bobbin_job *job)
{
    if (job->payload != NULL && job->payload_is_mapped)
        munmap(job->payload, job->record.payload_bytes);
    else
        free(job->payload);
    job->payload = NULL;
    result_abandon(&job->stream);
}

bobbin_str bobbin_job_id(bobbin_job *job)
{
    return (bobbin_str){job->id, ID_TEXT_BYTES};
}

bobbin_str bobbin_job_queue(bobbin_job *job)
{
    return job->record.queue;
}

bobbin_host *bobbin_host_of_job(bobbin_job *job)
{
    return &job->handler->host;
}

bobbin_str bobbin_job_payload(bobbin_job *job)
{
    return (bobbin_str){job->payload, job->record.payload_bytes};
}

bobbin_str bobbin_job_content_type(bobbin_job *job)
{
    return job->record.content_type;
}

bobbin_str bobbin_job_header(bobbin_job *job, const char *name)
{
    return record_header(&job->record, name);
}

unsigned bobbin_job_attempt(bobbin_job *job)
{
    return job->attempt;
}

unsigned bobbin_job_attempts(bobbin_job *job)
{
    return job->attempts;
}

bool bobbin_job_stopping(bobbin_job *job)
{
    (void)job;
    return is_stopping != 0;
}

/* There was no space for it: what was written of it is only in the way. Returns false. */
static bool lose_result(bobbin_job *job, const bobbin_error *error)
{
    job->has_result = JOB_RESULT_LOST;
    result_abandon(&job->stream);
    result_discard(job->directory, &job->address, job->attempt);
    log_write(job->log, BOBBIN_ERROR, NULL, "job %s: %s", job->id, error->text);
    return false;
}

static const char *type_or_default(const char *content_type)
{
    return content_type != NULL ? content_type : "application/octet-stream";
}

bool bobbin_job_result(bobbin_job *job, const void *data, size_t length, const char *content_type)
{
    bobbin_error error;
    result_abandon(&job->stream);
    if (!result_write(job->directory, &job->address, job->attempt, data, length,
                      type_or_default(content_type), job->needs_sync, &error))
        return lose_result(job, &error);
    job->has_result = JOB_RESULT_KEPT;
    return true;
}

bool bobbin_job_result_append(bobbin_job *job, const void *data, size_t length,
                              const char *content_type)
{
    bobbin_error error;
    if (job->has_result == JOB_RESULT_LOST)
        return false; /* without its beginning the rest is no result */
    if (job->stream.fd < 0 && !result_begin(&job->stream, job->directory, &job->address,
                                            job->attempt, type_or_default(content_type), &error))
        return lose_result(job, &error);
    job->has_result = JOB_RESULT_KEPT;
    return result_append(&job->stream, data, length, &error) || lose_result(job, &error);
}

void job_finish_result(struct bobbin_job *job)
{
    bobbin_error error;
    if (job->stream.fd >= 0 && !result_end(&job->stream, job->needs_sync, &error))
        lose_result(job, &error);
}

bool bobbin_job_spool(bobbin_job *job, const struct bobbin_job_spec *spec, bobbin_error *error)
{
    return children_add(job->children, spec, job->handler->plugin->name, &job->address, error);
}

void bobbin_job_progress(bobbin_job *job, int percent, const char *words)
{
    int limited = percent < 0 ? 0 : percent > 100 ? 100 : percent;
    slotpage_progress(job->page, limited, words, words != NULL ? strlen(words) : 0);
}

static void print_sentence(bobbin_job *job, const char *format, va_list arguments)
{
    vsnprintf(job->sentence.text, sizeof job->sentence.text, format, arguments);
}

enum bobbin_job_result bobbin_job_fail(bobbin_job *job, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_sentence(job, format, arguments);
    va_end(arguments);
    return BOBBIN_JOB_FAILED;
}

enum bobbin_job_result bobbin_job_retry_after(bobbin_job *job, uint64_t delay_ms,
                                              const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_sentence(job, format, arguments);
    va_end(arguments);
    job->retry_after_ms = delay_ms;
    return BOBBIN_JOB_RETRY;
}
