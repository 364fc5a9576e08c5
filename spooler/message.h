/*
 * What is said over the spool's sockets (AF_UNIX, SOCK_SEQPACKET: a message is a packet, read
 * whole). Little-endian, fixed structs, the first word is the kind. The peers are processes of the
 * same binary or of one with the same spool VERSION.
 */
#ifndef SPOOLER_MESSAGE_H
#define SPOOLER_MESSAGE_H

#include <stdint.h>

#include "spooler/files/id.h"

/* dispatcher.sock: workers (and later the command line and other dispatchers) to the leader. */
enum door_message_kind {
    DOOR_WAKE = 1,   /* records were appended to a journal: a hint, never answered */
    DOOR_CANCEL = 2, /* answered by DOOR_ANSWER */
    DOOR_ANSWER = 3,
    DOOR_WAIT = 4, /* answered by DOOR_ANSWER when the job has ended, or at once; then forgotten */
    DOOR_FORGET = 5, /* a WAIT with this ticket need not be answered any more; never answered */
    DOOR_PAUSE = 6,  /* a door_queue_message; answered by DOOR_ANSWER */
    DOOR_RESUME = 7  /* the same */
};

/* The low 32 bits of a WAIT's ticket are a place: a number below this, one a connection at a time.
 * A WAIT for a place that is taken replaces the one that was there. */
enum { DOOR_WAITS_MAX = 65536 };

struct door_message {
    uint32_t kind;
    uint32_t state;  /* ANSWER: enum bobbin_job_state afterwards; to a PAUSE or RESUME: 1 paused, 0
                        not, DOOR_REFUSED */
    uint64_t ticket; /* CANCEL, WAIT: chosen by the asker; ANSWER, FORGET: the same */
    struct job_address address; /* WAKE: only writer and sequence count */
};

/* Of a state: the queue's name is none, or there are too many queues. */
#define DOOR_REFUSED UINT32_MAX

enum { DOOR_QUEUE_BYTES = 64 };

/* PAUSE, RESUME: about a queue and not about a job. It need not have jobs. */
struct door_queue_message {
    uint32_t kind;
    uint32_t queue_bytes;
    uint64_t ticket;
    char queue[DOOR_QUEUE_BYTES]; /* only queue_bytes of it count */
};

/* The leader's pair with its nursery. FORK carries two descriptors (SCM_RIGHTS): the job process'
 * end of its pair, and its slot's locked file. */
enum nursery_message_kind {
    NURSERY_FORK = 1,   /* to: fork the job process of a slot */
    NURSERY_SIGNAL = 2, /* to: send a signal to a slot's process; number < 0: to its whole group */
    NURSERY_FORKED = 3, /* from: number is the pid, or -errno */
    NURSERY_DIED = 4    /* from: number is the status of waitpid(2); its group was killed */
};

struct nursery_message {
    uint32_t kind;
    uint32_t slot;
    int64_t number;
};

/* The leader's pair with one job process. */
enum job_message_kind {
    JOB_RUN = 1,   /* to: run this */
    JOB_QUIT = 2,  /* to: stop the plugins and leave, with status 0 */
    JOB_READY = 3, /* from: plugins are started, give me work */
    JOB_SETTLE = 4 /* from: that is how it ended */
};

enum { JOB_SENTENCE_BYTES = 512 };

enum job_result_fate {
    JOB_RESULT_NONE = 0,
    JOB_RESULT_KEPT = 1, /* its file waits to be renamed */
    JOB_RESULT_LOST = 2  /* there was no space for it */
};

struct job_message {
    uint32_t kind;
    uint32_t attempt;
    struct job_address address;
    uint32_t attempts;   /* RUN: how many are allowed */
    uint32_t result;     /* SETTLE: enum bobbin_job_result */
    uint32_t has_result; /* SETTLE: enum job_result_fate */
    uint32_t sentence_bytes;
    uint64_t retry_after_ms;  /* SETTLE with RETRY: UINT64_MAX is "as the queue says" */
    uint64_t children_writer; /* SETTLE: in whose journal jobs were stored with it; 0: none */
    uint32_t children_sequence;
    uint32_t unused;
    char sentence[JOB_SENTENCE_BYTES]; /* only sentence_bytes of it are sent */
};

#endif
