/*
 * What waits to be sent to one client: a queue of pieces. Each is a block of memory that collects
 * heads and small bodies, of any number of answers, and behind it at most one large thing, which is
 * sent from where it lies: a body in its request's arena, or a range of a file.
 */
#ifndef CORE_NET_OUTPUT_H
#define CORE_NET_OUTPUT_H

#include "core/base/pool.h"
#include "core/net/transport.h"

struct output_piece;

struct output {
    struct output_piece *first; /* owned; NULL: nothing waits */
    struct output_piece *last;
    size_t waiting; /* bytes of memory, files not counted */
    size_t files;   /* how many of them wait */
    bool is_lent;   /* memory of somebody else's waits: see output_lend */
};

void output_init(struct output *output);
/* Frees what waits and closes its files. */
void output_finish(struct output *output, struct pool *pool);

static inline bool output_is_empty(const struct output *output)
{
    return output->first == NULL;
}

/* Room for at least bytes at the end, *capacity of them; NULL without memory. What was written
 * there counts once output_wrote says so. The pool's blocks become pieces. */
char *output_room(struct output *output, struct pool *pool, size_t bytes, size_t *capacity);
void output_wrote(struct output *output, size_t bytes);

/* How many bytes fit at the end without another piece. */
size_t output_free(const struct output *output);

/* A copy of the bytes. False without memory: then some of them may have been added. */
bool output_copy(struct output *output, struct pool *pool, const void *data, size_t length);

/* The bytes themselves, which must stay until everything is sent. */
bool output_lend(struct output *output, struct pool *pool, const void *data, size_t length);

/* A range of a file, which is closed when it is sent, also without memory (false). */
bool output_file(struct output *output, struct pool *pool, int fd, uint64_t offset,
                 uint64_t length);

enum output_flush { OUTPUT_SENT, OUTPUT_BLOCKED, OUTPUT_FAILED };

/* Sends what it can. SENT: nothing waits, the blocks are back in their pool. FAILED: errno; a file
 * that ended early is EIO. *progress is set when any byte went out. */
enum output_flush output_flush(struct output *output, struct pool *pool,
                               struct transport *transport, bool *progress);

#endif
