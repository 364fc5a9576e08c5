/*
 * The spool that a test plays: a jobsport (core/plugin/jobsport.h) that remembers what was stored
 * and answers from a script. Answers wait in a queue, and are given by the turning loop; only a
 * question is answered at once, as the server's door does.
 */
#ifndef HOST_SPOOL_H
#define HOST_SPOOL_H

#include "core/plugin/jobsport.h"
#include "tests/host/bobbin-test.h"

struct spooled_job;
struct known_job;
struct stored_script;
struct spool_answer;
struct job_wait;

struct spool {
    bobbin_test_host *host;
    bool is_missing;
    bool is_held;
    char *broken;              /* owned: the sentence; NULL: it can be read */
    struct spooled_job **jobs; /* owned, as are all that follow */
    size_t job_count;
    struct known_job *known;
    struct stored_script *scripts;
    struct spool_answer *answers; /* in the order in which they were asked for */
    struct job_wait *waits;
    uint64_t wait_tickets;
};

void spool_init(struct spool *spool, bobbin_test_host *host, bool is_missing);
void spool_finish(struct spool *spool);
struct jobsport spool_port(struct spool *spool);

/* Stores what a running job has spooled, all or none; the jobs are the spool's then. False with a
 * sentence: the test wants it so. */
bool spool_store_all(struct spool *spool, struct spooled_job *const *jobs, size_t count,
                     bobbin_error *error);

/* Calls on_job with how the job is now. */
void spool_tell(struct spool *spool, bobbin_str id, unsigned flags, jobsport_on_job *on_job,
                void *arg);

/* Gives one answer that waits; false: none does, or it is held. */
bool spool_answer(struct spool *spool);

#endif
