#include "core/net/connection.h"

#include <errno.h>
#include <string.h>

#include "core/exchange/request.h"
#include "core/exchange/streaming.h"

/* How much of an unwanted body is read so that its connection can be kept. */
enum { DISCARD_MAX_BYTES = 64 * 1024 };

static void on_events(uv_poll_t *poll, int status, int events);
static void drive(struct connection *connection);

static void run_wake(struct deferral *deferral)
{
    struct connection *connection =
        (struct connection *)((char *)deferral - offsetof(struct connection, wake));
    connection->is_waking = false;
    drive(connection);
}

bool connection_open(struct clients *clients, const struct doorway *doorway,
                     struct transport transport, const char *address)
{
    struct pool *pool = (struct pool *)(uintptr_t)&doorway->connections;
    struct connection *connection = pool_take(pool);
    if (connection == NULL ||
        uv_poll_init_socket(clients->loop, &connection->poll, transport.fd) != 0) {
        pool_give(pool, connection);
        transport_close(&transport);
        return false;
    }
    uv_poll_t poll = connection->poll;
    memset(connection, 0, pool->block_bytes);
    connection->poll = poll;
    connection->transport = transport;
    connection->clients = clients;
    connection->doorway = doorway;
    connection->wake.run = run_wake;
    memcpy(connection->address, address, TRANSPORT_ADDRESS_BYTES);
    output_init(&connection->output);
    deadline_init(&connection->deadline);
    connection->next = clients->first;
    connection->link = &clients->first;
    if (connection->next != NULL)
        connection->next->link = &connection->next;
    clients->first = connection;
    clients->count++;
    doorway->protocol->open(connection->protocol_state, &clients->limits);
    deadline_set(&clients->deadlines, &connection->deadline, DEADLINE_KEEPALIVE);
    connection->interest = UV_READABLE;
    uv_poll_start(&connection->poll, UV_READABLE, on_events);
    return true;
}

static void on_closed(uv_handle_t *handle)
{
    struct connection *connection =
        (struct connection *)((char *)handle - offsetof(struct connection, poll));
    pool_give((struct pool *)(uintptr_t)&connection->doorway->connections, connection);
}

void connection_close(struct connection *connection)
{
    struct clients *clients = connection->clients;
    bool is_unfinished =
        connection->state == CONNECTION_BODY || connection->state == CONNECTION_HANDLING;
    if (connection->state == CONNECTION_CLOSED)
        return;
    connection->state = CONNECTION_CLOSED;
    bobbin_request *request = connection->request;
    if (request != NULL && request->answer.stage != ANSWER_BUILT && is_unfinished)
        reply_log(connection);
    connection->request = NULL;
    deadline_set(&clients->deadlines, &connection->deadline, DEADLINE_NONE);
    uv_close((uv_handle_t *)&connection->poll, on_closed);
    transport_close(&connection->transport);
    if (request != NULL)
        request_leave(request);
    connection->doorway->protocol->close(connection->protocol_state);
    output_finish(&connection->output, &clients->outputs);
    intake_release(connection);
    *connection->link = connection->next;
    if (connection->next != NULL)
        connection->next->link = connection->link;
    clients_left(clients);
}

static void watch(struct connection *connection, int interest)
{
    if (interest == connection->interest)
        return;
    connection->interest = interest;
    uv_poll_start(&connection->poll, interest, on_events);
}

/* Nobody reads now: only that the client hangs up is worth knowing, once. UV_PRIORITIZED (never set
 * by the peer) means "only errors": libuv reports those always. */
static int interest_in_hang_up(const struct connection *connection)
{
    return connection->has_hung_up ? 0 : UV_DISCONNECT;
}

/* on_writable is due, and was put off so that a fast client does not keep the loop. */
static bool owes_app_a_call(const struct connection *connection)
{
    return (connection->state == CONNECTION_BODY || connection->state == CONNECTION_HANDLING) &&
           streaming_is_writable(connection->request);
}

/* What the poll has to tell us, given the state. While an app works, the readable event stays as it
 * is until the client really sends something: most requests never cost an epoll_ctl. */
static void choose_interest(struct connection *connection)
{
    int interest = 0;
    bool is_blocked = !output_is_empty(&connection->output);
    switch (connection->state) {
    case CONNECTION_IDLE:
    case CONNECTION_HEAD:
        interest = is_blocked ? 0 : UV_READABLE;
        break;
    case CONNECTION_BODY:
        interest =
            request_reads(connection->request) ? UV_READABLE : interest_in_hang_up(connection);
        break;
    case CONNECTION_DISCARDING:
    case CONNECTION_LINGERING:
        interest = UV_READABLE;
        break;
    case CONNECTION_HANDLING:
        interest = connection->interest & (UV_READABLE | UV_DISCONNECT);
        if (interest == 0 || connection->has_hung_up)
            interest = interest_in_hang_up(connection);
        break;
    case CONNECTION_SENDING:
        break;
    case CONNECTION_CLOSED:
        return;
    }
    if (connection->is_half_closed)
        interest &= ~(UV_READABLE | UV_DISCONNECT);
    if (is_blocked || owes_app_a_call(connection))
        interest |= UV_WRITABLE;
    watch(connection, interest != 0 ? interest : UV_PRIORITIZED);
}

/* An app has the request, and it is its turn; a client that does not read has the turn itself. */
static enum deadline_kind wait_for_app(const struct connection *connection)
{
    const bobbin_request *request = connection->request;
    if (request->state != REQUEST_HANDLING)
        return DEADLINE_NONE;
    bool is_streamed = request->answer.stage == ANSWER_STREAMED;
    return is_streamed && !output_is_empty(&connection->output) ? DEADLINE_WRITE : DEADLINE_REQUEST;
}

static enum deadline_kind wait_of(const struct connection *connection)
{
    bool is_blocked = !output_is_empty(&connection->output);
    switch (connection->state) {
    case CONNECTION_IDLE:
        return is_blocked ? DEADLINE_WRITE : DEADLINE_KEEPALIVE;
    case CONNECTION_HEAD:
        return is_blocked ? DEADLINE_WRITE : DEADLINE_HEAD;
    case CONNECTION_BODY:
        if (!request_reads(connection->request))
            return wait_for_app(connection);
        return is_blocked ? DEADLINE_WRITE : DEADLINE_BODY;
    case CONNECTION_HANDLING:
        return wait_for_app(connection);
    case CONNECTION_DISCARDING:
        return is_blocked ? DEADLINE_WRITE : DEADLINE_BODY;
    case CONNECTION_SENDING:
        return is_blocked ? DEADLINE_WRITE : DEADLINE_NONE;
    case CONNECTION_LINGERING:
        return DEADLINE_LINGER;
    default:
        return DEADLINE_NONE;
    }
}

static void choose_deadline(struct connection *connection, bool progress)
{
    enum deadline_kind kind = wait_of(connection);
    bool is_streamed =
        connection->request != NULL && connection->request->answer.stage == ANSWER_STREAMED;
    /* A whole head, an app and a lingering close have one deadline in all; the other kinds begin
     * anew with every byte that moves. */
    bool counts_from_start = kind == DEADLINE_HEAD || kind == DEADLINE_LINGER ||
                             (kind == DEADLINE_REQUEST && !is_streamed);
    if (connection->state != CONNECTION_CLOSED &&
        (kind != connection->deadline.kind || (progress && !counts_from_start)))
        deadline_set(&connection->clients->deadlines, &connection->deadline, kind);
}

/* The answer will never be whole. What there is of it goes out; where the end of the connection
 * would be taken for its end (RFC 9112, section 6.3), only a reset tells. */
static void cut(struct connection *connection)
{
    const bobbin_request *request = connection->request;
    bool ends_with_connection =
        request->answer.length == BOBBIN_LENGTH_UNKNOWN && request->head.minor == 0;
    bool progress;
    if (ends_with_connection)
        transport_reset(&connection->transport);
    else
        output_flush(&connection->output, &connection->clients->outputs, &connection->transport,
                     &progress);
    connection_close(connection);
}

static void begin_lingering(struct connection *connection)
{
    if (connection->is_half_closed) {
        connection_close(connection);
        return;
    }
    transport_shut(&connection->transport);
    connection->state = CONNECTION_LINGERING;
}

/* Everything that waited is out: the request's memory is not needed any more. */
static void leave_sending(struct connection *connection)
{
    if (connection->request != NULL)
        request_finish(connection->request);
    connection->request = NULL;
    intake_release_head(connection);
    if (connection->closes)
        begin_lingering(connection);
    else
        connection->state = CONNECTION_IDLE;
}

static bool flush(struct connection *connection, bool *progress)
{
    switch (output_flush(&connection->output, &connection->clients->outputs, &connection->transport,
                         progress)) {
    case OUTPUT_SENT:
        return true;
    case OUTPUT_FAILED:
        connection_close(connection);
        return false;
    default:
        return false;
    }
}

/* The answer is queued. Without a tail it is a copy, and the request is not needed any more. */
static void leave_handling(struct connection *connection)
{
    if (connection->closes || connection->output.is_lent)
        connection->state = CONNECTION_SENDING;
    else {
        request_finish(connection->request);
        connection->request = NULL;
        if (connection->head != NULL)
            intake_release_head(connection);
        connection->state = CONNECTION_IDLE;
    }
}

/* The answer goes out although the body still comes. A little of it is read and thrown away; more
 * is not worth keeping the connection for. */
static bool answer_early(struct connection *connection)
{
    const bobbin_request *request = connection->request;
    uint64_t length = request->head.content_length;
    bool is_little = length != UINT64_MAX && length - request->body.length <= DISCARD_MAX_BYTES &&
                     !connection->owes_continue;
    connection->closes |= !is_little;
    streaming_send_on(connection->request);
    if (!reply_send(connection)) {
        cut(connection);
        return false;
    }
    connection->state = connection->closes ? CONNECTION_SENDING : CONNECTION_DISCARDING;
    return true;
}

/* One step of the state machine. False when it has to wait for the client or for the app. */
static bool advance(struct connection *connection, bool *progress)
{
    switch (connection->state) {
    case CONNECTION_IDLE:
    case CONNECTION_HEAD:
        if (intake_head(connection))
            return true;
        /* Nothing more to parse: now all answers leave together. */
        return !output_is_empty(&connection->output) && flush(connection, progress) &&
               connection->consumed < connection->filled && connection->state == CONNECTION_IDLE;
    case CONNECTION_BODY:
        if (request_reads(connection->request) && intake_body(connection))
            return true;
        return connection->state == CONNECTION_BODY && request_is_over(connection->request) &&
               answer_early(connection);
    case CONNECTION_HANDLING:
        if (!request_is_over(connection->request))
            return false;
        streaming_send_on(connection->request);
        if (!reply_send(connection)) {
            cut(connection);
            return false;
        }
        leave_handling(connection);
        return true;
    case CONNECTION_DISCARDING:
        return intake_body(connection);
    case CONNECTION_SENDING:
        if (!flush(connection, progress))
            return false;
        leave_sending(connection);
        return connection->state == CONNECTION_IDLE;
    default:
        return false;
    }
}

/* The app has the request, and writes: sends that, and lets it write more when there is room. True
 * when it was called, so that anything may have changed. */
static bool serve_stream(struct connection *connection, bool *progress)
{
    bobbin_request *request = connection->request;
    bool is_served =
        connection->state == CONNECTION_BODY || connection->state == CONNECTION_HANDLING;
    if (!is_served)
        return false;
    streaming_send_on(request);
    if (request->answer.stage == ANSWER_CUT) {
        cut(connection);
        return false;
    }
    if (request->answer.is_blocked && !output_is_empty(&connection->output))
        flush(connection, progress);
    if (connection->state == CONNECTION_CLOSED || !streaming_is_writable(request))
        return false;
    streaming_tell_writable(request);
    return true;
}

/* Whether the client's silence is final: nothing more comes, and nobody has what it is for. */
static bool is_forsaken(const struct connection *connection)
{
    if (!connection->is_half_closed || !output_is_empty(&connection->output))
        return false;
    return connection->state == CONNECTION_IDLE || connection->state == CONNECTION_HEAD ||
           connection->state == CONNECTION_DISCARDING ||
           (connection->state == CONNECTION_BODY && request_reads(connection->request));
}

static void drive(struct connection *connection)
{
    if (connection->state == CONNECTION_CLOSED)
        return;
    bool progress = false;
    connection->is_driving = true;
    while (advance(connection, &progress))
        ;
    if (serve_stream(connection, &progress)) {
        while (advance(connection, &progress))
            ;
        if (connection->request != NULL)
            streaming_send_on(connection->request);
    }
    if (connection->state != CONNECTION_CLOSED && !output_is_empty(&connection->output) &&
        connection->state != CONNECTION_SENDING)
        flush(connection, &progress);
    if (connection->state != CONNECTION_CLOSED && is_forsaken(connection))
        connection_close(connection);
    connection->is_driving = false;
    choose_deadline(connection, progress);
    choose_interest(connection);
}

void connection_wake(bobbin_request *request)
{
    struct connection *connection = request->connection;
    if (connection == NULL || connection->is_driving || connection->is_waking)
        return;
    connection->is_waking = true;
    exchange_defer(connection->clients->exchange, &connection->wake);
}

static size_t waiting(const bobbin_request *request)
{
    return request->connection->output.waiting;
}

const struct exchange_client connection_client = {.on_over = connection_wake,
                                                  .begin = reply_begin,
                                                  .send = reply_piece,
                                                  .send_file = reply_file,
                                                  .interim = reply_interim,
                                                  .waiting = waiting,
                                                  .wake = connection_wake};

/* The app works, and the client did something: sent more, half-closed, or went away. */
static void look_at_peer(struct connection *connection)
{
    switch (transport_peek(&connection->transport)) {
    case PEER_GONE:
        connection_close(connection);
        break;
    case PEER_HALF_CLOSED:
        connection->is_half_closed = true;
        break;
    case PEER_SENT: /* the next request can wait, but a hang-up behind it must be noticed */
        if (connection->interest & UV_DISCONNECT)
            connection->has_hung_up = true;
        else
            watch(connection, UV_DISCONNECT | (connection->interest & UV_WRITABLE));
        break;
    case PEER_QUIET:
        break;
    }
}

static void discard(struct connection *connection)
{
    char waste[16 * 1024];
    ssize_t got = transport_read(&connection->transport, waste, sizeof waste);
    if (got == 0 || (got < 0 && errno != EAGAIN))
        connection_close(connection);
}

static bool take_bytes(struct connection *connection)
{
    if (!intake_room(connection)) {
        connection_close(connection);
        return false;
    }
    ssize_t got = transport_read(&connection->transport, connection->input + connection->filled,
                                 connection->input_capacity - connection->filled);
    if (got > 0)
        connection->filled += (size_t)got;
    else if (got == 0)
        connection->is_half_closed = true;
    else if (errno != EAGAIN)
        connection_close(connection);
    return got > 0;
}

static void on_readable(struct connection *connection)
{
    switch (connection->state) {
    case CONNECTION_IDLE:
    case CONNECTION_HEAD:
        take_bytes(connection);
        break;
    case CONNECTION_BODY:
        if (!request_reads(connection->request)) {
            look_at_peer(connection);
            break;
        }
        /* fall through */
    case CONNECTION_DISCARDING:
        if (take_bytes(connection))
            deadline_set(&connection->clients->deadlines, &connection->deadline, DEADLINE_BODY);
        break;
    case CONNECTION_HANDLING:
        look_at_peer(connection);
        break;
    case CONNECTION_LINGERING:
        discard(connection);
        break;
    default:
        break;
    }
}

static void on_events(uv_poll_t *poll, int status, int events)
{
    struct connection *connection =
        (struct connection *)((char *)poll - offsetof(struct connection, poll));
    if (status < 0) /* EPOLLERR: reset by the peer */
        connection_close(connection);
    else if (events & (UV_READABLE | UV_DISCONNECT))
        on_readable(connection);
    else if ((events & UV_PRIORITIZED) && transport_peek(&connection->transport) == PEER_GONE)
        connection_close(connection);
    drive(connection);
}

void connection_on_due(struct deadline *deadline)
{
    struct connection *connection =
        (struct connection *)((char *)deadline - offsetof(struct connection, deadline));
    switch (wait_of(connection)) {
    case DEADLINE_HEAD:
        intake_refuse(connection, 408, "the head of the request did not come in time");
        break;
    case DEADLINE_BODY:
        intake_refuse(connection, 408, "the body of the request did not come in time");
        break;
    case DEADLINE_REQUEST:
        request_time_out(connection->request);
        break;
    default:
        connection_close(connection);
        break;
    }
    drive(connection);
}
