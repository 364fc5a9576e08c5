#include "beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FLAGS = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY };

/* Component by component, following no link. */
static int open_stepwise(int folder, const char *path)
{
    char name[256];
    int at = folder;
    for (;;) {
        size_t length = strcspn(path, "/");
        if (length >= sizeof name) {
            errno = ENAMETOOLONG;
            break;
        }
        memcpy(name, length > 0 ? path : ".", length > 0 ? length : 1);
        name[length > 0 ? length : 1] = '\0';
        bool is_last = path[length] == '\0';
        if (strcmp(name, "..") == 0) {
            errno = EXDEV;
            break;
        }
        int next = openat(at, name, FLAGS | O_NOFOLLOW | (is_last ? 0 : O_DIRECTORY));
        if (at != folder)
            close(at);
        if (next < 0 || is_last)
            return next;
        at = next;
        path += length + 1;
    }
    int number = errno;
    if (at != folder)
        close(at);
    errno = number;
    return -1;
}

int beneath_open(int folder, const char *path)
{
    struct open_how how = {.flags = FLAGS, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    int fd = (int)syscall(SYS_openat2, folder, *path != '\0' ? path : ".", &how, sizeof how);
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
        return fd;
    return open_stepwise(folder, path);
}
