/*
 * What a program finds in its environment: that of the server, and about its job BOBBIN_JOB_ID,
 * BOBBIN_JOB_QUEUE, BOBBIN_JOB_ATTEMPT, BOBBIN_JOB_ATTEMPTS and BOBBIN_JOB_CONTENT_TYPE (empty when
 * none was given). Each header of the job that is asked for is BOBBIN_JOB_HEADER_<NAME>, in upper
 * case and with _ for all but letters and digits; one that the job has not is not there.
 */
#ifndef EXEC_ENVIRONMENT_H
#define EXEC_ENVIRONMENT_H

#include "bobbin.h"

/* For execve(2); NULL without memory. To be freed with environment_destroy. */
char **environment_create(bobbin_job *job, const bobbin_list *headers);
void environment_destroy(char **environment);

#endif
