/* A protocol that never understands anything, and crashes at an exclamation mark. */
#include "bobbin.h"

#include <stdlib.h>

static void open_wire(void *connection, const struct bobbin_limits *limits)
{
    (void)connection;
    (void)limits;
}

static enum bobbin_feed_event feed(void *connection, struct bobbin_feed *feed,
                                   struct bobbin_head *head)
{
    (void)connection;
    (void)head;
    if (feed->data[0] == '!')
        abort();
    feed->status = 400;
    feed->sentence = "not understood";
    return BOBBIN_FEED_REFUSE;
}

static size_t write_head(void *connection, const struct bobbin_answer *answer, char *out,
                         size_t capacity)
{
    (void)connection;
    (void)answer;
    (void)out;
    (void)capacity;
    return 0;
}

static size_t write_frame(void *connection, const struct bobbin_frame *frame, char *out,
                          size_t capacity)
{
    (void)connection;
    (void)frame;
    (void)out;
    (void)capacity;
    return 0;
}

static void close_wire(void *connection)
{
    (void)connection;
}

static const struct bobbin_protocol protocol = {.size = sizeof protocol,
                                                .scheme = "wire",
                                                .open = open_wire,
                                                .feed = feed,
                                                .head = write_head,
                                                .frame = write_frame,
                                                .close = close_wire};

BOBBIN_PLUGIN(.name = "wire", .about = "Understands nothing.", .protocol = &protocol);
