/*
 * When connections have waited long enough. Every kind of wait has one length, so the connections
 * of a kind form a list that is in order by itself: setting a deadline is a move to the list's end,
 * and one timer a worker looks at the lists' first members only.
 */
#ifndef CORE_NET_DEADLINE_H
#define CORE_NET_DEADLINE_H

#include <uv.h>

enum deadline_kind {
    DEADLINE_KEEPALIVE, /* nothing has come, or nothing since the last answer */
    DEADLINE_HEAD,      /* from the first byte of a head */
    DEADLINE_BODY,      /* between two reads of a body */
    DEADLINE_REQUEST,   /* an app has the request */
    DEADLINE_WRITE,     /* between two writes that the client took */
    DEADLINE_LINGER,    /* closing: what still comes is thrown away */
    DEADLINE_KINDS,
    DEADLINE_NONE = DEADLINE_KINDS
};

struct deadline {
    struct deadline *previous;
    struct deadline *next;
    uint64_t due_ms; /* of uv_now */
    enum deadline_kind kind;
};

struct deadlines {
    uv_timer_t timer;
    uint64_t armed_ms; /* when the timer fires; UINT64_MAX: it does not run */
    uint64_t after_ms[DEADLINE_KINDS];
    struct deadline lists[DEADLINE_KINDS]; /* rings; these are their heads */
    void (*on_due)(struct deadline *deadline);
};

/* after_ms is filled in by the caller afterwards. */
void deadlines_open(struct deadlines *deadlines, uv_loop_t *loop,
                    void (*on_due)(struct deadline *deadline));
void deadlines_close(struct deadlines *deadlines); /* the loop has to turn once more */

/* Gives a kind another length, also for those who wait already. */
void deadlines_change(struct deadlines *deadlines, enum deadline_kind kind, uint64_t after_ms);

void deadline_init(struct deadline *deadline);
/* Starts the wait anew; DEADLINE_NONE ends it. */
void deadline_set(struct deadlines *deadlines, struct deadline *deadline, enum deadline_kind kind);

#endif
