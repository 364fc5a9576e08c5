#include "core/base/pool.h"

#include <stdlib.h>

struct pool_block {
    struct pool_block *next;
};

void pool_init(struct pool *pool, size_t block_bytes, size_t keep)
{
    *pool = (struct pool){.keep = keep};
    pool->block_bytes =
        block_bytes < sizeof(struct pool_block) ? sizeof(struct pool_block) : block_bytes;
}

void pool_finish(struct pool *pool)
{
    while (pool->free != NULL) {
        struct pool_block *block = pool->free;
        pool->free = block->next;
        free(block);
    }
    pool->kept = 0;
}

void *pool_take(struct pool *pool)
{
    struct pool_block *block = pool->free;
    if (block == NULL)
        return malloc(pool->block_bytes);
    pool->free = block->next;
    pool->kept--;
    return block;
}

void pool_give(struct pool *pool, void *block)
{
    if (block == NULL)
        return;
    if (pool->kept >= pool->keep) {
        free(block);
        return;
    }
    struct pool_block *back = block;
    back->next = pool->free;
    pool->free = back;
    pool->kept++;
}
