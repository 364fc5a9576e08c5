/*
 * Blocks of one size, kept on a list when they are given back: what a busy loop takes and gives all
 * the time costs no malloc(3). One thread. Blocks are not zeroed.
 */
#ifndef CORE_BASE_POOL_H
#define CORE_BASE_POOL_H

#include <stddef.h>

struct pool {
    size_t block_bytes;
    size_t keep; /* at most so many blocks wait on the list; the others are freed */
    size_t kept;
    struct pool_block *free; /* the last one given is the first one taken: it is warm */
};

void pool_init(struct pool *pool, size_t block_bytes, size_t keep);
void pool_finish(struct pool *pool); /* blocks that were not given back stay their holders' */

void *pool_take(struct pool *pool);             /* NULL without memory */
void pool_give(struct pool *pool, void *block); /* NULL is fine */

#endif
