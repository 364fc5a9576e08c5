#include "core/process/limits.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MOST_FILES = 1024 * 1024 };

void limits_raise_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    rlim_t wanted = files.rlim_max < MOST_FILES ? files.rlim_max : MOST_FILES;
    if (files.rlim_cur >= wanted)
        return;
    files.rlim_cur = wanted;
    setrlimit(RLIMIT_NOFILE, &files);
}

void limits_open_standard(void)
{
    int fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO)
        fd = dup(fd); /* the lowest free number */
    if (fd > STDERR_FILENO)
        close(fd);
}
