#include "spooler/parents.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 16 };

void parents_finish(struct parents *parents)
{
    free(parents->items);
    *parents = (struct parents){0};
}

/* Children of one parent lie behind each other: it is noted once. */
static bool is_last(const struct parents *parents, const struct record *child)
{
    if (parents->count == 0)
        return false;
    const struct job_address *last = &parents->items[parents->count - 1];
    return last->writer == child->parent_writer && last->sequence == child->parent_sequence &&
           last->index == child->parent_index;
}

static bool grow(struct parents *parents)
{
    size_t capacity = parents->capacity > 0 ? parents->capacity * 2 : FIRST_CAPACITY;
    struct job_address *items = realloc(parents->items, capacity * sizeof *items);
    if (items == NULL)
        return false;
    parents->items = items;
    parents->capacity = capacity;
    return true;
}

bool parents_note(struct parents *parents, const struct record *child)
{
    if (child->parent_writer == 0 || is_last(parents, child))
        return true;
    if (parents->count == parents->capacity && !grow(parents))
        return false;
    parents->items[parents->count++] = (struct job_address){.writer = child->parent_writer,
                                                            .sequence = child->parent_sequence,
                                                            .index = child->parent_index};
    return true;
}

bool parents_take(struct parents *parents, struct job_address *parent)
{
    if (parents->count == 0)
        return false;
    *parent = parents->items[--parents->count];
    return true;
}
