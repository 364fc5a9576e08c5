/*
 * Streams as its path says; writes to the log what happens to its requests. The numbers stand in
 * the query: size, piece, length (declared).
 *   /write      size bytes in pieces, as fast as on_writable allows
 *   /flood      size bytes in pieces, whatever the flow says
 *   /slowly     a piece every 20 ms from a timer, until size
 *   /ranges     the file named in the query, its halves exchanged, between two words
 *   /trailers   a body with trailers, some of them illegal
 *   /hints      two interim answers, then the answer
 *   /silent     begins, writes a piece, and never goes on
 *   /cut        begins, writes a piece, and cuts
 *   /refuse     begins, writes a piece, and refuses
 *   /upload     pauses after each piece for 5 ms; answers with what came in all
 *   /collect    collects the body; answers with its length and place
 *   /early      answers at once, whatever the body
 *   /early-stream   begins at once, ends at once
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bobbin.h"

struct stream {
    bobbin_request *request;
    bobbin_timer *timer;
    uint64_t left, piece, received, pieces;
    bool is_paused;
};

static char bytes[1 << 20];

static uint64_t number(bobbin_request *request, const char *name, uint64_t otherwise)
{
    bobbin_str text = bobbin_query(request, name);
    char copy[32] = "";
    if (text.data == NULL || text.length >= sizeof copy)
        return otherwise;
    memcpy(copy, text.data, text.length);
    return strtoull(copy, NULL, 10);
}

static void say(bobbin_request *request, const char *what)
{
    bobbin_log(bobbin_host_of(request), BOBBIN_INFO, "%s", what);
}

static bool rest_is(bobbin_request *request, const char *path)
{
    return bobbin_is(bobbin_path_rest(request), path);
}

/* Writes until it is told to wait; ends behind the last piece. */
static void write_on(struct stream *stream)
{
    while (stream->left > 0) {
        size_t length = stream->left < stream->piece ? stream->left : stream->piece;
        stream->left -= length;
        switch (bobbin_write(stream->request, bytes, length)) {
        case BOBBIN_BLOCKED:
            return;
        case BOBBIN_GONE:
            say(stream->request, "gone");
            return;
        default:
            break;
        }
    }
    bobbin_end(stream->request);
}

static void flood(struct stream *stream)
{
    while (stream->left > 0) {
        size_t length = stream->left < stream->piece ? stream->left : stream->piece;
        stream->left -= length;
        if (bobbin_write(stream->request, bytes, length) == BOBBIN_GONE) {
            say(stream->request, "gone");
            return;
        }
    }
    bobbin_end(stream->request);
}

static void on_tick(void *arg)
{
    struct stream *stream = arg;
    bobbin_write(stream->request, bytes, stream->piece);
    stream->left -= stream->piece < stream->left ? stream->piece : stream->left;
    if (stream->left > 0)
        return;
    bobbin_timer_stop(stream->timer);
    stream->timer = NULL;
    bobbin_end(stream->request);
}

static void send_ranges(bobbin_request *request)
{
    char path[1024] = "";
    bobbin_str name = bobbin_query(request, "file");
    uint64_t size = number(request, "size", 0), half = size / 2;
    memcpy(path, name.data, name.length < sizeof path ? name.length : sizeof path - 1);
    bobbin_begin(request, number(request, "length", BOBBIN_LENGTH_UNKNOWN));
    bobbin_print(request, "<");
    bobbin_send_file(request, open(path, O_RDONLY | O_CLOEXEC), half, size - half);
    bobbin_print(request, "|");
    bobbin_send_file(request, open(path, O_RDONLY | O_CLOEXEC), 0, half);
    bobbin_print(request, ">");
    bobbin_end(request);
}

static void send_trailers(bobbin_request *request)
{
    say(request, bobbin_trailer(request, "x-early", "1") ? "early trailer" : "no early trailer");
    bobbin_begin(request, number(request, "length", BOBBIN_LENGTH_UNKNOWN));
    bobbin_print(request, "body");
    say(request, bobbin_trailer(request, "x-sum", "42") ? "trailer" : "no trailer");
    bobbin_trailer(request, "x-two", "");
    if (bobbin_trailer(request, "content-length", "7") ||
        bobbin_trailer(request, "x", "a\r\nb: c") || bobbin_trailer(request, "x y", "1") ||
        bobbin_trailer(request, "Set-Cookie", "a=b"))
        say(request, "an illegal trailer was taken");
    bobbin_end(request);
}

static void send_hints(bobbin_request *request)
{
    const bobbin_field link = {bobbin_text("link"), bobbin_text("</style.css>; rel=preload")};
    const bobbin_field wrong = {bobbin_text("link"), bobbin_text("a\nb")};
    bool sent = bobbin_interim(request, 103, &link, 1) && bobbin_interim(request, 102, NULL, 0);
    if (bobbin_interim(request, 100, NULL, 0) || bobbin_interim(request, 101, NULL, 0) ||
        bobbin_interim(request, 200, NULL, 0) || bobbin_interim(request, 103, &wrong, 1))
        say(request, "an illegal interim answer was taken");
    bobbin_print(request, sent ? "hinted\n" : "not hinted\n");
    bobbin_begin(request, BOBBIN_LENGTH_UNKNOWN);
    if (bobbin_interim(request, 103, &link, 1) || bobbin_begin(request, 1) ||
        bobbin_header(request, "x", "y"))
        say(request, "something was taken too late");
    bobbin_end(request);
}

static void begin_and(bobbin_request *request)
{
    bobbin_begin(request, BOBBIN_LENGTH_UNKNOWN);
    bobbin_print(request, "a piece\n");
    if (rest_is(request, "/cut"))
        bobbin_cut(request);
    else if (rest_is(request, "/refuse"))
        bobbin_refuse(request, 500, "the well is dry");
    else if (rest_is(request, "/early-stream"))
        bobbin_end(request);
}

static void handle(void *state, bobbin_request *request)
{
    struct stream *stream = bobbin_allocate(request, sizeof *stream);
    (void)state;
    *stream = (struct stream){.request = request,
                              .left = number(request, "size", 0),
                              .piece = number(request, "piece", 1000)};
    bobbin_set_data(request, stream);
    say(request, "handle");
    if (rest_is(request, "/upload"))
        return;
    if (rest_is(request, "/collect")) {
        if (!bobbin_collect_body(request))
            say(request, "not collected");
    } else if (rest_is(request, "/early")) {
        bobbin_print(request, "early\n");
        bobbin_end(request);
    } else if (rest_is(request, "/ranges")) {
        send_ranges(request);
    } else if (rest_is(request, "/trailers")) {
        send_trailers(request);
    } else if (rest_is(request, "/hints")) {
        send_hints(request);
    } else if (rest_is(request, "/write") || rest_is(request, "/flood")) {
        bobbin_begin(request, number(request, "length", BOBBIN_LENGTH_UNKNOWN));
        (rest_is(request, "/write") ? write_on : flood)(stream);
    } else if (rest_is(request, "/slowly")) {
        bobbin_begin(request, BOBBIN_LENGTH_UNKNOWN);
        stream->timer = bobbin_timer_start(bobbin_host_of(request), 20, 20, on_tick, stream);
    } else {
        begin_and(request);
    }
}

static void on_resume(void *arg)
{
    struct stream *stream = arg;
    stream->timer = NULL;
    stream->is_paused = false;
    bobbin_resume(stream->request);
}

static void on_body(void *state, bobbin_request *request, bobbin_str piece, bool is_last)
{
    struct stream *stream = bobbin_data(request);
    (void)state;
    if (stream->is_paused)
        say(request, "a piece came in a pause");
    stream->received += piece.length;
    stream->pieces++;
    if (is_last && rest_is(request, "/collect")) {
        bobbin_print(request, "%" PRIu64 " bytes %s\n", bobbin_body_length(request),
                     bobbin_body_fd(request) >= 0 ? "in a file" : "in memory");
        bobbin_end(request);
    } else if (is_last && rest_is(request, "/upload")) {
        bobbin_print(request, "%" PRIu64 " bytes in %s\n", stream->received,
                     stream->pieces > 2 ? "pieces" : "one");
        bobbin_end(request);
    } else if (rest_is(request, "/upload") && stream->timer == NULL) {
        stream->is_paused = true;
        bobbin_pause(request);
        stream->timer = bobbin_timer_start(bobbin_host_of(request), 5, 0, on_resume, stream);
    }
}

static void on_writable(void *state, bobbin_request *request)
{
    (void)state;
    write_on(bobbin_data(request));
}

static void on_abort(void *state, bobbin_request *request)
{
    (void)state;
    say(request, "abort");
}

static void on_finish(void *state, bobbin_request *request)
{
    struct stream *stream = bobbin_data(request);
    (void)state;
    bobbin_timer_stop(stream->timer);
    say(request, "finish");
}

BOBBIN_PLUGIN(.name = "stream", .about = "streams as its path says", .handle = handle,
              .on_body = on_body, .on_writable = on_writable, .on_abort = on_abort,
              .on_finish = on_finish);
