/*
 * The body of one request, wherever it is: left in place in the connection's input, in the
 * request's arena, or, beyond a limit, in a file without a name.
 *
 *   NONE -> IN_PLACE                        length known, and the input has room for all of it
 *        -> MEMORY -> SPILLED               too long for memory, or of unknown length and growing
 */
#ifndef CORE_EXCHANGE_BODY_H
#define CORE_EXCHANGE_BODY_H

#include "core/base/arena.h"
#include "plugins/bobbin.h"

enum body_place { BODY_NONE, BODY_IN_PLACE, BODY_MEMORY, BODY_SPILLED };

struct body {
    enum body_place place;
    uint64_t length; /* so far */
    char *memory;    /* MEMORY: in the arena. IN_PLACE: in the input */
    size_t capacity; /* of MEMORY */
    int fd;          /* SPILLED: owned; else -1 */
};

/* Where spilled bodies go and when. */
struct body_limits {
    uint64_t memory_bytes;
    const char *directory; /* on the spool's file system where there is one */
};

void body_init(struct body *body);
void body_finish(struct body *body); /* closes the file; memory is the arena's */

/* Another piece. IN_PLACE pieces must follow each other in memory. False: no memory or no space on
 * the disk (errno). */
bool body_append(struct body *body, const struct body_limits *limits, struct arena *arena,
                 bobbin_str piece, uint64_t expected_length);

/* As bobbin_body_read. */
int64_t body_read(const struct body *body, uint64_t offset, void *buffer, size_t size);

#endif
