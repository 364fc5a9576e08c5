/* What a client has got of its answer. */
#ifndef HOST_RECEIVED_H
#define HOST_RECEIVED_H

#include "plugins/bobbin.h"

struct received_field {
    char *name; /* owned, as is value */
    char *value;
};

struct received_fields {
    struct received_field *items; /* owned */
    size_t count;
};

struct received_interim {
    int status;
    struct received_fields fields;
};

struct received {
    int status; /* 0: none yet */
    struct received_fields fields;
    struct received_fields trailers;
    struct received_interim *interims; /* owned */
    size_t interim_count;
    char *body; /* owned; terminated */
    size_t body_bytes;
    size_t body_capacity;
};

void received_finish(struct received *received);

void received_add_fields(struct received_fields *list, const bobbin_field *fields, size_t count);
void received_add_field(struct received_fields *list, const char *name, const char *value);
const char *received_find(const struct received_fields *list, const char *name);
void received_free_fields(struct received_fields *list);

/* Room for so many bytes of the body more; received_took says how many of it were used. */
char *received_room(struct received *received, size_t bytes);
void received_took(struct received *received, size_t bytes);

void received_add_interim(struct received *received, int status, const bobbin_field *fields,
                          size_t count);

#endif
