/* Answers into bytes: the part of a connection that has its protocol write heads. */
#include <string.h>

#include "core/base/clock.h"
#include "core/exchange/request.h"
#include "core/net/connection.h"

/* Larger bodies are not copied: they are sent from where they lie. */
enum { COPY_MAX_BYTES = 8 * 1024, HEAD_GUESS_BYTES = 512 };

static bool write_head(struct connection *connection, const struct bobbin_answer *answer)
{
    struct output *output = &connection->output;
    size_t bytes = HEAD_GUESS_BYTES;
    for (;;) {
        char *room = output_room(output, &connection->clients->outputs, bytes);
        if (room == NULL)
            return false;
        size_t capacity = output_free(output);
        bytes =
            connection->doorway->protocol->head(connection->protocol_state, answer, room, capacity);
        if (bytes <= capacity) {
            output->end += bytes;
            return true;
        }
    }
}

void reply_continue(struct connection *connection)
{
    struct bobbin_answer answer = {
        .size = sizeof answer, .status = 100, .minor = connection->request->head.minor};
    if (!write_head(connection, &answer))
        connection_close(connection);
}

static void log_access(struct connection *connection, uint64_t sent_bytes)
{
    bobbin_request *request = connection->request;
    if (connection->clients->accesslog == NULL)
        return;
    struct accesslog_entry entry = {
        .client = request->client_address,
        .method = request->head.method,
        .target = request->head.target,
        .minor = request->head.minor,
        .status = request->answer.status,
        .sent_bytes = sent_bytes,
        .duration_us = request->began_ns != 0 ? (uv_hrtime() - request->began_ns) / 1000 : 0,
        .referer = request_field(request, "referer"),
        .user_agent = request_field(request, "user-agent"),
        .request_id = request_id(request),
        .time_us = clock_us(),
    };
    accesslog_line(connection->clients->accesslog, &entry);
}

/* The body behind its head: copied when small, else lent. */
static bool add_body(struct connection *connection, const struct answer *answer)
{
    struct output *output = &connection->output;
    if (answer->fd >= 0) {
        output->file_fd = answer->fd;
        output->file_offset = answer->file_offset;
        output->file_length = answer->file_length;
        return true;
    }
    if (answer->body_length > COPY_MAX_BYTES && answer->body_length > output_free(output)) {
        output->tail = answer->body;
        output->tail_length = answer->body_length;
        return true;
    }
    char *room = output_room(output, &connection->clients->outputs, answer->body_length);
    if (room == NULL)
        return false;
    if (answer->body_length > 0)
        memcpy(room, answer->body, answer->body_length);
    output->end += answer->body_length;
    return true;
}

void reply_send(struct connection *connection)
{
    bobbin_request *request = connection->request;
    const struct answer *built = &request->answer;
    uint64_t length = answer_body_length(built);
    connection->closes |= connection->clients->is_draining;
    struct bobbin_answer answer = {.size = sizeof answer,
                                   .status = built->status,
                                   .fields = built->fields,
                                   .field_count = built->field_count,
                                   .content_length = length,
                                   .has_length = answer_has_body(built->status),
                                   .close = connection->closes,
                                   .minor = request->head.minor,
                                   .date = clients_date(connection->clients)};
    bool has_body = length > 0 && answer.has_length && !bobbin_is(request->head.method, "HEAD");
    if (!write_head(connection, &answer) || (has_body && !add_body(connection, built))) {
        connection_close(connection);
        return;
    }
    log_access(connection, has_body ? length : 0);
    if (connection->closes || output_has_tail(&connection->output)) {
        connection->state = CONNECTION_SENDING;
        return;
    }
    connection->request = NULL;
    request_finish(request);
    if (connection->head != NULL)
        intake_release_head(connection);
    connection->state = CONNECTION_IDLE;
}

/* What the protocol refused may have no head at all: the answer must be possible all the same. */
void reply_refuse(struct connection *connection, int status, const char *sentence)
{
    bobbin_request *request = connection->request;
    connection->closes = true;
    if (request->head.method.data == NULL) {
        request->head.method = bobbin_text("-");
        request->head.target = bobbin_text("-");
        request->head.minor = 1;
        request->head.field_count = 0;
    }
    request_refuse(request, status, sentence);
    request->state = REQUEST_ENDED;
    connection->state = CONNECTION_HANDLING;
}
