/*
 * No plugin: preloaded (LD_PRELOAD) it counts the calls of malloc(3) and its kin, for the plugin
 * "mallocs" to tell.
 */
#include <stddef.h>

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *memory, size_t bytes);

__attribute__((visibility("default"))) unsigned long malloc_calls;

__attribute__((visibility("default"))) void *malloc(size_t bytes);
__attribute__((visibility("default"))) void *calloc(size_t count, size_t bytes);
__attribute__((visibility("default"))) void *realloc(void *memory, size_t bytes);

void *malloc(size_t bytes)
{
    __atomic_fetch_add(&malloc_calls, 1, __ATOMIC_RELAXED);
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    __atomic_fetch_add(&malloc_calls, 1, __ATOMIC_RELAXED);
    return __libc_calloc(count, bytes);
}

void *realloc(void *memory, size_t bytes)
{
    __atomic_fetch_add(&malloc_calls, 1, __ATOMIC_RELAXED);
    return __libc_realloc(memory, bytes);
}
