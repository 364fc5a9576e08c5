#include "tests/host/outgoing.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/host/memory.h"

enum { READ_BYTES = 64 * 1024 };

struct outgoing_piece {
    struct outgoing_piece *next;
    char *bytes; /* owned; NULL: a file */
    int fd;      /* owned */
    uint64_t at;
    uint64_t end;
};

void outgoing_init(struct outgoing *outgoing)
{
    *outgoing = (struct outgoing){.allowance = UINT64_MAX};
}

static void drop_first(struct outgoing *outgoing)
{
    struct outgoing_piece *piece = outgoing->first;
    outgoing->first = piece->next;
    if (piece->bytes == NULL)
        close(piece->fd);
    free(piece->bytes);
    free(piece);
}

void outgoing_finish(struct outgoing *outgoing)
{
    while (outgoing->first != NULL)
        drop_first(outgoing);
    outgoing->waiting = 0;
}

static void add(struct outgoing *outgoing, const struct outgoing_piece *made)
{
    struct outgoing_piece *piece = memory_take(sizeof *piece);
    *piece = *made;
    if (outgoing->first != NULL)
        outgoing->last->next = piece;
    else
        outgoing->first = piece;
    outgoing->last = piece;
}

void outgoing_add(struct outgoing *outgoing, const void *data, size_t length)
{
    if (length == 0)
        return;
    add(outgoing, &(struct outgoing_piece){.bytes = memory_copy(data, length), .end = length});
    outgoing->waiting += length;
}

void outgoing_add_file(struct outgoing *outgoing, int fd, uint64_t offset, uint64_t length)
{
    add(outgoing, &(struct outgoing_piece){.fd = fd, .at = offset, .end = offset + length});
}

/* Part of the first piece; 0: the file has ended. */
static size_t take_part(struct outgoing *outgoing, struct received *to, size_t bytes)
{
    struct outgoing_piece *piece = outgoing->first;
    char *room = received_room(to, bytes);
    if (piece->bytes != NULL) {
        memcpy(room, piece->bytes + piece->at, bytes);
        outgoing->waiting -= bytes;
    } else {
        ssize_t got = pread(piece->fd, room, bytes, (off_t)piece->at);
        bytes = got > 0 ? (size_t)got : 0;
    }
    received_took(to, bytes);
    piece->at += bytes;
    return bytes;
}

bool outgoing_flush(struct outgoing *outgoing, struct received *to)
{
    while (outgoing->first != NULL) {
        struct outgoing_piece *piece = outgoing->first;
        uint64_t bytes = piece->end - piece->at;
        if (bytes == 0) {
            drop_first(outgoing);
            continue;
        }
        if (bytes > READ_BYTES)
            bytes = READ_BYTES;
        if (bytes > outgoing->allowance)
            bytes = outgoing->allowance;
        if (bytes == 0)
            return true;
        size_t taken = take_part(outgoing, to, bytes);
        if (taken == 0)
            return false;
        if (outgoing->allowance != UINT64_MAX)
            outgoing->allowance -= taken;
    }
    return true;
}
