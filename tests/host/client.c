#include "tests/host/client.h"

#include <stdlib.h>
#include <string.h>

#include "core/exchange/request.h"
#include "core/exchange/streaming.h"
#include "tests/host/host.h"
#include "tests/host/memory.h"

enum { IN_PLACE_BYTES = 14 * 1024 };

/* ------------------------------------------------------------------ the end */

/* The connection is gone, whoever closed it. */
static void disconnect(bobbin_test_client *client, enum client_state state)
{
    bobbin_request *request = client->request;
    client->state = state;
    client->request = NULL;
    if (request != NULL)
        request_leave(request);
    client_forget_input(client);
    outgoing_finish(&client->outgoing);
}

void client_leave(bobbin_test_client *client)
{
    if (client->state <= CLIENT_TAKING)
        disconnect(client, CLIENT_LEFT);
}

static void time_out(bobbin_test_client *client)
{
    bobbin_request *request = client->request;
    if (request == NULL || request->state != REQUEST_HANDLING)
        return;
    if (script_before(client, "on_abort") == SCRIPT_LEAVE) {
        client_leave(client);
        return;
    }
    client->has_timed_out = client->needs_drive = true;
    request_time_out(request);
    client->needs_drive = true;
}

static bool act(bobbin_test_client *client, enum script_action action)
{
    if (action == SCRIPT_LEAVE)
        client_leave(client);
    else if (action == SCRIPT_TIME_OUT)
        time_out(client);
    return action != SCRIPT_NOTHING;
}

bool client_act_before(bobbin_test_client *client, const char *callback)
{
    return act(client, script_before(client, callback));
}

/* ------------------------------------------------------------------ to the core */

/* As core/net/intake.c: a body that fits behind its head stays there, and goes with the client. */
static void choose_place(bobbin_test_client *client)
{
    bobbin_request *request = client->request;
    uint64_t length = request->head.content_length;
    bool is_kept = !request->streams_body && !request_is_over(request);
    if (!is_kept || !request->head.has_body || length > IN_PLACE_BYTES ||
        length > request->exchange->body_limits.memory_bytes)
        return;
    client->place = memory_take(length);
    request->body.place = BODY_IN_PLACE;
}

static void take_piece(bobbin_test_client *client, bobbin_str piece)
{
    bobbin_request *request = client->request;
    if (request->body.place == BODY_IN_PLACE) {
        char *place = client->place + request->body.length;
        memcpy(place, piece.data, piece.length);
        piece.data = place;
    }
    request_take_piece(request, piece);
}

static void route(bobbin_test_client *client)
{
    bobbin_request *request = request_begin(&client->host->worker.exchange);
    if (request == NULL)
        memory_misuse("there is no memory");
    struct bobbin_head head = client->head;
    head.fields = request->head.fields;
    head.field_capacity = request->head.field_capacity;
    for (size_t i = 0; i < head.field_count; i++)
        head.fields[i] = client->fields[i];
    request->head = head;
    request->connection = (struct connection *)client;
    request->client_address = bobbin_text(client->address);
    request->scheme = "http";
    request->began_ns = uv_hrtime();
    client->request = request;
    client->slot = request->slot;
    client->generation = request->generation;
    request_route(request);
    choose_place(client);
}

/* The name of the callback that the next piece of the body, or its end, leads to; NULL: none. */
static const char *next_callback(const bobbin_test_client *client)
{
    const bobbin_request *request = client->request;
    if (request->state == REQUEST_READING)
        return client->body == NULL ? "handle" : NULL;
    if (request->streams_body || client->body == NULL)
        return "on_body";
    return NULL;
}

/* One piece of the body, or its end. False: there is nothing to tell. */
static bool tell_body(bobbin_test_client *client)
{
    bobbin_request *request = client->request;
    if (client->end_is_told || !request_reads(request) ||
        (client->body == NULL && !client->body_is_complete))
        return false;
    const char *callback = next_callback(client);
    if (callback != NULL && client_act_before(client, callback))
        return true;
    struct body_piece *piece = client_next_piece(client);
    if (piece != NULL) {
        take_piece(client, body_piece_bytes(piece));
        body_piece_free(piece);
    } else {
        client->end_is_told = true;
        request_take_end(request);
    }
    return true;
}

/* The app is through: the answer is taken over, and the request finished. */
static void take_answer(bobbin_test_client *client)
{
    bobbin_request *request = client->request;
    const struct answer *answer = &request->answer;
    streaming_send_on(request);
    if (answer->stage == ANSWER_CUT) {
        disconnect(client, CLIENT_CUT);
        return;
    }
    if (request->app != NULL && request->pending == 0 && client_act_before(client, "on_finish"))
        return;
    client_receive_end(client);
    client->state = CLIENT_TAKING;
    client->request = NULL;
    request_finish(request);
    client_forget_input(client);
}

/* ------------------------------------------------------------------ driving */

static bool advance(bobbin_test_client *client)
{
    enum script_action due = client->due;
    client->due = SCRIPT_NOTHING;
    if (act(client, due) || act(client, script_after(client)))
        return true;
    if (client->state != CLIENT_SENDING)
        return false;
    if (client->request == NULL) {
        bool is_called = client->host->instance->plugin->on_body != NULL;
        if (!is_called || !client_act_before(client, "handle"))
            route(client);
        return true;
    }
    if (request_is_over(client->request)) {
        take_answer(client);
        return true;
    }
    return tell_body(client);
}

static void flush(bobbin_test_client *client)
{
    if (!outgoing_flush(&client->outgoing, &client->received))
        disconnect(client, CLIENT_CUT); /* a file ended early */
    else if (client->state == CLIENT_TAKING && client->outgoing.first == NULL)
        client->state = CLIENT_WHOLE;
}

/* What the app has written goes out, and it may go on: as in connection.c. True when it was called.
 */
static bool serve_stream(bobbin_test_client *client)
{
    if (client->request == NULL)
        return false;
    streaming_send_on(client->request);
    if (client->request->answer.stage == ANSWER_CUT) {
        disconnect(client, CLIENT_CUT);
        return false;
    }
    flush(client);
    if (client->request == NULL || !streaming_is_writable(client->request))
        return false;
    if (!client_act_before(client, "on_writable"))
        streaming_tell_writable(client->request);
    return true;
}

/* on_writable is called once a turn, so that a fast client does not keep the loop. */
static void drive(bobbin_test_client *client)
{
    client->needs_drive = false;
    while (advance(client))
        ;
    if (serve_stream(client)) {
        while (advance(client))
            ;
        if (client->request != NULL) {
            streaming_send_on(client->request);
            client->needs_drive |= client->request->answer.stage == ANSWER_CUT;
        }
    }
    flush(client);
    client->needs_drive |= client->request != NULL && streaming_is_writable(client->request);
}

bool clients_drive(bobbin_test_host *host)
{
    bool happened = false;
    for (bobbin_test_client *client = host->clients; client != NULL; client = client->next) {
        if (!client->needs_drive && !script_is_due(client))
            continue;
        happened = true;
        host->calls.present = client;
        drive(client);
        /* What its app has put off is for this client as well. */
        exchange_run_deferred(&host->worker.exchange);
        host->calls.present = NULL;
    }
    return happened;
}

const bobbin_test_client *clients_find(const bobbin_test_host *host, const bobbin_request *request)
{
    for (bobbin_test_client *client = host->clients; client != NULL; client = client->next)
        if (client->generation == request->generation && client->slot == request->slot)
            return client;
    return NULL;
}

/* ------------------------------------------------------------------ all of them */

/* A client that does not take what was written keeps its app from ending: that is its own doing. */
static bool is_forgotten(const bobbin_test_client *client)
{
    const bobbin_request *request = client->request;
    return request != NULL && request->state == REQUEST_HANDLING && client->end_is_told &&
           !(request->answer.is_blocked && client->outgoing.first != NULL);
}

bool clients_check_ended(bobbin_test_host *host, bobbin_error *error)
{
    const bobbin_test_client *first = NULL;
    size_t count = 0;
    for (bobbin_test_client *client = host->clients; client != NULL; client = client->next) {
        if (!is_forgotten(client))
            continue;
        first = first != NULL ? first : client;
        count++;
    }
    return count == 0 ||
           bobbin_fail(error, "%zu request%s never ended by %s: %.*s %.*s", count,
                       count == 1 ? " was" : "s were", host->instance->name,
                       BOBBIN_ARG(first->head.method), BOBBIN_ARG(first->head.target));
}

void clients_leave(bobbin_test_host *host)
{
    struct calls *before = calls_open_book(&host->calls, NULL);
    for (bobbin_test_client *client = host->clients; client != NULL; client = client->next) {
        host->calls.present = client;
        client_leave(client);
    }
    calls_open_book(before, NULL);
}

void clients_destroy(bobbin_test_host *host)
{
    for (bobbin_test_client *client = host->clients, *next; client != NULL; client = next) {
        next = client->next;
        client_forget_input(client);
        scripts_free(client->scripts);
        outgoing_finish(&client->outgoing);
        received_finish(&client->received);
        free(client);
    }
    host->clients = NULL;
}
