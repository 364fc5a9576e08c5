/* What may be said in [jobs]. */
#ifndef JOBS_CONFIG_H
#define JOBS_CONFIG_H

#include "bobbin.h"

struct config {
    uint64_t max_wait_ms;
    bobbin_list open; /* the queues that take jobs over HTTP; an empty item names none */
    uint64_t most_body_bytes;
};

#endif
