/* Text for the inside of a JSON string (RFC 8259, section 7). */
#ifndef CORE_BASE_JSON_H
#define CORE_BASE_JSON_H

#include <stddef.h>

/*
 * Writes the escaped text without quotes and without a NUL. Returns the bytes it takes: when that
 * is more than capacity, only whole characters that fit were written. Bytes that are not UTF-8
 * become U+FFFD, so that the output always is. text may be NULL when length is 0.
 */
size_t json_escape(char *out, size_t capacity, const char *text, size_t length);

#endif
