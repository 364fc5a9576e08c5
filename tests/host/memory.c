#include "tests/host/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void memory_misuse(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("bobbin-test: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    abort();
}

static void *found(void *memory)
{
    if (memory == NULL)
        memory_misuse("there is no memory");
    return memory;
}

void *memory_take(size_t bytes)
{
    return found(calloc(1, bytes > 0 ? bytes : 1));
}

char *memory_copy(const void *data, size_t length)
{
    char *copy = found(malloc(length > 0 ? length : 1));
    if (length > 0)
        memcpy(copy, data, length);
    return copy;
}

char *memory_text(bobbin_str text)
{
    return text.data != NULL ? found(strndup(text.data, text.length)) : NULL;
}

void *memory_grow(void *items, size_t count, size_t bytes)
{
    bool is_full = (count & (count - 1)) == 0; /* room is doubled: there is none at 0, 1, 2, 4, 8 */
    return is_full ? found(realloc(items, (count > 0 ? count * 2 : 1) * bytes)) : items;
}
