/*
 * The waits of requests for the ends of jobs (bobbin_job_wait). A wait holds its request
 * (request->pending), so nobody waits for longer than there is somebody to be told.
 */
#ifndef CORE_EXCHANGE_WAITING_H
#define CORE_EXCHANGE_WAITING_H

#include "core/exchange/request.h"

/* Nobody will see what the request waits for: its client left, its time passed, or it was ended.
 * Whoever waits is told soon how the job is, outside of this call. */
void waiting_end_soon(bobbin_request *request);

#endif
