/* What the calls that store jobs for a request have in common. */
#ifndef CORE_EXCHANGE_SPOOLING_H
#define CORE_EXCHANGE_SPOOLING_H

#include "core/exchange/request.h"

/* Fills in *job from a plugin's spec: the queue's default, and the request's body when that is the
 * payload. It is good until the request ends. False with a sentence: the spec is not legal. */
bool spooling_resolve(bobbin_request *request, const struct bobbin_job_spec *spec,
                      struct jobsport_job *job, bobbin_error *error);

/* Whether jobs can be stored here; else a sentence. */
bool spooling_is_possible(const struct jobsport *jobs, bobbin_error *error);

#endif
