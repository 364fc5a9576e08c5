#include "core/net/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    /* A client that reads fast must not keep the loop from the others. */
    BYTES_A_TURN = 4 << 20,
    VECTOR_MAX = 32
};

/* Fits into a block of the pool, with its bytes; larger ones come from malloc. */
struct output_piece {
    struct output_piece *next;
    size_t capacity; /* of bytes */
    size_t start;    /* bytes[start..end) waits */
    size_t end;
    const char *lent; /* then this */
    size_t lent_length;
    int fd; /* then this; owned; -1: none */
    uint64_t file_offset;
    uint64_t file_length;
    char bytes[];
};

void output_init(struct output *output)
{
    *output = (struct output){0};
}

static void drop_first(struct output *output, struct pool *pool)
{
    struct output_piece *piece = output->first;
    output->first = piece->next;
    if (output->first == NULL)
        output->last = NULL;
    if (piece->fd >= 0) {
        close(piece->fd);
        output->files--;
    }
    if (sizeof *piece + piece->capacity > pool->block_bytes)
        free(piece);
    else
        pool_give(pool, piece);
}

void output_finish(struct output *output, struct pool *pool)
{
    while (output->first != NULL)
        drop_first(output, pool);
    output_init(output);
}

static bool has_tail(const struct output_piece *piece)
{
    return piece->lent_length > 0 || piece->file_length > 0;
}

size_t output_free(const struct output *output)
{
    const struct output_piece *last = output->last;
    return last != NULL && !has_tail(last) ? last->capacity - last->end : 0;
}

static struct output_piece *add_piece(struct output *output, struct pool *pool, size_t bytes)
{
    bool is_large = sizeof(struct output_piece) + bytes > pool->block_bytes;
    struct output_piece *piece = is_large ? malloc(sizeof *piece + bytes) : pool_take(pool);
    if (piece == NULL)
        return NULL;
    piece->next = NULL;
    piece->capacity = is_large ? bytes : pool->block_bytes - sizeof *piece;
    piece->start = piece->end = 0;
    piece->lent_length = piece->file_length = 0;
    piece->fd = -1;
    if (output->last != NULL)
        output->last->next = piece;
    else
        output->first = piece;
    output->last = piece;
    return piece;
}

char *output_room(struct output *output, struct pool *pool, size_t bytes, size_t *capacity)
{
    if ((output->last == NULL || output_free(output) < bytes) &&
        add_piece(output, pool, bytes) == NULL)
        return NULL;
    *capacity = output_free(output);
    return output->last->bytes + output->last->end;
}

void output_wrote(struct output *output, size_t bytes)
{
    output->last->end += bytes;
    output->waiting += bytes;
}

bool output_copy(struct output *output, struct pool *pool, const void *data, size_t length)
{
    const char *from = data;
    while (length > 0) {
        size_t part;
        char *room = output_room(output, pool, 1, &part);
        if (room == NULL)
            return false;
        if (part > length)
            part = length;
        memcpy(room, from, part);
        output_wrote(output, part);
        from += part;
        length -= part;
    }
    return true;
}

/* A piece that nothing large stands behind yet. */
static struct output_piece *open_piece(struct output *output, struct pool *pool)
{
    if (output->last != NULL && !has_tail(output->last))
        return output->last;
    return add_piece(output, pool, 0);
}

bool output_lend(struct output *output, struct pool *pool, const void *data, size_t length)
{
    struct output_piece *piece = open_piece(output, pool);
    if (piece == NULL)
        return false;
    piece->lent = data;
    piece->lent_length = length;
    output->waiting += length;
    output->is_lent = true;
    return true;
}

bool output_file(struct output *output, struct pool *pool, int fd, uint64_t offset, uint64_t length)
{
    struct output_piece *piece = length > 0 ? open_piece(output, pool) : NULL;
    if (piece == NULL) {
        close(fd);
        return length == 0;
    }
    output->files++;
    piece->fd = fd;
    piece->file_offset = offset;
    piece->file_length = length;
    return true;
}

/* ------------------------------------------------------------------ sending */

/* The memory at the front of the queue, up to the first file. */
static int gather(const struct output *output, struct iovec vector[VECTOR_MAX], bool *more)
{
    int count = 0;
    *more = false;
    for (struct output_piece *piece = output->first; piece != NULL; piece = piece->next) {
        if (count + 2 > VECTOR_MAX)
            break;
        if (piece->end > piece->start)
            vector[count++] =
                (struct iovec){piece->bytes + piece->start, piece->end - piece->start};
        if (piece->lent_length > 0)
            vector[count++] = (struct iovec){(void *)(uintptr_t)piece->lent, piece->lent_length};
        if (piece->file_length > 0) {
            *more = true;
            break;
        }
    }
    return count;
}

static bool is_sent(const struct output_piece *piece)
{
    return piece->start == piece->end && !has_tail(piece);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void advance(struct output *output, struct pool *pool, size_t sent)
{
    output->waiting -= sent;
    while (output->first != NULL) {
        struct output_piece *piece = output->first;
        size_t part = least(sent, piece->end - piece->start);
        piece->start += part;
        sent -= part;
        part = least(sent, piece->lent_length);
        piece->lent += part;
        piece->lent_length -= part;
        sent -= part;
        if (!is_sent(piece))
            return;
        drop_first(output, pool);
    }
}

static ssize_t send_file(struct output *output, struct pool *pool, struct transport *transport)
{
    struct output_piece *piece = output->first;
    ssize_t sent =
        transport_send_file(transport, piece->fd, piece->file_offset, piece->file_length);
    if (sent == 0) {
        errno = EIO;
        return -1;
    }
    if (sent > 0) {
        piece->file_offset += (uint64_t)sent;
        piece->file_length -= (uint64_t)sent;
        if (is_sent(piece))
            drop_first(output, pool);
    }
    return sent;
}

static ssize_t send_some(struct output *output, struct pool *pool, struct transport *transport)
{
    struct iovec vector[VECTOR_MAX];
    bool more;
    int count = gather(output, vector, &more);
    if (count == 0)
        return send_file(output, pool, transport);
    ssize_t sent = transport_write(transport, vector, count, more);
    if (sent > 0)
        advance(output, pool, (size_t)sent);
    return sent;
}

enum output_flush output_flush(struct output *output, struct pool *pool,
                               struct transport *transport, bool *progress)
{
    uint64_t in_all = 0;
    advance(output, pool, 0); /* room that was asked for and not used */
    while (!output_is_empty(output)) {
        ssize_t sent = send_some(output, pool, transport);
        if (sent < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? OUTPUT_BLOCKED : OUTPUT_FAILED;
        *progress = true;
        in_all += (uint64_t)sent;
        if (in_all >= BYTES_A_TURN && !output_is_empty(output))
            return OUTPUT_BLOCKED;
    }
    output->is_lent = false;
    return OUTPUT_SENT;
}
