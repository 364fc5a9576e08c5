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
    answer->is_too_large = false;
    answer->stage = ANSWER_BUILT;
    answer->length = answer->sent_bytes = 0;
    answer->is_bodiless = answer->is_overlong = answer->is_blocked = false;
    answer->trailers = NULL;
    answer->trailer_count = answer->trailer_capacity = 0;
}

uint64_t answer_body_length(const struct answer *answer)
{
    return answer->fd >= 0 ? answer->file_length : answer->body_length;
}

bool answer_has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

static bool make_room(bobbin_field **fields, size_t count, size_t *capacity, struct arena *arena)
{
    if (count < *capacity)
        return true;
    size_t larger = *capacity > 0 ? *capacity * 2 : 4;
    bobbin_field *moved = arena_take(arena, larger * sizeof *moved);
    if (moved == NULL)
        return false;
    if (count > 0)
        memcpy(moved, *fields, count * sizeof *moved);
    *fields = moved;
    *capacity = larger;
    return true;
}

static bool copy_field(struct arena *arena, bobbin_str name, bobbin_str value, bobbin_field *field)
{
    char *copy = arena_take(arena, name.length + value.length);
    if (copy == NULL)
        return false;
    memcpy(copy, name.data, name.length);
    if (value.length > 0)
        memcpy(copy + name.length, value.data, value.length);
    *field = (bobbin_field){{copy, name.length}, {copy + name.length, value.length}};
    return true;
}

bool answer_add_field(struct answer *answer, struct arena *arena, bobbin_str name, bobbin_str value)
{
    if (!make_room(&answer->fields, answer->field_count, &answer->field_capacity, arena) ||
        !copy_field(arena, name, value, &answer->fields[answer->field_count]))
        return false;
    answer->field_count++;
    return true;
}

bool answer_add_trailer(struct answer *answer, struct arena *arena, bobbin_str name,
                        bobbin_str value)
{
    if (!make_room(&answer->trailers, answer->trailer_count, &answer->trailer_capacity, arena) ||
        !copy_field(arena, name, value, &answer->trailers[answer->trailer_count]))
        return false;
    answer->trailer_count++;
    return true;
}

char *answer_room(struct answer *answer, struct arena *arena, size_t bytes)
{
    if (answer->body == NULL || bytes > answer->body_capacity - answer->body_length) {
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

/* The fields about a body that will not be sent (RFC 9110, section 8). */
static void forget_representation(struct answer *answer)
{
    size_t kept = 0;
    for (size_t i = 0; i < answer->field_count; i++) {
        bobbin_str name = answer->fields[i].name;
        bool is_of_body = (name.length > 8 && strncasecmp(name.data, "content-", 8) == 0) ||
                          (name.length == 4 && strncasecmp(name.data, "etag", 4) == 0) ||
                          (name.length == 13 && strncasecmp(name.data, "last-modified", 13) == 0);
        if (!is_of_body)
            answer->fields[kept++] = answer->fields[i];
    }
    answer->field_count = kept;
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
    forget_representation(answer);
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

static bool is_one_of(bobbin_str name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(names[i]) == name.length && strncasecmp(names[i], name.data, name.length) == 0)
            return true;
    return false;
}

bool answer_name_is_reserved(bobbin_str name)
{
    static const char *const names[] = {
        "connection", "transfer-encoding", "keep-alive", "content-length",
        "date",       "trailer",           "upgrade"};
    return is_one_of(name, names, sizeof names / sizeof *names);
}

bool answer_name_is_for_heads(bobbin_str name)
{
    static const char *const names[] = {"host",
                                        "content-type",
                                        "content-encoding",
                                        "content-range",
                                        "cache-control",
                                        "expires",
                                        "vary",
                                        "age",
                                        "location",
                                        "retry-after",
                                        "set-cookie",
                                        "authorization",
                                        "te",
                                        "www-authenticate",
                                        "expect",
                                        "range",
                                        "max-forwards",
                                        "proxy-authenticate"};
    return answer_name_is_reserved(name) || is_one_of(name, names, sizeof names / sizeof *names);
}
