#include "chunk.h"

#include <string.h>

#include "gate.h"

enum {
    LINE_MAX_BYTES = 256,
    DIGITS_MAX = 16,
    FREE_BYTES_A_CHUNK = 16,
    OVERHEAD_MAX_BYTES = 16 * 1024,
    TRAILER_MAX_BYTES = 8 * 1024
};

static enum chunk_verdict refuse(struct chunk *chunk, const char *sentence)
{
    chunk->status = 400;
    chunk->sentence = sentence;
    return CHUNK_REFUSE;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static const char *skip_token(const char *at, const char *end)
{
    while (at < end && gate_is_token((unsigned char)*at))
        at++;
    return at;
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    return at;
}

/* Behind the closing quote, or NULL. */
static const char *skip_quoted(const char *at, const char *end)
{
    for (at++; at < end; at++) {
        if (*at == '"')
            return at + 1;
        if (*at == '\\' && ++at == end)
            return NULL;
        if ((unsigned char)*at < 0x20 && *at != '\t')
            return NULL;
    }
    return NULL;
}

/* *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ) */
static bool extensions_are_legal(const char *at, const char *end)
{
    while (at < end) {
        at = skip_blanks(at, end);
        if (at == end || *at++ != ';')
            return false;
        const char *name = skip_blanks(at, end);
        at = skip_token(name, end);
        if (at == name)
            return false;
        const char *equals = skip_blanks(at, end);
        if (equals == end || *equals != '=')
            continue;
        const char *value = skip_blanks(equals + 1, end);
        if (value == end)
            return false;
        at = *value == '"' ? skip_quoted(value, end) : skip_token(value, end);
        if (at == NULL || at == value)
            return false;
    }
    return true;
}

/* The length of the line at data without its CRLF; -1: more is needed, -2: it is not a line. */
static long whole_line(const char *data, size_t length, size_t most)
{
    const char *feed = memchr(data, '\n', length < most ? length : most);
    if (feed == NULL)
        return length < most ? -1 : -2;
    size_t line = (size_t)(feed - data);
    if (line == 0 || data[line - 1] != '\r' || memchr(data, '\r', line - 1) != NULL)
        return -2;
    return (long)line - 1;
}

static enum chunk_verdict read_size(struct chunk *chunk, const char *data, size_t length,
                                    size_t *consumed)
{
    uint64_t size = 0;
    int digits = 0;
    long line = whole_line(data, length, LINE_MAX_BYTES + 2);
    if (line == -1)
        return CHUNK_MORE;
    if (line < 0)
        return refuse(chunk, "a chunk's line is too long or does not end with CRLF");
    for (; digits < line && hex_digit(data[digits]) >= 0; digits++) {
        if (digits == DIGITS_MAX)
            return refuse(chunk, "a chunk's size has more than 16 digits");
        size = size << 4 | (uint64_t)hex_digit(data[digits]);
    }
    if (digits == 0 || !extensions_are_legal(data + digits, data + line))
        return refuse(chunk, "a chunk's line is malformed");
    uint64_t cost = (uint64_t)line + 4;
    uint64_t free_bytes = size < LINE_MAX_BYTES ? FREE_BYTES_A_CHUNK + 2 * size : UINT64_MAX;
    if (cost > free_bytes && (chunk->overhead += cost - free_bytes) > OVERHEAD_MAX_BYTES)
        return refuse(chunk, "the chunks are mostly extensions");
    *consumed = (size_t)line + 2;
    chunk->left = size;
    chunk->state = size > 0 ? CHUNK_DATA : CHUNK_TRAILER;
    return CHUNK_MORE;
}

static enum chunk_verdict read_trailer(struct chunk *chunk, char *data, size_t length,
                                       size_t *consumed)
{
    size_t left = TRAILER_MAX_BYTES - chunk->trailer_bytes + 2;
    long line = whole_line(data, length, left);
    if (line == -1)
        return CHUNK_MORE;
    if (line < 0)
        return refuse(chunk, "the trailers are too long or do not end with CRLF");
    *consumed = (size_t)line + 2;
    chunk->trailer_bytes += (size_t)line + 2;
    if (line == 0)
        return CHUNK_END;
    const char *sentence;
    return gate_field_line(data, (size_t)line, &sentence) ? CHUNK_MORE : refuse(chunk, sentence);
}

static enum chunk_verdict step(struct chunk *chunk, char *data, size_t length, size_t *consumed,
                               bobbin_str *piece)
{
    switch (chunk->state) {
    case CHUNK_SIZE:
        return read_size(chunk, data, length, consumed);
    case CHUNK_DATA:
        *consumed = length < chunk->left ? length : (size_t)chunk->left;
        *piece = (bobbin_str){data, *consumed};
        chunk->left -= *consumed;
        if (chunk->left == 0)
            chunk->state = CHUNK_DATA_END;
        return *consumed > 0 ? CHUNK_PIECE : CHUNK_MORE;
    case CHUNK_DATA_END:
        if ((length > 0 && data[0] != '\r') || (length > 1 && data[1] != '\n'))
            return refuse(chunk, "a chunk is longer than it said");
        if (length < 2)
            return CHUNK_MORE;
        *consumed = 2;
        chunk->state = CHUNK_SIZE;
        return CHUNK_MORE;
    default:
        return read_trailer(chunk, data, length, consumed);
    }
}

enum chunk_verdict chunk_step(struct chunk *chunk, char *data, size_t length, size_t *consumed,
                              bobbin_str *piece)
{
    size_t total = 0;
    for (;;) {
        size_t taken = 0;
        enum chunk_verdict verdict = step(chunk, data + total, length - total, &taken, piece);
        total += taken;
        *consumed = total;
        if (verdict != CHUNK_MORE || taken == 0)
            return verdict;
    }
}
