/*
 * What the core asks of whoever keeps jobs: a table of functions, filled in by the spooler's door
 * and handed to the workers by main.c, so that core/ includes nothing of spooler/.
 *
 * All calls are made on the worker's loop and call back on it. A callback is never called before
 * put has returned; the others may call back at once.
 */
#ifndef CORE_PLUGIN_JOBSPORT_H
#define CORE_PLUGIN_JOBSPORT_H

#include "plugins/bobbin.h"

typedef void jobsport_on_stored(void *arg, const struct bobbin_stored *stored);
typedef void jobsport_on_stored_many(void *arg, const struct bobbin_stored_many *stored);
typedef void jobsport_on_job(void *arg, const struct bobbin_job_info *info);

/*
 * What to store. The spec is whole and legal (jobspec.h), its queue is named. payload_is_body is
 * resolved: the payload is spec.payload, or, when payload_fd >= 0, the first payload_length bytes
 * of that file (an O_TMPFILE of jobsport.body_directory if it was made there, linked and not
 * copied).
 */
struct jobsport_job {
    struct bobbin_job_spec spec;
    int payload_fd; /* borrowed */
    uint64_t payload_length;
};

struct jobsport {
    void *door; /* first argument of every function below */
    /* Stores a job; everything is copied or duplicated before it returns. */
    void (*put)(void *door, const struct jobsport_job *job, jobsport_on_stored *on_stored,
                void *arg);
    /* Stores 1 to JOBSPECS_MAX of them (jobspec.h), all or none. */
    void (*put_many)(void *door, const struct jobsport_job *jobs, size_t count,
                     jobsport_on_stored_many *on_stored, void *arg);
    void (*ask)(void *door, bobbin_str id, unsigned flags, jobsport_on_job *on_job, void *arg);
    void (*cancel)(void *door, bobbin_str id, jobsport_on_job *on_job, void *arg);
    /*
     * Has on_job called once: when the job has ended, or after limit_ms. Returns a ticket for
     * end_wait; 0: on_job has been called.
     */
    uint64_t (*wait)(void *door, bobbin_str id, unsigned flags, uint64_t limit_ms,
                     jobsport_on_job *on_job, void *arg);
    /* Ends the wait now: its on_job is called, with the job as it is, before this returns. A ticket
     * whose on_job was called is harmless. */
    void (*end_wait)(void *door, uint64_t ticket);
    /* Where spilled bodies should be made (O_TMPFILE) so that they can become payloads by a link.
     */
    const char *body_directory;
};

#endif
