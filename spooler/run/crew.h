/*
 * The leader's side of the job processes: which slots there are, which are idle, and what comes
 * back from them. Forks through the nursery, replaces who dies, tells jobs to stop and kills those
 * that do not.
 *
 *   EMPTY --fork--> STARTING --READY--> IDLE <--run / settle--> BUSY
 *     ^                |                  |                       |
 *     +---- a growing pause, when it never became idle -- died ---+
 */
#ifndef SPOOLER_RUN_CREW_H
#define SPOOLER_RUN_CREW_H

#include <uv.h>

#include "core/base/log.h"
#include "spooler/files/directory.h"
#include "spooler/message.h"
#include "spooler/queue.h"

struct crew;
struct slot;

/* Why a job was told to stop. */
enum crew_cause { CREW_NOTHING, CREW_TIMEOUT, CREW_CANCEL, CREW_DRAIN };

/* A job that is back. message NULL: its process died, and death says how. */
struct crew_return {
    const struct waiting *job;
    const struct job_message *message;
    enum crew_cause cause;
    const char *death; /* "signal 11 (Segmentation fault)" */
};

struct crew_options {
    uv_loop_t *loop;
    const struct spool_directory *directory;
    const struct log *log;
    int nursery_fd; /* SOCK_SEQPACKET; becomes the crew's */
    size_t count;
    void *context;
    void (*on_idle)(void *context); /* a slot can take a job */
    void (*on_return)(void *context, const struct crew_return *back);
    void (*on_empty)(void *context);                   /* after crew_leave */
    void (*on_nursery_gone)(void *context);            /* nothing can be run any more */
    bool (*is_reserved)(void *context, uint32_t slot); /* a job of an earlier leader is there */
};

/* Begins to fork. All of options is borrowed. NULL with a sentence. */
struct crew *crew_open(const struct crew_options *options, bobbin_error *error);

/* Kills what is left; handles are closed once the loop has turned. NULL is fine. */
void crew_close(struct crew *crew);

/* An idle slot, or NULL. It stays idle until crew_run. */
struct slot *crew_idle(struct crew *crew);
uint32_t slot_number(const struct slot *slot);

/* Sends the job to its process. False: the process is gone (its death will be told, without job).
 */
bool crew_run(struct slot *slot, const struct waiting *job, const struct job_address *address,
              uint64_t timeout_ms, uint64_t kill_after_ms);

/* Tells a running job to stop; kills its process after kill_after_ms. False: it does not run here.
 */
bool crew_stop(struct crew *crew, const struct waiting *job, uint64_t kill_after_ms,
               enum crew_cause cause);

/* Nobody is replaced any more; idle processes leave, busy ones are told to stop and have
 * kill_after_ms. on_empty when all are gone. */
void crew_leave(struct crew *crew, uint64_t kill_after_ms);

/* Now: SIGKILL for all that is left. */
void crew_kill(struct crew *crew);

#endif
