#include "tests/host/known.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/host/memory.h"

struct known_job {
    struct known_job *next;
    struct bobbin_job_info info; /* its texts are owned */
    char *result;                /* owned */
    size_t result_bytes;
};

static bobbin_str own(bobbin_str text)
{
    return (bobbin_str){memory_copy(text.data, text.length), text.length};
}

static void free_texts(struct known_job *job)
{
    free((char *)(uintptr_t)job->info.id.data);
    free((char *)(uintptr_t)job->info.queue.data);
    free((char *)(uintptr_t)job->info.progress.data);
    free((char *)(uintptr_t)job->info.error.data);
    free((char *)(uintptr_t)job->info.result_type.data);
    free(job->result);
}

void known_free(struct known_job *jobs)
{
    for (struct known_job *next; jobs != NULL; jobs = next) {
        next = jobs->next;
        free_texts(jobs);
        free(jobs);
    }
}

static struct known_job *find(struct known_job *jobs, bobbin_str id)
{
    for (struct known_job *job = jobs; job != NULL; job = job->next)
        if (job->info.id.length == id.length && memcmp(job->info.id.data, id.data, id.length) == 0)
            return job;
    return NULL;
}

void known_set(struct known_job **jobs, const struct bobbin_job_info *info, bobbin_str result,
               const char *result_type)
{
    struct known_job *job = find(*jobs, info->id);
    if (job != NULL) {
        free_texts(job);
    } else {
        job = memory_take(sizeof *job);
        job->next = *jobs;
        *jobs = job;
    }
    job->info = *info;
    job->info.size = sizeof job->info;
    job->info.id = own(info->id);
    job->info.queue = own(info->queue);
    job->info.progress = own(info->progress);
    job->info.error = own(info->error);
    job->info.result_type =
        own(bobbin_text(result_type != NULL ? result_type : "application/octet-stream"));
    job->info.result_fd = -1;
    job->info.result_offset = job->info.result_length = 0;
    job->result = memory_copy(result.data, result.length);
    job->result_bytes = result.length;
}

static int open_result(const struct known_job *job)
{
    int fd = memfd_create("result", MFD_CLOEXEC);
    if (fd < 0 || pwrite(fd, job->result, job->result_bytes, 0) != (ssize_t)job->result_bytes)
        memory_misuse("there is no file for a result of %zu bytes", job->result_bytes);
    return fd;
}

struct bobbin_job_info known_find(struct known_job *jobs, bobbin_str id, unsigned flags)
{
    const struct known_job *job = find(jobs, id);
    const bobbin_str empty = {"", 0};
    if (job == NULL)
        return (struct bobbin_job_info){.size = sizeof(struct bobbin_job_info),
                                        .id = id,
                                        .queue = empty,
                                        .percent = -1,
                                        .progress = empty,
                                        .error = empty,
                                        .result_fd = -1,
                                        .result_type = empty};
    struct bobbin_job_info info = job->info;
    if ((flags & BOBBIN_WITH_RESULT) && info.has_result) {
        info.result_fd = open_result(job);
        info.result_length = job->result_bytes;
    } else {
        info.result_type = empty;
    }
    return info;
}

bool known_has_ended(struct known_job *jobs, bobbin_str id)
{
    const struct known_job *job = find(jobs, id);
    return job == NULL ||
           (job->info.state != BOBBIN_STATE_READY && job->info.state != BOBBIN_STATE_RUNNING &&
            job->info.state != BOBBIN_STATE_CANCELLING);
}

void known_cancel(struct known_job *jobs, bobbin_str id)
{
    struct known_job *job = find(jobs, id);
    if (job != NULL && job->info.state == BOBBIN_STATE_READY)
        job->info.state = BOBBIN_STATE_CANCELLED;
    else if (job != NULL && job->info.state == BOBBIN_STATE_RUNNING)
        job->info.state = BOBBIN_STATE_CANCELLING;
}
