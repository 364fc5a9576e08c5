/*
 * abi-1://, the smallest protocol: a request is "METHOD TARGET\n" without a body, an answer is
 * "STATUS LENGTH\n" and the body; a body of unknown length is in pieces "+LENGTH\n...\n", and ends
 * with "+0\n".
 */
#include "golden.h"

#include <stdio.h>
#include <string.h>

struct line {
    uint64_t longest;
    bool has_head; /* the next event is END */
};

static void open_line(void *connection, const struct bobbin_limits *limits)
{
    struct line *line = connection;
    line->longest = limits->request_line_bytes;
}

static enum bobbin_feed_event refuse(struct bobbin_feed *feed, int status, const char *sentence)
{
    feed->status = status;
    feed->sentence = sentence;
    return BOBBIN_FEED_REFUSE;
}

static enum bobbin_feed_event feed_line(void *connection, struct bobbin_feed *feed,
                                        struct bobbin_head *head)
{
    struct line *line = connection;
    if (line->has_head) {
        line->has_head = false;
        return BOBBIN_FEED_END;
    }
    char *end = memchr(feed->data, '\n', feed->length);
    if (end == NULL)
        return feed->length > line->longest ? refuse(feed, 414, "the line is too long")
                                            : BOBBIN_FEED_MORE;
    char *space = memchr(feed->data, ' ', (size_t)(end - feed->data));
    if (space == NULL || space[1] != '/')
        return refuse(feed, 400, "it is not METHOD /TARGET");
    head->method = (bobbin_str){feed->data, (size_t)(space - feed->data)};
    head->target = (bobbin_str){space + 1, (size_t)(end - space) - 1};
    head->minor = 1;
    head->keep_alive = true;
    line->has_head = true;
    feed->consumed = (size_t)(end - feed->data) + 1;
    return BOBBIN_FEED_HEAD;
}

static size_t write_head(void *connection, const struct bobbin_answer *answer, char *out,
                         size_t capacity)
{
    (void)connection;
    if (answer->content_length == BOBBIN_LENGTH_UNKNOWN)
        return (size_t)snprintf(out, capacity, "%d ?\n", answer->status);
    return (size_t)snprintf(out, capacity, "%d %llu\n", answer->status,
                            (unsigned long long)answer->content_length);
}

static size_t write_frame(void *connection, const struct bobbin_frame *frame, char *out,
                          size_t capacity)
{
    (void)connection;
    if (frame->part == BOBBIN_FRAME_BEFORE)
        return (size_t)snprintf(out, capacity, "+%llu\n", (unsigned long long)frame->length);
    return (size_t)snprintf(out, capacity, "%s", frame->part == BOBBIN_FRAME_AFTER ? "\n" : "+0\n");
}

static void close_line(void *connection)
{
    (void)connection;
}

const struct bobbin_protocol line_protocol = {.size = sizeof line_protocol,
                                              .connection_size = sizeof(struct line),
                                              .scheme = "abi-1",
                                              .open = open_line,
                                              .feed = feed_line,
                                              .head = write_head,
                                              .frame = write_frame,
                                              .close = close_line};
