/*
 * The job specs of plugins/bobbin.h, made whole and checked: for everybody who takes one, be it for
 * a request, for a host, or for a job that runs. Pure functions.
 */
#ifndef CORE_PLUGIN_JOBSPEC_H
#define CORE_PLUGIN_JOBSPEC_H

#include "plugins/bobbin.h"

enum { JOBSPEC_QUEUE_MAX_BYTES = 64, JOBSPECS_MAX = 1000 };

/* A copy with all members of today, whatever the size of the plugin's; the queue, when it names
 * none, is the given one. Its pointers are those of the spec. Its size is today's, but for a spec
 * that cannot be understood: jobspec_check then says so. */
struct bobbin_job_spec jobspec_whole(const struct bobbin_job_spec *spec, const char *queue);

/* False with a sentence: the spec (a whole one) is not legal. */
bool jobspec_check(const struct bobbin_job_spec *spec, bobbin_error *error);

/* The same for the number of jobs that are stored at once, 1 to JOBSPECS_MAX. */
bool jobspec_check_count(size_t count, bobbin_error *error);

#endif
