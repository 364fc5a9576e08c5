#include "core/process/handover.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/base/error.h"

/* Both ends are of one binary's making, or of two that stand side by side during a reload. */
struct message {
    enum handover_kind kind;
    union {
        char words[HANDOVER_WORDS_BYTES];
        struct listener listener;
    };
};

union control {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int))];
};

static bool send_message(int fd, struct message *message, int passenger, bobbin_error *error)
{
    union control control = {0};
    struct iovec part = {.iov_base = message, .iov_len = sizeof *message};
    struct msghdr head = {.msg_iov = &part, .msg_iovlen = 1};
    if (passenger >= 0) {
        head.msg_control = &control;
        head.msg_controllen = sizeof control.bytes;
        control.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof passenger),
                                        .cmsg_level = SOL_SOCKET,
                                        .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.head), &passenger, sizeof passenger);
    }
    ssize_t sent;
    do
        sent = sendmsg(fd, &head, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent >= 0 || error_system(error, errno, "the master and its generation cannot talk");
}

/* False: no message, and errno is EAGAIN; or the other end is gone. */
static bool receive_message(int fd, struct message *message, int *passenger, int flags)
{
    union control control = {0};
    struct iovec part = {.iov_base = message, .iov_len = sizeof *message};
    struct msghdr head = {.msg_iov = &part,
                          .msg_iovlen = 1,
                          .msg_control = &control,
                          .msg_controllen = sizeof control.bytes};
    ssize_t received;
    do
        received = recvmsg(fd, &head, flags | MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    *passenger = -1;
    struct cmsghdr *rights = CMSG_FIRSTHDR(&head);
    if (rights != NULL && rights->cmsg_type == SCM_RIGHTS)
        memcpy(passenger, CMSG_DATA(rights), sizeof *passenger);
    return received == (ssize_t)sizeof *message;
}

bool handover_say(int fd, enum handover_kind kind, const char *words, bobbin_error *error)
{
    struct message message = {.kind = kind};
    snprintf(message.words, sizeof message.words, "%s", words);
    return send_message(fd, &message, -1, error);
}

enum handover_kind handover_hear(int fd, char words[HANDOVER_WORDS_BYTES])
{
    struct message message;
    int passenger;
    if (!receive_message(fd, &message, &passenger, MSG_DONTWAIT))
        return HANDOVER_NOTHING;
    if (passenger >= 0)
        close(passenger);
    if (words != NULL)
        memcpy(words, message.words, sizeof message.words);
    return message.kind;
}

bool handover_send(int fd, const struct listener *listeners, size_t count, bobbin_error *error)
{
    for (size_t i = 0; i < count; i++) {
        struct message message = {.kind = HANDOVER_LISTENER, .listener = listeners[i]};
        if (!send_message(fd, &message, listeners[i].fd, error))
            return false;
    }
    struct message message = {.kind = HANDOVER_NO_MORE};
    return send_message(fd, &message, -1, error);
}

static bool add_listener(struct handover_listeners *listeners, const struct listener *listener,
                         int fd)
{
    struct listener *more =
        realloc(listeners->items, (listeners->count + 1) * sizeof *listeners->items);
    if (more == NULL)
        return false;
    listeners->items = more;
    more[listeners->count] = *listener;
    more[listeners->count++].fd = fd;
    return true;
}

bool handover_receive(int fd, struct handover_listeners *listeners, bobbin_error *error)
{
    *listeners = (struct handover_listeners){0};
    for (;;) {
        struct message message;
        int passenger;
        if (!receive_message(fd, &message, &passenger, 0))
            return bobbin_fail(error, "the master is gone");
        if (message.kind == HANDOVER_NO_MORE)
            return true;
        if (message.kind != HANDOVER_LISTENER || passenger < 0)
            return bobbin_fail(error, "the master sent no listener");
        if (!add_listener(listeners, &message.listener, passenger))
            return bobbin_fail(error, "no memory for the listeners");
    }
}

void handover_finish(struct handover_listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++)
        listener_close(&listeners->items[i]);
    free(listeners->items);
    *listeners = (struct handover_listeners){0};
}
