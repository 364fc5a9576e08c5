/*
 * The waits of a played spool (bobbin_job_wait): each is told once, when its job has ended, when
 * its limit has passed, or when its client left.
 */
#ifndef HOST_JOBWAIT_H
#define HOST_JOBWAIT_H

#include "core/plugin/jobsport.h"

struct job_wait;
struct spool;

/* The ticket of a new one. */
uint64_t jobwait_begin(struct spool *spool, bobbin_str id, unsigned flags, uint64_t limit_ms,
                       jobsport_on_job *on_job, void *arg);

/* Tells it now; a ticket that was told is harmless. */
void jobwait_end(struct spool *spool, uint64_t ticket);

/* Tells one whose job has ended or whose limit has passed; false: there is none. */
bool jobwait_answer(struct spool *spool);

/* Drops all: the loop has to turn once more. */
void jobwait_drop_all(struct spool *spool);

#endif
