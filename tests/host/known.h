/* The jobs that a played spool knows by their ids, and how they are. */
#ifndef HOST_KNOWN_H
#define HOST_KNOWN_H

#include "tests/host/bobbin-test.h"

struct known_job;

void known_free(struct known_job *jobs);

/* Puts the job in, in place of what was known of its id. Everything is copied. */
void known_set(struct known_job **jobs, const struct bobbin_job_info *info, bobbin_str result,
               const char *result_type);

/* What bobbin_job_status tells: its texts are those of the known job, or the id as it was given.
 * With BOBBIN_WITH_RESULT there is a descriptor, which is the caller's. */
struct bobbin_job_info known_find(struct known_job *jobs, bobbin_str id, unsigned flags);

/* Whether nothing more will become of it; so it is with a job that is not known. */
bool known_has_ended(struct known_job *jobs, bobbin_str id);

void known_cancel(struct known_job *jobs, bobbin_str id);

#endif
