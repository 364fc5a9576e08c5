/* Every macro of bobbin.h that initialises something, in what C11 and C++20 both understand. */
#include "bobbin.h"

struct config {
    uint64_t count, count_or_auto, size, time, choice;
    bool flag;
    const char *text, *secret, *path, *needed;
    bobbin_list list;
};

static const struct bobbin_option options[] = {
    BOBBIN_COUNT(struct config, count, "count", "1", 1, 10, "a number"),
    BOBBIN_COUNT_OR_AUTO(struct config, count_or_auto, "count-or-auto", "auto", 1, 10, "or auto"),
    BOBBIN_SIZE(struct config, size, "size", "64k", 0, UINT64_MAX, "some bytes"),
    BOBBIN_TIME(struct config, time, "time", "30s", 1, 60000, "a while"),
    BOBBIN_FLAG(struct config, flag, "flag", "off", "yes or no"),
    BOBBIN_TEXT(struct config, text, "text", NULL, "words"),
    BOBBIN_SECRET(struct config, secret, "secret", "", "words that are not shown"),
    BOBBIN_CHOICE(struct config, choice, "choice", "one", "one|two", "one of these"),
    BOBBIN_PATH(struct config, path, "path", "/", "where"),
    BOBBIN_PATH_REQUIRED(struct config, needed, "needed", "must be given"),
    BOBBIN_LIST(struct config, list, "list", "more than one"),
    BOBBIN_OPTIONS_END,
};

static bool start(bobbin_host *host, const void *config, void **state, bobbin_error *error)
{
    (void)config;
    (void)state;
    bobbin_log(host, BOBBIN_INFO, "%.*s", BOBBIN_ARG(bobbin_text("starting")));
    return host != NULL || bobbin_fail(error, "there is no %s", "host");
}

static void on_stored(bobbin_request *request, const struct bobbin_stored *stored, void *arg)
{
    (void)arg;
    bobbin_print(request, "%s", stored->sentence);
    bobbin_end(request);
}

static void handle(void *state, bobbin_request *request)
{
    (void)state;
    bobbin_spool(request, BOBBIN_JOB(.queue = "other", .priority = BOBBIN_PRIORITY(9)), on_stored,
                 NULL);
}

static void on_body(void *state, bobbin_request *request, bobbin_str piece, bool is_last)
{
    (void)state;
    (void)piece;
    if (is_last)
        bobbin_spool_and_accept(request,
                                BOBBIN_JOB(.payload_is_body = true, .priority = BOBBIN_PRIORITY(0),
                                           .durability = BOBBIN_DURABILITY_PROCESS));
}

static enum bobbin_job_result run(void *state, bobbin_job *job)
{
    (void)state;
    return bobbin_job_fail(job, "it is attempt %u", bobbin_job_attempt(job));
}

BOBBIN_PLUGIN(.name = "macros", .about = "uses all of them", .version = "1.0", .options = options,
              .config_size = sizeof(struct config), .start = start, .handle = handle,
              .on_body = on_body, .run = run);
