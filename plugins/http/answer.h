/* One answer into bytes: its head (RFC 9112, section 4), and the chunks of its body (7.1). */
#ifndef HTTP_ANSWER_H
#define HTTP_ANSWER_H

#include "bobbin.h"

/* As struct bobbin_protocol's head: the length it takes; more than capacity means nothing useful.
 */
size_t answer_write(const struct bobbin_answer *answer, char *out, size_t capacity);

/* Whether a body behind this head is chunked: of unknown length, for HTTP/1.1. */
bool answer_is_chunked(const struct bobbin_answer *answer);

/* As struct bobbin_protocol's frame, for a chunked body. */
size_t answer_write_frame(const struct bobbin_frame *frame, char *out, size_t capacity);

#endif
