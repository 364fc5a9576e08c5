#include "spooler/leaderline.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MESSAGES_A_TURN = 64 };

static void on_leader(uv_poll_t *poll, int status, int events);

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

void leaderline_close(struct leaderline *line)
{
    if (line->fd < 0)
        return;
    uv_close((uv_handle_t *)line->poll, free_handle);
    close(line->fd);
    line->poll = NULL;
    line->fd = -1;
}

static bool ready(struct leaderline *line)
{
    if (line->fd >= 0)
        return true;
    int fd = link_connect(line->directory);
    uv_poll_t *poll = fd >= 0 ? malloc(sizeof *poll) : NULL;
    if (poll == NULL || uv_poll_init(line->loop, poll, fd) != 0) {
        free(poll);
        if (fd >= 0)
            close(fd);
        return false;
    }
    line->fd = fd;
    line->poll = poll;
    poll->data = line;
    uv_poll_start(poll, UV_READABLE, on_leader);
    return true;
}

enum leaderline_flow leaderline_send(struct leaderline *line, const struct door_message *message)
{
    if (!ready(line))
        return LEADERLINE_NOBODY;
    ssize_t sent = send(line->fd, message, sizeof *message, MSG_NOSIGNAL);
    if (sent == (ssize_t)sizeof *message)
        return LEADERLINE_SENT;
    if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
        uv_poll_start(line->poll, UV_READABLE | UV_WRITABLE, on_leader);
        return LEADERLINE_BLOCKED;
    }
    leaderline_close(line);
    line->on_gone(line->context);
    return LEADERLINE_LOST;
}

/* False: there is nothing more to hear now, or nobody to hear. */
static bool hear(struct leaderline *line)
{
    struct door_message message;
    ssize_t got = recv(line->fd, &message, sizeof message, MSG_TRUNC);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (got != (ssize_t)sizeof message || message.kind != DOOR_ANSWER) {
        leaderline_close(line);
        line->on_gone(line->context);
        return false;
    }
    line->on_answer(line->context, &message);
    return line->fd >= 0;
}

static void on_leader(uv_poll_t *poll, int status, int events)
{
    struct leaderline *line = poll->data;
    (void)status; /* an error is heard as the end */
    if (events & UV_WRITABLE) {
        uv_poll_start(poll, UV_READABLE, on_leader);
        line->on_room(line->context);
    }
    for (int i = 0; i < MESSAGES_A_TURN && line->poll == poll && hear(line); i++)
        ;
}
