/* The body of an answer on its way: pieces of memory and of files that the client has not taken. */
#ifndef HOST_OUTGOING_H
#define HOST_OUTGOING_H

#include "tests/host/received.h"

struct outgoing_piece;

struct outgoing {
    struct outgoing_piece *first; /* owned */
    struct outgoing_piece *last;
    size_t waiting;     /* bytes of memory */
    uint64_t allowance; /* how many bytes more the client takes; UINT64_MAX: all */
};

void outgoing_init(struct outgoing *outgoing);
void outgoing_finish(struct outgoing *outgoing);

void outgoing_add(struct outgoing *outgoing, const void *data, size_t length); /* copied */
/* The descriptor is taken. */
void outgoing_add_file(struct outgoing *outgoing, int fd, uint64_t offset, uint64_t length);

/* As much as the client takes. False: a file ended early. */
bool outgoing_flush(struct outgoing *outgoing, struct received *to);

#endif
