#include "core/net/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"

static void set_flag(int fd, int level, int option, int value)
{
    setsockopt(fd, level, option, &value, sizeof value);
}

static void set_options(int fd, const struct address *address)
{
    if (address_path(address) != NULL) {
        fchmod(fd, 0666); /* what bind(2) gives the file, less the umask */
        return;
    }
    set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    set_flag(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_flag(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (address->socket.ss_family == AF_INET6)
        set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, !address->is_dual_stack);
}

/* Whether the file is a socket that nobody listens on any more. */
static bool is_stale(const struct address *address)
{
    struct stat status;
    if (lstat(address_path(address), &status) != 0 || !S_ISSOCK(status.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    int result = connect(fd, (const struct sockaddr *)&address->socket, address->socket_bytes);
    bool nobody = result != 0 && errno == ECONNREFUSED;
    close(fd);
    return nobody;
}

static bool bind_to(int fd, const struct address *address)
{
    const struct sockaddr *socket = (const struct sockaddr *)&address->socket;
    if (bind(fd, socket, address->socket_bytes) == 0)
        return true;
    if (errno != EADDRINUSE || address_path(address) == NULL)
        return false;
    if (!is_stale(address)) {
        errno = EADDRINUSE;
        return false;
    }
    unlink(address_path(address));
    return bind(fd, socket, address->socket_bytes) == 0;
}

static unsigned bound_port(int fd)
{
    struct sockaddr_in6 socket = {0}; /* the port of sockaddr_in lies at the same place */
    socklen_t length = sizeof socket;
    getsockname(fd, (struct sockaddr *)&socket, &length);
    return ntohs(socket.sin6_port);
}

/* A kernel without IPv6 still has every address of IPv4. */
static struct address without_ipv6(const struct address *address)
{
    struct address other = *address;
    struct sockaddr_in6 six;
    memcpy(&six, &address->socket, sizeof six);
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = six.sin6_port};
    other.is_dual_stack = false;
    memcpy(&other.socket, &four, sizeof four);
    other.socket_bytes = sizeof four;
    return other;
}

static int open_socket(struct address *address)
{
    const int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    int fd = socket(address->socket.ss_family, type, 0);
    if (fd < 0 && errno == EAFNOSUPPORT && address->is_dual_stack) {
        *address = without_ipv6(address);
        fd = socket(AF_INET, type, 0);
    }
    return fd;
}

bool listener_open(struct listener *listener, const struct address *wanted, bobbin_error *error)
{
    struct address address = *wanted;
    *listener = (struct listener){.fd = open_socket(&address)};
    if (listener->fd < 0)
        return error_system(error, errno, "%s cannot be opened", address.text);
    listener->is_unix = address_path(&address) != NULL;
    set_options(listener->fd, &address);
    if (!bind_to(listener->fd, &address)) {
        int number = errno;
        listener_close(listener);
        return error_system(error, number, "%s cannot be bound", address.text);
    }
    if (!listener->is_unix)
        address_set_port(&address, bound_port(listener->fd));
    memcpy(listener->scheme, address.scheme, sizeof listener->scheme);
    memcpy(listener->text, address.text, sizeof listener->text);
    return true;
}

bool listener_listen(const struct listener *listener, int backlog, bobbin_error *error)
{
    if (listen(listener->fd, backlog) != 0)
        return error_system(error, errno, "%s cannot be listened on", listener->text);
    return true;
}

void listener_close(struct listener *listener)
{
    if (listener->fd >= 0)
        close(listener->fd);
    listener->fd = -1;
}

void listener_remove(struct listener *listener)
{
    if (listener->is_unix && listener->fd >= 0)
        unlink(strchr(listener->text, '/') + strlen("//unix:"));
    listener_close(listener);
}
