/*
 * The answer that an app builds: status, fields, and a body in memory or as a range of a file.
 * What the protocol makes of it is not known here.
 *
 *   BUILT --begin--> STREAMED --cut--> CUT        a streamed one: body is what was written since it
 *     \---------------cut---------------^         was last sent on, and sent_bytes counts
 */
#ifndef CORE_EXCHANGE_ANSWER_H
#define CORE_EXCHANGE_ANSWER_H

#include "core/base/arena.h"
#include "plugins/bobbin.h"

enum { ANSWER_INLINE_FIELDS = 12 };

enum answer_stage {
    ANSWER_BUILT,    /* nothing of it was sent */
    ANSWER_STREAMED, /* its head was sent */
    ANSWER_CUT       /* it will never be whole: its connection is to be closed */
};

struct answer {
    enum answer_stage stage;
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
    bool is_too_large; /* BUILT: more was written than may be kept; it will be 500 */

    /* STREAMED */
    uint64_t length;        /* of the body; BOBBIN_LENGTH_UNKNOWN */
    uint64_t sent_bytes;    /* of the body so far, what waits in body included */
    bool is_bodiless;       /* HEAD, 204, 304: what is written is thrown away */
    bool is_overlong;       /* more was written than length; logged once */
    bool is_blocked;        /* the app was told to wait for on_writable */
    bobbin_field *trailers; /* in the arena */
    size_t trailer_count;
    size_t trailer_capacity;

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
bool answer_add_trailer(struct answer *answer, struct arena *arena, bobbin_str name,
                        bobbin_str value);
bool answer_append(struct answer *answer, struct arena *arena, const void *data, size_t length);

/* Room for bytes more behind the body, or NULL; answer->body_length is then the caller's to move.
 */
char *answer_room(struct answer *answer, struct arena *arena, size_t bytes);

/* {"error": "..."} with its content type, in place of the body; fields that were added stay, but
 * for those about the body: Content-..., ETag, Last-Modified. */
void answer_refusal(struct answer *answer, struct arena *arena, int status, const char *sentence);

/* Checks of RFC 9110, sections 5.1 and 5.5. */
bool answer_name_is_legal(bobbin_str name);   /* a token */
bool answer_value_is_legal(bobbin_str value); /* no control characters but HTAB */
/* Fields that only the core may send. */
bool answer_name_is_reserved(bobbin_str name);
/* Fields that no trailer section may carry: framing, routing, authentication, how to read the body
 * (RFC 9110, section 6.5.1). */
bool answer_name_is_for_heads(bobbin_str name);

#endif
