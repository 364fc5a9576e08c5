#include "spooler/files/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

bool store_write(int fd, const void *data, size_t length, uint64_t offset)
{
    struct iovec vector = {(void *)(uintptr_t)data, length};
    return store_write_vector(fd, &vector, 1, offset);
}

static bool write_some(int fd, struct iovec **vector, int *count, uint64_t *offset)
{
    ssize_t written = pwritev(fd, *vector, *count < IOV_MAX ? *count : IOV_MAX, (off_t)*offset);
    if (written < 0)
        return errno == EINTR;
    if (written == 0) {
        errno = ENOSPC;
        return false;
    }
    *offset += (uint64_t)written;
    while (*count > 0 && (size_t)written >= (*vector)->iov_len) {
        written -= (ssize_t)(*vector)->iov_len;
        (*vector)++;
        (*count)--;
    }
    if (*count > 0) {
        (*vector)->iov_base = (char *)(*vector)->iov_base + written;
        (*vector)->iov_len -= (size_t)written;
    }
    return true;
}

bool store_write_vector(int fd, struct iovec *vector, int count, uint64_t offset)
{
    while (count > 0 && vector->iov_len == 0) {
        vector++;
        count--;
    }
    while (count > 0)
        if (!write_some(fd, &vector, &count, &offset))
            return false;
    return true;
}

bool store_sync(int fd)
{
    return fdatasync(fd) == 0;
}

bool store_sync_folder(int folder_fd)
{
    return fsync(folder_fd) == 0;
}

bool store_rename(int folder, const char *from, const char *to)
{
    return renameat(folder, from, folder, to) == 0;
}

bool store_move(int from_folder, const char *from, int to_folder, const char *to)
{
    return renameat2(from_folder, from, to_folder, to, RENAME_NOREPLACE) == 0;
}

bool store_link_file(int fd, int folder, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, path, folder, name, AT_SYMLINK_FOLLOW) == 0;
}

bool store_link(int folder, const char *from, int to_folder, const char *to)
{
    return linkat(folder, from, to_folder, to, 0) == 0;
}

bool store_unlink(int folder, const char *name)
{
    return unlinkat(folder, name, 0) == 0 || errno == ENOENT;
}

int store_create(int folder, const char *name)
{
    return openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

bool store_make_folder(int folder, const char *name)
{
    return mkdirat(folder, name, 0700) == 0 || errno == EEXIST;
}

bool store_reserve(int fd, uint64_t bytes)
{
    if (fallocate(fd, 0, 0, (off_t)bytes) == 0)
        return true;
    return (errno == EOPNOTSUPP || errno == ENOSYS) && ftruncate(fd, (off_t)bytes) == 0;
}
