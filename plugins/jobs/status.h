/* How a job is, as JSON. */
#ifndef JOBS_STATUS_H
#define JOBS_STATUS_H

#include "bobbin.h"

/* Whether nothing more will become of it. */
bool status_is_final(enum bobbin_job_state state);

/* Ends the request with the state of a job that is known; status and other fields stay as set. */
void status_answer(bobbin_request *request, const struct bobbin_job_info *info);

#endif
