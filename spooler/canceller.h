/*
 * Asks the leader to cancel jobs, over dispatcher.sock, and waits at most 2 s for its answer. One
 * connection, made when it is needed and closed when nothing waits.
 */
#ifndef SPOOLER_CANCELLER_H
#define SPOOLER_CANCELLER_H

#include <uv.h>

#include "core/plugin/jobsport.h"
#include "spooler/lookup.h"

struct canceller {
    uv_loop_t *loop; /* borrowed, as the next two */
    const struct spool_directory *directory;
    struct lookup *lookup;
    int leader_fd;          /* -1: not connected */
    uv_poll_t *leader_poll; /* NULL: not connected */
    uv_timer_t *timeout;    /* NULL: nothing waits */
    struct cancelling *cancelling;
    uint64_t last_ticket;
};

void canceller_init(struct canceller *canceller, uv_loop_t *loop,
                    const struct spool_directory *directory, struct lookup *lookup);
/* Answers all that wait: nobody could cancel them. The loop has to turn once more. */
void canceller_finish(struct canceller *canceller);

/* As struct jobsport's cancel: on_job hears how the job is afterwards, maybe at once. */
void canceller_cancel(struct canceller *canceller, bobbin_str id, jobsport_on_job *on_job,
                      void *arg);

#endif
