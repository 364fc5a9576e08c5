/* The reader's side of journal.h: following a journal that somebody else may still be writing. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "core/base/error.h"
#include "spooler/files/blob.h"
#include "spooler/files/journal.h"
#include "spooler/files/journalhead.h"

/* A scan reads much at once; the tail of a journal that grows is looked at often and holds little.
 */
enum { WINDOW_BYTES = 128 * 1024, TAIL_BYTES = 16 * 1024 };

struct journal_reader {
    int fd;
    struct journalhead head;
    uint64_t offset; /* of the next record */
    uint32_t index;
    uint32_t vouched; /* members of the present group that are known to be whole */
    uint64_t window_start;
    size_t window_bytes;   /* what of the window was read */
    unsigned char *window; /* NULL until the first record is looked for */
};

static bool read_head(struct journal_reader *reader, uint64_t writer, uint32_t sequence)
{
    unsigned char bytes[JOURNAL_HEAD_BYTES];
    return pread(reader->fd, bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes &&
           journalhead_decode(&reader->head, bytes) && reader->head.writer == writer &&
           reader->head.sequence == sequence;
}

struct journal_reader *journal_reader_open(const struct spool_directory *directory, uint64_t writer,
                                           uint32_t sequence, bobbin_error *error)
{
    char name[JOURNAL_NAME_BYTES + 1];
    journal_name(writer, sequence, name);
    int fd = openat(directory->journals, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        int number = errno;
        error_system(error, number, "the journal %s", name);
        errno = number;
        return NULL;
    }
    struct journal_reader *reader = malloc(sizeof *reader);
    if (reader != NULL) {
        reader->fd = fd;
        reader->offset = JOURNAL_HEAD_BYTES;
        reader->index = reader->vouched = 0;
        reader->window_start = reader->window_bytes = 0;
        reader->window = NULL;
        if (read_head(reader, writer, sequence))
            return reader;
        bobbin_fail(error, "the journal %s has no head that holds", name);
    } else {
        bobbin_fail(error, "no memory");
    }
    free(reader);
    close(fd);
    errno = EINVAL;
    return NULL;
}

void journal_reader_close(struct journal_reader *reader)
{
    if (reader == NULL)
        return;
    close(reader->fd);
    free(reader->window);
    free(reader);
}

int journal_reader_fd(const struct journal_reader *reader)
{
    return reader->fd;
}

uint64_t journal_reader_salt(const struct journal_reader *reader)
{
    return reader->head.salt;
}

bool journal_writer_lives(const struct journal_reader *reader)
{
    if (flock(reader->fd, LOCK_SH | LOCK_NB) != 0)
        return true;
    flock(reader->fd, LOCK_UN);
    return false;
}

/* The bytes from an offset on: those in the window, or read anew when fewer than wanted are there.
 */
static const unsigned char *look(struct journal_reader *reader, uint64_t offset, size_t wanted,
                                 bool anew, size_t *available)
{
    uint64_t end = reader->window_start + reader->window_bytes;
    if (anew || offset < reader->window_start || offset + wanted > end) {
        size_t bytes = anew && wanted <= TAIL_BYTES ? TAIL_BYTES : WINDOW_BYTES;
        if (reader->window == NULL && (reader->window = malloc(WINDOW_BYTES)) == NULL)
            return NULL;
        ssize_t got = pread(reader->fd, reader->window, bytes, (off_t)offset);
        if (got < 0)
            return NULL;
        reader->window_start = offset;
        reader->window_bytes = (size_t)got;
    }
    *available = reader->window_bytes - (size_t)(offset - reader->window_start);
    return reader->window + (offset - reader->window_start);
}

/* A payload may be longer than the window: then it is read in pieces. */
static bool payload_holds(struct journal_reader *reader, const struct record *record)
{
    if (record->flags & RECORD_FLAG_BLOB)
        return true; /* its blob was synced before the record was written */
    uint64_t at = record->offset + record->head_bytes, left = record->payload_bytes;
    uint64_t in_window = reader->window_start + reader->window_bytes;
    if (at + left <= in_window)
        return record_payload_holds(record, reader->window + (at - reader->window_start), left);
    unsigned char *piece = malloc(left > 0 ? left : 1);
    bool holds = piece != NULL && pread(reader->fd, piece, left, (off_t)at) == (ssize_t)left &&
                 record_payload_holds(record, piece, left);
    free(piece);
    return holds;
}

static enum journal_step judge(struct journal_reader *reader, uint64_t offset, uint32_t index,
                               bool with_payload, bool anew, struct record *record)
{
    size_t available, needed = RECORD_FIXED_BYTES;
    enum record_verdict verdict;
    do {
        size_t wanted = needed;
        const unsigned char *bytes = look(reader, offset, wanted, anew, &available);
        if (bytes == NULL)
            return JOURNAL_BROKEN;
        anew = false;
        if (available < wanted)
            return available == 0 ? JOURNAL_END : JOURNAL_TORN;
        verdict =
            record_decode_head(record, bytes, available, reader->head.salt, offset, index, &needed);
    } while (verdict == RECORD_SHORT);
    if (verdict == RECORD_NOTHING)
        return JOURNAL_END;
    if (verdict == RECORD_TORN || offset + record->record_bytes > reader->head.capacity)
        return JOURNAL_TORN;
    return !with_payload || payload_holds(reader, record) ? JOURNAL_RECORD : JOURNAL_TORN;
}

/* What looks unfinished in the window may have been finished since it was read. */
static enum journal_step read_one(struct journal_reader *reader, uint64_t offset, uint32_t index,
                                  bool with_payload, struct record *record)
{
    if (offset + RECORD_FIXED_BYTES > reader->head.capacity)
        return JOURNAL_FULL;
    enum journal_step step = judge(reader, offset, index, with_payload, false, record);
    return step == JOURNAL_RECORD ? step : judge(reader, offset, index, with_payload, true, record);
}

static bool is_member(const struct record *record, bool is_first, uint32_t group_left)
{
    return record->group_left == group_left && !(record->flags & RECORD_FLAG_GROUPED) == is_first;
}

/* Members of a group count when all of it do. What is a member by its own word but stands behind no
 * first one is left over from a group that was torn. */
static enum journal_step vouch(struct journal_reader *reader, uint64_t offset, uint32_t index,
                               struct record *record)
{
    uint32_t members = record->group_left;
    uint64_t at = offset;
    for (uint32_t i = 0; i <= members; i++) {
        enum journal_step step = read_one(reader, at, index + i, true, record);
        if (step == JOURNAL_BROKEN)
            return step;
        if (step != JOURNAL_RECORD || !is_member(record, i == 0, members - i))
            return JOURNAL_TORN;
        at += record->record_bytes;
    }
    reader->vouched = members + 1;
    return members > 0 ? read_one(reader, offset, index, true, record) : JOURNAL_RECORD;
}

/* Reads on behind a record that counts. */
static void advance(struct journal_reader *reader, uint64_t offset, const struct record *record)
{
    reader->vouched--;
    reader->offset = offset + record->record_bytes;
    reader->index = record->index + 1;
}

enum journal_step journal_next(struct journal_reader *reader, bool with_payload,
                               struct record *record)
{
    enum journal_step step = read_one(reader, reader->offset, reader->index, with_payload, record);
    if (step == JOURNAL_RECORD && reader->vouched == 0) {
        if (record->group_left == 0 && !(record->flags & RECORD_FLAG_GROUPED))
            reader->vouched = 1;
        else
            step = vouch(reader, reader->offset, reader->index, record);
    }
    if (step == JOURNAL_RECORD)
        advance(reader, reader->offset, record);
    return step;
}

enum journal_step journal_resync(struct journal_reader *reader, struct record *record)
{
    for (uint64_t offset = reader->offset + RECORD_ALIGN;
         offset + RECORD_FIXED_BYTES <= reader->head.capacity; offset += RECORD_ALIGN) {
        enum journal_step step = judge(reader, offset, RECORD_ANY_INDEX, true, false, record);
        if (step == JOURNAL_BROKEN)
            return step;
        if (step != JOURNAL_RECORD || record->index < reader->index)
            continue;
        step = vouch(reader, offset, record->index, record);
        if (step == JOURNAL_BROKEN)
            return step;
        if (step != JOURNAL_RECORD)
            continue;
        advance(reader, offset, record);
        return JOURNAL_RECORD;
    }
    return JOURNAL_END;
}

bool journal_read_record(const struct journal_reader *reader, uint32_t block, uint32_t index,
                         void *buffer, struct record *record)
{
    uint64_t offset = (uint64_t)block * RECORD_ALIGN;
    size_t needed;
    ssize_t got = pread(reader->fd, buffer, RECORD_HEAD_MAX, (off_t)offset);
    return got > 0 && record_decode_head(record, buffer, (size_t)got, reader->head.salt, offset,
                                         index, &needed) == RECORD_WHOLE;
}

static void *read_inline(const struct journal_reader *reader, const struct record *record)
{
    uint64_t at = record->offset + record->head_bytes;
    void *payload = malloc(record->payload_bytes > 0 ? record->payload_bytes : 1);
    if (payload != NULL && pread(reader->fd, payload, record->payload_bytes, (off_t)at) !=
                               (ssize_t)record->payload_bytes) {
        free(payload);
        return NULL;
    }
    return payload;
}

bool journal_read_payload(const struct journal_reader *reader,
                          const struct spool_directory *directory, const struct record *record,
                          void **payload, bool *mapped, bobbin_error *error)
{
    *mapped = (record->flags & RECORD_FLAG_BLOB) != 0;
    *payload = *mapped ? blob_map(directory, record->blob_writer, record->blob_counter,
                                  record->payload_bytes, error)
                       : read_inline(reader, record);
    if (*payload == NULL)
        return *mapped ? false : error_system(error, errno, "the payload cannot be read");
    if (record_payload_holds(record, *payload, record->payload_bytes))
        return true;
    if (*mapped)
        munmap(*payload, record->payload_bytes);
    else
        free(*payload);
    *payload = NULL;
    return bobbin_fail(error, "the payload is damaged: its checksum does not hold");
}
