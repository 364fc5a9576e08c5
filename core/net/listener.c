#include "core/net/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/error.h"

bool listener_adopt(struct listener *listener, int fd, const char *text, bobbin_error *error)
{
    struct address address;
    *listener = (struct listener){.fd = fd};
    if (!address_parse(&address, text, error))
        return false;
    snprintf(listener->text, sizeof listener->text, "%s", text);
    memcpy(listener->scheme, address.scheme, sizeof listener->scheme);
    listener->is_unix = address.socket.ss_family == AF_UNIX;
    return true;
}

/* A socket file that nobody answers on is a leftover of a process that was killed. */
static void remove_leftover(const struct address *address)
{
    const char *path = ((const struct sockaddr_un *)&address->socket)->sun_path;
    struct stat status;
    if (lstat(path, &status) != 0 || !S_ISSOCK(status.st_mode))
        return;
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0)
        return;
    if (connect(probe, (const struct sockaddr *)&address->socket, address->length) != 0 &&
        errno == ECONNREFUSED)
        unlink(path);
    close(probe);
}

static void set_options(int fd, const struct address *address)
{
    int on = 1, off = 0;
    if (address->socket.ss_family == AF_UNIX)
        return;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (address->socket.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, address->is_dual_stack ? &off : &on, sizeof on);
}

/* A machine without IPv6 can still have every IPv4 address. */
static int open_socket(struct address *address)
{
    int fd = socket(address->socket.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 || errno != EAFNOSUPPORT || !address->is_dual_stack)
        return fd;
    struct sockaddr_in any = {.sin_family = AF_INET,
                              .sin_port =
                                  ((struct sockaddr_in6 *)&address->socket)->sin6_port};
    memcpy(&address->socket, &any, sizeof any);
    address->length = sizeof any;
    address->is_dual_stack = false;
    return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

bool listener_open(struct listener *listener, const char *text, bobbin_error *error)
{
    struct address address;
    if (!listener_adopt(listener, -1, text, error) || !address_parse(&address, text, error))
        return false;
    listener->fd = open_socket(&address);
    if (listener->fd < 0)
        return error_system(error, errno, "%s cannot be opened", text);
    set_options(listener->fd, &address);
    if (listener->is_unix)
        remove_leftover(&address);
    if (bind(listener->fd, (struct sockaddr *)&address.socket, address.length) != 0) {
        error_system(error, errno, "%s cannot be bound", text);
        listener_close(listener);
        return false;
    }
    listener->is_bound_here = true;
    return true;
}

void listener_close(struct listener *listener)
{
    struct address address;
    if (listener->fd < 0)
        return;
    close(listener->fd);
    listener->fd = -1;
    if (listener->is_unix && listener->is_bound_here &&
        address_parse(&address, listener->text, NULL))
        unlink(((const struct sockaddr_un *)&address.socket)->sun_path);
}

bool listener_start(const struct listener *listener, int backlog, bobbin_error *error)
{
    if (listen(listener->fd, backlog) != 0)
        return error_system(error, errno, "%s cannot be listened on", listener->text);
    return true;
}
