/* What a test has its clients do: the calls of bobbin-test.h about requests. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/exchange/route.h"
#include "tests/host/client.h"
#include "tests/host/host.h"
#include "tests/host/memory.h"

struct body_piece {
    struct body_piece *next;
    char *bytes; /* owned: exactly so many */
    size_t length;
};

/* ------------------------------------------------------------------ the body */

bobbin_str body_piece_bytes(const struct body_piece *piece)
{
    return (bobbin_str){piece->bytes, piece->length};
}

void body_piece_free(struct body_piece *piece)
{
    free(piece->bytes);
    free(piece);
}

struct body_piece *client_next_piece(bobbin_test_client *client)
{
    struct body_piece *piece = client->body;
    if (piece == NULL)
        return NULL;
    client->body = piece->next;
    if (client->body == NULL)
        client->body_end = &client->body;
    return piece;
}

static void add_piece(bobbin_test_client *client, const char *bytes, size_t length)
{
    struct body_piece *piece = memory_take(sizeof *piece);
    client->body_bytes += length;
    if (client->body_bytes > client->head.content_length)
        memory_misuse("the body is longer than its length of %llu bytes",
                      (unsigned long long)client->head.content_length);
    *piece = (struct body_piece){.bytes = memory_copy(bytes, length), .length = length};
    *client->body_end = piece;
    client->body_end = &piece->next;
}

static void add_body(bobbin_test_client *client, bobbin_str body, size_t piece_bytes)
{
    if (piece_bytes == 0)
        piece_bytes = body.length;
    for (size_t at = 0; at < body.length; at += piece_bytes)
        add_piece(client, body.data + at,
                  body.length - at < piece_bytes ? body.length - at : piece_bytes);
}

/* ------------------------------------------------------------------ the head */

void client_forget_input(bobbin_test_client *client)
{
    for (struct body_piece *piece; (piece = client_next_piece(client)) != NULL;)
        body_piece_free(piece);
    for (size_t i = 0; i < client->head.field_count; i++) {
        free((char *)(uintptr_t)client->fields[i].name.data);
        free((char *)(uintptr_t)client->fields[i].value.data);
    }
    free(client->fields);
    free(client->address);
    free(client->place);
    free((char *)(uintptr_t)client->head.method.data);
    free((char *)(uintptr_t)client->head.target.data);
    client->fields = NULL;
    client->address = client->place = NULL;
    client->head = (struct bobbin_head){0};
}

/* Bytes as they lie in a connection's input: nothing ends them. */
static bobbin_str own(const char *text)
{
    size_t length = strlen(text);
    return (bobbin_str){memory_copy(text, length), length};
}

static void add_field(bobbin_test_client *client, const char *name, const char *value)
{
    client->fields = memory_grow(client->fields, client->head.field_count, sizeof *client->fields);
    client->fields[client->head.field_count++] = (bobbin_field){own(name), own(value)};
}

static bool has_pair(const char *const *pairs, const char *name)
{
    for (; pairs != NULL && pairs[0] != NULL; pairs += 2)
        if (strcasecmp(pairs[0], name) == 0)
            return true;
    return false;
}

static void add_fields(bobbin_test_client *client, const struct bobbin_test_request *request)
{
    char length[24];
    const struct bobbin_head *head = &client->head;
    snprintf(length, sizeof length, "%" PRIu64, head->content_length);
    if (!has_pair(request->headers, "host"))
        add_field(client, "host", "localhost");
    for (const char *const *pair = request->headers; pair != NULL && pair[0] != NULL; pair += 2) {
        if (pair[1] == NULL)
            memory_misuse("the header %s has no value", pair[0]);
        add_field(client, pair[0], pair[1]);
    }
    if (head->has_body && head->content_length == UINT64_MAX)
        add_field(client, "transfer-encoding", "chunked");
    else if (head->has_body && !has_pair(request->headers, "content-length"))
        add_field(client, "content-length", length);
    if (head->field_count > client->host->settings.max_fields)
        memory_misuse("a request has at most %llu fields (max-fields), not %zu",
                      (unsigned long long)client->host->settings.max_fields, head->field_count);
}

static bobbin_str authority_of(const bobbin_test_client *client)
{
    for (size_t i = 0; i < client->head.field_count; i++)
        if (client->fields[i].name.length == 4 &&
            strncasecmp(client->fields[i].name.data, "host", 4) == 0)
            return client->fields[i].value;
    return (bobbin_str){"", 0};
}

static void make_head(bobbin_test_client *client, const struct bobbin_test_request *request)
{
    const char *prefix = routes_at(client->host->routes, 0)->prefix.data;
    const char *target = request->target != NULL ? request->target : *prefix ? prefix : "/";
    bool has_body = request->body.data != NULL || request->body_follows;
    const char *method = request->method != NULL ? request->method : has_body ? "POST" : "GET";
    uint64_t length = request->body_follows ? request->length : request->body.length;
    client->head = (struct bobbin_head){.size = sizeof client->head,
                                        .minor = request->is_http_1_0 ? 0 : 1,
                                        .keep_alive = true,
                                        .has_body = has_body,
                                        .content_length = !has_body                     ? 0
                                                          : request->has_unknown_length ? UINT64_MAX
                                                                                        : length};
    add_fields(client, request);
    client->head.method = own(method);
    client->head.target = own(target);
    client->head.authority = authority_of(client);
    client->address = memory_text(
        bobbin_text(request->client_address != NULL ? request->client_address : "127.0.0.1"));
}

/* ------------------------------------------------------------------ sending */

bobbin_test_client *bobbin_test_connect(bobbin_test_host *host)
{
    bobbin_test_client *client = memory_take(sizeof *client);
    if (host->is_job_process)
        memory_misuse("no request comes to a job process");
    client->host = host;
    client->first_call = host->calls.count;
    client->body_end = &client->body;
    outgoing_init(&client->outgoing);
    *host->clients_end = client;
    host->clients_end = &client->next;
    return client;
}

static void go_on(bobbin_test_client *client)
{
    client->needs_drive = true;
    host_settle(client->host);
}

void bobbin_test_send(bobbin_test_client *client, const struct bobbin_test_request *given)
{
    struct bobbin_test_request request = {0};
    memcpy(&request, given, given->size < sizeof request ? given->size : sizeof request);
    if (client->state == CLIENT_LEFT)
        return;
    if (client->state != CLIENT_NEW)
        memory_misuse("a client sends one request: connect another one");
    make_head(client, &request);
    add_body(client, request.body, request.piece_bytes);
    client->body_is_complete = !request.body_follows;
    client->state = CLIENT_SENDING;
    go_on(client);
}

void bobbin_test_send_body(bobbin_test_client *client, bobbin_str piece)
{
    if (client->state == CLIENT_NEW || client->body_is_complete)
        memory_misuse("more of a body only comes behind a request with .body_follows");
    if (client->state == CLIENT_SENDING && piece.length > 0)
        add_piece(client, piece.data, piece.length);
    go_on(client);
}

void bobbin_test_end_body(bobbin_test_client *client)
{
    if (client->state == CLIENT_NEW || client->body_is_complete)
        memory_misuse("the body has ended");
    if (client->state == CLIENT_SENDING && client->head.content_length != UINT64_MAX &&
        client->body_bytes < client->head.content_length)
        memory_misuse("the body is shorter than its length: a client that sends less leaves");
    client->body_is_complete = true;
    go_on(client);
}

static bool has_ended(void *arg)
{
    return bobbin_test_outcome_of(arg) != BOBBIN_TEST_OPEN;
}

bool bobbin_test_wait(bobbin_test_client *client)
{
    return bobbin_test_wait_until(client->host, has_ended, client);
}

bobbin_test_client *bobbin_test_ask(bobbin_test_host *host,
                                    const struct bobbin_test_request *request)
{
    bobbin_test_client *client = bobbin_test_connect(host);
    bobbin_test_send(client, request);
    bobbin_test_wait(client);
    return client;
}

bobbin_test_client *bobbin_test_get(bobbin_test_host *host, const char *target)
{
    return bobbin_test_ask(host, BOBBIN_TEST_REQUEST(.target = target));
}

/* ------------------------------------------------------------------ behaving */

void bobbin_test_take(bobbin_test_client *client, uint64_t bytes)
{
    uint64_t *allowance = &client->outgoing.allowance;
    *allowance = *allowance == UINT64_MAX || bytes == UINT64_MAX ? bytes : *allowance + bytes;
    go_on(client);
}

void bobbin_test_take_all(bobbin_test_client *client)
{
    bobbin_test_take(client, UINT64_MAX);
}

static void act_now(bobbin_test_client *client, enum script_action action)
{
    client->due = action;
    go_on(client);
}

void bobbin_test_leave(bobbin_test_client *client)
{
    act_now(client, SCRIPT_LEAVE);
}

void bobbin_test_time_out(bobbin_test_client *client)
{
    act_now(client, SCRIPT_TIME_OUT);
}
