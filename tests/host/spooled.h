/* A job that the plugin wanted stored: a copy of its spec, for the test to look at. */
#ifndef HOST_SPOOLED_H
#define HOST_SPOOLED_H

#include "tests/host/bobbin-test.h"

enum { SPOOLED_ID_BYTES = 65 };

struct spooled_job {
    struct bobbin_job_spec spec; /* all it points to is owned */
    char id[SPOOLED_ID_BYTES];   /* "": not stored (yet) */
};

/* payload_fd >= 0: the payload is the start of that file. */
struct spooled_job *spooled_create(const struct bobbin_job_spec *spec, int payload_fd,
                                   uint64_t payload_length);
void spooled_destroy(struct spooled_job *job);

#endif
