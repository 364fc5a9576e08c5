/* Answers of the core on their way to a client: what core/net/reply.c is without a protocol. */
#include <inttypes.h>
#include <stdio.h>

#include "core/exchange/request.h"
#include "tests/host/client.h"

/* To the core a connection is a pointer that it hands back: here it is the client. */
static bobbin_test_client *client_of(const bobbin_request *request)
{
    return (bobbin_test_client *)request->connection;
}

/* ------------------------------------------------------------------ the answer */

static void receive_head(bobbin_test_client *client, uint64_t length)
{
    const struct answer *answer = &client->request->answer;
    char text[24];
    client->received.status = answer->status;
    received_add_fields(&client->received.fields, answer->fields, answer->field_count);
    if (!answer_has_body(answer->status))
        return;
    if (length != BOBBIN_LENGTH_UNKNOWN) {
        snprintf(text, sizeof text, "%" PRIu64, length);
        received_add_field(&client->received.fields, "content-length", text);
    } else if (client->head.minor > 0) {
        received_add_field(&client->received.fields, "transfer-encoding", "chunked");
    }
}

static void receive_built(bobbin_test_client *client)
{
    struct answer *answer = &client->request->answer;
    receive_head(client, answer_body_length(answer));
    if (!answer_has_body(answer->status) || bobbin_is(client->head.method, "HEAD"))
        return;
    if (answer->fd >= 0) {
        outgoing_add_file(&client->outgoing, answer->fd, answer->file_offset, answer->file_length);
        answer->fd = -1; /* the client's from here on */
    } else {
        outgoing_add(&client->outgoing, answer->body, answer->body_length);
    }
}

void client_receive_end(bobbin_test_client *client)
{
    const struct answer *answer = &client->request->answer;
    if (answer->stage == ANSWER_BUILT)
        receive_built(client);
    else if (!answer->is_bodiless && answer->length == BOBBIN_LENGTH_UNKNOWN)
        received_add_fields(&client->received.trailers, answer->trailers, answer->trailer_count);
}

static bool begin(bobbin_request *request)
{
    bobbin_test_client *client = client_of(request);
    client->is_streamed = true;
    receive_head(client, request->answer.length);
    return true;
}

static bool send_piece(bobbin_request *request, const void *data, size_t length)
{
    outgoing_add(&client_of(request)->outgoing, data, length);
    return true;
}

static bool send_file(bobbin_request *request, int fd, uint64_t offset, uint64_t length)
{
    outgoing_add_file(&client_of(request)->outgoing, fd, offset, length);
    return true;
}

static bool send_interim(bobbin_request *request, int status, const bobbin_field *fields,
                         size_t count)
{
    received_add_interim(&client_of(request)->received, status, fields, count);
    return true;
}

static size_t waiting(const bobbin_request *request)
{
    return client_of(request)->outgoing.waiting;
}

static void wake(bobbin_request *request)
{
    if (client_of(request) != NULL)
        client_of(request)->needs_drive = true;
}

const struct exchange_client client_table = {.on_over = wake,
                                             .begin = begin,
                                             .send = send_piece,
                                             .send_file = send_file,
                                             .interim = send_interim,
                                             .waiting = waiting,
                                             .wake = wake};
