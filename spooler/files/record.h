/*
 * A record: one job as it was asked for, for ever unchanged. Pure functions on bytes: no file, no
 * clock, no loop. All numbers are little-endian; records start at multiples of 64 bytes.
 *
 *   offset size
 *        0    4  magic "JREC"
 *        4    4  head CRC: crc32 (zlib) of the journal's salt (8 bytes) and bytes 8..head_bytes
 *        8    8  offset of this record in its journal
 *       16    4  index in its journal, from 0
 *       20    4  record_bytes: all of it, a multiple of 64
 *       24    4  head_bytes: 128 + the variable part
 *       28    4  payload CRC: crc32 of the payload as it is stored (of the blob's content for a
 * blob) 32    8  payload_bytes (of the blob for a blob) 40    8  nonce 48    8  enqueued,
 * microseconds since 1970 56    8  due, 0: at once 64    8  expires, 0: never 72    4  timeout_ms,
 * 0: as the queue says 76    2  attempts, 0: as the queue says 78    1  priority, 0 first .. 9 79
 * 1  flags: 1 payload is a blob, 2 acknowledged without sync (durability = process), 4 belongs to
 * the same group as the record before it 80    2
 * queue_bytes        82 2  content_type_bytes 84    2  unique_key_bytes   86 2  header_count 88 4
 * headers_bytes 92    4  group_left: how many records of the same all-or-nothing group follow 96 8
 * blob writer       104 8  blob counter (0 without a blob) 112    8  parent writer     120 4 parent
 * sequence   124 4  parent index: this record was stored with the success of that job (0 0 0: none)
 *      128       queue, content type, unique key, then for each header u16 name_bytes,
 *                u16 value_bytes, name, value
 *  head_bytes    the payload (absent for a blob), then zeroes up to record_bytes
 *
 * A record counts when its head CRC and its payload CRC hold, its offset is where it lies and its
 * index is the one that follows; members of a group count when all of the group do. A group begins
 * with a record without flag 4, and each of its members has one group_left less than the one before
 * it; so who reads on behind damage skips what is left of a group.
 */
#ifndef SPOOLER_FILES_RECORD_H
#define SPOOLER_FILES_RECORD_H

#include "plugins/bobbin.h"

enum {
    RECORD_ALIGN = 64,
    RECORD_FIXED_BYTES = 128,
    RECORD_HEAD_MAX = 32 * 1024, /* fixed and variable part */
    RECORD_FLAG_BLOB = 1,
    RECORD_FLAG_PROCESS = 2,
    RECORD_FLAG_GROUPED = 4, /* not the first of its group */
};

/* For record_decode_head: any index will do (behind damage). */
#define RECORD_ANY_INDEX UINT32_MAX

/* One record in memory; spans belong to whoever made it (decode: they point into the bytes). */
struct record {
    uint64_t offset;
    uint32_t index;
    uint32_t record_bytes; /* decode only */
    uint32_t head_bytes;   /* decode only */
    uint32_t payload_crc;  /* decode; encode of a blob record */
    uint64_t payload_bytes;
    uint64_t nonce;
    uint64_t enqueued_us;
    uint64_t due_us;
    uint64_t expires_us;
    uint32_t timeout_ms;
    uint16_t attempts;
    uint8_t priority;
    uint8_t flags;
    uint32_t group_left;
    uint64_t blob_writer;
    uint64_t blob_counter;
    uint64_t parent_writer;
    uint32_t parent_sequence;
    uint32_t parent_index;
    bobbin_str queue;
    bobbin_str content_type;
    bobbin_str unique_key;
    const bobbin_field *headers; /* encode */
    size_t header_count;
    bobbin_str header_bytes; /* decode: the headers as stored, for record_header */
    bobbin_str payload;      /* encode: the bytes, absent for a blob. decode_head: absent */
};

/* The whole size of the record when encoded, a multiple of RECORD_ALIGN; 0 when a part is too
 * large. */
size_t record_size(const struct record *record);

/* Writes exactly record_size(record) bytes. */
void record_encode(const struct record *record, uint64_t salt, void *out);

/* Gives an encoded record another place: its offset, its index and its head's CRC, nothing else. So
 * a record can be encoded before it is known where it will lie. */
void record_place(void *bytes, uint64_t offset, uint32_t index, uint64_t salt);

/* Names the blob of an encoded record that has RECORD_FLAG_BLOB; record_place must follow. */
void record_name_blob(void *bytes, uint64_t writer, uint64_t counter, uint32_t crc);

/* Makes an encoded record a member of a group, of which so many follow it; record_place must
 * follow. */
void record_join(void *bytes, bool is_first, uint32_t group_left);

enum record_verdict {
    RECORD_WHOLE,   /* the head holds; the payload is another question */
    RECORD_SHORT,   /* more bytes are needed to judge: *needed says how many from the start */
    RECORD_NOTHING, /* no record was begun here: the space is still zero */
    RECORD_TORN     /* neither: a write that did not finish, or damage */
};

/* Judges and decodes the head at bytes[0..length). offset and index are what must be found there.
 */
enum record_verdict record_decode_head(struct record *record, const void *bytes, size_t length,
                                       uint64_t salt, uint64_t offset, uint32_t index,
                                       size_t *needed);

/* Whether the payload's CRC is the record's. */
bool record_payload_holds(const struct record *record, const void *payload, size_t length);

/* The headers of a decoded record one after the other, *at is 0 at first. False: no more. */
bool record_next_header(const struct record *record, size_t *at, bobbin_field *header);

/* A header of a decoded record by its name (exact case-insensitive); absent when there is none. */
bobbin_str record_header(const struct record *record, const char *name);

#endif
