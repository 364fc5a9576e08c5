#include "answer.h"

#include <string.h>

/* Text that stops counting as written when it does not fit, but goes on counting. */
struct text {
    char *out;
    size_t capacity;
    size_t length;
};

static void add(struct text *text, const char *data, size_t length)
{
    if (length <= text->capacity && text->length <= text->capacity - length)
        memcpy(text->out + text->length, data, length);
    text->length += length;
}

#define ADD(text, literal) add(text, literal, sizeof(literal) - 1)

struct reason {
    int status;
    const char *phrase;
};

/* RFC 9110, section 15, and the registered ones that servers use. */
static const struct reason reasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

static void add_status(struct text *text, int status)
{
    const char digits[4] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10),
                            (char)('0' + status % 10), ' '};
    if (status == 200) {
        ADD(text, "HTTP/1.1 200 OK\r\n");
        return;
    }
    ADD(text, "HTTP/1.1 ");
    add(text, digits, sizeof digits);
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status)
            add(text, reasons[i].phrase, strlen(reasons[i].phrase));
    ADD(text, "\r\n");
}

static void add_number(struct text *text, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    add(text, digits + at, sizeof digits - at);
}

bool answer_is_chunked(const struct bobbin_answer *answer)
{
    return answer->has_length && answer->content_length == UINT64_MAX && answer->minor >= 1;
}

static void add_framing(struct text *text, const struct bobbin_answer *answer)
{
    if (!answer->has_length)
        return;
    if (answer->content_length != UINT64_MAX) {
        ADD(text, "Content-Length: ");
        add_number(text, answer->content_length);
        ADD(text, "\r\n");
    } else if (answer_is_chunked(answer)) {
        ADD(text, "Transfer-Encoding: chunked\r\n");
    }
}

static void add_fields(struct text *text, const bobbin_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        add(text, fields[i].name.data, fields[i].name.length);
        ADD(text, ": ");
        add(text, fields[i].value.data, fields[i].value.length);
        ADD(text, "\r\n");
    }
}

size_t answer_write(const struct bobbin_answer *answer, char *out, size_t capacity)
{
    struct text text = {.out = out, .capacity = capacity};
    add_status(&text, answer->status);
    add_fields(&text, answer->fields, answer->field_count);
    add_framing(&text, answer);
    if (answer->date.length > 0) {
        ADD(&text, "Date: ");
        add(&text, answer->date.data, answer->date.length);
        ADD(&text, "\r\n");
    }
    if (answer->close)
        ADD(&text, "Connection: close\r\n");
    else if (answer->minor == 0 && answer->status >= 200)
        ADD(&text, "Connection: keep-alive\r\n");
    ADD(&text, "\r\n");
    return text.length;
}

static void add_hex(struct text *text, uint64_t number)
{
    char digits[16];
    size_t at = sizeof digits;
    do
        digits[--at] = "0123456789abcdef"[number % 16];
    while ((number /= 16) > 0);
    add(text, digits + at, sizeof digits - at);
}

size_t answer_write_frame(const struct bobbin_frame *frame, char *out, size_t capacity)
{
    struct text text = {.out = out, .capacity = capacity};
    switch (frame->part) {
    case BOBBIN_FRAME_BEFORE:
        add_hex(&text, frame->length);
        ADD(&text, "\r\n");
        break;
    case BOBBIN_FRAME_AFTER:
        ADD(&text, "\r\n");
        break;
    case BOBBIN_FRAME_END:
        ADD(&text, "0\r\n");
        add_fields(&text, frame->trailers, frame->trailer_count);
        ADD(&text, "\r\n");
        break;
    }
    return text.length;
}
