#include "spooler/files/record.h"

#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "spooler/files/bytes.h"

static const char magic[4] = {'J', 'R', 'E', 'C'};

enum { HEADER_FIXED_BYTES = 4 }; /* of each stored header: the two lengths */

static size_t headers_size(const struct record *record)
{
    size_t bytes = 0;
    for (size_t i = 0; i < record->header_count; i++)
        bytes +=
            HEADER_FIXED_BYTES + record->headers[i].name.length + record->headers[i].value.length;
    return bytes;
}

static size_t head_size(const struct record *record)
{
    return RECORD_FIXED_BYTES + record->queue.length + record->content_type.length +
           record->unique_key.length + headers_size(record);
}

size_t record_size(const struct record *record)
{
    size_t head = head_size(record);
    if (head > RECORD_HEAD_MAX || record->header_count > UINT16_MAX ||
        record->payload.length > UINT32_MAX / 2)
        return 0;
    size_t bytes = head + record->payload.length;
    return (bytes + RECORD_ALIGN - 1) & ~(size_t)(RECORD_ALIGN - 1);
}

static unsigned char *append(unsigned char *at, bobbin_str text)
{
    if (text.length > 0)
        memcpy(at, text.data, text.length);
    return at + text.length;
}

static unsigned char *append_headers(unsigned char *at, const struct record *record)
{
    for (size_t i = 0; i < record->header_count; i++) {
        put16(at, (uint16_t)record->headers[i].name.length);
        put16(at + 2, (uint16_t)record->headers[i].value.length);
        at = append(at + HEADER_FIXED_BYTES, record->headers[i].name);
        at = append(at, record->headers[i].value);
    }
    return at;
}

static uint32_t head_crc(const unsigned char *bytes, size_t head_bytes, uint64_t salt)
{
    unsigned char salt_bytes[8];
    put64(salt_bytes, salt);
    uLong crc = crc32(0, salt_bytes, sizeof salt_bytes);
    return (uint32_t)crc32(crc, bytes + 8, (uInt)(head_bytes - 8));
}

static void put_fixed(unsigned char *out, const struct record *record, size_t total, size_t head)
{
    memcpy(out, magic, sizeof magic);
    put32(out + 20, (uint32_t)total);
    put32(out + 24, (uint32_t)head);
    put32(out + 28, record->payload_crc);
    put64(out + 32, record->payload_bytes);
    put64(out + 40, record->nonce);
    put64(out + 48, record->enqueued_us);
    put64(out + 56, record->due_us);
    put64(out + 64, record->expires_us);
    put32(out + 72, record->timeout_ms);
    put16(out + 76, record->attempts);
    out[78] = record->priority;
    out[79] = record->flags;
    put16(out + 80, (uint16_t)record->queue.length);
    put16(out + 82, (uint16_t)record->content_type.length);
    put16(out + 84, (uint16_t)record->unique_key.length);
    put16(out + 86, (uint16_t)record->header_count);
    put32(out + 88, (uint32_t)headers_size(record));
    put32(out + 92, record->group_left);
    put64(out + 96, record->blob_writer);
    put64(out + 104, record->blob_counter);
    put64(out + 112, record->parent_writer);
    put32(out + 120, record->parent_sequence);
    put32(out + 124, record->parent_index);
}

void record_place(void *bytes, uint64_t offset, uint32_t index, uint64_t salt)
{
    unsigned char *out = bytes;
    put64(out + 8, offset);
    put32(out + 16, index);
    put32(out + 4, head_crc(out, get32(out + 24), salt));
}

void record_name_blob(void *bytes, uint64_t writer, uint64_t counter, uint32_t crc)
{
    unsigned char *out = bytes;
    put32(out + 28, crc);
    put64(out + 96, writer);
    put64(out + 104, counter);
}

void record_join(void *bytes, bool is_first, uint32_t group_left)
{
    unsigned char *out = bytes;
    out[79] =
        (unsigned char)((out[79] & ~RECORD_FLAG_GROUPED) | (is_first ? 0 : RECORD_FLAG_GROUPED));
    put32(out + 92, group_left);
}

void record_encode(const struct record *record, uint64_t salt, void *bytes)
{
    unsigned char *out = bytes;
    size_t total = record_size(record), head = head_size(record);
    struct record whole = *record;
    if (!(record->flags & RECORD_FLAG_BLOB)) {
        whole.payload_bytes = record->payload.length;
        whole.payload_crc =
            (uint32_t)crc32(0, (const Bytef *)record->payload.data, (uInt)record->payload.length);
    }
    put_fixed(out, &whole, total, head);
    unsigned char *at = append(out + RECORD_FIXED_BYTES, record->queue);
    at = append(at, record->content_type);
    at = append(at, record->unique_key);
    at = append_headers(at, record);
    at = append(at, record->payload);
    memset(at, 0, (size_t)(out + total - at));
    record_place(out, record->offset, record->index, salt);
}

static bool is_zero(const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

static bool lengths_agree(const unsigned char *bytes, size_t head, size_t total)
{
    uint64_t parts = (uint64_t)RECORD_FIXED_BYTES + get16(bytes + 80) + get16(bytes + 82) +
                     get16(bytes + 84) + get32(bytes + 88);
    uint64_t payload = bytes[79] & RECORD_FLAG_BLOB ? 0 : get64(bytes + 32);
    return parts == head && payload < UINT32_MAX &&
           total == ((head + payload + RECORD_ALIGN - 1) & ~(uint64_t)(RECORD_ALIGN - 1));
}

static void take_fixed(struct record *record, const unsigned char *bytes)
{
    *record = (struct record){
        .offset = get64(bytes + 8),
        .index = get32(bytes + 16),
        .record_bytes = get32(bytes + 20),
        .head_bytes = get32(bytes + 24),
        .payload_crc = get32(bytes + 28),
        .payload_bytes = get64(bytes + 32),
        .nonce = get64(bytes + 40),
        .enqueued_us = get64(bytes + 48),
        .due_us = get64(bytes + 56),
        .expires_us = get64(bytes + 64),
        .timeout_ms = get32(bytes + 72),
        .attempts = get16(bytes + 76),
        .priority = bytes[78],
        .flags = bytes[79],
        .group_left = get32(bytes + 92),
        .blob_writer = get64(bytes + 96),
        .blob_counter = get64(bytes + 104),
        .parent_writer = get64(bytes + 112),
        .parent_sequence = get32(bytes + 120),
        .parent_index = get32(bytes + 124),
    };
}

static const char *cut(const char *at, size_t length, bobbin_str *part)
{
    *part = (bobbin_str){at, length};
    return at + length;
}

/* The lengths inside the headers must fill their bytes exactly. */
static bool headers_are_whole(bobbin_str headers, size_t count)
{
    const unsigned char *at = (const unsigned char *)headers.data, *end = at + headers.length;
    for (; count > 0; count--) {
        if (end - at < HEADER_FIXED_BYTES)
            return false;
        size_t bytes = HEADER_FIXED_BYTES + (size_t)get16(at) + get16(at + 2);
        if ((size_t)(end - at) < bytes)
            return false;
        at += bytes;
    }
    return at == end;
}

enum record_verdict record_decode_head(struct record *record, const void *data, size_t length,
                                       uint64_t salt, uint64_t offset, uint32_t index,
                                       size_t *needed)
{
    const unsigned char *bytes = data;
    *needed = RECORD_FIXED_BYTES;
    if (length < RECORD_FIXED_BYTES)
        return RECORD_SHORT;
    if (is_zero(bytes, RECORD_FIXED_BYTES))
        return RECORD_NOTHING;
    size_t head = get32(bytes + 24), total = get32(bytes + 20);
    if (memcmp(bytes, magic, sizeof magic) != 0 || head < RECORD_FIXED_BYTES ||
        head > RECORD_HEAD_MAX || !lengths_agree(bytes, head, total))
        return RECORD_TORN;
    *needed = head;
    if (length < head)
        return RECORD_SHORT;
    if (get32(bytes + 4) != head_crc(bytes, head, salt) || get64(bytes + 8) != offset ||
        (index != RECORD_ANY_INDEX && get32(bytes + 16) != index))
        return RECORD_TORN;
    take_fixed(record, bytes);
    const char *at = (const char *)bytes + RECORD_FIXED_BYTES;
    at = cut(at, get16(bytes + 80), &record->queue);
    at = cut(at, get16(bytes + 82), &record->content_type);
    at = cut(at, get16(bytes + 84), &record->unique_key);
    cut(at, get32(bytes + 88), &record->header_bytes);
    record->header_count = get16(bytes + 86);
    return headers_are_whole(record->header_bytes, record->header_count) ? RECORD_WHOLE
                                                                         : RECORD_TORN;
}

bool record_payload_holds(const struct record *record, const void *payload, size_t length)
{
    return length == record->payload_bytes &&
           crc32_z(0, payload, length) == (uLong)record->payload_crc;
}

bool record_next_header(const struct record *record, size_t *at, bobbin_field *header)
{
    if (*at + HEADER_FIXED_BYTES > record->header_bytes.length)
        return false;
    const char *bytes = record->header_bytes.data + *at;
    size_t name_length = get16((const unsigned char *)bytes);
    size_t value_length = get16((const unsigned char *)bytes + 2);
    header->name = (bobbin_str){bytes + HEADER_FIXED_BYTES, name_length};
    header->value = (bobbin_str){header->name.data + name_length, value_length};
    *at += HEADER_FIXED_BYTES + name_length + value_length;
    return true;
}

bobbin_str record_header(const struct record *record, const char *name)
{
    bobbin_field header;
    size_t wanted = strlen(name);
    for (size_t at = 0; record_next_header(record, &at, &header);)
        if (header.name.length == wanted && strncasecmp(header.name.data, name, wanted) == 0)
            return header.value;
    return (bobbin_str){NULL, 0};
}
