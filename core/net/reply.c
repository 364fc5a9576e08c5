/* Answers into bytes: the part of a connection that has its protocol write heads and frames. */
#include <string.h>

#include "core/base/clock.h"
#include "core/exchange/request.h"
#include "core/net/connection.h"
#include "core/plugin/running.h"

/* Larger bodies are not copied: they are sent from where they lie. */
enum { COPY_MAX_BYTES = 8 * 1024, HEAD_GUESS_BYTES = 512, FRAME_GUESS_BYTES = 32 };

static bool write_head(struct connection *connection, const struct bobbin_answer *answer)
{
    const struct bobbin_protocol *protocol = connection->doorway->protocol;
    struct output *output = &connection->output;
    size_t bytes = HEAD_GUESS_BYTES, capacity;
    for (;;) {
        char *room = output_room(output, &connection->clients->outputs, bytes, &capacity);
        if (room == NULL)
            return false;
        running_enter_briefly(connection->doorway->protocol_name, "head");
        bytes = protocol->head(connection->protocol_state, answer, room, capacity);
        running_leave_briefly();
        if (bytes <= capacity) {
            output_wrote(output, bytes);
            return true;
        }
    }
}

static bool write_frame(struct connection *connection, const struct bobbin_frame *frame)
{
    const struct bobbin_protocol *protocol = connection->doorway->protocol;
    struct output *output = &connection->output;
    size_t bytes = FRAME_GUESS_BYTES, capacity;
    for (;;) {
        char *room = output_room(output, &connection->clients->outputs, bytes, &capacity);
        if (room == NULL)
            return false;
        running_enter_briefly(connection->doorway->protocol_name, "frame");
        bytes = protocol->frame(connection->protocol_state, frame, room, capacity);
        running_leave_briefly();
        if (bytes <= capacity) {
            output_wrote(output, bytes);
            return true;
        }
    }
}

static bool add_frame(bobbin_request *request, enum bobbin_frame_part part, uint64_t length)
{
    const struct answer *answer = &request->answer;
    const struct bobbin_frame frame = {.size = sizeof frame,
                                       .part = part,
                                       .length = length,
                                       .trailers = answer->trailers,
                                       .trailer_count = answer->trailer_count};
    return answer->length != BOBBIN_LENGTH_UNKNOWN || write_frame(request->connection, &frame);
}

void reply_log(const struct connection *connection)
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
        .sent_bytes = request->answer.sent_bytes,
        .duration_us = request->began_ns != 0 ? (uv_hrtime() - request->began_ns) / 1000 : 0,
        .referer = request_field(request, "referer"),
        .user_agent = request_field(request, "user-agent"),
        .request_id = request_id(request),
        .time_us = clock_us(),
    };
    accesslog_line(connection->clients->accesslog, &entry);
}

/* ------------------------------------------------------------------ whole answers */

/* The body behind its head: copied when small, else lent. */
static bool add_body(struct connection *connection, struct answer *answer)
{
    struct output *output = &connection->output;
    struct pool *pool = &connection->clients->outputs;
    if (answer->fd >= 0) {
        int fd = answer->fd;
        answer->fd = -1; /* the output's from here on */
        return output_file(output, pool, fd, answer->file_offset, answer->file_length);
    }
    if (answer->body_length > COPY_MAX_BYTES && answer->body_length > output_free(output))
        return output_lend(output, pool, answer->body, answer->body_length);
    return output_copy(output, pool, answer->body, answer->body_length);
}

static bool add_head(struct connection *connection, uint64_t length)
{
    const bobbin_request *request = connection->request;
    const struct answer *built = &request->answer;
    const struct bobbin_answer answer = {.size = sizeof answer,
                                         .status = built->status,
                                         .fields = built->fields,
                                         .field_count = built->field_count,
                                         .content_length = length,
                                         .has_length = answer_has_body(built->status),
                                         .close = connection->closes,
                                         .minor = request->head.minor,
                                         .date = clients_date(connection->clients)};
    return write_head(connection, &answer);
}

static bool send_built(struct connection *connection)
{
    bobbin_request *request = connection->request;
    uint64_t length = answer_body_length(&request->answer);
    bool has_body = length > 0 && answer_has_body(request->answer.status) &&
                    !bobbin_is(request->head.method, "HEAD");
    connection->closes |= connection->clients->is_draining;
    request->answer.sent_bytes = has_body ? length : 0;
    return add_head(connection, length) && (!has_body || add_body(connection, &request->answer));
}

bool reply_send(struct connection *connection)
{
    bobbin_request *request = connection->request;
    const struct answer *answer = &request->answer;
    bool is_sent = false;
    if (answer->stage == ANSWER_BUILT)
        is_sent = send_built(connection);
    else if (answer->stage == ANSWER_STREAMED)
        is_sent = answer->is_bodiless || add_frame(request, BOBBIN_FRAME_END, 0);
    if (is_sent)
        reply_log(connection);
    return is_sent;
}

/* ------------------------------------------------------------------ streamed answers */

bool reply_begin(bobbin_request *request)
{
    struct connection *connection = request->connection;
    uint64_t length = request->answer.length;
    /* RFC 9112, section 6.3: its end is that of the connection. */
    bool ends_with_connection = length == BOBBIN_LENGTH_UNKNOWN && request->head.minor == 0;
    connection->closes |= ends_with_connection || connection->clients->is_draining;
    return add_head(connection, length);
}

bool reply_piece(bobbin_request *request, const void *data, size_t length)
{
    struct connection *connection = request->connection;
    return add_frame(request, BOBBIN_FRAME_BEFORE, length) &&
           output_copy(&connection->output, &connection->clients->outputs, data, length) &&
           add_frame(request, BOBBIN_FRAME_AFTER, length);
}

bool reply_file(bobbin_request *request, int fd, uint64_t offset, uint64_t length)
{
    struct connection *connection = request->connection;
    bool is_framed = add_frame(request, BOBBIN_FRAME_BEFORE, length);
    return output_file(&connection->output, &connection->clients->outputs, fd, offset, length) &&
           is_framed && add_frame(request, BOBBIN_FRAME_AFTER, length);
}

bool reply_interim(bobbin_request *request, int status, const bobbin_field *fields, size_t count)
{
    const struct bobbin_answer answer = {.size = sizeof answer,
                                         .status = status,
                                         .fields = fields,
                                         .field_count = count,
                                         .minor = request->head.minor};
    return write_head(request->connection, &answer);
}
