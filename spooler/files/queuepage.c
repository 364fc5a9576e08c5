#include "spooler/files/queuepage.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "spooler/files/bytes.h"
#include "spooler/files/store.h"

enum { PAGE_BYTES = 64, VERSION = 1, TRIES = 4 };

static void encode(const struct queuepage *page, unsigned char out[PAGE_BYTES])
{
    memcpy(out, "QUEU", 4);
    put32(out + 4, VERSION);
    put32(out + 8, 0);
    put32(out + 12, page->flags);
    put64(out + 16, page->turn);
    put64(out + 24, page->ready);
    put64(out + 32, page->delayed);
    put64(out + 40, page->running);
    put64(out + 48, page->dead);
    put64(out + 56, page->bytes);
    put32(out + 8, (uint32_t)crc32(0, out, PAGE_BYTES));
}

static bool decode(struct queuepage *page, const unsigned char bytes[PAGE_BYTES])
{
    unsigned char copy[PAGE_BYTES];
    memcpy(copy, bytes, sizeof copy);
    put32(copy + 8, 0);
    if (memcmp(copy, "QUEU", 4) != 0 || get32(copy + 4) != VERSION ||
        get32(bytes + 8) != (uint32_t)crc32(0, copy, sizeof copy))
        return false;
    *page = (struct queuepage){.flags = get32(copy + 12),
                               .turn = get64(copy + 16),
                               .ready = get64(copy + 24),
                               .delayed = get64(copy + 32),
                               .running = get64(copy + 40),
                               .dead = get64(copy + 48),
                               .bytes = get64(copy + 56)};
    return true;
}

int queuepage_open(const struct spool_directory *directory, bobbin_str queue,
                   struct queuepage *page)
{
    char name[DIRECTORY_QUEUE_BYTES];
    unsigned char bytes[PAGE_BYTES];
    *page = (struct queuepage){0};
    if (!directory_queue_name(queue, name)) {
        errno = EINVAL;
        return -1;
    }
    int fd = openat(directory->queues, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && pread(fd, bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes)
        decode(page, bytes);
    return fd;
}

bool queuepage_write(int fd, const struct queuepage *page)
{
    unsigned char bytes[PAGE_BYTES];
    encode(page, bytes);
    return store_write(fd, bytes, sizeof bytes, 0);
}

bool queuepage_sync(const struct spool_directory *directory, int fd)
{
    return store_sync(fd) && store_sync_folder(directory->queues);
}

const void *queuepage_map(const struct spool_directory *directory, bobbin_str queue)
{
    char name[DIRECTORY_QUEUE_BYTES];
    struct stat status;
    void *mapped = MAP_FAILED;
    int fd = directory_queue_name(queue, name)
                 ? openat(directory->queues, name, O_RDONLY | O_CLOEXEC)
                 : -1;
    if (fd >= 0 && fstat(fd, &status) == 0 && status.st_size >= PAGE_BYTES)
        mapped = mmap(NULL, PAGE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    return mapped != MAP_FAILED ? mapped : NULL;
}

void queuepage_unmap(const void *mapped)
{
    if (mapped != NULL)
        munmap((void *)(uintptr_t)mapped, PAGE_BYTES);
}

bool queuepage_look(const void *mapped, struct queuepage *page)
{
    const volatile unsigned char *at = mapped; /* another process may be writing it */
    unsigned char copy[PAGE_BYTES];
    for (int tries = 0; tries < TRIES; tries++) {
        for (size_t i = 0; i < sizeof copy; i++)
            copy[i] = at[i];
        if (decode(page, copy))
            return true;
    }
    return false;
}
