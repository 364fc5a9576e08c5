/*
 * Memory that dies at once: a request allocates by moving a pointer, and all of it goes with the
 * request. The first bytes come from memory that the owner hands in, so a common request never
 * calls malloc(3). One thread.
 */
#ifndef CORE_BASE_ARENA_H
#define CORE_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct pool;

enum { ARENA_CHUNK_BYTES = 16 * 1024 };

struct arena {
    char *at;
    char *end;
    struct pool *pool;          /* borrowed; of blocks of ARENA_CHUNK_BYTES; NULL: malloc */
    struct arena_chunk *chunks; /* what the first memory could not hold; owned */
    void *last;                 /* the youngest allocation: only that one can grow in place */
};

/* memory stays the caller's. What does not fit comes in chunks from the pool, or, when a single
 * allocation is larger than a quarter of a chunk, from malloc(3). */
void arena_init(struct arena *arena, void *memory, size_t bytes, struct pool *pool);
/* Frees everything but the first memory. */
void arena_finish(struct arena *arena);

/* Aligned to 16 bytes, not zeroed; NULL without memory. */
void *arena_take(struct arena *arena, size_t bytes);

/* Makes an allocation of old_bytes larger: in place when it is the youngest, else by a copy. */
void *arena_grow(struct arena *arena, void *memory, size_t old_bytes, size_t bytes);

/* A copy of the bytes with a NUL behind them. */
char *arena_copy(struct arena *arena, const char *data, size_t length);

#endif
