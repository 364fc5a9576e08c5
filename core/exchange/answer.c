#include "core/exchange/answer.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/base/json.h"

enum { BODY_START_BYTES = 512 };

void answer_init(struct answer *answer)
{
    answer->fd = -1;
    answer_reset(answer);
}

void answer_finish(struct answer *answer)
{
    if (answer->fd >= 0)
        close(answer->fd);
    answer->fd = -1;
}

void answer_reset(struct answer *answer)
{
    answer_finish(answer);
    answer->status = 200;
    answer->fields = answer->first;
    answer->field_count = 0;
    answer->field_capacity = ANSWER_INLINE_FIELDS;
    answer->body = NULL;
    answer->body_length = 0;
    answer->body_capacity = 0;
}

uint64_t answer_body_length(const struct answer *answer)
{
    return answer->fd >= 0 ? answer->file_length : answer->body_length;
}

bool answer_has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

static bool make_field_room(struct answer *answer, struct arena *arena)
{
    if (answer->field_count < answer->field_capacity)
        return true;
    size_t capacity = answer->field_capacity * 2;
    bobbin_field *fields = arena_take(arena, capacity * sizeof *fields);
    if (fields == NULL)
        return false;
    memcpy(fields, answer->fields, answer->field_count * sizeof *fields);
    answer->fields = fields;
    answer->field_capacity = capacity;
    return true;
}

bool answer_add_field(struct answer *answer, struct arena *arena, bobbin_str name, bobbin_str value)
{
    char *copy = arena_take(arena, name.length + value.length);
    if (copy == NULL || !make_field_room(answer, arena))
        return false;
    memcpy(copy, name.data, name.length);
    if (value.length > 0)
        memcpy(copy + name.length, value.data, value.length);
    answer->fields[answer->field_count++] =
        (bobbin_field){{copy, name.length}, {copy + name.length, value.length}};
    return true;
}

char *answer_room(struct answer *answer, struct arena *arena, size_t bytes)
{
    if (bytes > answer->body_capacity - answer->body_length) {
        size_t capacity = answer->body_capacity > 0 ? answer->body_capacity : BODY_START_BYTES;
        while (capacity - answer->body_length < bytes) {
            if (capacity > SIZE_MAX / 4)
                return NULL;
            capacity *= 2;
        }
        char *larger = arena_grow(arena, answer->body, answer->body_length, capacity);
        if (larger == NULL)
            return NULL;
        answer->body = larger;
        answer->body_capacity = capacity;
    }
    return answer->body + answer->body_length;
}

bool answer_append(struct answer *answer, struct arena *arena, const void *data, size_t length)
{
    char *room = answer_room(answer, arena, length);
    if (room == NULL)
        return false;
    if (length > 0)
        memcpy(room, data, length);
    answer->body_length += length;
    return true;
}

void answer_refusal(struct answer *answer, struct arena *arena, int status, const char *sentence)
{
    char escaped[1024];
    size_t length = json_escape(escaped, sizeof escaped, sentence, strlen(sentence));
    if (length > sizeof escaped)
        length = sizeof escaped;
    answer_finish(answer);
    answer->body_length = 0;
    answer->status = status;
    answer_add_field(answer, arena, bobbin_text("content-type"), bobbin_text("application/json"));
    answer_append(answer, arena, "{\"error\": \"", 11);
    answer_append(answer, arena, escaped, length);
    answer_append(answer, arena, "\"}\n", 3);
}

static const char token_marks[] = "!#$%&'*+-.^_`|~";

static bool is_token(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr(token_marks, c) != NULL);
}

bool answer_name_is_legal(bobbin_str name)
{
    for (size_t i = 0; i < name.length; i++)
        if (!is_token((unsigned char)name.data[i]))
            return false;
    return name.length > 0;
}

bool answer_value_is_legal(bobbin_str value)
{
    for (size_t i = 0; i < value.length; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

bool answer_name_is_reserved(bobbin_str name)
{
    static const char *const reserved[] = {
        "connection", "transfer-encoding", "keep-alive", "content-length",
        "date",       "trailer",           "upgrade"};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strlen(reserved[i]) == name.length &&
            strncasecmp(reserved[i], name.data, name.length) == 0)
            return true;
    return false;
}
