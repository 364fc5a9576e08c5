/*
 * Offloads as its path says, and logs what happens to its requests.
 *   /until?path=P    works until the file P is there, or it is told to stop
 *   /crash           crashes on its thread
 *   /ended?path=P    as /until, but the request is ended at once
 *   /begun?path=P    as /until, in a streamed answer
 *   /late            offloads after the end
 *   /many?path=P     two works of one request; the second that is done ends it
 *   /again           offloads once more when the first is done
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bobbin.h"

struct errand {
    bobbin_host *host;
    bobbin_request *request;
    int left;
    char path[512];
};

static void say(bobbin_host *host, const char *what)
{
    bobbin_log(host, BOBBIN_INFO, "%s", what);
}

static void wait_for_file(bobbin_work *work, void *arg)
{
    const struct errand *errand = arg;
    const struct timespec moment = {.tv_nsec = 1000000};
    say(errand->host, "working");
    while (access(errand->path, F_OK) != 0) {
        if (bobbin_work_stopping(work)) {
            say(errand->host, "stopping");
            return;
        }
        nanosleep(&moment, NULL);
    }
}

static void crash(bobbin_work *work, void *arg)
{
    (void)work;
    (void)arg;
    abort();
}

static void on_done(bobbin_request *request, bool ran, void *arg)
{
    struct errand *errand = arg;
    say(errand->host, ran ? "done" : "dropped");
    if (--errand->left > 0)
        return;
    bobbin_print(request, "%s\n", ran ? "done" : "dropped");
    bobbin_end(request);
}

static void once_more(bobbin_request *request, bool ran, void *arg)
{
    (void)ran;
    bobbin_offload(request, wait_for_file, on_done, arg);
}

static bool is_at(bobbin_request *request, const char *path)
{
    return bobbin_is(bobbin_path_rest(request), path);
}

static void handle(void *state, bobbin_request *request)
{
    struct errand *errand = bobbin_allocate(request, sizeof *errand);
    bobbin_str path = bobbin_query(request, "path");
    (void)state;
    *errand = (struct errand){.host = bobbin_host_of(request), .request = request, .left = 1};
    memcpy(errand->path, path.data != NULL ? path.data : "/", path.data != NULL ? path.length : 1);
    say(errand->host, "handle");
    if (is_at(request, "/crash")) {
        bobbin_offload(request, crash, on_done, errand);
    } else if (is_at(request, "/late")) {
        bobbin_end(request);
        say(errand->host, bobbin_offload(request, crash, on_done, errand) ? "taken" : "not taken");
    } else if (is_at(request, "/again")) {
        bobbin_offload(request, wait_for_file, once_more, errand);
    } else if (is_at(request, "/begun")) {
        bobbin_begin(request, BOBBIN_LENGTH_UNKNOWN);
        bobbin_print(request, "begun\n");
        bobbin_offload(request, wait_for_file, on_done, errand);
    } else {
        bool taken = bobbin_offload(request, wait_for_file, on_done, errand);
        if (taken && is_at(request, "/many")) {
            errand->left = 2;
            bobbin_offload(request, wait_for_file, on_done, errand);
        }
        if (taken && is_at(request, "/ended")) {
            bobbin_print(request, "ended\n");
            bobbin_end(request);
        }
    }
}

static void on_abort(void *state, bobbin_request *request)
{
    (void)state;
    say(bobbin_host_of(request), "abort");
}

static void on_finish(void *state, bobbin_request *request)
{
    (void)state;
    say(bobbin_host_of(request), "finish");
}

BOBBIN_PLUGIN(.name = "pool", .about = "offloads as its path says", .handle = handle,
              .on_abort = on_abort, .on_finish = on_finish);
