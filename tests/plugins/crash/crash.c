/*
 * Crashes as it is told by the path: /segv /abort /stack in handle; else in the callback that the
 * path names: /on_body /on_writable /on_abort /on_finish /timer /posted /on_stored /on_job /work
 * /done; /pid answers with the worker's pid; / is answered.
 */
#include "bobbin.h"

#include <stdlib.h>
#include <unistd.h>

/* volatile: the compiler must not see what comes. */
static volatile int *volatile nowhere;

static char bytes[100000];

static int fall(volatile const char *above, unsigned times)
{
    volatile char here[4096];
    here[0] = above[0];
    return times == 0 ? 0 : fall(here, times - 1) + here[0];
}

static bool is_at(bobbin_request *request, const char *path)
{
    return bobbin_is(bobbin_path(request), path);
}

/* Where the path says so: on_abort and on_finish may not be able to read it any more. */
static void crash_if(bobbin_request *request, const char *name)
{
    const char *where = bobbin_data(request);
    if (where != NULL && bobbin_is(bobbin_text(where), name))
        *nowhere = 1;
}

static void on_timer(void *arg)
{
    (void)arg;
    *nowhere = 1;
}

static void on_loop(bobbin_request *request, void *arg)
{
    (void)request;
    (void)arg;
    *nowhere = 1;
}

static void on_stored(bobbin_request *request, const struct bobbin_stored *stored, void *arg)
{
    (void)stored;
    (void)arg;
    crash_if(request, "/on_stored");
}

static void on_job(bobbin_request *request, const struct bobbin_job_info *info, void *arg)
{
    (void)info;
    (void)arg;
    crash_if(request, "/on_job");
}

static void work(bobbin_work *self, void *arg)
{
    (void)self;
    if (arg != NULL)
        *nowhere = 1;
}

static void done(bobbin_request *request, bool ran, void *arg)
{
    (void)ran;
    (void)arg;
    crash_if(request, "/done");
}

static const char *remembered(bobbin_request *request)
{
    static const char *const places[] = {"/on_body",   "/on_writable", "/on_abort", "/on_finish",
                                         "/on_stored", "/on_job",      "/done"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (is_at(request, places[i]))
            return places[i];
    return NULL;
}

static void begin_to(bobbin_request *request)
{
    volatile char start[1] = {0};
    if (is_at(request, "/segv"))
        *nowhere = 1;
    else if (is_at(request, "/abort"))
        abort();
    else if (is_at(request, "/stack"))
        fall(start, 1000000); /* 4 GiB */
    else if (is_at(request, "/timer"))
        bobbin_timer_start(bobbin_host_of(request), 1, 0, on_timer, NULL);
    else if (is_at(request, "/posted"))
        bobbin_post(bobbin_ticket_for(request), on_loop, NULL);
    else if (is_at(request, "/on_stored"))
        bobbin_spool(request, BOBBIN_JOB(.queue = "crash"), on_stored, NULL);
    else if (is_at(request, "/on_job"))
        bobbin_job_status(request, bobbin_text("x"), 0, on_job, NULL);
    else if (is_at(request, "/work") || is_at(request, "/done"))
        bobbin_offload(request, work, done, is_at(request, "/work") ? request : NULL);
    else if (is_at(request, "/on_writable")) {
        bobbin_begin(request, BOBBIN_LENGTH_UNKNOWN);
        while (bobbin_write(request, bytes, sizeof bytes) == BOBBIN_FLOWING)
            ;
    }
}

static void answer(void *state, bobbin_request *request)
{
    (void)state;
    bobbin_set_data(request, (void *)(uintptr_t)remembered(request));
    begin_to(request);
    if (is_at(request, "/") || is_at(request, "/on_finish")) {
        bobbin_print(request, "still here\n");
        bobbin_end(request);
    } else if (is_at(request, "/pid")) {
        bobbin_print(request, "%ld\n", (long)getpid());
        bobbin_end(request);
    }
}

static void on_body(void *state, bobbin_request *request, bobbin_str piece, bool is_last)
{
    (void)state;
    (void)piece;
    (void)is_last;
    crash_if(request, "/on_body");
}

static void on_writable(void *state, bobbin_request *request)
{
    (void)state;
    crash_if(request, "/on_writable");
}

static void on_abort(void *state, bobbin_request *request)
{
    (void)state;
    crash_if(request, "/on_abort");
}

static void on_finish(void *state, bobbin_request *request)
{
    (void)state;
    crash_if(request, "/on_finish");
}

BOBBIN_PLUGIN(.name = "crash", .about = "Crashes as it is told.", .handle = answer,
              .on_body = on_body, .on_writable = on_writable, .on_abort = on_abort,
              .on_finish = on_finish);
