/* links: plugins/http */
/*
 * The HTTP/1.1 protocol as the core drives it, without a socket: raw bytes in, what the core sees
 * out. Every case is fed whole, cut at every byte into two pieces, and byte by byte; the outcome
 * must be the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugins/bobbin.h"

extern const struct bobbin_plugin bobbin_plugin_descriptor;

enum { FIELDS_MAX = 16, SEEN_BYTES = 64 * 1024 };

static const struct bobbin_limits limits = {
    .request_line_bytes = 200, .head_bytes = 600, .fields = FIELDS_MAX};

/* Everything that came out, as text. */
struct seen {
    char text[SEEN_BYTES];
    size_t length;
};

static void note(struct seen *seen, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    seen->length +=
        (size_t)vsnprintf(seen->text + seen->length, SEEN_BYTES - seen->length, format, arguments);
    va_end(arguments);
    assert_true(seen->length < SEEN_BYTES);
}

static void note_head(struct seen *seen, const struct bobbin_head *head)
{
    note(seen, "%.*s %.*s @%.*s 1.%u%s%s%s\n", BOBBIN_ARG(head->method), BOBBIN_ARG(head->target),
         BOBBIN_ARG(head->authority), head->minor, head->keep_alive ? " keep" : " close",
         head->has_body ? " body" : "", head->expects_continue ? " expect" : "");
    for (size_t i = 0; i < head->field_count; i++)
        note(seen, "  %.*s=%.*s\n", BOBBIN_ARG(head->fields[i].name),
             BOBBIN_ARG(head->fields[i].value));
}

/* A driver that behaves as the core does: unconsumed bytes are fed again, together with what comes.
 */
struct driver {
    void *connection;
    const struct bobbin_protocol *protocol;
    struct bobbin_head head;
    bobbin_field fields[FIELDS_MAX];
    bool is_refused;
    char *input;
    size_t filled;
    size_t consumed;
    struct seen *seen;
};

static void reset_head(struct driver *driver)
{
    driver->head = (struct bobbin_head){
        .size = sizeof driver->head, .fields = driver->fields, .field_capacity = FIELDS_MAX};
}

static bool step(struct driver *driver)
{
    struct bobbin_feed feed = {.size = sizeof feed,
                               .data = driver->input + driver->consumed,
                               .length = driver->filled - driver->consumed};
    enum bobbin_feed_event event = driver->protocol->feed(driver->connection, &feed, &driver->head);
    assert_true(feed.consumed <= feed.length);
    driver->consumed += feed.consumed;
    switch (event) {
    case BOBBIN_FEED_HEAD:
        note_head(driver->seen, &driver->head);
        return true;
    case BOBBIN_FEED_BODY:
        note(driver->seen, "%.*s", BOBBIN_ARG(feed.body));
        return true;
    case BOBBIN_FEED_END:
        note(driver->seen, "|end\n");
        reset_head(driver);
        return true;
    case BOBBIN_FEED_REFUSE:
        assert_non_null(feed.sentence);
        note(driver->seen, "refused %d\n", feed.status);
        driver->is_refused = true;
        return false;
    default:
        return false;
    }
}

/* The bytes in pieces of the given sizes; each in a buffer of exactly their size, so that a
 * sanitizer sees every byte that is read beyond them. */
static void drive(struct seen *seen, const char *bytes, size_t length, size_t first, size_t piece)
{
    const struct bobbin_protocol *protocol = bobbin_plugin_descriptor.protocol;
    struct driver driver = {.protocol = protocol, .seen = seen};
    seen->length = 0;
    seen->text[0] = '\0';
    driver.connection = calloc(1, protocol->connection_size);
    reset_head(&driver);
    protocol->open(driver.connection, &limits);
    for (size_t at = 0; at < length && !driver.is_refused;) {
        size_t count = at == 0 ? first : piece;
        if (count > length - at)
            count = length - at;
        size_t waiting = driver.filled - driver.consumed;
        char *grown = malloc(waiting + count);
        if (waiting > 0)
            memcpy(grown, driver.input + driver.consumed, waiting);
        memcpy(grown + waiting, bytes + at, count);
        /* Spans of a head stay valid until its END: the old buffer has to live as long. */
        char *old = driver.input;
        size_t consumed = driver.consumed;
        driver.input = grown;
        driver.consumed = 0;
        driver.filled = waiting + count;
        (void)consumed;
        while (step(&driver))
            ;
        free(old);
        at += count;
    }
    free(driver.input);
    protocol->close(driver.connection);
    free(driver.connection);
}

struct http_case {
    const char *bytes;
    const char *expected;
};

static void check(const struct http_case *one)
{
    static struct seen whole, cut;
    size_t length = strlen(one->bytes);
    drive(&whole, one->bytes, length, length, length);
    if (strcmp(whole.text, one->expected) != 0)
        print_message("for: %s\n", one->bytes);
    assert_string_equal(whole.text, one->expected);
    for (size_t at = 1; at < length; at++) {
        drive(&cut, one->bytes, length, at, length);
        if (strcmp(cut.text, whole.text) != 0)
            print_message("cut at %zu: %s\n", at, one->bytes);
        assert_string_equal(cut.text, whole.text);
    }
    drive(&cut, one->bytes, length, 1, 1);
    assert_string_equal(cut.text, whole.text);
}

static void check_all(const struct http_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check(&cases[i]);
}

#define ALL(cases) check_all(cases, sizeof(cases) / sizeof *(cases))
#define H "Host: a\r\n"
#define TE "Transfer-Encoding: chunked\r\n"
#define REFUSED(status) "refused " #status "\n"

static void valid_heads_are_taken_apart(void **state)
{
    (void)state;
    static const struct http_case cases[] = {
        {"GET / HTTP/1.1\r\n" H "\r\n", "GET / @a 1.1 keep\n  Host=a\n|end\n"},
        {"GET / HTTP/1.0\r\n\r\n", "GET / @ 1.0 close\n|end\n"},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
         "GET / @ 1.0 keep\n  Connection=Keep-Alive\n|end\n"},
        {"\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", "GET / @a 1.1 keep\n  Host=a\n|end\n"},
        {"GET /a?b=c%20d HTTP/1.1\r\nHOST:a\r\n\r\n",
         "GET /a?b=c%20d @a 1.1 keep\n  HOST=a\n|end\n"},
        {"GET / HTTP/1.1\r\nHost: \t a:80 \t\r\n\r\n", "GET / @a:80 1.1 keep\n  Host=a:80\n|end\n"},
        {"GET / HTTP/1.1\r\n" H "Connection: close\t\r\n\r\n",
         "GET / @a 1.1 close\n  Host=a\n  Connection=close\n|end\n"},
        {"GET / HTTP/1.1\r\n" H "Connection: a, close ,b\r\n\r\n",
         "GET / @a 1.1 close\n  Host=a\n  Connection=a, close ,b\n|end\n"},
        {"GET / HTTP/1.1\r\n" H "X:\r\nY: \r\n\r\n",
         "GET / @a 1.1 keep\n  Host=a\n  X=\n  Y=\n|end\n"},
        {"GET / HTTP/1.1\r\n" H "X: \xe4\xff\r\n\r\n",
         "GET / @a 1.1 keep\n  Host=a\n  X=\xe4\xff\n|end\n"},
        {"GET http://b:8/c HTTP/1.1\r\n" H "\r\n", "GET /c @b:8 1.1 keep\n  Host=a\n|end\n"},
        {"GET http://b HTTP/1.1\r\n" H "\r\n", "GET / @b 1.1 keep\n  Host=a\n|end\n"},
        {"OPTIONS * HTTP/1.1\r\n" H "\r\n", "OPTIONS * @a 1.1 keep\n  Host=a\n|end\n"},
        {"GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
         "GET / @[::1]:8080 1.1 keep\n  Host=[::1]:8080\n|end\n"},
        {"GET / HTTP/1.1\r\n" H "A_B: 1\r\nC-D: 2\r\n\r\n",
         "GET / @a 1.1 keep\n  Host=a\n  C-D=2\n|end\n"},
        {"DELETE /x HTTP/1.1\r\n" H "\r\n", "DELETE /x @a 1.1 keep\n  Host=a\n|end\n"},
        {"PATCH /x HTTP/1.1\r\n" H "\r\n", "PATCH /x @a 1.1 keep\n  Host=a\n|end\n"},
        {"GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / @ 1.1 keep\n  Host=\n|end\n"},
        {"GET / HTTP/1.1\r\n" H "Upgrade: websocket\r\nConnection: upgrade\r\n\r\n",
         "GET / @a 1.1 keep\n  Host=a\n  Upgrade=websocket\n  Connection=upgrade\n|end\n"},
    };
    ALL(cases);
}

static void bodies_are_framed_by_length_and_by_chunks(void **state)
{
    (void)state;
    static const struct http_case cases[] = {
        {"POST / HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabcGET",
         "POST / @a 1.1 keep body\n  Host=a\n  Content-Length=3\nabc|end\n"},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 5\t\r\n\r\nabcde",
         "POST / @a 1.1 keep body\n  Host=a\n  Content-Length=5\nabcde|end\n"},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n",
         "POST / @a 1.1 keep\n  Host=a\n  Content-Length=0\n|end\n"},
        {"POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\nx",
         "POST / @ 1.0 close body\n  Content-Length=1\nx|end\n"},
        {"POST / HTTP/1.1\r\n" H TE "\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
         "POST / @a 1.1 keep body\n  Host=a\n  Transfer-Encoding=chunked\nabcde|end\n"},
        {"POST / HTTP/1.1\r\n" H TE
         "\r\n0A;x=y; z=\"q \\\" r\"\r\n0123456789\r\n0\r\nT: v\r\nU: w\r\n\r\n",
         "POST / @a 1.1 keep body\n  Host=a\n  Transfer-Encoding=chunked\n0123456789|end\n"},
        {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n",
         "POST / @a 1.1 keep body\n  Host=a\n  Transfer-Encoding=CHUNKED\n|end\n"},
        {"POST / HTTP/1.1\r\n" H "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
         "POST / @a 1.1 keep body expect\n  Host=a\n  Expect=100-Continue\n  "
         "Content-Length=1\nx|end\n"},
        {"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
         "POST / @ 1.0 close body\n  Expect=100-continue\n  Content-Length=1\nx|end\n"},
        {"GET /1 HTTP/1.1\r\n" H "\r\nPOST /2 HTTP/1.1\r\n" H
         "Content-Length: 2\r\n\r\nhi\r\nGET /3 "
         "HTTP/1.1\r\n" H "\r\n",
         "GET /1 @a 1.1 keep\n  Host=a\n|end\n"
         "POST /2 @a 1.1 keep body\n  Host=a\n  Content-Length=2\nhi|end\n"
         "GET /3 @a 1.1 keep\n  Host=a\n|end\n"},
    };
    ALL(cases);
}

/* RFC 9112, sections 2.2, 3, 5 */
static void the_gate_refuses_what_parsers_disagree_about(void **state)
{
    (void)state;
    static const struct http_case cases[] = {
        {"\r\n\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", REFUSED(400)},
        {"GET / HTTP/1.1\n" H "\r\n", REFUSED(400)},
        {"GET / HTTP/1.1\r\nHost: a\n\r\n", REFUSED(400)},
        {"GET / HTTP/1.1\r\n" H "\n", REFUSED(400)},
        {"GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n", REFUSED(400)},
        {"GET / HTTP/1.1\r\n" H "X: a\r\r\n\r\n", REFUSED(400)},
        {"GET / HTTP/1.1\r\r\n" H "\r\n", REFUSED(400)},
        {"\rGET / HTTP/1.1\r\n" H "\r\n", REFUSED(400)},
        {"GET / HTTP/1.1\r\n" H "X: \x01\r\n\r\n", REFUSED(400)},
        {"GET / HTTP/1.1\r\n" H "X: \x7f\r\n\r\n", REFUSED(400)},
        {"GET / HTTP/1.1\r\n" H " fold\r\n\r\n", REFUSED(400)},
        {"GET / HTTP/1.1\r\n" H "X: a\r\n\tfold\r\n\r\n", REFUSED(400)},
        {"GET / HTTP/1.1\r\n H: a\r\n" H "\r\n", REFUSED(400)},
        {"GET / HTTP/1.1\r\n" H "X : a\r\n\r\n", REFUSED(400)},
        {"GET / HTTP/1.1\r\n" H "X\t: a\r\n\r\n", REFUSED(400)},
        {"GET / HTTP/1.1\r\n" H ": a\r\n\r\n", REFUSED(400)},
        {"GET / HTTP/1.1\r\n" H "X\r\n\r\n", REFUSED(400)},
        {"GET / HTTP/1.1\r\n" H "X(: a\r\n\r\n", REFUSED(400)},
        {"GET / HTTP/1.1\r\n" H "X\xe4: a\r\n\r\n", REFUSED(400)},
        {"GET  / HTTP/1.1\r\n" H "\r\n", REFUSED(400)},
        {"GET /  HTTP/1.1\r\n" H "\r\n", REFUSED(400)},
        {"GET / HTTP/1.1 \r\n" H "\r\n", REFUSED(400)},
        {"GET\t/ HTTP/1.1\r\n" H "\r\n", REFUSED(400)},
        {" GET / HTTP/1.1\r\n" H "\r\n", REFUSED(400)},
        {"GET /\r\n\r\n", REFUSED(400)},
        {"GET / http/1.1\r\n" H "\r\n", REFUSED(400)},
        {"GET / HTTP/11\r\n" H "\r\n", REFUSED(400)},
        {"GET / HTTP/1.10\r\n" H "\r\n", REFUSED(400)},
        {"GET / RTSP/1.1\r\n" H "\r\n", REFUSED(400)},
        {"GET / HTTP/2.0\r\n" H "\r\n", REFUSED(505)},
        {"GET / HTTP/1.2\r\n" H "\r\n", REFUSED(505)},
        {"GET / HTTP/0.9\r\n" H "\r\n", REFUSED(505)},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", REFUSED(505)},
        {"GET /\x7f HTTP/1.1\r\n" H "\r\n", REFUSED(400)},
        {"GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n", REFUSED(400)},
        {"GET /\"x HTTP/1.1\r\n" H "\r\n", REFUSED(400)},
        {"GET /<x> HTTP/1.1\r\n" H "\r\n", REFUSED(400)},
        {"GET /#x HTTP/1.1\r\n" H "\r\n", REFUSED(400)},
        {"\x16\x03\x01", REFUSED(400)},
        {"\x80", REFUSED(400)},
        {"{\"json\": 1}", REFUSED(400)},
        {"G<T / HTTP/1.1\r\n" H "\r\n", REFUSED(400)},
    };
    ALL(cases);
}

static void a_nul_is_refused_wherever_it_stands(void **state)
{
    (void)state;
    static struct seen seen;
    static const char request[] = "GET /x HTTP/1.1\r\nHost: a\r\nX: yz\r\n\r\n";
    for (size_t at = 0; at + 1 < sizeof request; at++) {
        char spoiled[sizeof request];
        memcpy(spoiled, request, sizeof request);
        spoiled[at] = '\0';
        drive(&seen, spoiled, sizeof request - 1, sizeof request, 1);
        assert_string_equal(seen.text, REFUSED(400));
    }
}

/* RFC 9110, section 7.2; RFC 9112, section 3.2 */
static void host_and_target_are_checked(void **state)
{
    (void)state;
    static const struct http_case cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", REFUSED(400)},
        {"GET / HTTP/1.1\r\n" H H "\r\n", REFUSED(400)},
        {"GET / HTTP/1.0\r\n" H H "\r\n", REFUSED(400)},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", REFUSED(400)},
        {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", REFUSED(400)},
        {"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", REFUSED(400)},
        {"GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", REFUSED(400)},
        {"GET / HTTP/1.1\r\nHost: a:-1\r\n\r\n", REFUSED(400)},
        {"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", REFUSED(400)},
        {"GET / HTTP/1.1\r\nHost: []\r\n\r\n", REFUSED(400)},
        {"GET / HTTP/1.1\r\nHost: ::1\r\n\r\n", REFUSED(400)},
        {"GET * HTTP/1.1\r\n" H "\r\n", REFUSED(400)},
        {"GET x HTTP/1.1\r\n" H "\r\n", REFUSED(400)},
        {"GET ftp://a/ HTTP/1.1\r\n" H "\r\n", REFUSED(400)},
        {"GET http:///x HTTP/1.1\r\n" H "\r\n", REFUSED(400)},
        {"GET http://a@b/ HTTP/1.1\r\n" H "\r\n", REFUSED(400)},
        {"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", REFUSED(501)},
        {"TRACE / HTTP/1.1\r\n" H "\r\n", REFUSED(405)},
        {"BREW /pot HTTP/1.1\r\n" H "\r\n", REFUSED(501)},
        {"get / HTTP/1.1\r\n" H "\r\n", REFUSED(501)},
    };
    ALL(cases);
}

/* RFC 9112, sections 6.1 to 6.3; RFC 9110, section 10.1.1 */
static void framing_that_could_smuggle_is_refused(void **state)
{
    (void)state;
    static const struct http_case cases[] = {
        {"POST / HTTP/1.1\r\n" H TE "Content-Length: 3\r\n\r\n", REFUSED(400)},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 3\r\n" TE "\r\n", REFUSED(400)},
        {"POST / HTTP/1.1\r\n" H TE TE "\r\n", REFUSED(400)},
        {"POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n", REFUSED(400)},
        {"POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\nContent-Length: 3\r\n\r\n", REFUSED(400)},
        {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\n", REFUSED(501)},
        {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", REFUSED(501)},
        /* chunked is not the last one: the end cannot be known (section 6.3) */
        {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, identity\r\n\r\n", REFUSED(400)},
        {"POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", REFUSED(501)},
        {"POST / HTTP/1.0\r\n" TE "\r\n", REFUSED(400)},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 3\r\n\r\n", REFUSED(400)},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 3, 3\r\n\r\n", REFUSED(400)},
        {"POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", REFUSED(400)},
        {"POST / HTTP/1.1\r\n" H "Content-Length: +3\r\n\r\n", REFUSED(400)},
        {"POST / HTTP/1.1\r\n" H "Content-Length: -3\r\n\r\n", REFUSED(400)},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 0x3\r\n\r\n", REFUSED(400)},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 3 3\r\n\r\n", REFUSED(400)},
        {"POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999999\r\n\r\n", REFUSED(413)},
        {"POST / HTTP/1.1\r\n" H "Expect: sure\r\nContent-Length: 1\r\n\r\n", REFUSED(417)},
        {"POST / HTTP/1.1\r\n" H
         "Expect: 100-continue\r\nContent-Length: 99999999999999999999\r\n\r\n",
         REFUSED(413)},
    };
    ALL(cases);
}

#define CHUNKED "POST / HTTP/1.1\r\n" H TE "\r\n"
#define CHUNKED_SEEN "POST / @a 1.1 keep body\n  Host=a\n  Transfer-Encoding=chunked\n"

/* RFC 9112, section 7.1 */
static void chunks_are_strict(void **state)
{
    (void)state;
    static const struct http_case cases[] = {
        {CHUNKED "x\r\n", CHUNKED_SEEN REFUSED(400)},
        {CHUNKED "\r\n", CHUNKED_SEEN REFUSED(400)},
        {CHUNKED " 1\r\n", CHUNKED_SEEN REFUSED(400)},
        {CHUNKED "0x1\r\n", CHUNKED_SEEN REFUSED(400)},
        {CHUNKED "-1\r\n", CHUNKED_SEEN REFUSED(400)},
        {CHUNKED "1\n", CHUNKED_SEEN REFUSED(400)},
        {CHUNKED "1\r\nab\r\n", CHUNKED_SEEN "a" REFUSED(400)},
        {CHUNKED "1\r\na\n", CHUNKED_SEEN "a" REFUSED(400)},
        {CHUNKED "1;\r\na\r\n", CHUNKED_SEEN REFUSED(400)},
        {CHUNKED "1;a=\r\na\r\n", CHUNKED_SEEN REFUSED(400)},
        {CHUNKED "1;a=\"b\r\na\r\n", CHUNKED_SEEN REFUSED(400)},
        {CHUNKED "1 a\r\na\r\n", CHUNKED_SEEN REFUSED(400)},
        {CHUNKED "1;a=\"\rb\"\r\na\r\n", CHUNKED_SEEN REFUSED(400)},
        {CHUNKED "00000000000000001\r\na\r\n", CHUNKED_SEEN REFUSED(400)},
        {CHUNKED "ffffffffffffffff\r\na", CHUNKED_SEEN "a"},
        {CHUNKED "0\r\nX : y\r\n\r\n", CHUNKED_SEEN REFUSED(400)},
        {CHUNKED "0\r\n fold\r\n\r\n", CHUNKED_SEEN REFUSED(400)},
        {CHUNKED "0\r\nX: y\n\r\n", CHUNKED_SEEN REFUSED(400)},
        {CHUNKED "0000000000000001\r\na\r\n0\r\n\r\n", CHUNKED_SEEN "a|end\n"},
        {CHUNKED "1 ; a = b\r\na\r\n0\r\n\r\n", CHUNKED_SEEN "a|end\n"},
    };
    ALL(cases);
}

static char *repeated(const char *before, char c, size_t count, const char *after)
{
    char *text = malloc(strlen(before) + count + strlen(after) + 1), *at = text;
    at += sprintf(at, "%s", before);
    memset(at, c, count);
    sprintf(at + count, "%s", after);
    return text;
}

static void expect_status(char *bytes, const char *status)
{
    static struct seen seen;
    size_t length = strlen(bytes);
    drive(&seen, bytes, length, length, length);
    bool is_refused = strstr(seen.text, "refused") != NULL;
    if (status == NULL)
        assert_false(is_refused);
    else
        assert_non_null(strstr(seen.text, status));
    free(bytes);
}

static void limits_hold_at_their_edge_and_before_the_end_has_come(void **state)
{
    (void)state;
    size_t fixed = strlen("GET / HTTP/1.1");
    expect_status(repeated("GET /", 'x', 200 - fixed, " HTTP/1.1\r\n" H "\r\n"), NULL);
    expect_status(repeated("GET /", 'x', 201 - fixed, " HTTP/1.1\r\n" H "\r\n"), REFUSED(414));
    expect_status(repeated("GET /", 'x', 300, ""), REFUSED(414));
    fixed = strlen("GET / HTTP/1.1\r\n" H "X: \r\n\r\n");
    expect_status(repeated("GET / HTTP/1.1\r\n" H "X: ", 'x', 600 - fixed, "\r\n\r\n"), NULL);
    expect_status(repeated("GET / HTTP/1.1\r\n" H "X: ", 'x', 603 - fixed, "\r\n\r\n"),
                  REFUSED(431));
    expect_status(repeated("GET / HTTP/1.1\r\n" H "X: ", 'x', 700, ""), REFUSED(431));
    expect_status(repeated(CHUNKED "1;", 'x', 253, "\r\n"), NULL);
    expect_status(repeated(CHUNKED "1;", 'x', 255, "\r\n"), REFUSED(400));
    expect_status(repeated(CHUNKED "0\r\nX: ", 'x', 9000, ""), REFUSED(400));
}

static void too_many_fields_are_431(void **state)
{
    (void)state;
    for (int count = FIELDS_MAX - 1; count <= FIELDS_MAX; count++) {
        char *text = malloc(2000), *at = text + sprintf(text, "GET / HTTP/1.1\r\n" H);
        for (int i = 0; i < count; i++)
            at += sprintf(at, "A: b\r\n");
        sprintf(at, "\r\n");
        expect_status(text, count < FIELDS_MAX ? NULL : REFUSED(431));
    }
}

static void many_tiny_chunks_with_extensions_are_refused(void **state)
{
    (void)state;
    char *text = malloc(300000), *at = text + sprintf(text, CHUNKED);
    for (int i = 0; i < 900; i++)
        at += sprintf(at, "1;e=%0100d\r\nx\r\n", i);
    expect_status(text, REFUSED(400));
}

static void after_a_refusal_nothing_is_parsed(void **state)
{
    (void)state;
    const struct bobbin_protocol *protocol = bobbin_plugin_descriptor.protocol;
    void *connection = calloc(1, protocol->connection_size);
    bobbin_field fields[FIELDS_MAX];
    struct bobbin_head head = {.size = sizeof head, .fields = fields, .field_capacity = FIELDS_MAX};
    char bad[] = "x\n", good[] = "GET / HTTP/1.1\r\n" H "\r\n";
    struct bobbin_feed feed = {.data = bad, .length = 2};
    protocol->open(connection, &limits);
    assert_int_equal(protocol->feed(connection, &feed, &head), BOBBIN_FEED_REFUSE);
    feed = (struct bobbin_feed){.data = good, .length = sizeof good - 1};
    assert_int_equal(protocol->feed(connection, &feed, &head), BOBBIN_FEED_REFUSE);
    assert_int_equal(feed.consumed, 0);
    free(connection);
}

static size_t head_of(const struct bobbin_answer *answer, char *out, size_t capacity)
{
    const struct bobbin_protocol *protocol = bobbin_plugin_descriptor.protocol;
    void *connection = calloc(1, protocol->connection_size);
    size_t length = protocol->head(connection, answer, out, capacity);
    free(connection);
    return length;
}

static void an_answer_head_is_written_as_the_rfc_says(void **state)
{
    (void)state;
    char out[1000];
    const bobbin_field fields[] = {{bobbin_text("x"), bobbin_text("y")}};
    struct bobbin_answer answer = {.status = 200,
                                   .fields = fields,
                                   .field_count = 1,
                                   .content_length = 12,
                                   .has_length = true,
                                   .minor = 1,
                                   .date = bobbin_text("Tue")};
    out[head_of(&answer, out, sizeof out)] = '\0';
    assert_string_equal(out, "HTTP/1.1 200 OK\r\nx: y\r\nContent-Length: 12\r\nDate: Tue\r\n\r\n");
    answer = (struct bobbin_answer){.status = 204, .close = true, .minor = 1};
    out[head_of(&answer, out, sizeof out)] = '\0';
    assert_string_equal(out, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    answer = (struct bobbin_answer){.status = 599, .has_length = true, .minor = 0};
    out[head_of(&answer, out, sizeof out)] = '\0';
    assert_string_equal(out,
                        "HTTP/1.1 599 \r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n");
    answer = (struct bobbin_answer){
        .status = 200, .has_length = true, .content_length = UINT64_MAX, .minor = 1};
    out[head_of(&answer, out, sizeof out)] = '\0';
    assert_string_equal(out, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
}

static void an_answer_head_never_writes_beyond_its_room(void **state)
{
    (void)state;
    struct bobbin_answer answer = {
        .status = 404, .has_length = true, .content_length = 7, .minor = 1};
    size_t needed = head_of(&answer, NULL, 0);
    for (size_t capacity = 0; capacity < needed; capacity++) {
        char *out = malloc(capacity > 0 ? capacity : 1);
        assert_int_equal(head_of(&answer, out, capacity), needed);
        free(out);
    }
}

static size_t frame_of(void *connection, enum bobbin_frame_part part, uint64_t length,
                       const bobbin_field *trailers, size_t count, char *out, size_t capacity)
{
    const struct bobbin_frame frame = {.size = sizeof frame,
                                       .part = part,
                                       .length = length,
                                       .trailers = trailers,
                                       .trailer_count = count};
    return bobbin_plugin_descriptor.protocol->frame(connection, &frame, out, capacity);
}

/* RFC 9112, section 7.1; a body of known length has no frames. */
static void a_body_of_unknown_length_is_framed_in_chunks(void **state)
{
    (void)state;
    const struct bobbin_protocol *protocol = bobbin_plugin_descriptor.protocol;
    const bobbin_field trailers[] = {{bobbin_text("a"), bobbin_text("b")},
                                     {bobbin_text("c"), bobbin_text("")}};
    void *connection = calloc(1, protocol->connection_size);
    char out[200] = "";
    struct bobbin_answer answer = {
        .status = 200, .has_length = true, .content_length = UINT64_MAX, .minor = 1};
    protocol->head(connection, &answer, out, sizeof out);
    size_t length = frame_of(connection, BOBBIN_FRAME_BEFORE, 0x1f0a, NULL, 0, out, sizeof out);
    length += frame_of(connection, BOBBIN_FRAME_AFTER, 0, NULL, 0, out + length, 100);
    length += frame_of(connection, BOBBIN_FRAME_BEFORE, UINT64_MAX, NULL, 0, out + length, 100);
    length += frame_of(connection, BOBBIN_FRAME_END, 0, trailers, 2, out + length, 100);
    out[length] = '\0';
    assert_string_equal(out, "1f0a\r\n\r\nffffffffffffffff\r\n0\r\na: b\r\nc: \r\n\r\n");
    for (size_t room = 0; room < 5; room++) {
        char *little = malloc(room > 0 ? room : 1);
        assert_int_equal(frame_of(connection, BOBBIN_FRAME_END, 0, NULL, 0, little, room), 5);
        free(little);
    }
    const struct bobbin_answer others[] = {
        {.status = 200, .has_length = true, .content_length = 7, .minor = 1},
        {.status = 200, .has_length = true, .content_length = UINT64_MAX, .minor = 0},
        {.status = 204, .content_length = UINT64_MAX, .minor = 1}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        protocol->head(connection, &others[i], out, sizeof out);
        assert_int_equal(frame_of(connection, BOBBIN_FRAME_END, 0, NULL, 0, out, sizeof out), 0);
    }
    free(connection);
}

static void the_parser_that_was_linked_is_strict(void **state)
{
    (void)state;
    bobbin_error error = {""};
    void *plugin_state = NULL;
    assert_true(bobbin_plugin_descriptor.start(NULL, NULL, &plugin_state, &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_heads_are_taken_apart),
        cmocka_unit_test(bodies_are_framed_by_length_and_by_chunks),
        cmocka_unit_test(the_gate_refuses_what_parsers_disagree_about),
        cmocka_unit_test(a_nul_is_refused_wherever_it_stands),
        cmocka_unit_test(host_and_target_are_checked),
        cmocka_unit_test(framing_that_could_smuggle_is_refused),
        cmocka_unit_test(chunks_are_strict),
        cmocka_unit_test(limits_hold_at_their_edge_and_before_the_end_has_come),
        cmocka_unit_test(too_many_fields_are_431),
        cmocka_unit_test(many_tiny_chunks_with_extensions_are_refused),
        cmocka_unit_test(after_a_refusal_nothing_is_parsed),
        cmocka_unit_test(an_answer_head_is_written_as_the_rfc_says),
        cmocka_unit_test(an_answer_head_never_writes_beyond_its_room),
        cmocka_unit_test(a_body_of_unknown_length_is_framed_in_chunks),
        cmocka_unit_test(the_parser_that_was_linked_is_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
