#include "core/base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/pool.h"

enum { ALIGN = 16 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t is_pooled; /* a word, to keep what follows aligned */
};

void arena_init(struct arena *arena, void *memory, size_t bytes, struct pool *pool)
{
    size_t skip = (ALIGN - (uintptr_t)memory % ALIGN) % ALIGN;
    char *start = memory;
    *arena = (struct arena){
        .at = start + (skip < bytes ? skip : bytes), .end = start + bytes, .pool = pool};
}

void arena_finish(struct arena *arena)
{
    while (arena->chunks != NULL) {
        struct arena_chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        if (chunk->is_pooled)
            pool_give(arena->pool, chunk);
        else
            free(chunk);
    }
    *arena = (struct arena){0};
}

static size_t rounded(size_t bytes)
{
    return (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

/* A large allocation gets a chunk of its own, and small ones go on in the present one. */
static void *take_chunk(struct arena *arena, size_t bytes)
{
    size_t small = ARENA_CHUNK_BYTES - sizeof(struct arena_chunk);
    size_t chunk_bytes = bytes > ARENA_CHUNK_BYTES / 4 ? bytes : small;
    bool is_pooled = arena->pool != NULL && chunk_bytes == small;
    struct arena_chunk *chunk =
        is_pooled ? pool_take(arena->pool) : malloc(sizeof *chunk + chunk_bytes);
    if (chunk == NULL)
        return NULL;
    chunk->is_pooled = is_pooled;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    char *start = (char *)(chunk + 1);
    if (chunk_bytes > bytes) {
        arena->at = start + bytes;
        arena->end = start + chunk_bytes;
        arena->last = start;
    }
    return start;
}

void *arena_take(struct arena *arena, size_t bytes)
{
    if (bytes > SIZE_MAX / 2)
        return NULL;
    size_t need = rounded(bytes == 0 ? 1 : bytes);
    if ((size_t)(arena->end - arena->at) < need)
        return take_chunk(arena, need);
    arena->last = arena->at;
    arena->at += need;
    return arena->last;
}

void *arena_grow(struct arena *arena, void *memory, size_t old_bytes, size_t bytes)
{
    if (memory != NULL && memory == arena->last && bytes <= SIZE_MAX / 2 &&
        rounded(bytes) <= (size_t)(arena->end - (char *)memory)) {
        arena->at = (char *)memory + rounded(bytes);
        return memory;
    }
    void *larger = arena_take(arena, bytes);
    if (larger != NULL && old_bytes > 0)
        memcpy(larger, memory, old_bytes);
    return larger;
}

char *arena_copy(struct arena *arena, const char *data, size_t length)
{
    char *copy = arena_take(arena, length + 1);
    if (copy == NULL)
        return NULL;
    if (length > 0)
        memcpy(copy, data, length);
    copy[length] = '\0';
    return copy;
}
