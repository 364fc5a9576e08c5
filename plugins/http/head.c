#include "head.h"

#include <llhttp.h>
#include <string.h>
#include <strings.h>

#if LLHTTP_VERSION_MAJOR < 9 && !LLHTTP_STRICT_MODE
#error                                                                                             \
    "llhttp 8 must be compiled with LLHTTP_STRICT_MODE=1: its loose mode lets requests be smuggled"
#endif

/* ------------------------------------------------------------------ splitting */

static int on_url(llhttp_t *parser, const char *at, size_t length)
{
    struct bobbin_head *head = parser->data;
    head->target = (bobbin_str){at, length};
    return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t length)
{
    struct bobbin_head *head = parser->data;
    if (head->field_count == head->field_capacity)
        return -1;
    head->fields[head->field_count++] = (bobbin_field){{at, length}, {at + length, 0}};
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t length)
{
    struct bobbin_head *head = parser->data;
    while (length > 0 && at[length - 1] == ' ')
        length--;
    head->fields[head->field_count - 1].value = (bobbin_str){at, length};
    return 0;
}

static const llhttp_settings_t callbacks = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
};

static llhttp_errno_t split(llhttp_t *parser, struct bobbin_head *head, const char *data,
                            size_t length)
{
    llhttp_init(parser, HTTP_REQUEST, &callbacks);
    parser->data = head;
    llhttp_errno_t result = llhttp_execute(parser, data, length);
    return result == HPE_PAUSED_UPGRADE ? HPE_OK : result;
}

bool head_parser_is_strict(bobbin_error *error)
{
    /* A space before the colon: the loose parser of 8.x takes it. */
    static const char loose[] = "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n";
    bobbin_field fields[4];
    struct bobbin_head head = {.fields = fields, .field_capacity = 4};
    llhttp_t parser;
    if (split(&parser, &head, loose, sizeof loose - 1) != HPE_OK)
        return true;
    return bobbin_fail(error, "the llhttp that this plugin was built with is not strict");
}

/* ------------------------------------------------------------------ checking */

static void refuse(struct head_verdict *verdict, int status, const char *sentence)
{
    if (verdict->status != 0)
        return;
    verdict->status = status;
    verdict->sentence = sentence;
}

static bool same(bobbin_str text, const char *word)
{
    return text.length == strlen(word) && strncasecmp(text.data, word, text.length) == 0;
}

/* Lines of the fields that frame a message or belong to the connection. */
struct notable {
    unsigned hosts, lengths, encodings;
    bobbin_str host, length, encoding, expect;
    bool says_close, says_keep_alive;
};

static void read_connection(struct notable *notable, bobbin_str value)
{
    const char *at = value.data, *end = value.data + value.length;
    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma != NULL ? comma : end;
        bobbin_str word = {at, (size_t)(stop - at)};
        while (word.length > 0 && (*word.data == ' ' || *word.data == '\t')) {
            word.data++;
            word.length--;
        }
        while (word.length > 0 && strchr(" \t", word.data[word.length - 1]) != NULL)
            word.length--;
        notable->says_close |= same(word, "close");
        notable->says_keep_alive |= same(word, "keep-alive");
        at = comma != NULL ? comma + 1 : end;
    }
}

static void note(struct notable *notable, const bobbin_field *field)
{
    switch (field->name.length) {
    case 4:
        if (same(field->name, "host")) {
            notable->hosts++;
            notable->host = field->value;
        }
        break;
    case 6:
        if (same(field->name, "expect"))
            notable->expect = field->value;
        break;
    case 10:
        if (same(field->name, "connection"))
            read_connection(notable, field->value);
        break;
    case 14:
        if (same(field->name, "content-length")) {
            notable->lengths++;
            notable->length = field->value;
        }
        break;
    case 17:
        if (same(field->name, "transfer-encoding")) {
            notable->encodings++;
            notable->encoding = field->value;
        }
        break;
    default:
        break;
    }
}

/* host[:port]: a registered name or IPv4 address, or [IPv6] (RFC 3986, section 3.2.2). */
static bool is_authority(bobbin_str text)
{
    static const char legal[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "-._~!$&'()*+,;=%";
    const char *at = text.data, *end = text.data + text.length;
    if (at < end && *at == '[') {
        const char *close = memchr(at, ']', (size_t)(end - at));
        if (close == NULL || close == at + 1)
            return false;
        for (at++; at < close; at++)
            if (*at == '\0' || strchr("0123456789abcdefABCDEF:.", *at) == NULL)
                return false;
        at++;
    } else {
        while (at < end && *at != ':')
            if (*at == '\0' || strchr(legal, *at++) == NULL)
                return false;
    }
    if (at == end)
        return true;
    unsigned port = 0;
    if (*at++ != ':' || end - at > 5)
        return false;
    for (; at < end; at++) {
        if (*at < '0' || *at > '9')
            return false;
        port = port * 10 + (unsigned)(*at - '0');
    }
    return port <= 65535;
}

static void check_host(struct bobbin_head *head, const struct notable *notable,
                       struct head_verdict *verdict)
{
    if (notable->hosts > 1)
        refuse(verdict, 400, "there is more than one Host header");
    else if (notable->hosts == 0 && head->minor >= 1)
        refuse(verdict, 400, "the Host header is missing");
    else if (notable->hosts == 1 && !is_authority(notable->host))
        refuse(verdict, 400, "the Host header is not a host");
    if (notable->hosts == 1)
        head->authority = notable->host;
}

/* Absolute form: its authority takes the place of Host (RFC 9112, section 3.2.2). */
static void take_absolute(struct bobbin_head *head, size_t scheme, struct head_verdict *verdict)
{
    const char *start = head->target.data + scheme, *end = head->target.data + head->target.length;
    const char *slash = start;
    while (slash < end && *slash != '/' && *slash != '?')
        slash++;
    bobbin_str authority = {start, (size_t)(slash - start)};
    if (authority.length == 0 || !is_authority(authority))
        refuse(verdict, 400, "the request target names no host");
    head->authority = authority;
    if (slash < end && *slash == '?')
        refuse(verdict, 400, "the request target has a query but no path");
    head->target = slash < end ? (bobbin_str){slash, (size_t)(end - slash)} : bobbin_text("/");
}

static void check_target(struct bobbin_head *head, struct head_verdict *verdict)
{
    bobbin_str target = head->target;
    if (target.length > 0 && target.data[0] == '/')
        return;
    if (target.length == 1 && target.data[0] == '*' && bobbin_is(head->method, "OPTIONS"))
        return;
    if (target.length > 7 && strncasecmp(target.data, "http://", 7) == 0)
        take_absolute(head, 7, verdict);
    else if (target.length > 8 && strncasecmp(target.data, "https://", 8) == 0)
        take_absolute(head, 8, verdict);
    else
        refuse(verdict, 400, "the request target is not a path");
}

static void check_length(struct bobbin_head *head, const struct notable *notable,
                         struct head_verdict *verdict)
{
    uint64_t length = 0;
    if (notable->lengths > 1)
        refuse(verdict, 400, "there is more than one Content-Length header");
    if (notable->length.length == 0)
        refuse(verdict, 400, "Content-Length is empty");
    for (size_t i = 0; i < notable->length.length; i++) {
        char c = notable->length.data[i];
        if (c < '0' || c > '9') {
            refuse(verdict, 400, "Content-Length is not a number");
            return;
        }
        if (__builtin_mul_overflow(length, 10, &length) ||
            __builtin_add_overflow(length, (uint64_t)(c - '0'), &length)) {
            refuse(verdict, 413, "the body is too large");
            return;
        }
    }
    head->content_length = length;
    head->has_body = length > 0;
}

static void check_framing(struct bobbin_head *head, const struct notable *notable,
                          struct head_verdict *verdict)
{
    if (notable->encodings > 0) {
        if (head->minor == 0)
            refuse(verdict, 400, "Transfer-Encoding is not known in HTTP/1.0");
        if (notable->lengths > 0)
            refuse(verdict, 400, "Transfer-Encoding and Content-Length exclude each other");
        if (notable->encodings > 1 || notable->encoding.length == 0)
            refuse(verdict, 400, "Transfer-Encoding is empty or stands there twice");
        if (!same(notable->encoding, "chunked"))
            refuse(verdict, 501, "only the transfer coding chunked is known here");
        verdict->is_chunked = true;
        head->has_body = true;
        head->content_length = UINT64_MAX;
    } else if (notable->lengths > 0) {
        check_length(head, notable, verdict);
    }
}

static void check_connection(struct bobbin_head *head, const struct notable *notable,
                             struct head_verdict *verdict)
{
    head->keep_alive = !notable->says_close && (head->minor >= 1 || notable->says_keep_alive);
    if (notable->expect.data == NULL || head->minor == 0)
        return;
    if (!same(notable->expect, "100-continue"))
        refuse(verdict, 417, "the only expectation that is met here is 100-continue");
    head->expects_continue = head->has_body;
}

/* Names with "_" would collide with "-" wherever fields become variables of an environment. */
static void drop_underscores(struct bobbin_head *head)
{
    size_t kept = 0;
    for (size_t i = 0; i < head->field_count; i++)
        if (memchr(head->fields[i].name.data, '_', head->fields[i].name.length) == NULL)
            head->fields[kept++] = head->fields[i];
    head->field_count = kept;
}

void head_read(struct bobbin_head *head, const char *data, size_t length,
               struct head_verdict *verdict)
{
    llhttp_t parser;
    struct notable notable = {0};
    *verdict = (struct head_verdict){0};
    head->field_count = 0;
    const char *space = memchr(data, ' ', length);
    head->method = (bobbin_str){data, (size_t)(space - data)};
    head->minor = (uint32_t)(((const char *)memchr(data, '\r', length))[-1] - '0');
    llhttp_errno_t result = split(&parser, head, data, length);
    for (size_t i = 0; i < head->field_count; i++)
        note(&notable, &head->fields[i]);
    if (result == HPE_INVALID_METHOD)
        refuse(verdict, 501, "the method is not known here");
    if (bobbin_is(head->method, "CONNECT"))
        refuse(verdict, 501, "CONNECT is not known here: this is no proxy");
    check_host(head, &notable, verdict);
    check_framing(head, &notable, verdict);
    if (result != HPE_OK)
        refuse(verdict, 400, "the head of the request is malformed");
    if (bobbin_is(head->method, "TRACE"))
        refuse(verdict, 405, "TRACE is not allowed here");
    if (verdict->status == 0)
        check_target(head, verdict);
    check_connection(head, &notable, verdict);
    drop_underscores(head);
}
