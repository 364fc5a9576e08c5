#include "spooler/files/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "core/base/error.h"
#include "spooler/files/store.h"

enum { COPY_BYTES = 64 * 1024 };

static int open_writer(const struct spool_directory *directory, uint64_t writer)
{
    char name[17];
    snprintf(name, sizeof name, "%016" PRIx64, writer);
    if (!store_make_folder(directory->blobs, name))
        return -1;
    return openat(directory->blobs, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void counter_name(uint64_t counter, char out[24])
{
    snprintf(out, 24, "%" PRIu64, counter);
}

static bool fail(bobbin_error *error, const char *what)
{
    int number = errno;
    error_system(error, number, "a payload %s", what);
    errno = number;
    return false;
}

static bool crc_of_file(int fd, uint64_t length, uint32_t *crc)
{
    unsigned char piece[COPY_BYTES];
    uLong sum = crc32(0, NULL, 0);
    for (uint64_t at = 0; at < length;) {
        ssize_t got = pread(fd, piece, sizeof piece, (off_t)at);
        if (got <= 0)
            return false;
        if ((uint64_t)got > length - at)
            got = (ssize_t)(length - at);
        sum = crc32(sum, piece, (uInt)got);
        at += (uint64_t)got;
    }
    *crc = (uint32_t)sum;
    return true;
}

static bool copy_file(int from, uint64_t length, int folder, const char *name)
{
    unsigned char piece[COPY_BYTES];
    int to = store_create(folder, name);
    bool done = to >= 0;
    for (uint64_t at = 0; done && at < length;) {
        ssize_t got = pread(from, piece, sizeof piece, (off_t)at);
        done = got > 0 && store_write(to, piece, (size_t)got, at);
        at += got > 0 ? (uint64_t)got : 0;
    }
    if (to >= 0) {
        int number = errno;
        close(to);
        errno = number;
    }
    return done;
}

static bool sync_named(const struct spool_directory *directory, int folder, const char *name)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    bool done = fd >= 0 && store_sync(fd) && store_sync_folder(folder) &&
                store_sync_folder(directory->blobs);
    int number = errno;
    if (fd >= 0)
        close(fd);
    errno = number;
    return done;
}

/* Ends what both ways of making a blob have in common; a half-made one is removed. */
static bool settle(const struct spool_directory *directory, int folder, const char *name, bool made,
                   bool sync, bobbin_error *error)
{
    bool done = made && (!sync || sync_named(directory, folder, name));
    int number = errno;
    if (!done)
        store_unlink(folder, name);
    close(folder);
    errno = number;
    return done || fail(error, "cannot be written");
}

bool blob_from_memory(const struct spool_directory *directory, uint64_t writer, uint64_t counter,
                      const void *data, size_t length, bool sync, uint32_t *crc,
                      bobbin_error *error)
{
    char name[24];
    counter_name(counter, name);
    int folder = open_writer(directory, writer);
    if (folder < 0)
        return fail(error, "has no folder");
    *crc = (uint32_t)crc32_z(0, data, length);
    int fd = store_create(folder, name);
    bool made = fd >= 0 && store_write(fd, data, length, 0);
    int number = errno;
    if (fd >= 0)
        close(fd);
    errno = number;
    return settle(directory, folder, name, made, sync, error);
}

bool blob_from_file(const struct spool_directory *directory, uint64_t writer, uint64_t counter,
                    int fd, uint64_t length, bool sync, uint32_t *crc, bobbin_error *error)
{
    char name[24];
    counter_name(counter, name);
    if (!crc_of_file(fd, length, crc))
        return fail(error, "cannot be read");
    int folder = open_writer(directory, writer);
    if (folder < 0)
        return fail(error, "has no folder");
    bool made = store_link_file(fd, folder, name) || copy_file(fd, length, folder, name);
    return settle(directory, folder, name, made, sync, error);
}

void *blob_map(const struct spool_directory *directory, uint64_t writer, uint64_t counter,
               uint64_t length, bobbin_error *error)
{
    char path[64];
    struct stat status;
    void *content = NULL;
    snprintf(path, sizeof path, "%016" PRIx64 "/%" PRIu64, writer, counter);
    int fd = openat(directory->blobs, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0)
        error_system(error, errno, "the payload's file blobs/%s", path);
    else if (length == 0 || (uint64_t)status.st_size != length)
        bobbin_fail(error, "the payload's file blobs/%s has %lld bytes, not %" PRIu64, path,
                    (long long)status.st_size, length);
    else if ((content = mmap(NULL, length, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED) {
        error_system(error, errno, "the payload's file blobs/%s", path);
        content = NULL;
    }
    if (fd >= 0)
        close(fd);
    return content;
}

bool blob_link(const struct spool_directory *directory, uint64_t writer, uint64_t counter,
               int folder, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "%016" PRIx64 "/%" PRIu64, writer, counter);
    return store_link(directory->blobs, path, folder, name);
}

void blob_remove(const struct spool_directory *directory, uint64_t writer, uint64_t counter)
{
    char path[64];
    snprintf(path, sizeof path, "%016" PRIx64 "/%" PRIu64, writer, counter);
    store_unlink(directory->blobs, path);
}
