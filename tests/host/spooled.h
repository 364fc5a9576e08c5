/* A job that the plugin wanted stored: a copy of its spec, for the test to look at. */
#ifndef HOST_SPOOLED_H
#define HOST_SPOOLED_H

#include "core/plugin/jobsport.h"
#include "tests/host/bobbin-test.h"

enum { SPOOLED_ID_BYTES = 65 };

struct spooled_job {
    struct bobbin_job_spec spec; /* all it points to is owned */
    char id[SPOOLED_ID_BYTES];   /* "": not stored (yet) */
};

/* Of what a jobsport is given. */
struct spooled_job *spooled_create(const struct jobsport_job *given);
void spooled_destroy(struct spooled_job *job);

#endif
