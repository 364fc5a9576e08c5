#include "tests/host/spool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "tests/host/client.h"
#include "tests/host/host.h"
#include "tests/host/jobwait.h"
#include "tests/host/known.h"
#include "tests/host/memory.h"
#include "tests/host/spooled.h"

struct stored_script {
    struct stored_script *next;
    enum bobbin_outcome outcome;
    char *text; /* owned; NULL: none */
};

/* A call back that is due. One of on_stored, on_stored_many and on_job is set. */
struct spool_answer {
    struct spool_answer *next;
    bobbin_test_client *client; /* for whose request; NULL: not known. Lives as long as the host */
    jobsport_on_stored *on_stored;
    jobsport_on_stored_many *on_stored_many;
    jobsport_on_job *on_job;
    void *arg;
    size_t job; /* on_stored...: the index of the first */
    size_t job_count;
    char *id; /* on_job: owned */
    size_t id_bytes;
    unsigned flags;
};

static void add_answer(struct spool *spool, struct spool_answer made)
{
    struct spool_answer **end = &spool->answers;
    made.client = (bobbin_test_client *)(uintptr_t)spool->host->calls.present;
    while (*end != NULL)
        end = &(*end)->next;
    *end = memory_take(sizeof made);
    **end = made;
}

/* ------------------------------------------------------------------ what is stored */

static size_t keep(struct spool *spool, struct spooled_job *job)
{
    spool->jobs = memory_grow(spool->jobs, spool->job_count, sizeof *spool->jobs);
    spool->jobs[spool->job_count] = job;
    return spool->job_count++;
}

static void put(void *door, const struct jobsport_job *job, jobsport_on_stored *on_stored,
                void *arg)
{
    struct spool *spool = door;
    size_t index = keep(spool, spooled_create(job));
    add_answer(spool, (struct spool_answer){
                          .on_stored = on_stored, .arg = arg, .job = index, .job_count = 1});
}

static void put_many(void *door, const struct jobsport_job *jobs, size_t count,
                     jobsport_on_stored_many *on_stored, void *arg)
{
    struct spool *spool = door;
    struct spool_answer answer = {
        .on_stored_many = on_stored, .arg = arg, .job = spool->job_count, .job_count = count};
    for (size_t i = 0; i < count; i++)
        keep(spool, spooled_create(&jobs[i]));
    add_answer(spool, answer);
}

/* The job is known as one that waits. */
static void take_over(struct spool *spool, const struct spooled_job *job)
{
    const struct bobbin_job_info info = {
        .state = BOBBIN_STATE_READY,
        .id = bobbin_text(job->id),
        .queue = bobbin_text(job->spec.queue),
        .attempts = job->spec.attempts,
        .enqueued_us = clock_us(),
        .percent = -1,
    };
    known_set(&spool->known, &info, (bobbin_str){NULL, 0}, NULL);
}

static enum bobbin_outcome next_outcome(struct spool *spool, char **text)
{
    struct stored_script *script = spool->scripts;
    *text = NULL;
    if (script == NULL)
        return BOBBIN_STORED;
    enum bobbin_outcome outcome = script->outcome;
    *text = script->text;
    spool->scripts = script->next;
    free(script);
    return outcome;
}

/* What becomes of so many jobs that are stored together. The text, owned, is the id of the first or
 * the sentence. */
static enum bobbin_outcome store(struct spool *spool, size_t first, size_t count, char **text)
{
    enum bobbin_outcome outcome = next_outcome(spool, text);
    for (size_t i = first; outcome == BOBBIN_STORED && i < first + count; i++) {
        struct spooled_job *job = spool->jobs[i];
        if (*text != NULL && i == first)
            snprintf(job->id, sizeof job->id, "%s", *text);
        else
            snprintf(job->id, sizeof job->id, "job%zu", i + 1);
        take_over(spool, job);
    }
    if (outcome != BOBBIN_STORED && *text == NULL)
        *text = memory_text(bobbin_text("the test wants it so"));
    return outcome;
}

static void answer_stored(struct spool *spool, const struct spool_answer *answer)
{
    char *text;
    const struct spooled_job *job = spool->jobs[answer->job];
    struct bobbin_stored stored = {.size = sizeof stored, .queue = job->spec.queue, .sentence = ""};
    stored.outcome = store(spool, answer->job, 1, &text);
    if (stored.outcome == BOBBIN_STORED)
        stored.id = bobbin_text(job->id);
    else
        stored.sentence = text;
    answer->on_stored(answer->arg, &stored);
    free(text);
}

static void answer_stored_many(struct spool *spool, const struct spool_answer *answer)
{
    char *text;
    struct bobbin_stored_many stored = {
        .size = sizeof stored, .count = answer->job_count, .sentence = ""};
    bobbin_str *ids = memory_take(answer->job_count * sizeof *ids);
    stored.outcome = store(spool, answer->job, answer->job_count, &text);
    for (size_t i = 0; i < answer->job_count; i++)
        ids[i] = bobbin_text(spool->jobs[answer->job + i]->id);
    if (stored.outcome == BOBBIN_STORED)
        stored.ids = ids;
    else
        stored.sentence = text;
    answer->on_stored_many(answer->arg, &stored);
    free(ids);
    free(text);
}

bool spool_store_all(struct spool *spool, struct spooled_job *const *jobs, size_t count,
                     bobbin_error *error)
{
    char *text;
    size_t first = spool->job_count;
    for (size_t i = 0; i < count; i++)
        keep(spool, jobs[i]);
    bool is_stored = store(spool, first, count, &text) == BOBBIN_STORED;
    if (!is_stored) {
        spool->job_count = first; /* they stay their giver's */
        bobbin_fail(error, "%s", text);
    }
    free(text);
    return is_stored;
}

/* ------------------------------------------------------------------ what is asked */

void spool_tell(struct spool *spool, bobbin_str id, unsigned flags, jobsport_on_job *on_job,
                void *arg)
{
    struct bobbin_job_info info =
        known_find(spool->broken != NULL ? NULL : spool->known, id, flags);
    if (spool->broken != NULL)
        info.error = bobbin_text(spool->broken);
    on_job(arg, &info);
}

static void answer_job_later(struct spool *spool, bobbin_str id, unsigned flags,
                             jobsport_on_job *on_job, void *arg)
{
    add_answer(spool, (struct spool_answer){.on_job = on_job,
                                            .arg = arg,
                                            .id = memory_copy(id.data, id.length),
                                            .id_bytes = id.length,
                                            .flags = flags});
}

/* A client cannot leave inside the app's call: where it shall before on_job, that comes later. */
static void ask(void *door, bobbin_str id, unsigned flags, jobsport_on_job *on_job, void *arg)
{
    struct spool *spool = door;
    const bobbin_test_client *client = spool->host->calls.present;
    if (spool->is_held || (client != NULL && script_waits_before(client, "on_job")))
        answer_job_later(spool, id, flags, on_job, arg);
    else
        spool_tell(spool, id, flags, on_job, arg);
}

static void cancel(void *door, bobbin_str id, jobsport_on_job *on_job, void *arg)
{
    struct spool *spool = door;
    if (spool->broken == NULL)
        known_cancel(spool->known, id);
    answer_job_later(spool, id, 0, on_job, arg);
}

/* What is known already is not waited for. */
static uint64_t wait_for(void *door, bobbin_str id, unsigned flags, uint64_t limit_ms,
                         jobsport_on_job *on_job, void *arg)
{
    struct spool *spool = door;
    if (!spool->is_held && (spool->broken != NULL || known_has_ended(spool->known, id))) {
        ask(door, id, flags, on_job, arg);
        return 0;
    }
    return jobwait_begin(spool, id, flags, limit_ms, on_job, arg);
}

static void end_wait(void *door, uint64_t ticket)
{
    jobwait_end(door, ticket);
}

bool spool_answer(struct spool *spool)
{
    struct spool_answer *answer = spool->answers;
    if (answer == NULL || spool->is_held)
        return jobwait_answer(spool);
    spool->answers = answer->next;
    struct calls *calls = &spool->host->calls;
    calls->present = answer->client;
    if (answer->client != NULL)
        client_act_before(answer->client, answer->on_job != NULL ? "on_job" : "on_stored");
    if (answer->on_job != NULL)
        spool_tell(spool, (bobbin_str){answer->id, answer->id_bytes}, answer->flags, answer->on_job,
                   answer->arg);
    else if (answer->on_stored != NULL)
        answer_stored(spool, answer);
    else
        answer_stored_many(spool, answer);
    calls->present = NULL;
    free(answer->id);
    free(answer);
    return true;
}

/* ------------------------------------------------------------------ life */

void spool_init(struct spool *spool, bobbin_test_host *host, bool is_missing)
{
    *spool = (struct spool){.host = host, .is_missing = is_missing};
}

struct jobsport spool_port(struct spool *spool)
{
    if (spool->is_missing)
        return (struct jobsport){0};
    return (struct jobsport){.door = spool,
                             .put = put,
                             .put_many = put_many,
                             .ask = ask,
                             .cancel = cancel,
                             .wait = wait_for,
                             .end_wait = end_wait};
}

void spool_finish(struct spool *spool)
{
    for (struct stored_script *script = spool->scripts, *next; script != NULL; script = next) {
        next = script->next;
        free(script->text);
        free(script);
    }
    for (size_t i = 0; i < spool->job_count; i++)
        spooled_destroy(spool->jobs[i]);
    free(spool->jobs);
    known_free(spool->known);
    free(spool->broken);
}

/* ------------------------------------------------------------------ to the test */

void bobbin_test_next_stored(bobbin_test_host *host, enum bobbin_outcome outcome, const char *text)
{
    struct stored_script **end = &host->spool.scripts;
    if (outcome == BOBBIN_STORED && text != NULL && strlen(text) >= SPOOLED_ID_BYTES)
        memory_misuse("an id has at most %d bytes", SPOOLED_ID_BYTES - 1);
    while (*end != NULL)
        end = &(*end)->next;
    *end = memory_take(sizeof **end);
    **end = (struct stored_script){.outcome = outcome, .text = memory_text(bobbin_text(text))};
}

void bobbin_test_hold_spool(bobbin_test_host *host)
{
    host->spool.is_held = true;
}

void bobbin_test_release_spool(bobbin_test_host *host)
{
    host->spool.is_held = false;
    host_settle(host);
}

void bobbin_test_set_job(bobbin_test_host *host, const struct bobbin_job_info *info,
                         bobbin_str result, const char *result_type)
{
    known_set(&host->spool.known, info, result, result_type);
    host_settle(host); /* somebody may wait for it */
}

void bobbin_test_break_spool(bobbin_test_host *host, const char *sentence)
{
    free(host->spool.broken);
    host->spool.broken = memory_text(bobbin_text(sentence));
    host_settle(host);
}
