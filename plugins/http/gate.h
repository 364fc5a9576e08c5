/*
 * The gate: one pass over the raw bytes of a head before any parser sees them. It knows only what
 * every HTTP/1 message must look like (RFC 9112, sections 2 to 5), and refuses what lenient parsers
 * accept and proxies disagree about: bare LF, lone CR, NUL, folds, spaces before a colon, doubled
 * spaces, other versions. What passes looks the same to every parser.
 *
 * It can go on where it stopped, so a head that comes byte by byte is still read once.
 */
#ifndef HTTP_GATE_H
#define HTTP_GATE_H

#include "bobbin.h"

struct gate {
    size_t line;     /* where the line begins that is not complete yet */
    size_t searched; /* up to where its end has been looked for */
    uint32_t lines;  /* complete ones, the request line included */
    uint32_t empty;  /* empty lines before the request line */
    size_t start;    /* of the request line */
    int status;      /* of a refusal */
    const char *sentence;
};

enum gate_verdict { GATE_MORE, GATE_HEAD, GATE_REFUSE };

/*
 * data is all since the last head ended; it may have moved since the last call, but not changed. On
 * GATE_HEAD *end is the length of all of it: empty lines, head, and the empty line behind it. A
 * HTAB at the end of a value is turned into a space (RFC 9110, section 5.5: both are OWS).
 */
enum gate_verdict gate_pass(struct gate *gate, const struct bobbin_limits *limits, char *data,
                            size_t length, size_t *end);

/* One field line without its CRLF: also for trailers. */
bool gate_field_line(char *line, size_t length, const char **sentence);

bool gate_is_token(unsigned char c); /* RFC 9110, section 5.6.2 */

#endif
