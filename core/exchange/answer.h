/*
 * The answer that an app builds: status, fields, and a body in memory or as a range of a file.
 * What the protocol makes of it is not known here.
 */
#ifndef CORE_EXCHANGE_ANSWER_H
#define CORE_EXCHANGE_ANSWER_H

#include "core/base/arena.h"
#include "plugins/bobbin.h"

enum { ANSWER_INLINE_FIELDS = 12 };

struct answer {
    int status;
    bobbin_field *fields; /* first, or a larger array in the arena */
    size_t field_count;
    size_t field_capacity;
    char *body; /* in the arena */
    size_t body_length;
    size_t body_capacity;
    int fd; /* owned; -1: the body is in memory */
    uint64_t file_offset;
    uint64_t file_length;
    bobbin_field first[ANSWER_INLINE_FIELDS];
};

void answer_init(struct answer *answer);
void answer_finish(struct answer *answer); /* closes the file */

/* Forgets what was built: for an error that takes the place of an unfinished answer. */
void answer_reset(struct answer *answer);

/* The length of the body, wherever it is. */
uint64_t answer_body_length(const struct answer *answer);

/* Whether a body may go out at all with this status (RFC 9110, sections 6.4.1, 15.3.5, 15.4.5). */
bool answer_has_body(int status);

/* "text" is copied. False without memory. The name and value must have been checked. */
bool answer_add_field(struct answer *answer, struct arena *arena, bobbin_str name,
                      bobbin_str value);
bool answer_append(struct answer *answer, struct arena *arena, const void *data, size_t length);

/* Room for bytes more behind the body, or NULL; answer->body_length is then the caller's to move.
 */
char *answer_room(struct answer *answer, struct arena *arena, size_t bytes);

/* {"error": "..."} with its content type, in place of the body; fields that were added stay. */
void answer_refusal(struct answer *answer, struct arena *arena, int status, const char *sentence);

/* Checks of RFC 9110, sections 5.1 and 5.5. */
bool answer_name_is_legal(bobbin_str name);   /* a token */
bool answer_value_is_legal(bobbin_str value); /* no control characters but HTAB */
/* Fields that only the core may send. */
bool answer_name_is_reserved(bobbin_str name);

#endif
