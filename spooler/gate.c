#include "spooler/gate.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/error.h"
#include "spooler/link.h"

enum { BACKLOG = 64, MESSAGES_A_TURN = 64 };

/* Somebody who is connected. */
struct guest {
    struct gate *gate;
    struct guest *next;
    struct guest **link;
    int fd;
    uv_poll_t poll;
};

struct gate {
    const struct spool_directory *directory;
    struct gate_events events;
    uv_loop_t *loop;
    int fd;
    uv_poll_t poll;
    struct guest *guests;
};

static void on_guest_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void dismiss(struct guest *guest)
{
    *guest->link = guest->next;
    if (guest->next != NULL)
        guest->next->link = guest->link;
    uv_close((uv_handle_t *)&guest->poll, on_guest_closed);
    close(guest->fd);
}

/* False: the guest is to be dismissed. */
static bool serve(struct guest *guest, const struct door_message *message)
{
    struct gate *gate = guest->gate;
    if (message->kind == DOOR_WAKE) {
        gate->events.on_wake(gate->events.context, message->address.writer,
                             message->address.sequence);
        return true;
    }
    if (message->kind != DOOR_CANCEL)
        return false;
    struct door_message answer = {.kind = DOOR_ANSWER, .ticket = message->ticket};
    answer.state = gate->events.on_cancel(gate->events.context, &message->address);
    return send(guest->fd, &answer, sizeof answer, MSG_NOSIGNAL) == (ssize_t)sizeof answer;
}

static void on_message(uv_poll_t *poll, int status, int events)
{
    struct guest *guest = poll->data;
    (void)events;
    for (int i = 0; status == 0 && i < MESSAGES_A_TURN; i++) {
        struct door_message message;
        ssize_t got = recv(guest->fd, &message, sizeof message, MSG_TRUNC);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got != (ssize_t)sizeof message || !serve(guest, &message))
            status = -1;
    }
    if (status != 0)
        dismiss(guest);
}

static void on_guest(uv_poll_t *poll, int status, int events)
{
    struct gate *gate = poll->data;
    (void)status;
    (void)events;
    int fd = accept4(gate->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct guest *guest = fd >= 0 ? calloc(1, sizeof *guest) : NULL;
    if (guest == NULL || uv_poll_init(gate->loop, &guest->poll, fd) != 0) {
        if (fd >= 0)
            close(fd);
        free(guest);
        return;
    }
    guest->gate = gate;
    guest->fd = fd;
    guest->poll.data = guest;
    guest->next = gate->guests;
    guest->link = &gate->guests;
    if (guest->next != NULL)
        guest->next->link = &guest->next;
    gate->guests = guest;
    uv_poll_start(&guest->poll, UV_READABLE, on_message);
}

static bool bind_socket(struct gate *gate)
{
    struct sockaddr_un address;
    link_address(gate->directory, &address);
    unlinkat(gate->directory->root, LINK_SOCKET_NAME, 0);
    gate->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return gate->fd >= 0 && bind(gate->fd, (struct sockaddr *)&address, sizeof address) == 0 &&
           listen(gate->fd, BACKLOG) == 0;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

struct gate *gate_open(uv_loop_t *loop, const struct spool_directory *directory,
                       const struct gate_events *events, bobbin_error *error)
{
    struct gate *gate = calloc(1, sizeof *gate);
    if (gate == NULL) {
        bobbin_fail(error, "no memory");
        return NULL;
    }
    *gate = (struct gate){.directory = directory, .events = *events, .loop = loop, .fd = -1};
    if (!bind_socket(gate) || uv_poll_init(loop, &gate->poll, gate->fd) != 0) {
        error_system(error, errno, "the spool's socket %s", LINK_SOCKET_NAME);
        if (gate->fd >= 0)
            close(gate->fd);
        free(gate);
        return NULL;
    }
    gate->poll.data = gate;
    uv_poll_start(&gate->poll, UV_READABLE, on_guest);
    return gate;
}

void gate_close(struct gate *gate)
{
    if (gate == NULL)
        return;
    while (gate->guests != NULL)
        dismiss(gate->guests);
    unlinkat(gate->directory->root, LINK_SOCKET_NAME, 0);
    close(gate->fd);
    uv_close((uv_handle_t *)&gate->poll, on_closed);
}
