#include "spooler/link.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void link_address(const struct spool_directory *directory, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/" LINK_SOCKET_NAME,
             directory->root);
}

int link_connect(const struct spool_directory *directory)
{
    struct sockaddr_un address;
    link_address(directory, &address);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        int number = errno;
        close(fd);
        errno = number;
        return -1;
    }
    return fd;
}

bool link_send(const struct spool_directory *directory, int *fd, const struct door_message *message)
{
    for (int tries = 0; tries < 2; tries++) {
        if (*fd < 0 && (*fd = link_connect(directory)) < 0)
            return false;
        if (send(*fd, message, sizeof *message, MSG_NOSIGNAL) == (ssize_t)sizeof *message)
            return true;
        if (errno == EAGAIN) /* it has many hints already */
            return false;
        close(*fd); /* that leader is gone; there may be another */
        *fd = -1;
    }
    return false;
}
