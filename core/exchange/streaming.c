#include "core/exchange/streaming.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/plugin/plugin.h"
#include "core/plugin/running.h"

enum { COLLECT_BYTES = 16 * 1024, INTERIM_FIRST = 102, INTERIM_LAST = 199 };

static const struct exchange_client *client_of(const bobbin_request *request)
{
    return request->exchange->client;
}

/* ------------------------------------------------------------------ out */

/* How much of length may still go out; the rest is more than was declared. */
static size_t clip(bobbin_request *request, uint64_t length)
{
    struct answer *answer = &request->answer;
    if (answer->length == BOBBIN_LENGTH_UNKNOWN || length <= answer->length - answer->sent_bytes)
        return length;
    if (!answer->is_overlong)
        request_complain(request, "more was written than the length that was declared; "
                                  "the rest was not sent");
    answer->is_overlong = true;
    return answer->length - answer->sent_bytes;
}

static void send_on(bobbin_request *request, const void *data, size_t length)
{
    if (length > 0 && !client_of(request)->send(request, data, length))
        request_cut(request, "there is no memory for what it writes");
}

void streaming_send_on(bobbin_request *request)
{
    struct answer *answer = &request->answer;
    if (answer->stage != ANSWER_STREAMED || answer->body_length == 0)
        return;
    size_t length = answer->body_length;
    answer->body_length = 0;
    send_on(request, answer->body, length);
}

static enum bobbin_flow flow_of(bobbin_request *request)
{
    struct answer *answer = &request->answer;
    const struct settings *settings = request->exchange->settings;
    size_t waiting = client_of(request)->waiting(request) + answer->body_length;
    if (waiting > settings->answer_memory_bytes)
        request_cut(request,
                    "it wrote on although its client does not read: answer-memory is full");
    if (answer->stage == ANSWER_CUT)
        return BOBBIN_GONE;
    client_of(request)->wake(request);
    if (waiting <= settings->write_high_mark_bytes)
        return BOBBIN_FLOWING;
    answer->is_blocked = true;
    return BOBBIN_BLOCKED;
}

enum bobbin_flow streaming_wrote(bobbin_request *request, size_t length)
{
    struct answer *answer = &request->answer;
    size_t taken = clip(request, length);
    answer->sent_bytes += taken;
    answer->body_length -= answer->is_bodiless ? length : length - taken;
    if (answer->body_length >= COLLECT_BYTES)
        streaming_send_on(request);
    return flow_of(request);
}

enum bobbin_flow streaming_write(bobbin_request *request, const void *data, size_t length)
{
    struct answer *answer = &request->answer;
    if (answer->body_length + length > COLLECT_BYTES)
        streaming_send_on(request);
    if (!answer->is_bodiless && length < COLLECT_BYTES) {
        if (!answer_append(answer, &request->arena, data, length))
            return BOBBIN_GONE;
        return streaming_wrote(request, length);
    }
    size_t taken = clip(request, length);
    answer->sent_bytes += taken;
    if (!answer->is_bodiless)
        send_on(request, data, taken);
    return flow_of(request);
}

bool streaming_send_file(bobbin_request *request, int fd, uint64_t offset, uint64_t length)
{
    struct answer *answer = &request->answer;
    uint64_t taken = clip(request, length);
    answer->sent_bytes += taken;
    if (answer->is_bodiless || taken == 0) {
        close(fd);
        return true;
    }
    streaming_send_on(request);
    if (!client_of(request)->send_file(request, fd, offset, taken))
        request_cut(request, "there is no memory for what it writes");
    return flow_of(request) != BOBBIN_GONE;
}

static bool is_bodiless(const bobbin_request *request)
{
    return !answer_has_body(request->answer.status) || bobbin_is(request->head.method, "HEAD");
}

/* What was written before the begin is the first piece. */
static bool go_on(bobbin_request *request)
{
    struct answer *answer = &request->answer;
    int fd = answer->fd;
    answer->fd = -1;
    if (fd >= 0)
        return streaming_send_file(request, fd, answer->file_offset, answer->file_length);
    return streaming_wrote(request, answer->body_length) != BOBBIN_GONE;
}

bool bobbin_begin(bobbin_request *request, uint64_t length)
{
    struct answer *answer = &request->answer;
    if (!request_is_open(request))
        return false;
    if (answer->stage != ANSWER_BUILT) {
        request_complain(request, "an answer was begun twice; the second begin did nothing");
        return false;
    }
    answer->stage = ANSWER_STREAMED;
    answer->length = length;
    answer->is_bodiless = is_bodiless(request);
    if (client_of(request)->begin(request))
        return go_on(request);
    request_cut(request, "there is no memory for its head");
    return false;
}

void streaming_end(bobbin_request *request)
{
    struct answer *answer = &request->answer;
    if (answer->length == BOBBIN_LENGTH_UNKNOWN || answer->is_bodiless ||
        answer->sent_bytes == answer->length)
        return;
    request_complain(request, "less was written than the length that was declared; "
                              "the connection was closed");
    streaming_send_on(request);
    answer->stage = ANSWER_CUT;
}

bool bobbin_trailer(bobbin_request *request, const char *name, const char *value)
{
    struct answer *answer = &request->answer;
    bobbin_str name_text = bobbin_text(name), value_text = bobbin_text(value);
    if (!request_is_open(request) || answer->stage != ANSWER_STREAMED || answer->is_bodiless ||
        answer->length != BOBBIN_LENGTH_UNKNOWN || request->head.minor == 0)
        return false;
    if (!answer_name_is_legal(name_text) || !answer_value_is_legal(value_text))
        request_complain(request, "a trailer's name or value is illegal; it was not sent");
    else if (answer_name_is_for_heads(name_text))
        request_complain(request, "a field that no trailer may carry was not sent");
    else
        return answer_add_trailer(answer, &request->arena, name_text, value_text);
    return false;
}

static bool fields_are_legal(const bobbin_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!answer_name_is_legal(fields[i].name) || answer_name_is_reserved(fields[i].name) ||
            !answer_value_is_legal(fields[i].value))
            return false;
    return true;
}

bool bobbin_interim(bobbin_request *request, int status, const bobbin_field *fields,
                    size_t field_count)
{
    if (!request_is_open(request) || request->answer.stage != ANSWER_BUILT ||
        request->head.minor == 0)
        return false;
    if (status < INTERIM_FIRST || status > INTERIM_LAST || !fields_are_legal(fields, field_count)) {
        request_complain(request, "an interim answer with an illegal status or field was not sent");
        return false;
    }
    if (!client_of(request)->interim(request, status, fields, field_count))
        return false;
    client_of(request)->wake(request);
    return true;
}

bool streaming_is_writable(const bobbin_request *request)
{
    return request_is_open(request) && request->answer.is_blocked &&
           client_of(request)->waiting(request) <=
               request->exchange->settings->write_low_mark_bytes;
}

void streaming_tell_writable(bobbin_request *request)
{
    const struct plugin_instance *app = request->app;
    request->answer.is_blocked = false;
    if (app->plugin->on_writable == NULL)
        return;
    running_enter(app->name, "on_writable");
    app->plugin->on_writable(app->state, request);
    running_leave();
}

/* ------------------------------------------------------------------ in */

void streaming_take_piece(bobbin_request *request, bobbin_str piece, bool is_last)
{
    const struct plugin_instance *app = request->app;
    if (!request_is_open(request))
        return;
    running_enter(app->name, "on_body");
    app->plugin->on_body(app->state, request, piece, is_last);
    running_leave();
}

uint64_t bobbin_body_expected(bobbin_request *request)
{
    return request->head.has_body ? request->head.content_length : 0;
}

bool bobbin_collect_body(bobbin_request *request)
{
    uint64_t expected = bobbin_body_expected(request);
    if (!request_is_open(request) || !request->streams_body || request->body.length > 0)
        return false;
    if (expected != UINT64_MAX && expected > request->exchange->settings->max_body_bytes) {
        bobbin_refuse(request, 413, "the body is too large");
        return false;
    }
    request->streams_body = false;
    return true;
}

void bobbin_pause(bobbin_request *request)
{
    request->is_paused = request_is_open(request);
}

void bobbin_resume(bobbin_request *request)
{
    if (!request->is_paused)
        return;
    request->is_paused = false;
    if (request_is_open(request))
        client_of(request)->wake(request);
}
