#include "tests/host/received.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/host/memory.h"

void received_free_fields(struct received_fields *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].name);
        free(list->items[i].value);
    }
    free(list->items);
    *list = (struct received_fields){0};
}

void received_finish(struct received *received)
{
    received_free_fields(&received->fields);
    received_free_fields(&received->trailers);
    for (size_t i = 0; i < received->interim_count; i++)
        received_free_fields(&received->interims[i].fields);
    free(received->interims);
    free(received->body);
}

void received_add_fields(struct received_fields *list, const bobbin_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        list->items = memory_grow(list->items, list->count, sizeof *list->items);
        list->items[list->count++] =
            (struct received_field){memory_text(fields[i].name), memory_text(fields[i].value)};
    }
}

void received_add_field(struct received_fields *list, const char *name, const char *value)
{
    const bobbin_field field = {bobbin_text(name), bobbin_text(value)};
    received_add_fields(list, &field, 1);
}

const char *received_find(const struct received_fields *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcasecmp(list->items[i].name, name) == 0)
            return list->items[i].value;
    return NULL;
}

char *received_room(struct received *received, size_t bytes)
{
    size_t needed = received->body_bytes + bytes + 1;
    if (needed > received->body_capacity) {
        received->body_capacity = needed + received->body_capacity;
        char *larger = memory_take(received->body_capacity);
        if (received->body != NULL)
            memcpy(larger, received->body, received->body_bytes);
        free(received->body);
        received->body = larger;
    }
    return received->body + received->body_bytes;
}

void received_took(struct received *received, size_t bytes)
{
    received->body_bytes += bytes;
    received->body[received->body_bytes] = '\0';
}

void received_add_interim(struct received *received, int status, const bobbin_field *fields,
                          size_t count)
{
    received->interims =
        memory_grow(received->interims, received->interim_count, sizeof *received->interims);
    struct received_interim *interim = &received->interims[received->interim_count++];
    *interim = (struct received_interim){.status = status};
    received_add_fields(&interim->fields, fields, count);
}
