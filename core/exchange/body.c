#include "core/exchange/body.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MEMORY_START_BYTES = 1024 };

void body_init(struct body *body)
{
    *body = (struct body){.fd = -1};
}

void body_finish(struct body *body)
{
    if (body->fd >= 0)
        close(body->fd);
    body_init(body);
}

/* A file that no name leads to. O_TMPFILE (open(2), Linux 3.11) can be given one later by a link;
 * some file systems (overlay before 6.2) do not know it. */
static int open_nameless(const char *directory)
{
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
        return fd;
    char path[4096];
    snprintf(path, sizeof path, "%s/.body-XXXXXX", directory);
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

static bool write_all(int fd, const char *data, size_t length, uint64_t offset)
{
    while (length > 0) {
        ssize_t written = pwrite(fd, data, length, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        data += written;
        length -= (size_t)written;
        offset += (uint64_t)written;
    }
    return true;
}

static bool spill(struct body *body, const char *directory)
{
    body->fd = open_nameless(directory);
    if (body->fd < 0 || !write_all(body->fd, body->memory, body->length, 0))
        return false;
    body->place = BODY_SPILLED;
    body->memory = NULL;
    return true;
}

static bool make_room(struct body *body, struct arena *arena, size_t bytes, uint64_t expected)
{
    if (bytes <= body->capacity)
        return true;
    size_t capacity = body->capacity > 0 ? body->capacity * 2 : MEMORY_START_BYTES;
    if (expected != UINT64_MAX && expected >= bytes)
        capacity = expected;
    while (capacity < bytes)
        capacity *= 2;
    char *larger = arena_grow(arena, body->memory, body->length, capacity);
    if (larger == NULL)
        return false;
    body->memory = larger;
    body->capacity = capacity;
    return true;
}

bool body_append(struct body *body, const struct body_limits *limits, struct arena *arena,
                 bobbin_str piece, uint64_t expected_length)
{
    uint64_t total = body->length + piece.length;
    if (body->place == BODY_NONE)
        body->place = BODY_MEMORY;
    if (body->place == BODY_MEMORY &&
        (total > limits->memory_bytes ||
         (expected_length != UINT64_MAX && expected_length > limits->memory_bytes)) &&
        !spill(body, limits->directory))
        return false;
    switch (body->place) {
    case BODY_IN_PLACE:
        if (body->length == 0)
            body->memory = (char *)(uintptr_t)piece.data;
        break;
    case BODY_MEMORY:
        if (!make_room(body, arena, total, expected_length))
            return false;
        memcpy(body->memory + body->length, piece.data, piece.length);
        break;
    case BODY_SPILLED:
        if (!write_all(body->fd, piece.data, piece.length, body->length))
            return false;
        break;
    default:
        break;
    }
    body->length = total;
    return true;
}

int64_t body_read(const struct body *body, uint64_t offset, void *buffer, size_t size)
{
    if (offset >= body->length || body->place == BODY_NONE)
        return 0;
    if (size > body->length - offset)
        size = body->length - offset;
    if (body->place == BODY_SPILLED)
        return pread(body->fd, buffer, size, (off_t)offset);
    memcpy(buffer, body->memory + offset, size);
    return (int64_t)size;
}
