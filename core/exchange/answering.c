/* The calls of plugins/bobbin.h that build and send an answer. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/json.h"
#include "core/exchange/request.h"
#include "core/exchange/streaming.h"
#include "core/exchange/waiting.h"
#include "core/plugin/plugin.h"

enum { PRINT_GUESS_BYTES = 256 };

/* Whether status and fields can still be set. */
static bool has_head(bobbin_request *request)
{
    if (!request_is_open(request))
        return false;
    if (request->answer.stage == ANSWER_BUILT)
        return true;
    request_complain(request, "status and headers cannot change once the answer has begun");
    return false;
}

void bobbin_status(bobbin_request *request, int status)
{
    if (!has_head(request))
        return;
    if (status < 200 || status > 999) {
        request_complain(request, "a status is a number from 200 to 999; 500 was sent");
        status = 500;
    }
    request->answer.status = status;
}

static bool add_header(bobbin_request *request, bobbin_str name, bobbin_str value)
{
    if (!has_head(request))
        return false;
    if (!answer_name_is_legal(name))
        request_complain(request, "a header's name is not a token; it was not sent");
    else if (answer_name_is_reserved(name))
        request_complain(request, "a header that belongs to the server was not sent");
    else if (!answer_value_is_legal(value))
        request_complain(request, "a header's value has a control character; it was not sent");
    else
        return answer_add_field(&request->answer, &request->arena, name, value);
    return false;
}

bool bobbin_header(bobbin_request *request, const char *name, const char *value)
{
    return add_header(request, bobbin_text(name), bobbin_text(value));
}

bool bobbin_headerf(bobbin_request *request, const char *name, const char *format, ...)
{
    char value[4096];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof value) {
        request_complain(request, "a formatted header is longer than 4095 bytes; it was not sent");
        return false;
    }
    return add_header(request, bobbin_text(name), (bobbin_str){value, (size_t)length});
}

/* Room for bytes more in the body, or NULL when there can be none. */
static char *room_for(bobbin_request *request, size_t bytes)
{
    struct answer *answer = &request->answer;
    if (!request_is_open(request) || answer->fd >= 0 || answer->is_too_large)
        return NULL;
    if (answer->body_length + bytes > request->exchange->settings->answer_memory_bytes &&
        answer->stage == ANSWER_BUILT) {
        request_complain(request, "an answer is larger than answer-memory; it became 500");
        answer->is_too_large = true;
        return NULL;
    }
    return answer_room(answer, &request->arena, bytes);
}

/* length bytes were written into the room. */
static enum bobbin_flow take(bobbin_request *request, size_t length)
{
    request->answer.body_length += length;
    return request->answer.stage == ANSWER_STREAMED ? streaming_wrote(request, length)
                                                    : BOBBIN_FLOWING;
}

enum bobbin_flow bobbin_write(bobbin_request *request, const void *data, size_t length)
{
    if (request_is_open(request) && request->answer.stage == ANSWER_STREAMED)
        return streaming_write(request, data, length);
    char *room = room_for(request, length);
    if (room == NULL)
        return BOBBIN_GONE;
    if (length > 0)
        memcpy(room, data, length);
    return take(request, length);
}

enum bobbin_flow bobbin_print(bobbin_request *request, const char *format, ...)
{
    size_t room_bytes = PRINT_GUESS_BYTES;
    for (;;) {
        char *room = room_for(request, room_bytes);
        if (room == NULL)
            return BOBBIN_GONE;
        va_list arguments;
        va_start(arguments, format);
        int length = vsnprintf(room, room_bytes, format, arguments);
        va_end(arguments);
        if (length < 0)
            return BOBBIN_GONE;
        if ((size_t)length < room_bytes)
            return take(request, (size_t)length);
        room_bytes = (size_t)length + 1;
    }
}

enum bobbin_flow bobbin_write_json(bobbin_request *request, bobbin_str text)
{
    size_t room_bytes = text.length + text.length / 8 + 16;
    for (;;) {
        char *room = room_for(request, room_bytes);
        if (room == NULL)
            return BOBBIN_GONE;
        size_t length = json_escape(room, room_bytes, text.data, text.length);
        if (length <= room_bytes)
            return take(request, length);
        room_bytes = length;
    }
}

bool bobbin_send_file(bobbin_request *request, int fd, uint64_t offset, uint64_t length)
{
    struct answer *answer = &request->answer;
    if (fd < 0)
        return false;
    if (request_is_open(request) && answer->stage == ANSWER_STREAMED)
        return streaming_send_file(request, fd, offset, length);
    if (request_is_open(request) && answer->fd < 0 && answer->body_length == 0) {
        answer->fd = fd;
        answer->file_offset = offset;
        answer->file_length = length;
        return true;
    }
    if (request_is_open(request))
        request_complain(request, "a file can only be sent in place of a written body");
    close(fd);
    return false;
}

static void end(bobbin_request *request)
{
    struct answer *answer = &request->answer;
    if (answer->stage == ANSWER_STREAMED)
        streaming_end(request);
    if (answer->is_too_large) {
        answer_reset(answer);
        answer_refusal(answer, &request->arena, 500, "the answer is too large");
    }
    request->state = REQUEST_ENDED;
    waiting_end_soon(request);
    request->exchange->client->on_over(request);
}

/* The client hears of it when the app's own call has returned: see connection.c. */
void bobbin_end(bobbin_request *request)
{
    if (request->state == REQUEST_HANDLING)
        end(request);
    else if (request->state == REQUEST_ENDED || request->state == REQUEST_ANSWERED ||
             request->state == REQUEST_FINISHED || request->state == REQUEST_FREE)
        request_complain(request, "a request was ended twice; the second end did nothing");
}

void bobbin_refuse(bobbin_request *request, int status, const char *format, ...)
{
    char sentence[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    if (request_is_open(request) && request->answer.stage == ANSWER_BUILT) {
        request->answer.is_too_large = false;
        answer_refusal(&request->answer, &request->arena, status, sentence);
    } else if (request_is_open(request)) {
        streaming_send_on(request);
        request_cut(request, sentence);
    }
    bobbin_end(request);
}

void bobbin_cut(bobbin_request *request)
{
    if (request->state == REQUEST_HANDLING) {
        streaming_send_on(request);
        request->answer.stage = ANSWER_CUT;
    }
    bobbin_end(request);
}
