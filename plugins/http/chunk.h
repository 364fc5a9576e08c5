/*
 * The chunked transfer coding (RFC 9112, section 7.1), strictly: 1 to 16 hex digits, extensions of
 * the exact grammar, CRLF everywhere, lines of at most 256 bytes, trailers through the gate and
 * thrown away. What chunks cost beyond 16 bytes and twice their data is limited to 16 KiB in all,
 * so that nobody keeps us busy with one-byte chunks full of extensions.
 *
 *   SIZE -> DATA -> DATA_END -> SIZE ...
 *     \--- size 0 --> TRAILER -> (end)
 */
#ifndef HTTP_CHUNK_H
#define HTTP_CHUNK_H

#include "bobbin.h"

enum chunk_state { CHUNK_SIZE, CHUNK_DATA, CHUNK_DATA_END, CHUNK_TRAILER };

struct chunk {
    enum chunk_state state;
    uint64_t left;     /* of the present chunk's data */
    uint64_t overhead; /* beyond what is free */
    uint64_t trailer_bytes;
    int status; /* of a refusal */
    const char *sentence;
};

enum chunk_verdict { CHUNK_MORE, CHUNK_PIECE, CHUNK_END, CHUNK_REFUSE };

/* One step. Lines are consumed only when they are whole. PIECE: *piece is data, part of consumed.
 */
enum chunk_verdict chunk_step(struct chunk *chunk, char *data, size_t length, size_t *consumed,
                              bobbin_str *piece);

#endif
