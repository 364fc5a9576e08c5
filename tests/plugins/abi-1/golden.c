/*
 * The golden plugin of ABI 1: made with the frozen header that lies beside it, never with another.
 * It uses all of the contract, and every bobbin that speaks ABI 1 must load and run it. It is as
 * finished as the header: it may be added to until a release, and is not touched afterwards.
 *
 * Its paths: /options, /about (reading.c), /stream /file /upload /hints /cut (streaming.c),
 * /timer /thread /offload (later.c), /job /wait /cancel (asking.c), /spool /accept /many /host
 * (storing.c). Its jobs: job.c. Its protocol, abi-1://, has a request on a line: line.c.
 */
#include "golden.h"

#include <stdlib.h>

static const struct bobbin_option options[] = {
    BOBBIN_COUNT(struct golden, count, "count", "1", 1, 10, "a number"),
    BOBBIN_COUNT_OR_AUTO(struct golden, automatic, "automatic", "auto", 1, 10, "or auto"),
    BOBBIN_SIZE(struct golden, size, "size", "64k", 0, UINT64_MAX, "some bytes"),
    BOBBIN_TIME(struct golden, time, "time", "30s", 1, 60000, "a while"),
    BOBBIN_CHOICE(struct golden, choice, "choice", "two", "one|two", "one of these"),
    BOBBIN_FLAG(struct golden, flag, "flag", "on", "yes or no"),
    BOBBIN_TEXT(struct golden, text, "text", "words", "some words"),
    BOBBIN_SECRET(struct golden, secret, "secret", "", "words that are not shown"),
    BOBBIN_PATH(struct golden, path, "path", "/dev/null", "where something is"),
    BOBBIN_PATH_REQUIRED(struct golden, needed, "needed", "a file to send"),
    BOBBIN_LIST(struct golden, list, "list", "more than one"),
    BOBBIN_OPTIONS_END,
};

static bool start(bobbin_host *host, const void *config, void **state, bobbin_error *error)
{
    if (*state != (void *)config)
        return bobbin_fail(error, "the state is not the %s", "config");
    struct golden *golden = malloc(sizeof *golden);
    if (golden == NULL)
        return bobbin_fail(error, "there is no memory");
    *golden = *(const struct golden *)config;
    golden->host = host;
    *state = golden;
    bobbin_log(host, BOBBIN_INFO, "%s starts in a %s", bobbin_instance(host),
               bobbin_in_job_process(host) ? "job process" : "worker");
    return true;
}

static void drain(void *state)
{
    (void)state;
}

bool rest_is(bobbin_request *request, const char *path)
{
    return bobbin_is(bobbin_path_rest(request), path);
}

static void handle(void *state, bobbin_request *request)
{
    struct visit *visit = bobbin_allocate(request, sizeof *visit);
    if (visit == NULL) {
        bobbin_refuse(request, 503, "there is no memory for %s", "a visit");
        return;
    }
    *visit = (struct visit){.request = request};
    bobbin_set_data(request, visit);
    if (!reading_handle(state, request) && !streaming_handle(state, request) &&
        !later_handle(request) && !asking_handle(request) && !storing_handle(request))
        bobbin_refuse(request, 404, "there is no %.*s", BOBBIN_ARG(bobbin_path_rest(request)));
}

static void on_body(void *state, bobbin_request *request, bobbin_str piece, bool is_last)
{
    (void)state;
    if (rest_is(request, "/upload"))
        streaming_body(request, piece, is_last);
    else if (is_last && rest_is(request, "/about"))
        reading_body(request);
}

static void on_writable(void *state, bobbin_request *request)
{
    (void)state;
    streaming_write(request);
}

static void on_abort(void *state, bobbin_request *request)
{
    (void)state;
    bobbin_log(bobbin_host_of(request), BOBBIN_INFO, "aborted");
}

static void on_finish(void *state, bobbin_request *request)
{
    struct visit *visit = bobbin_data(request);
    (void)state;
    if (visit != NULL)
        bobbin_timer_stop(visit->timer);
    bobbin_log(bobbin_host_of(request), BOBBIN_INFO, "finished");
}

BOBBIN_PLUGIN(.name = "abi-1", .about = "uses all of ABI 1", .version = "1", .options = options,
              .config_size = sizeof(struct golden), .start = start, .drain = drain, .stop = free,
              .handle = handle, .on_body = on_body, .on_writable = on_writable,
              .on_abort = on_abort, .on_finish = on_finish, .run = job_run,
              .protocol = &line_protocol);
