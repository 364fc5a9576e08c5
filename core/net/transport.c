#include "core/net/transport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SEND_FILE_MAX_BYTES = 1 << 20 };

static void print_address(const struct sockaddr_storage *peer, char *out)
{
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)peer;
    if (peer->ss_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)peer)->sin_addr, out,
                  TRANSPORT_ADDRESS_BYTES);
    else if (peer->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
        inet_ntop(AF_INET, &six->sin6_addr.s6_addr[12], out, TRANSPORT_ADDRESS_BYTES);
    else if (peer->ss_family == AF_INET6)
        inet_ntop(AF_INET6, &six->sin6_addr, out, TRANSPORT_ADDRESS_BYTES);
    else
        strcpy(out, "unix");
}

static bool is_of_the_connection(int number)
{
    switch (number) {
    case ECONNABORTED:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case EPERM:
    case EINTR:
        return true;
    default:
        return false;
    }
}

bool transport_accept(struct transport *transport, int listener_fd,
                      char address[TRANSPORT_ADDRESS_BYTES])
{
    struct sockaddr_storage peer = {0};
    socklen_t length = sizeof peer;
    transport->fd =
        accept4(listener_fd, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (transport->fd < 0) {
        if (is_of_the_connection(errno))
            errno = EAGAIN;
        return false;
    }
    print_address(&peer, address);
    return true;
}

void transport_close(struct transport *transport)
{
    if (transport->fd >= 0)
        close(transport->fd);
    transport->fd = -1;
}

ssize_t transport_read(struct transport *transport, void *buffer, size_t size)
{
    ssize_t got;
    do
        got = recv(transport->fd, buffer, size, 0);
    while (got < 0 && errno == EINTR);
    return got;
}

ssize_t transport_write(struct transport *transport, const struct iovec *vector, int count,
                        bool more_follows)
{
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)vector,
                             .msg_iovlen = (size_t)count};
    int flags = MSG_NOSIGNAL | (more_follows ? MSG_MORE : 0);
    ssize_t sent;
    do
        sent = count == 1 ? send(transport->fd, vector->iov_base, vector->iov_len, flags)
                          : sendmsg(transport->fd, &message, flags);
    while (sent < 0 && errno == EINTR);
    return sent;
}

ssize_t transport_send_file(struct transport *transport, int fd, uint64_t offset, uint64_t length)
{
    off_t at = (off_t)offset;
    size_t bytes = length < SEND_FILE_MAX_BYTES ? (size_t)length : SEND_FILE_MAX_BYTES;
    ssize_t sent;
    do
        sent = sendfile(transport->fd, fd, &at, bytes);
    while (sent < 0 && errno == EINTR);
    return sent;
}

void transport_reset(struct transport *transport)
{
    const struct linger at_once = {.l_onoff = 1}; /* socket(7), SO_LINGER */
    setsockopt(transport->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void transport_shut(struct transport *transport)
{
    shutdown(transport->fd, SHUT_WR);
}

enum transport_peek transport_peek(struct transport *transport)
{
    char byte;
    ssize_t got = recv(transport->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got > 0)
        return PEER_SENT;
    if (got == 0)
        return PEER_HALF_CLOSED;
    return errno == EAGAIN || errno == EINTR ? PEER_QUIET : PEER_GONE;
}
