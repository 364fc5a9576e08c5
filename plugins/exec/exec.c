/*
 * Any program as a job: the payload is its stdin, what it writes to stdout is the result, and its
 * exit code says how it went. [exec:NAME] says which program; [queue:q] handler = exec:NAME has it
 * run the jobs of a queue.
 */
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>

#include "bobbin.h"
#include "environment.h"
#include "exchange.h"
#include "orphans.h"
#include "program.h"
#include "words.h"

struct config {
    const char *command;
    const char *directory;
    const char *content_type;
    uint64_t most_output;
    bobbin_list headers;
};

static const struct bobbin_option options[] = {
    BOBBIN_ROW(
        BOBBIN_TYPE_TEXT, const char *, struct config, command, "command", NULL, 0, 0, NULL,
        BOBBIN_OPTION_REQUIRED,
        "the program and its arguments; words that '...' or \"...\" hold together, no shell"),
    BOBBIN_PATH(struct config, directory, "directory", "",
                "the folder it runs in; empty is the one bobbin was started in"),
    BOBBIN_TEXT(struct config, content_type, "content-type", "application/octet-stream",
                "of what it writes to stdout, which is the result"),
    BOBBIN_SIZE(struct config, most_output, "most-output", "64m", 0, 1ull << 50,
                "the longest result; a program that writes more is killed, and its job has failed"),
    BOBBIN_LIST(struct config, headers, "header",
                "a header of the job that the program gets as BOBBIN_JOB_HEADER_<NAME>"),
    BOBBIN_OPTIONS_END,
};

struct state {
    const struct config *config;
    struct words words;
    char file[PATH_MAX]; /* as seen from the directory */
};

static void stop(void *given)
{
    struct state *state = given;
    words_finish(&state->words);
    free(state);
}

static bool start(bobbin_host *host, const void *config, void **out, bobbin_error *error)
{
    struct state *state = calloc(1, sizeof *state);
    (void)host;
    if (state == NULL)
        return bobbin_fail(error, "there is no memory");
    state->config = config;
    if (words_init(&state->words, state->config->command, error) &&
        program_find(state->words.items[0], state->config->directory, state->file,
                     sizeof state->file, error)) {
        *out = state;
        return true;
    }
    stop(state);
    return false;
}

/* ------------------------------------------------------------------ how it went */

static enum bobbin_job_result judge_exit(bobbin_job *job, int code, const char *reason)
{
    const char *colon = *reason != '\0' ? ": " : "";
    if (code == EXIT_SUCCESS)
        return BOBBIN_JOB_DONE;
    if (code == EX_TEMPFAIL)
        return bobbin_job_retry_after(job, UINT64_MAX,
                                      "the program wants to be tried again (exit status %d)%s%s",
                                      code, colon, reason);
    return bobbin_job_fail(job, "exit status %d%s%s", code, colon, reason);
}

static enum bobbin_job_result judge(const struct exchange *exchange)
{
    int status = exchange->program->status;
    char reason[COMPLAINT_REASON_BYTES + 1];
    complaint_reason(&exchange->complaint, reason);
    if (exchange->is_too_long)
        return bobbin_job_fail(exchange->job,
                               "the program wrote more than %llu bytes (most-output)",
                               (unsigned long long)exchange->most_output);
    if (exchange->is_told)
        return bobbin_job_retry_after(exchange->job, UINT64_MAX, "the program was told to stop");
    if (WIFSIGNALED(status))
        return bobbin_job_retry_after(
            exchange->job, UINT64_MAX, "the program died of signal %d (%s)%s%s", WTERMSIG(status),
            strsignal(WTERMSIG(status)), *reason != '\0' ? ": " : "", reason);
    return judge_exit(exchange->job, WEXITSTATUS(status), reason);
}

/* ------------------------------------------------------------------ the run */

static enum bobbin_job_result run_program(const struct state *state, bobbin_job *job,
                                          const struct program_order *order, const sigset_t *mask)
{
    struct program program;
    bobbin_error error;
    bool is_passing;
    struct exchange exchange = {.job = job,
                                .program = &program,
                                .content_type = state->config->content_type,
                                .most_output = state->config->most_output,
                                .payload = bobbin_job_payload(job)};
    bool is_started = program_start(&program, order, &is_passing, &error);
    pthread_sigmask(SIG_SETMASK, mask, NULL);
    if (!is_started)
        return is_passing ? bobbin_job_retry_after(job, UINT64_MAX, "%s", error.text)
                          : bobbin_job_fail(job, "%s", error.text);
    exchange_run(&exchange);
    program_finish(&program);
    return judge(&exchange);
}

/* One SIGPIPE that waits because we blocked it; none does where it is ignored. */
static void forget_broken_pipe(void)
{
    sigset_t broken;
    const struct timespec no_time = {0};
    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE);
    sigtimedwait(&broken, NULL, &no_time);
}

static enum bobbin_job_result run(void *given, bobbin_job *job)
{
    const struct state *state = given;
    struct orphans orphans;
    sigset_t all, before, during;
    char **environment = environment_create(job, &state->config->headers);
    if (environment == NULL)
        return bobbin_job_retry_after(job, UINT64_MAX, "there is no memory for an environment");
    const struct program_order order = {.file = state->file,
                                        .words = state->words.items,
                                        .environment = environment,
                                        .directory = state->config->directory};
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    during = before;
    sigaddset(&during, SIGTERM);
    sigaddset(&during, SIGPIPE);
    orphans_gather(&orphans);
    enum bobbin_job_result result = run_program(state, job, &order, &during);
    orphans_kill(&orphans);
    forget_broken_pipe();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    environment_destroy(environment);
    return result;
}

BOBBIN_PLUGIN(.name = "exec", .about = "runs any program as a job", .options = options,
              .config_size = sizeof(struct config), .start = start, .stop = stop, .run = run);
