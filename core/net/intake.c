/* Bytes into requests: the part of a connection that feeds its protocol. */
#include <stdlib.h>
#include <string.h>

#include "core/exchange/request.h"
#include "core/net/connection.h"

enum {
    /* While more answers than this wait for a client that does not read, nothing is parsed. */
    OUTPUT_MARK_BYTES = 64 * 1024,
    /* A protocol may need a whole line or trailer section of a body at once. */
    BODY_ROOM_BYTES = INPUT_BYTES - 2048
};

static size_t largest_input(const struct clients *clients)
{
    return clients->limits.head_bytes + clients->limits.request_line_bytes + INPUT_BYTES;
}

static void drop(struct connection *connection, char *buffer, size_t capacity)
{
    if (capacity > INPUT_BYTES)
        free(buffer);
    else
        pool_give(&connection->clients->inputs, buffer);
}

static void drop_input(struct connection *connection)
{
    drop(connection, connection->input, connection->input_capacity);
    connection->input = NULL;
    connection->input_capacity = connection->consumed = connection->filled = 0;
}

void intake_release_head(struct connection *connection)
{
    drop(connection, connection->head, connection->head_capacity);
    connection->head = NULL;
    connection->head_capacity = 0;
}

void intake_release(struct connection *connection)
{
    intake_release_head(connection);
    drop_input(connection);
}

/* Leaves the head where it is, and goes on in a new buffer: for bodies behind large heads. */
static bool part_from_head(struct connection *connection)
{
    size_t waiting = connection->filled - connection->consumed;
    char *fresh = waiting <= INPUT_BYTES ? pool_take(&connection->clients->inputs) : NULL;
    if (fresh == NULL)
        return waiting > INPUT_BYTES; /* then there is room enough where it is */
    memcpy(fresh, connection->input + connection->consumed, waiting);
    connection->head = connection->input;
    connection->head_capacity = connection->input_capacity;
    connection->input = fresh;
    connection->input_capacity = INPUT_BYTES;
    connection->consumed = connection->body_start = 0;
    connection->filled = waiting;
    return true;
}

/* Only while no span points into the input: before a head is complete. */
static bool grow(struct connection *connection)
{
    size_t capacity = largest_input(connection->clients);
    if (connection->input_capacity >= capacity)
        return false;
    char *larger = malloc(capacity);
    if (larger == NULL)
        return false;
    size_t waiting = connection->filled - connection->consumed;
    memcpy(larger, connection->input + connection->consumed, waiting);
    drop_input(connection);
    connection->input = larger;
    connection->input_capacity = capacity;
    connection->filled = waiting;
    return true;
}

/* Moves what is not parsed yet to the front of the part that may move. */
static void compact(struct connection *connection, size_t start)
{
    size_t waiting = connection->filled - connection->consumed;
    if (waiting > 0 && connection->consumed > start)
        memmove(connection->input + start, connection->input + connection->consumed, waiting);
    connection->consumed = start;
    connection->filled = start + waiting;
}

bool intake_room(struct connection *connection)
{
    if (connection->input == NULL) {
        connection->input = pool_take(&connection->clients->inputs);
        if (connection->input == NULL)
            return false;
        connection->input_capacity = INPUT_BYTES;
        connection->consumed = connection->filled = 0;
    }
    bool in_body = connection->state == CONNECTION_BODY;
    bool in_place = in_body && connection->request->body.place == BODY_IN_PLACE;
    if (!in_place && (connection->filled == connection->input_capacity ||
                      connection->consumed == connection->filled))
        compact(connection, in_body ? connection->body_start : 0);
    return connection->filled < connection->input_capacity || (!in_body && grow(connection));
}

static struct bobbin_feed fed(const struct connection *connection)
{
    return (struct bobbin_feed){.size = sizeof(struct bobbin_feed),
                                .data = connection->input + connection->consumed,
                                .length = connection->filled - connection->consumed};
}

static bool begin_request(struct connection *connection)
{
    connection->request = request_begin(connection->clients->exchange);
    if (connection->request == NULL)
        return false;
    connection->request->connection = connection;
    connection->request->client_address = bobbin_text(connection->address);
    connection->request->scheme = connection->doorway->protocol->scheme;
    return true;
}

/* A body that is known to fit behind its head stays where it is read to. */
static bool choose_place(struct connection *connection)
{
    bobbin_request *request = connection->request;
    uint64_t length = request->head.content_length;
    size_t room = connection->input_capacity - connection->body_start;
    if (!request->head.has_body)
        return true;
    if (length > room && room < BODY_ROOM_BYTES && !part_from_head(connection))
        return false;
    if (request->route == NULL)
        request->body.place = BODY_DISCARDED;
    else if (length <= connection->input_capacity - connection->body_start &&
             length <= request->exchange->body_limits.memory_bytes)
        request->body.place = BODY_IN_PLACE;
    return true;
}

/* UINT64_MAX is not known yet. */
static bool is_too_long(const bobbin_request *request, uint64_t body_bytes)
{
    return body_bytes != UINT64_MAX && body_bytes > request->exchange->settings->max_body_bytes;
}

static void take_head(struct connection *connection)
{
    bobbin_request *request = connection->request;
    request->began_ns = uv_hrtime();
    connection->body_start = connection->consumed;
    connection->state = CONNECTION_BODY;
    connection->closes = !request->head.keep_alive;
    bool is_taken = request_route(request);
    connection->closes |=
        request->answer.status == 400; /* who is wrong once is not trusted again */
    if (is_too_long(request, request->head.has_body ? request->head.content_length : 0)) {
        reply_refuse(connection, 413, "the body is too large");
        return;
    }
    if (!choose_place(connection)) {
        connection_close(connection);
        return;
    }
    if (!request->head.expects_continue || connection->filled > connection->consumed)
        return;
    if (is_taken) {
        reply_continue(connection);
    } else { /* the client has not sent the body and need not */
        connection->closes = true;
        request->state = REQUEST_ENDED;
        connection->state = CONNECTION_HANDLING;
    }
}

/* Nothing of a request is here: no memory but the connection itself is kept. */
static void fall_idle(struct connection *connection)
{
    if (connection->request != NULL)
        request_leave(connection->request);
    connection->request = NULL;
    connection->state = CONNECTION_IDLE;
    drop_input(connection);
}

bool intake_head(struct connection *connection)
{
    struct output *output = &connection->output;
    if (output->end - output->start > OUTPUT_MARK_BYTES)
        return false;
    if (connection->consumed == connection->filled) {
        fall_idle(connection);
        return false;
    }
    if (connection->request == NULL && !begin_request(connection)) {
        connection_close(connection);
        return false;
    }
    struct bobbin_feed feed = fed(connection);
    enum bobbin_feed_event event = connection->doorway->protocol->feed(
        connection->protocol_state, &feed, &connection->request->head);
    connection->consumed += feed.consumed;
    switch (event) {
    case BOBBIN_FEED_HEAD:
        take_head(connection);
        return true;
    case BOBBIN_FEED_REFUSE:
        reply_refuse(connection, feed.status, feed.sentence);
        return true;
    default:
        if (connection->consumed == connection->filled)
            fall_idle(connection);
        else
            connection->state = CONNECTION_HEAD;
        return false;
    }
}

static bool take_piece(struct connection *connection, bobbin_str piece)
{
    bobbin_request *request = connection->request;
    if (is_too_long(request, request->body.length + piece.length)) {
        reply_refuse(connection, 413, "the body is too large");
        return true;
    }
    if (body_append(&request->body, &request->exchange->body_limits, &request->arena, piece,
                    request->head.content_length))
        return true;
    log_write(request->exchange->log, BOBBIN_ERROR, NULL, "a body of %llu bytes was not kept: %m",
              (unsigned long long)request->body.length + piece.length);
    reply_refuse(connection, 507, "there is no space for the body of the request");
    return true;
}

bool intake_body(struct connection *connection)
{
    struct bobbin_feed feed = fed(connection);
    enum bobbin_feed_event event = connection->doorway->protocol->feed(
        connection->protocol_state, &feed, &connection->request->head);
    connection->consumed += feed.consumed;
    switch (event) {
    case BOBBIN_FEED_BODY:
        return take_piece(connection, feed.body);
    case BOBBIN_FEED_END:
        connection->state = CONNECTION_HANDLING;
        request_dispatch(connection->request);
        return true;
    case BOBBIN_FEED_REFUSE:
        reply_refuse(connection, feed.status, feed.sentence);
        return true;
    default:
        return false;
    }
}
