#include "tests/host/attempt.h"

#include <ftw.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/plugin/running.h"
#include "spooler/files/result.h"
#include "spooler/run/job.h"
#include "tests/host/children.h"
#include "tests/host/host.h"
#include "tests/host/memory.h"

enum { ATTEMPTS = 5, WORDS_MAX = 127 };

/* Where the job's progress goes: here every call of it is kept. */
struct slotpage {
    struct bobbin_test_progress *progress; /* owned, as are the words */
    size_t count;
    unsigned stop_at;
};

struct attempt {
    struct slotpage page;
    struct bobbin_job job;
    unsigned char *record; /* owned: what the spans of job.record point into */
    struct hosted_children children;
    struct spool_directory directory;
    char folder[4096]; /* for its results */
    char *output;      /* owned */
    char output_type[RESULT_TYPE_MAX + 1];
    struct sigaction signal_before; /* of SIGTERM */
    struct bobbin_test_ran ran;
};

void slotpage_progress(struct slotpage *page, int percent, const char *words, size_t length)
{
    const bobbin_str kept = {words, length < WORDS_MAX ? length : WORDS_MAX};
    page->progress = memory_grow(page->progress, page->count, sizeof *page->progress);
    page->progress[page->count++] = (struct bobbin_test_progress){
        percent, memory_text(kept.data != NULL ? kept : bobbin_text(""))};
    if (page->count == page->stop_at)
        raise(SIGTERM);
}

void attempt_destroy(struct attempt *attempt)
{
    if (attempt == NULL)
        return;
    for (size_t i = 0; i < attempt->page.count; i++)
        free((char *)(uintptr_t)attempt->page.progress[i].words);
    free(attempt->page.progress);
    free(attempt->record);
    free(attempt->output);
    free(attempt);
}

/* ------------------------------------------------------------------ the job */

static size_t count_pairs(const char *const *pairs)
{
    size_t count = 0;
    while (pairs != NULL && pairs[2 * count] != NULL)
        count++;
    return count;
}

/* As the door writes a record, and a job process reads it. */
static void make_record(struct attempt *attempt, const struct bobbin_test_job *job,
                        const char *queue)
{
    size_t count = count_pairs(job->headers), needed;
    bobbin_field *headers = memory_take(count * sizeof *headers);
    for (size_t i = 0; i < count; i++)
        headers[i] =
            (bobbin_field){bobbin_text(job->headers[2 * i]), bobbin_text(job->headers[2 * i + 1])};
    const struct record made = {.payload_bytes = job->payload.length,
                                .priority = 5,
                                .flags = RECORD_FLAG_PROCESS,
                                .queue = bobbin_text(queue),
                                .content_type =
                                    bobbin_text(job->content_type != NULL ? job->content_type : ""),
                                .headers = headers,
                                .header_count = count,
                                .payload = job->payload};
    size_t bytes = record_size(&made);
    attempt->record = memory_take(bytes);
    if (bytes > 0)
        record_encode(&made, 0, attempt->record);
    free(headers);
    if (bytes == 0 || record_decode_head(&attempt->job.record, attempt->record, bytes, 0, 0, 0,
                                         &needed) != RECORD_WHOLE)
        memory_misuse("no spool would take a job with such a payload or such headers");
}

static void make_job(bobbin_test_host *host, struct attempt *attempt,
                     const struct bobbin_test_job *job)
{
    struct bobbin_job *made = &attempt->job;
    make_record(attempt, job, job->queue != NULL ? job->queue : host->instance->plugin->name);
    made->directory = &attempt->directory;
    made->page = &attempt->page;
    made->log = &host->log;
    made->address = (struct job_address){.writer = 1, .sequence = 1};
    made->attempt = job->attempt > 0 ? job->attempt : 1;
    made->attempts = job->attempts > 0 ? job->attempts : ATTEMPTS;
    made->retry_after_ms = UINT64_MAX;
    made->stream.fd = -1;
    made->handler = host->instance;
    made->children = (struct children *)&attempt->children;
    made->payload = memory_copy(job->payload.data, job->payload.length);
    id_format(&made->address, made->id);
    attempt->page.stop_at = job->stop_at_progress;
}

/* ------------------------------------------------------------------ where its result goes */

/* Of a spool's folders a job sees no other. */
static void open_folder(struct attempt *attempt)
{
    const char *parent = getenv("TMPDIR");
    snprintf(attempt->folder, sizeof attempt->folder, "%s/bobbin-test-XXXXXX",
             parent != NULL && *parent != '\0' ? parent : "/tmp");
    attempt->directory = (struct spool_directory){.path = attempt->folder,
                                                  .root = -1,
                                                  .journals = -1,
                                                  .blobs = -1,
                                                  .results = -1,
                                                  .history = -1,
                                                  .slots = -1};
    if (mkdtemp(attempt->folder) != NULL)
        attempt->directory.results = open(attempt->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (attempt->directory.results < 0)
        memory_misuse("no folder can be made for results: %s", attempt->folder);
}

/* Where nothing can be made: /proc is nobody's, not even root's. */
static void take_space_away(struct attempt *attempt)
{
    close(attempt->directory.results);
    attempt->directory.results = open("/proc/self/fdinfo", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

static void remove_folder(struct attempt *attempt)
{
    close(attempt->directory.results);
    nftw(attempt->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* As the leader does when it settles a job. */
static void take_output(struct attempt *attempt)
{
    const struct bobbin_job *job = &attempt->job;
    struct result_info info;
    bobbin_error error;
    attempt->ran.has_output = false;
    if (attempt->ran.result != BOBBIN_JOB_DONE || job->has_result != JOB_RESULT_KEPT)
        return;
    if (!result_commit(&attempt->directory, &job->address, job->attempt, &error))
        memory_misuse("%s", error.text);
    int fd = result_open(&attempt->directory, &job->address, &info);
    char *output = memory_take(info.length + 1);
    if (fd < 0 || pread(fd, output, info.length, (off_t)info.offset) != (ssize_t)info.length)
        memory_misuse("the result of the job cannot be read");
    close(fd);
    attempt->output = output;
    memcpy(attempt->output_type, info.content_type, sizeof attempt->output_type);
    attempt->ran.has_output = true;
    attempt->ran.output = (bobbin_str){output, info.length};
}

/* ------------------------------------------------------------------ the run */

/* SIGTERM to this thread, once the time has passed. */
static timer_t start_timer(uint64_t after_ms)
{
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGTERM};
    event._sigev_un._tid = gettid();
    const struct itimerspec when = {
        .it_value = {(time_t)(after_ms / 1000), (long)(after_ms % 1000) * 1000000}};
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 ||
        timer_settime(timer, 0, &when, NULL) != 0)
        memory_misuse("there is no timer for .stop_after_ms");
    return timer;
}

static void call_run(bobbin_test_host *host, struct attempt *attempt)
{
    const struct plugin_instance *instance = host->instance;
    struct calls *before = calls_open_book(&host->calls, NULL);
    running_enter(instance->name, "run");
    attempt->ran.result = instance->plugin->run(instance->state, &attempt->job);
    running_leave();
    calls_open_book(before, NULL);
}

static void run(bobbin_test_host *host, struct attempt *attempt, const struct bobbin_test_job *job)
{
    sigaction(SIGTERM, NULL, &attempt->signal_before);
    job_clear_stop();
    job_install_stop_signal();
    if (job->is_stopping)
        raise(SIGTERM);
    if (job->stop_after_ms == 0) {
        call_run(host, attempt);
    } else {
        timer_t timer = start_timer(job->stop_after_ms);
        call_run(host, attempt);
        timer_delete(timer);
    }
    sigaction(SIGTERM, &attempt->signal_before, NULL);
}

/* As in spooler/run/jobprocess.c: the result is whole before what it spooled is stored. */
static void end_run(bobbin_test_host *host, struct attempt *attempt)
{
    bobbin_error error;
    if (attempt->ran.result != BOBBIN_JOB_DONE) {
        hosted_children_forget(&attempt->children);
        return;
    }
    job_finish_result(&attempt->job);
    if (!hosted_children_store(&attempt->children, &host->spool, &error))
        attempt->ran.result = bobbin_job_retry_after(
            &attempt->job, UINT64_MAX, "the jobs that it spooled were not stored: %s", error.text);
}

const struct bobbin_test_ran *bobbin_test_run(bobbin_test_host *host,
                                              const struct bobbin_test_job *given)
{
    struct bobbin_test_job job = {0};
    memcpy(&job, given, given->size < sizeof job ? given->size : sizeof job);
    if (!host->is_job_process || host->instance->plugin->run == NULL)
        memory_misuse("jobs run in a host with .is_job_process, of a plugin with .run");
    attempt_destroy(host->attempt);
    struct attempt *attempt = host->attempt = memory_take(sizeof *attempt);
    open_folder(attempt);
    make_job(host, attempt, &job);
    if (job.has_no_space)
        take_space_away(attempt);
    run(host, attempt, &job);
    end_run(host, attempt);
    take_output(attempt);
    remove_folder(attempt);
    job_unload(&attempt->job);
    attempt->ran.size = sizeof attempt->ran;
    attempt->ran.sentence = attempt->job.sentence.text;
    attempt->ran.retry_after_ms = attempt->job.retry_after_ms;
    attempt->ran.output_type = attempt->output_type;
    attempt->ran.progress = attempt->page.progress;
    attempt->ran.progress_count = attempt->page.count;
    return &attempt->ran;
}
