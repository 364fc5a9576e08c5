/* The calls of plugins/bobbin.h that build and send an answer. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/json.h"
#include "core/exchange/request.h"
#include "core/plugin/plugin.h"

enum { PRINT_GUESS_BYTES = 256 };

static void complain(const bobbin_request *request, const char *what)
{
    const char *name = request->app != NULL ? request->app->name : NULL;
    log_write(request->exchange->log, BOBBIN_ERROR, name, "%s (path %.*s)", what,
              BOBBIN_ARG(request->target.path));
}

static bool is_open(const bobbin_request *request)
{
    return request->state == REQUEST_HANDLING;
}

void bobbin_status(bobbin_request *request, int status)
{
    if (!is_open(request))
        return;
    if (status < 200 || status > 999) {
        complain(request, "a status is a number from 200 to 999; 500 was sent");
        status = 500;
    }
    request->answer.status = status;
}

static bool add_header(bobbin_request *request, bobbin_str name, bobbin_str value)
{
    if (!is_open(request))
        return false;
    if (!answer_name_is_legal(name))
        complain(request, "a header's name is not a token; it was not sent");
    else if (answer_name_is_reserved(name))
        complain(request, "a header that belongs to the server was not sent");
    else if (!answer_value_is_legal(value))
        complain(request, "a header's value has a control character; it was not sent");
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
        complain(request, "a formatted header is longer than 4095 bytes; it was not sent");
        return false;
    }
    return add_header(request, bobbin_text(name), (bobbin_str){value, (size_t)length});
}

enum bobbin_flow bobbin_write(bobbin_request *request, const void *data, size_t length)
{
    if (!is_open(request) || request->answer.fd >= 0)
        return BOBBIN_GONE;
    return answer_append(&request->answer, &request->arena, data, length) ? BOBBIN_FLOWING
                                                                          : BOBBIN_GONE;
}

enum bobbin_flow bobbin_print(bobbin_request *request, const char *format, ...)
{
    struct answer *answer = &request->answer;
    if (!is_open(request) || answer->fd >= 0)
        return BOBBIN_GONE;
    size_t room_bytes = PRINT_GUESS_BYTES;
    for (;;) {
        char *room = answer_room(answer, &request->arena, room_bytes);
        if (room == NULL)
            return BOBBIN_GONE;
        va_list arguments;
        va_start(arguments, format);
        int length = vsnprintf(room, room_bytes, format, arguments);
        va_end(arguments);
        if (length < 0)
            return BOBBIN_GONE;
        if ((size_t)length < room_bytes) {
            answer->body_length += (size_t)length;
            return BOBBIN_FLOWING;
        }
        room_bytes = (size_t)length + 1;
    }
}

enum bobbin_flow bobbin_write_json(bobbin_request *request, bobbin_str text)
{
    struct answer *answer = &request->answer;
    if (!is_open(request) || answer->fd >= 0)
        return BOBBIN_GONE;
    size_t room_bytes = text.length + text.length / 8 + 16;
    for (;;) {
        char *room = answer_room(answer, &request->arena, room_bytes);
        if (room == NULL)
            return BOBBIN_GONE;
        size_t length = json_escape(room, room_bytes, text.data, text.length);
        if (length <= room_bytes) {
            answer->body_length += length;
            return BOBBIN_FLOWING;
        }
        room_bytes = length;
    }
}

bool bobbin_send_file(bobbin_request *request, int fd, uint64_t offset, uint64_t length)
{
    struct answer *answer = &request->answer;
    if (is_open(request) && answer->fd < 0 && answer->body_length == 0) {
        answer->fd = fd;
        answer->file_offset = offset;
        answer->file_length = length;
        return true;
    }
    complain(request, "a file can only be sent in place of a written body, before the end");
    if (fd >= 0)
        close(fd);
    return false;
}

/* The client hears of it when the app's own call has returned: see connection.c. */
void bobbin_end(bobbin_request *request)
{
    if (request->state == REQUEST_ENDED) {
        complain(request, "a request was ended twice; the second end did nothing");
        return;
    }
    if (request->state != REQUEST_HANDLING)
        return;
    request->state = REQUEST_ENDED;
    if (request->pending == 0)
        request->exchange->on_over(request);
}

void bobbin_refuse(bobbin_request *request, int status, const char *format, ...)
{
    char sentence[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    if (is_open(request))
        answer_refusal(&request->answer, &request->arena, status, sentence);
    bobbin_end(request);
}
