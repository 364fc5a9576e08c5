/*
 * One connection of a loop to whoever leads the spool (message.h), both ways and never blocking:
 * made when it is needed, gone when the leader is.
 */
#ifndef SPOOLER_LEADERLINE_H
#define SPOOLER_LEADERLINE_H

#include <uv.h>

#include "spooler/link.h"

struct leaderline {
    uv_loop_t *loop; /* borrowed, as the next one */
    const struct spool_directory *directory;
    int fd;          /* -1: not connected */
    uv_poll_t *poll; /* NULL: not connected */
    void *context;
    void (*on_answer)(void *context, const struct door_message *message);
    void (*on_room)(void *context); /* after LEADERLINE_BLOCKED: more can be sent */
    void (*on_gone)(void *context); /* the leader has left; it is closed already */
};

enum leaderline_flow {
    LEADERLINE_SENT,
    LEADERLINE_BLOCKED, /* on_room comes */
    LEADERLINE_LOST,    /* the leader had left: on_gone was called meanwhile */
    LEADERLINE_NOBODY   /* leads: it is not connected */
};

/* Connects first when that is needed. */
enum leaderline_flow leaderline_send(struct leaderline *line, const struct door_message *message);

/* Without on_gone. The loop has to turn once more. */
void leaderline_close(struct leaderline *line);

#endif
