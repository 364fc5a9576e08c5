/*
 * What waits to be sent to one client: a chunk of memory that collects heads and small bodies of
 * any number of answers, and behind it at most one large thing, which is sent from where it lies: a
 * body in its request's arena, or a range of a file.
 */
#ifndef CORE_NET_OUTPUT_H
#define CORE_NET_OUTPUT_H

#include "core/base/pool.h"
#include "core/net/transport.h"

struct output {
    char *chunk; /* from the pool, or from malloc when larger than its blocks; NULL: none */
    size_t capacity;
    size_t start; /* chunk[start..end) waits */
    size_t end;
    const char *tail; /* borrowed until it is sent */
    size_t tail_length;
    int file_fd; /* borrowed until it is sent; -1: none */
    uint64_t file_offset;
    uint64_t file_length;
};

void output_init(struct output *output);
void output_finish(struct output *output, struct pool *pool);

static inline bool output_is_empty(const struct output *output)
{
    return output->start == output->end && output->tail_length == 0 && output->file_length == 0;
}

static inline bool output_has_tail(const struct output *output)
{
    return output->tail_length > 0 || output->file_length > 0;
}

/* How many bytes fit behind what waits without asking for more. */
size_t output_free(const struct output *output);

/* Room for bytes at the end of the chunk (never with a tail behind it); NULL without memory. */
char *output_room(struct output *output, struct pool *pool, size_t bytes);

enum output_flush { OUTPUT_SENT, OUTPUT_BLOCKED, OUTPUT_FAILED };

/* Sends what it can. SENT: nothing waits, the chunk is back in its pool. FAILED: errno; a file that
 * ended early is EIO. *progress is set when any byte went out. */
enum output_flush output_flush(struct output *output, struct pool *pool,
                               struct transport *transport, bool *progress);

#endif
