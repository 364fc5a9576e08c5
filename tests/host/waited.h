/*
 * Who waits for a job that the played spool knows (bobbin_job_wait). A wait ends when the test sets
 * its job to an ended state, when its limit passes (a timer of the host's loop, which
 * bobbin_test_pass brings forward like those of the plugin), or when nobody is there any more.
 */
#ifndef HOST_WAITED_H
#define HOST_WAITED_H

#include "core/plugin/jobsport.h"
#include "tests/host/bobbin-test.h"

struct spool;
struct waited;

/* As jobsport's wait and end_wait: spool is their door. */
uint64_t waited_begin(void *door, bobbin_str id, unsigned flags, uint64_t limit_ms,
                      jobsport_on_job *on_job, void *arg);
void waited_end(void *door, uint64_t ticket);

/* A job is not what it was: those that waited for its end are told soon. */
void waited_look(struct spool *spool);

/* All of them are told now. */
void waited_end_all(struct spool *spool);

#endif
