/*
 * One gated head into a struct bobbin_head: llhttp splits it, and what llhttp leaves to its caller
 * is checked here (RFC 9112, sections 3.2, 6.1, 6.3; RFC 9110, sections 7.2, 7.6.1, 10.1.1).
 */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include "bobbin.h"

/* What a head says beyond struct bobbin_head. */
struct head_verdict {
    int status; /* 0: it is fine */
    const char *sentence;
    bool is_chunked;
};

/* data is the head from its request line to its empty line; spans point into it. */
void head_read(struct bobbin_head *head, const char *data, size_t length,
               struct head_verdict *verdict);

/* Whether the llhttp that was linked is a strict one; false with a sentence otherwise. */
bool head_parser_is_strict(bobbin_error *error);

#endif
