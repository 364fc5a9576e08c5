/* For measuring: POST stores the body as a job that does nothing. */
#include "bobbin.h"

static void handle(void *state, bobbin_request *request)
{
    (void)state;
    bobbin_spool_and_accept(request, BOBBIN_JOB(.payload_is_body = true));
}

static enum bobbin_job_result run(void *state, bobbin_job *job)
{
    (void)state;
    (void)job;
    return BOBBIN_JOB_DONE;
}

BOBBIN_PLUGIN(.name = "drop", .about = "stores empty work", .handle = handle, .run = run);
