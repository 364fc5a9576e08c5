/*
 * What a client asks for with a job: parameters of the query, or header fields that say the same
 * ("priority" is "Bobbin-Priority"); the query wins.
 */
#ifndef JOBS_ORDER_H
#define JOBS_ORDER_H

#include "bobbin.h"

enum { ORDER_KEY_BYTES = 200 };

struct order {
    uint64_t priority; /* 0 to 9 */
    uint64_t attempts; /* 0: as the queue says */
    uint64_t timeout_ms;
    uint64_t delay_ms;
    uint64_t due_us;
    uint64_t expires_ms;
    uint64_t wait_ms; /* for the job's end, before the answer */
    char key[ORDER_KEY_BYTES + 1];
};

/* False, with the sentence, when a parameter is unknown, given twice, or not legal. */
bool order_read(struct order *order, bobbin_request *request, bobbin_error *error);

/* What a client sent, for a sentence: BOBBIN_ARG of it is not long. */
bobbin_str order_quoted(bobbin_str text);

#endif
