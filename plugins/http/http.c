/*
 * HTTP/1.1 on the wire (RFC 9112). The state of one connection:
 *
 *          the head is complete            the body is complete
 *   HEAD ---------------------> BODY_* --------------------------> HEAD
 *     \                           |
 *      \------- anything wrong ---+--> REFUSED: nothing is parsed any more
 *
 * BODY_NONE, BODY_LENGTH and BODY_CHUNKED differ in how the end of the body is found.
 */
#include "answer.h"
#include "chunk.h"
#include "gate.h"
#include "head.h"

enum state { HEAD, BODY_NONE, BODY_LENGTH, BODY_CHUNKED, REFUSED };

struct http {
    const struct bobbin_limits *limits;
    enum state state;
    struct gate gate;
    uint64_t left; /* BODY_LENGTH */
    struct chunk chunk;
    bool answer_is_chunked; /* the one whose head was written last */
};

static void open_connection(void *connection, const struct bobbin_limits *limits)
{
    struct http *http = connection;
    http->limits = limits;
}

static enum bobbin_feed_event refuse(struct http *http, struct bobbin_feed *feed, int status,
                                     const char *sentence)
{
    http->state = REFUSED;
    feed->consumed = 0;
    feed->status = status;
    feed->sentence = sentence;
    return BOBBIN_FEED_REFUSE;
}

static enum bobbin_feed_event feed_head(struct http *http, struct bobbin_feed *feed,
                                        struct bobbin_head *head)
{
    size_t end = 0;
    switch (gate_pass(&http->gate, http->limits, feed->data, feed->length, &end)) {
    case GATE_MORE:
        return BOBBIN_FEED_MORE;
    case GATE_REFUSE:
        return refuse(http, feed, http->gate.status, http->gate.sentence);
    default:
        break;
    }
    struct head_verdict verdict;
    size_t start = http->gate.start;
    head_read(head, feed->data + start, end - start, &verdict);
    http->gate = (struct gate){0};
    if (verdict.status != 0)
        return refuse(http, feed, verdict.status, verdict.sentence);
    feed->consumed = end;
    http->left = head->content_length;
    http->chunk = (struct chunk){0};
    http->state = !head->has_body ? BODY_NONE : verdict.is_chunked ? BODY_CHUNKED : BODY_LENGTH;
    return BOBBIN_FEED_HEAD;
}

static enum bobbin_feed_event feed_length(struct http *http, struct bobbin_feed *feed)
{
    if (http->left == 0) {
        http->state = HEAD;
        return BOBBIN_FEED_END;
    }
    feed->consumed = feed->length < http->left ? feed->length : (size_t)http->left;
    feed->body = (bobbin_str){feed->data, feed->consumed};
    http->left -= feed->consumed;
    return feed->consumed > 0 ? BOBBIN_FEED_BODY : BOBBIN_FEED_MORE;
}

static enum bobbin_feed_event feed_chunks(struct http *http, struct bobbin_feed *feed)
{
    switch (chunk_step(&http->chunk, feed->data, feed->length, &feed->consumed, &feed->body)) {
    case CHUNK_MORE:
        return BOBBIN_FEED_MORE;
    case CHUNK_PIECE:
        return BOBBIN_FEED_BODY;
    case CHUNK_END:
        http->state = HEAD;
        return BOBBIN_FEED_END;
    default:
        return refuse(http, feed, http->chunk.status, http->chunk.sentence);
    }
}

static enum bobbin_feed_event feed_bytes(void *connection, struct bobbin_feed *feed,
                                         struct bobbin_head *head)
{
    struct http *http = connection;
    feed->consumed = 0;
    switch (http->state) {
    case HEAD:
        return feed_head(http, feed, head);
    case BODY_NONE:
        http->state = HEAD;
        return BOBBIN_FEED_END;
    case BODY_LENGTH:
        return feed_length(http, feed);
    case BODY_CHUNKED:
        return feed_chunks(http, feed);
    default:
        return refuse(http, feed, 400, "the connection was refused before");
    }
}

static size_t write_head(void *connection, const struct bobbin_answer *answer, char *out,
                         size_t capacity)
{
    struct http *http = connection;
    http->answer_is_chunked = answer_is_chunked(answer);
    return answer_write(answer, out, capacity);
}

static size_t write_frame(void *connection, const struct bobbin_frame *frame, char *out,
                          size_t capacity)
{
    const struct http *http = connection;
    return http->answer_is_chunked ? answer_write_frame(frame, out, capacity) : 0;
}

static void close_connection(void *connection)
{
    (void)connection;
}

static const struct bobbin_protocol protocol = {
    .size = sizeof protocol,
    .connection_size = sizeof(struct http),
    .scheme = "http",
    .open = open_connection,
    .feed = feed_bytes,
    .head = write_head,
    .frame = write_frame,
    .close = close_connection,
};

static bool start(bobbin_host *host, const void *config, void **state, bobbin_error *error)
{
    (void)host;
    (void)config;
    (void)state;
    return head_parser_is_strict(error);
}

BOBBIN_PLUGIN(.name = "http", .about = "HTTP/1.1 on the wire, strictly (RFC 9112)", .start = start,
              .protocol = &protocol);
