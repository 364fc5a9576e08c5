#include "spooler/gate.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/error.h"
#include "spooler/link.h"
#include "spooler/waits.h"

enum { BACKLOG = 64, MESSAGES_A_TURN = 64 };

/* Somebody who is connected. */
struct guest {
    struct gate *gate;
    struct guest *next;
    struct guest **link;
    int fd;
    uv_poll_t poll;
    bool is_full; /* of answers that it has not read: more when it has room */
    struct party party;
};

struct gate {
    const struct spool_directory *directory;
    struct gate_events events;
    uv_loop_t *loop;
    int fd;
    uv_poll_t poll;
    struct guest *guests;
    struct waits waits;
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
    waits_leave(&guest->gate->waits, &guest->party);
    uv_close((uv_handle_t *)&guest->poll, on_guest_closed);
    close(guest->fd);
}

static bool cancel(struct guest *guest, const struct door_message *message)
{
    const struct gate_events *events = &guest->gate->events;
    struct door_message answer = {.kind = DOOR_ANSWER, .ticket = message->ticket};
    answer.state = events->on_cancel(events->context, &message->address);
    return send(guest->fd, &answer, sizeof answer, MSG_NOSIGNAL) == (ssize_t)sizeof answer;
}

static bool wait_for_end(struct guest *guest, const struct door_message *message)
{
    const struct gate_events *events = &guest->gate->events;
    struct waits *waits = &guest->gate->waits;
    struct job_address address = message->address;
    if (events->has_ended(events->context, &address))
        return waits_add_ended(waits, &guest->party, message->ticket);
    return waits_add(waits, &guest->party, message->ticket, &address);
}

static bool pause_queue(struct guest *guest, const struct door_queue_message *message)
{
    const struct gate_events *events = &guest->gate->events;
    struct door_message answer = {.kind = DOOR_ANSWER, .ticket = message->ticket};
    if (message->queue_bytes > sizeof message->queue)
        return false;
    answer.state =
        events->on_pause(events->context, (bobbin_str){message->queue, message->queue_bytes},
                         message->kind == DOOR_PAUSE);
    return send(guest->fd, &answer, sizeof answer, MSG_NOSIGNAL) == (ssize_t)sizeof answer;
}

/* False: the guest is to be dismissed. */
static bool serve(struct guest *guest, const struct door_message *message)
{
    const struct gate_events *events = &guest->gate->events;
    switch (message->kind) {
    case DOOR_WAKE:
        events->on_wake(events->context, message->address.writer, message->address.sequence);
        return true;
    case DOOR_CANCEL:
        return cancel(guest, message);
    case DOOR_WAIT:
        return wait_for_end(guest, message);
    case DOOR_FORGET:
        waits_forget(&guest->gate->waits, &guest->party, message->ticket);
        return true;
    default:
        return false;
    }
}

static void watch(struct guest *guest);

/* False: the guest is to be dismissed. */
static bool tell(struct guest *guest)
{
    struct door_message answer = {.kind = DOOR_ANSWER};
    while (!guest->is_full && waits_next(&guest->party, &answer.ticket)) {
        if (send(guest->fd, &answer, sizeof answer, MSG_NOSIGNAL) == (ssize_t)sizeof answer)
            waits_take(&guest->gate->waits, &guest->party);
        else if (errno != EAGAIN && errno != ENOBUFS)
            return false;
        else
            guest->is_full = true;
    }
    if (guest->is_full)
        watch(guest);
    return true;
}

union packet {
    uint32_t kind;
    struct door_message message;
    struct door_queue_message queue;
};

/* False: the guest is to be dismissed. */
static bool read_packet(struct guest *guest, const union packet *packet, ssize_t bytes)
{
    if (bytes == (ssize_t)sizeof packet->queue)
        return (packet->kind == DOOR_PAUSE || packet->kind == DOOR_RESUME) &&
               pause_queue(guest, &packet->queue);
    return bytes == (ssize_t)sizeof packet->message && serve(guest, &packet->message);
}

static void on_message(uv_poll_t *poll, int status, int events)
{
    struct guest *guest = poll->data;
    if (status == 0 && (events & UV_WRITABLE)) {
        guest->is_full = false; /* the next gate_tell goes on */
        watch(guest);
    }
    for (int i = 0; status == 0 && i < MESSAGES_A_TURN; i++) {
        union packet packet;
        ssize_t got = recv(guest->fd, &packet, sizeof packet, MSG_TRUNC);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (!read_packet(guest, &packet, got))
            status = -1;
    }
    if (status != 0)
        dismiss(guest);
}

static void watch(struct guest *guest)
{
    uv_poll_start(&guest->poll, UV_READABLE | (guest->is_full ? UV_WRITABLE : 0), on_message);
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
    party_init(&guest->party);
    watch(guest);
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
    waits_init(&gate->waits);
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
    waits_finish(&gate->waits);
    unlinkat(gate->directory->root, LINK_SOCKET_NAME, 0);
    close(gate->fd);
    uv_close((uv_handle_t *)&gate->poll, on_closed);
}

void gate_end(struct gate *gate, const struct job_address *address)
{
    waits_end(&gate->waits, address);
}

void gate_tell(struct gate *gate)
{
    for (struct guest *guest = gate->guests, *next; guest != NULL; guest = next) {
        next = guest->next;
        if (!tell(guest))
            dismiss(guest);
    }
}
