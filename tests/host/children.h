/*
 * The jobs that a running job spools (bobbin_job_spool): remembered instead of stored, and known to
 * the played spool once run has returned DONE. children.c stands in the place of
 * spooler/run/children.c.
 */
#ifndef HOST_CHILDREN_H
#define HOST_CHILDREN_H

#include "tests/host/spooled.h"

struct spool;

/* All zero: none. What the server's struct bobbin_job holds as its struct children. */
struct hosted_children {
    struct spooled_job **items; /* owned */
    size_t count;
};

/* They are stored, as the test wants it (bobbin_test_next_stored). False with a sentence: none. */
bool hosted_children_store(struct hosted_children *children, struct spool *spool,
                           bobbin_error *error);
void hosted_children_forget(struct hosted_children *children);

#endif
