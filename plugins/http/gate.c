#include "gate.h"

#include <string.h>

enum { EMPTY_LINES_MAX = 2 };

/* What a byte may be part of. */
enum { TOKEN = 1, VALUE = 2, TARGET = 4 };

#define T (TOKEN | VALUE | TARGET)
#define V (VALUE | TARGET)
#define ROW(x) x, x, x, x, x, x, x, x
static const unsigned char classes[256] = {
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    VALUE,
    0,
    0,
    0,
    0,
    0,
    0,
    ROW(0),
    ROW(0),
    /*   ! " # $ % & ' */
    VALUE,
    T,
    VALUE,
    TOKEN | VALUE,
    T,
    T,
    T,
    T,
    /* ( ) * + , - . / */
    V,
    V,
    T,
    T,
    V,
    T,
    T,
    V,
    /* 0-7, 8 9 : ; < = > ? */
    ROW(T),
    T,
    T,
    V,
    V,
    VALUE,
    V,
    VALUE,
    V,
    /* @ A-G, H-O, P-W, X Y Z [ \ ] ^ _ */
    V,
    T,
    T,
    T,
    T,
    T,
    T,
    T,
    ROW(T),
    ROW(T),
    T,
    T,
    T,
    V,
    V,
    V,
    T,
    T,
    /* ` a-g, h-o, p-w, x y z { | } ~ DEL */
    T,
    T,
    T,
    T,
    T,
    T,
    T,
    T,
    ROW(T),
    ROW(T),
    T,
    T,
    T,
    V,
    T,
    V,
    T,
    0,
    /* obs-text */
    ROW(VALUE),
    ROW(VALUE),
    ROW(VALUE),
    ROW(VALUE),
    ROW(VALUE),
    ROW(VALUE),
    ROW(VALUE),
    ROW(VALUE),
    ROW(VALUE),
    ROW(VALUE),
    ROW(VALUE),
    ROW(VALUE),
    ROW(VALUE),
    ROW(VALUE),
    ROW(VALUE),
    ROW(VALUE),
};
#undef T
#undef V
#undef ROW

bool gate_is_token(unsigned char c)
{
    return classes[c] & TOKEN;
}

/* How many bytes from at on are of the class. */
static size_t span(const char *at, size_t length, unsigned char class)
{
    size_t i = 0;
    while (i < length && (classes[(unsigned char)at[i]] & class))
        i++;
    return i;
}

static enum gate_verdict refuse(struct gate *gate, int status, const char *sentence)
{
    gate->status = status;
    gate->sentence = sentence;
    return GATE_REFUSE;
}

bool gate_field_line(char *line, size_t length, const char **sentence)
{
    size_t name = span(line, length, TOKEN);
    if (name == 0 || name == length || line[name] != ':') {
        *sentence = "a header line does not begin with a name and a colon";
        return false;
    }
    size_t value = name + 1 + span(line + name + 1, length - name - 1, VALUE);
    if (value != length) {
        *sentence = "a header value has a control character";
        return false;
    }
    while (length > name + 1 && (line[length - 1] == '\t' || line[length - 1] == ' '))
        line[--length] = ' ';
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* token SP target SP HTTP/d.d */
static enum gate_verdict check_request_line(struct gate *gate, const char *line, size_t length)
{
    size_t method = span(line, length, TOKEN);
    size_t at = method;
    if (method == 0 || at == length || line[at++] != ' ')
        return refuse(gate, 400, "the request line does not begin with a method and one space");
    size_t target = span(line + at, length - at, TARGET);
    at += target;
    if (target == 0 || at == length || line[at++] != ' ')
        return refuse(gate, 400,
                      "the request target has a byte that must be percent-encoded, "
                      "or is not followed by one space");
    const char *version = line + at;
    if (length - at != 8 || memcmp(version, "HTTP/", 5) != 0 || !is_digit(version[5]) ||
        version[6] != '.' || !is_digit(version[7]))
        return refuse(gate, 400, "the request line does not end with HTTP/1.1");
    if (version[5] != '1' || version[7] > '1')
        return refuse(gate, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    return GATE_MORE;
}

/* Judges one complete line; GATE_HEAD when it is the empty one that ends the head. */
static enum gate_verdict check_line(struct gate *gate, const struct bobbin_limits *limits,
                                    char *line, size_t length)
{
    if (length == 0 || line[length - 1] != '\r')
        return refuse(gate, 400, "a line ends with a bare LF");
    length--;
    if (length == 0 && gate->lines > 0)
        return GATE_HEAD;
    if (length == 0)
        return ++gate->empty > EMPTY_LINES_MAX
                   ? refuse(gate, 400, "more than two empty lines came before the request")
                   : GATE_MORE;
    if (gate->lines++ == 0) {
        gate->start = (size_t)gate->line;
        if (length > limits->request_line_bytes)
            return refuse(gate, 414, "the request line is too long");
        return check_request_line(gate, line, length);
    }
    if (gate->lines - 1 > limits->fields)
        return refuse(gate, 431, "there are too many header lines");
    const char *sentence;
    return gate_field_line(line, length, &sentence) ? GATE_MORE : refuse(gate, 400, sentence);
}

/* Limits hold before the end of what they limit has come. */
static enum gate_verdict check_partial(struct gate *gate, const struct bobbin_limits *limits,
                                       const char *data, size_t length)
{
    const char *line = data + gate->line;
    size_t bytes = length - gate->line;
    if (gate->lines > 0)
        return length - gate->start > limits->head_bytes
                   ? refuse(gate, 431, "the head of the request is too long")
                   : GATE_MORE;
    if (bytes > limits->request_line_bytes + 1)
        return refuse(gate, 414, "the request line is too long");
    if (bytes > 0 && !gate_is_token((unsigned char)line[0]) && line[0] != '\r')
        return refuse(gate, 400, "this is not an HTTP request");
    if (bytes > 1 && line[0] == '\r')
        return refuse(gate, 400, "there is a CR without an LF");
    return GATE_MORE;
}

enum gate_verdict gate_pass(struct gate *gate, const struct bobbin_limits *limits, char *data,
                            size_t length, size_t *end)
{
    for (;;) {
        const char *feed = memchr(data + gate->searched, '\n', length - gate->searched);
        if (feed == NULL) {
            if (memchr(data + gate->searched, '\0', length - gate->searched) != NULL)
                return refuse(gate, 400, "there is a NUL");
            gate->searched = length;
            return check_partial(gate, limits, data, length);
        }
        size_t next = (size_t)(feed - data) + 1;
        enum gate_verdict verdict =
            check_line(gate, limits, data + gate->line, next - 1 - gate->line);
        if (verdict == GATE_MORE && gate->lines > 0 && next - gate->start > limits->head_bytes)
            return refuse(gate, 431, "the head of the request is too long");
        gate->line = gate->searched = next;
        if (verdict == GATE_HEAD)
            *end = next;
        if (verdict != GATE_MORE)
            return verdict;
    }
}
