#include "core/net/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A client that reads fast must not keep the loop from the others. */
enum { FILE_BYTES_A_TURN = 4 << 20 };

void output_init(struct output *output)
{
    *output = (struct output){.file_fd = -1};
}

static void drop_chunk(struct output *output, struct pool *pool)
{
    if (output->capacity > pool->block_bytes)
        free(output->chunk);
    else
        pool_give(pool, output->chunk);
    output->chunk = NULL;
    output->capacity = output->start = output->end = 0;
}

void output_finish(struct output *output, struct pool *pool)
{
    drop_chunk(output, pool);
    output_init(output);
}

size_t output_free(const struct output *output)
{
    return output->capacity - output->end;
}

char *output_room(struct output *output, struct pool *pool, size_t bytes)
{
    if (bytes <= output_free(output) && output->chunk != NULL)
        return output->chunk + output->end;
    size_t waiting = output->end - output->start;
    size_t capacity = pool->block_bytes;
    while (capacity < waiting + bytes)
        capacity *= 2;
    char *chunk = capacity > pool->block_bytes ? malloc(capacity) : pool_take(pool);
    if (chunk == NULL)
        return NULL;
    if (waiting > 0)
        memcpy(chunk, output->chunk + output->start, waiting);
    drop_chunk(output, pool);
    output->chunk = chunk;
    output->capacity = capacity;
    output->end = waiting;
    return chunk + waiting;
}

static void advance(struct output *output, size_t sent)
{
    size_t of_chunk = output->end - output->start;
    if (of_chunk > sent)
        of_chunk = sent;
    output->start += of_chunk;
    output->tail += sent - of_chunk;
    output->tail_length -= sent - of_chunk;
}

static ssize_t send_memory(struct output *output, struct transport *transport)
{
    struct iovec vector[2];
    int count = 0;
    if (output->end > output->start)
        vector[count++] =
            (struct iovec){output->chunk + output->start, output->end - output->start};
    if (output->tail_length > 0)
        vector[count++] = (struct iovec){(void *)(uintptr_t)output->tail, output->tail_length};
    ssize_t sent = transport_write(transport, vector, count, output->file_length > 0);
    if (sent > 0)
        advance(output, (size_t)sent);
    return sent;
}

static ssize_t send_file(struct output *output, struct transport *transport)
{
    ssize_t sent =
        transport_send_file(transport, output->file_fd, output->file_offset, output->file_length);
    if (sent == 0) {
        errno = EIO;
        return -1;
    }
    if (sent > 0) {
        output->file_offset += (uint64_t)sent;
        output->file_length -= (uint64_t)sent;
    }
    return sent;
}

enum output_flush output_flush(struct output *output, struct pool *pool,
                               struct transport *transport, bool *progress)
{
    uint64_t of_file = 0;
    while (!output_is_empty(output)) {
        bool in_memory = output->end > output->start || output->tail_length > 0;
        ssize_t sent = in_memory ? send_memory(output, transport) : send_file(output, transport);
        if (sent < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK ? OUTPUT_BLOCKED : OUTPUT_FAILED;
        *progress = true;
        of_file += in_memory ? 0 : (uint64_t)sent;
        if (of_file >= FILE_BYTES_A_TURN && output->file_length > 0)
            return OUTPUT_BLOCKED;
    }
    drop_chunk(output, pool);
    output->tail = NULL;
    output->file_fd = -1;
    return OUTPUT_SENT;
}
