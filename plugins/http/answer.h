/* One answer head into bytes (RFC 9112, section 4). */
#ifndef HTTP_ANSWER_H
#define HTTP_ANSWER_H

#include "bobbin.h"

/* As struct bobbin_protocol's head: the length it takes; more than capacity means nothing useful.
 */
size_t answer_write(const struct bobbin_answer *answer, char *out, size_t capacity);

#endif
