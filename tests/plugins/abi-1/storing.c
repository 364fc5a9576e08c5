/* How jobs are stored: one, several at once, and without a request. */
#include "golden.h"

static const char *const outcomes[] = {
    [BOBBIN_STORED] = "stored", [BOBBIN_FULL] = "full", [BOBBIN_FAILED] = "failed"};

static void on_stored(bobbin_request *request, const struct bobbin_stored *stored, void *arg)
{
    if (stored->size < sizeof *stored || arg != bobbin_data(request))
        bobbin_print(request, "too short, or of somebody else\n");
    bobbin_print(request, "%s %.*s %s %s\n", outcomes[stored->outcome], BOBBIN_ARG(stored->id),
                 stored->queue, stored->sentence);
    bobbin_end(request);
}

static void spool(bobbin_request *request)
{
    const bobbin_field headers[] = {{bobbin_text("do"), bobbin_query(request, "do")},
                                    {bobbin_text("more"), bobbin_text("of it")}};
    bobbin_spool(request,
                 BOBBIN_JOB(.queue = "abi-1", .payload = bobbin_text("the payload"),
                            .content_type = "text/x-golden", .priority = BOBBIN_PRIORITY(9),
                            .attempts = 3, .timeout_ms = 20000, .headers = headers,
                            .header_count = 2, .durability = BOBBIN_DURABILITY_PROCESS),
                 on_stored, bobbin_data(request));
}

static void on_stored_many(bobbin_request *request, const struct bobbin_stored_many *stored,
                           void *arg)
{
    if (stored->size < sizeof *stored || arg != bobbin_data(request))
        bobbin_print(request, "too short, or of somebody else\n");
    bobbin_print(request, "%s%s", outcomes[stored->outcome], stored->sentence);
    for (size_t i = 0; i < stored->count && stored->ids != NULL; i++)
        bobbin_print(request, " %.*s", BOBBIN_ARG(stored->ids[i]));
    bobbin_end(request);
}

static void spool_many(bobbin_request *request)
{
    const struct bobbin_job_spec *const specs[] = {BOBBIN_JOB(.payload = bobbin_text("first")),
                                                   BOBBIN_JOB(.payload = bobbin_text("second"))};
    bobbin_spool_many(request, specs, 2, on_stored_many, bobbin_data(request));
}

static void on_host_stored(bobbin_host *host, const struct bobbin_stored *stored, void *arg)
{
    bobbin_log(host, BOBBIN_INFO, "%s without a request%s", outcomes[stored->outcome],
               arg == host && stored->id.length > 0 ? "" : ", but not as asked");
}

static void spool_by_host(bobbin_request *request)
{
    bobbin_host *host = bobbin_host_of(request);
    bool is_taken = bobbin_host_spool(host, BOBBIN_JOB(.payload = bobbin_text("of the host")),
                                      on_host_stored, host);
    bobbin_print(request, is_taken ? "taken\n" : "not taken\n");
    bobbin_end(request);
}

bool storing_handle(bobbin_request *request)
{
    if (rest_is(request, "/spool"))
        spool(request);
    else if (rest_is(request, "/accept"))
        bobbin_spool_and_accept(request, BOBBIN_JOB(.payload = bobbin_text("accepted")));
    else if (rest_is(request, "/many"))
        spool_many(request);
    else if (rest_is(request, "/host"))
        spool_by_host(request);
    else
        return false;
    return true;
}
