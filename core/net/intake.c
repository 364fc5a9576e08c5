/* Bytes into requests: the part of a connection that feeds its protocol. */
#include <stdlib.h>
#include <string.h>

#include "core/exchange/request.h"
#include "core/net/connection.h"
#include "core/plugin/running.h"

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
    bool in_body =
        connection->state == CONNECTION_BODY || connection->state == CONNECTION_DISCARDING;
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

static enum bobbin_feed_event have_fed(struct connection *connection, struct bobbin_feed *feed)
{
    const struct doorway *doorway = connection->doorway;
    running_enter_briefly(doorway->protocol_name, "feed");
    enum bobbin_feed_event event =
        doorway->protocol->feed(connection->protocol_state, feed, &connection->request->head);
    running_leave_briefly();
    connection->consumed += feed->consumed;
    return event;
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
    bool is_kept = !request->streams_body && !request_is_over(request);
    if (is_kept && length <= connection->input_capacity - connection->body_start &&
        length <= request->exchange->body_limits.memory_bytes)
        request->body.place = BODY_IN_PLACE;
    return true;
}

static void take_head(struct connection *connection)
{
    bobbin_request *request = connection->request;
    request->began_ns = uv_hrtime();
    connection->body_start = connection->consumed;
    connection->state = CONNECTION_BODY;
    connection->closes = !request->head.keep_alive;
    connection->owes_continue = request->head.expects_continue;
    request_route(request);
    connection->closes |=
        request->answer.status == 400; /* who is wrong once is not trusted again */
    if (!choose_place(connection))
        connection_close(connection);
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
    if (connection->output.waiting > OUTPUT_MARK_BYTES || connection->output.files > 0)
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
    enum bobbin_feed_event event = have_fed(connection, &feed);
    switch (event) {
    case BOBBIN_FEED_HEAD:
        take_head(connection);
        return true;
    case BOBBIN_FEED_REFUSE:
        intake_refuse(connection, feed.status, feed.sentence);
        return true;
    default:
        if (connection->consumed == connection->filled)
            fall_idle(connection);
        else
            connection->state = CONNECTION_HEAD;
        return false;
    }
}

/* The body is not there, and not paused: what does the client wait for? */
static bool await_more(struct connection *connection)
{
    const bobbin_request *request = connection->request;
    bool may_continue = connection->owes_continue && connection->filled == connection->consumed &&
                        connection->state == CONNECTION_BODY && !request_is_over(request) &&
                        request->answer.stage == ANSWER_BUILT;
    if (may_continue) {
        connection->owes_continue = false;
        if (!reply_interim(connection->request, 100, NULL, 0))
            connection_close(connection);
    }
    return false;
}

bool intake_body(struct connection *connection)
{
    bobbin_request *request = connection->request;
    struct bobbin_feed feed = fed(connection);
    enum bobbin_feed_event event = have_fed(connection, &feed);
    switch (event) {
    case BOBBIN_FEED_BODY:
        connection->owes_continue = false;
        request_take_piece(request, feed.body);
        return true;
    case BOBBIN_FEED_END:
        connection->owes_continue = false;
        if (connection->state == CONNECTION_BODY) {
            connection->state = CONNECTION_HANDLING;
            request_take_end(request);
        } else {
            connection->state = CONNECTION_SENDING;
        }
        return true;
    case BOBBIN_FEED_REFUSE:
        intake_refuse(connection, feed.status, feed.sentence);
        return true;
    default:
        return await_more(connection);
    }
}

/* What the protocol refused may have no head at all: the answer must be possible all the same. */
void intake_refuse(struct connection *connection, int status, const char *sentence)
{
    bobbin_request *request = connection->request;
    connection->closes = true;
    if (connection->state == CONNECTION_DISCARDING) { /* it has its answer */
        connection->state = CONNECTION_SENDING;
        return;
    }
    if (request->head.method.data == NULL) {
        request->head.method = bobbin_text("-");
        request->head.target = bobbin_text("-");
        request->head.minor = 1;
        request->head.field_count = 0;
    }
    if (request->state == REQUEST_READING || request->state == REQUEST_HANDLING)
        request_take(request, status, sentence);
    connection->state = CONNECTION_HANDLING;
}
