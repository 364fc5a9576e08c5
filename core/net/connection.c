#include "core/net/connection.h"

#include <errno.h>
#include <string.h>

#include "core/exchange/request.h"

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
    if (connection->state == CONNECTION_CLOSED)
        return;
    connection->state = CONNECTION_CLOSED;
    bobbin_request *request = connection->request;
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

/* What the poll has to tell us, given the state. While an app works, the readable event stays as it
 * is until the client really sends something: most requests never cost an epoll_ctl. UV_PRIORITIZED
 * (never set by the peer) means "only errors": libuv reports those always. */
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
    case CONNECTION_LINGERING:
        interest = UV_READABLE;
        break;
    case CONNECTION_HANDLING:
        interest = connection->interest & (UV_READABLE | UV_DISCONNECT);
        break;
    case CONNECTION_SENDING:
        break;
    case CONNECTION_CLOSED:
        return;
    }
    if (connection->is_half_closed)
        interest &= ~(UV_READABLE | UV_DISCONNECT);
    if (is_blocked)
        interest |= UV_WRITABLE;
    watch(connection, interest != 0 ? interest : UV_PRIORITIZED);
}

static void choose_deadline(struct connection *connection, bool progress)
{
    enum deadline_kind kind = DEADLINE_NONE;
    switch (connection->state) {
    case CONNECTION_IDLE:
        kind = DEADLINE_KEEPALIVE;
        break;
    case CONNECTION_HEAD:
        kind = DEADLINE_HEAD;
        break;
    case CONNECTION_BODY:
        kind = DEADLINE_BODY;
        break;
    case CONNECTION_HANDLING:
        kind = connection->request->state == REQUEST_HANDLING ? DEADLINE_REQUEST : DEADLINE_NONE;
        break;
    case CONNECTION_LINGERING:
        kind = DEADLINE_LINGER;
        break;
    case CONNECTION_SENDING:
    case CONNECTION_CLOSED:
        break;
    }
    if (!output_is_empty(&connection->output) && connection->state != CONNECTION_HANDLING)
        kind = DEADLINE_WRITE;
    /* A whole head, an app and a lingering close have one deadline in all; the other kinds begin
     * anew with every byte that moves. */
    bool counts_from_start =
        kind == DEADLINE_HEAD || kind == DEADLINE_REQUEST || kind == DEADLINE_LINGER;
    if (connection->state != CONNECTION_CLOSED &&
        (kind != connection->deadline.kind || (progress && !counts_from_start)))
        deadline_set(&connection->clients->deadlines, &connection->deadline, kind);
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
        return intake_body(connection);
    case CONNECTION_HANDLING:
        if (!request_is_over(connection->request))
            return false;
        reply_send(connection);
        return true;
    case CONNECTION_SENDING:
        if (!flush(connection, progress))
            return false;
        leave_sending(connection);
        return connection->state == CONNECTION_IDLE;
    default:
        return false;
    }
}

static void drive(struct connection *connection)
{
    if (connection->state == CONNECTION_CLOSED)
        return;
    bool progress = false;
    connection->is_driving = true;
    while (advance(connection, &progress))
        ;
    if (connection->state != CONNECTION_CLOSED && !output_is_empty(&connection->output) &&
        connection->state != CONNECTION_SENDING)
        flush(connection, &progress);
    if (connection->is_half_closed && output_is_empty(&connection->output) &&
        (connection->state == CONNECTION_IDLE || connection->state == CONNECTION_HEAD ||
         connection->state == CONNECTION_BODY))
        connection_close(connection);
    connection->is_driving = false;
    choose_deadline(connection, progress);
    choose_interest(connection);
}

void connection_on_over(bobbin_request *request)
{
    struct connection *connection = request->connection;
    if (connection == NULL || connection->is_driving || connection->is_waking)
        return;
    connection->is_waking = true;
    exchange_defer(connection->clients->exchange, &connection->wake);
}

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
            connection->is_half_closed = true;
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
    switch (connection->state) {
    case CONNECTION_HEAD:
        reply_refuse(connection, 408, "the head of the request did not come in time");
        break;
    case CONNECTION_BODY:
        reply_refuse(connection, 408, "the body of the request did not come in time");
        break;
    case CONNECTION_HANDLING:
        request_time_out(connection->request);
        break;
    default:
        connection_close(connection);
        break;
    }
    drive(connection);
}
