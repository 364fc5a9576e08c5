/* Runs jobs and answers no requests. */
#include "bobbin.h"

static enum bobbin_job_result run(void *state, bobbin_job *job)
{
    (void)state;
    (void)job;
    return BOBBIN_JOB_DONE;
}

BOBBIN_PLUGIN(.name = "worker-bee", .about = "Does what it is told.", .run = run);
