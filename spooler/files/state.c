#include "spooler/files/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "core/base/error.h"
#include "spooler/files/bytes.h"
#include "spooler/files/journal.h"
#include "spooler/files/store.h"

static const char magic[8] = {'B', 'O', 'B', 'B', 'I', 'N', 'S', '1'};

enum { HEAD_CRC_AT = 32, CHECK_AT = 12, KEPT_ENTRIES = 64 };

static uint32_t check_of(const unsigned char entry[STATE_ENTRY_BYTES], uint64_t salt,
                         uint32_t index)
{
    unsigned char bytes[12 + STATE_ENTRY_BYTES];
    put64(bytes, salt);
    put32(bytes + 8, index);
    memcpy(bytes + 12, entry, STATE_ENTRY_BYTES);
    put32(bytes + 12 + CHECK_AT, 0);
    return (uint32_t)crc32(0, bytes, sizeof bytes);
}

static void put_entry(const struct state_entry *entry, unsigned char out[STATE_ENTRY_BYTES])
{
    put32(out, entry->block);
    out[4] = entry->state;
    out[5] = entry->reason;
    put16(out + 6, entry->attempt);
    put32(out + 8, entry->slot);
    put64(out + 16, entry->due_or_started_us);
    put64(out + 24, entry->ended_us);
}

static void put_alias(const struct state_entry *entry, unsigned char out[STATE_ENTRY_BYTES])
{
    put32(out, entry->first.block);
    out[4] = entry->state;
    out[5] = (unsigned char)(entry->first.sequence >> 16);
    put16(out + 6, (uint16_t)entry->first.sequence);
    put32(out + 8, entry->first.index);
    put64(out + 16, entry->first.writer);
    put64(out + 24, entry->ended_us);
    out[31] = (unsigned char)(entry->first.sequence >> 24);
}

static void get_alias(struct state_entry *entry, const unsigned char bytes[STATE_ENTRY_BYTES])
{
    *entry = (struct state_entry){.state = bytes[4],
                                  .ended_us = get64(bytes + 24) << 8 >> 8,
                                  .first = {.writer = get64(bytes + 16),
                                            .sequence = (uint32_t)bytes[31] << 24 |
                                                        (uint32_t)bytes[5] << 16 | get16(bytes + 6),
                                            .block = get32(bytes),
                                            .index = get32(bytes + 8)}};
}

void state_encode(const struct state_entry *entry, uint64_t salt, uint32_t index,
                  unsigned char out[STATE_ENTRY_BYTES])
{
    if (entry->state == BOBBIN_STATE_DUPLICATE)
        put_alias(entry, out);
    else
        put_entry(entry, out);
    put32(out + CHECK_AT, check_of(out, salt, index));
}

bool state_decode(struct state_entry *entry, uint64_t salt, uint32_t index,
                  const unsigned char bytes[STATE_ENTRY_BYTES])
{
    static const unsigned char zero[STATE_ENTRY_BYTES];
    *entry = (struct state_entry){0};
    if (memcmp(bytes, zero, sizeof zero) == 0 ||
        get32(bytes + CHECK_AT) != check_of(bytes, salt, index) || bytes[4] == 0 ||
        bytes[4] > BOBBIN_STATE_DUPLICATE)
        return false;
    if (bytes[4] == BOBBIN_STATE_DUPLICATE) {
        get_alias(entry, bytes);
        return true;
    }
    *entry = (struct state_entry){.block = get32(bytes),
                                  .state = bytes[4],
                                  .reason = bytes[5],
                                  .attempt = get16(bytes + 6),
                                  .slot = get32(bytes + 8),
                                  .due_or_started_us = get64(bytes + 16),
                                  .ended_us = get64(bytes + 24)};
    return true;
}

static uint64_t place_of(uint32_t index)
{
    return STATE_HEAD_BYTES + (uint64_t)index * STATE_ENTRY_BYTES;
}

static void state_name(uint64_t writer, uint32_t sequence, char out[48])
{
    char journal[JOURNAL_NAME_BYTES + 1];
    journal_name(writer, sequence, journal);
    snprintf(out, 48, "%s.state", journal);
}

int state_open_read(const struct spool_directory *directory, uint64_t writer, uint32_t sequence)
{
    char name[48];
    state_name(writer, sequence, name);
    return openat(directory->journals, name, O_RDONLY | O_CLOEXEC);
}

bool state_read(int fd, uint64_t salt, uint32_t index, struct state_entry *entry)
{
    unsigned char bytes[STATE_ENTRY_BYTES];
    *entry = (struct state_entry){0};
    return fd >= 0 &&
           pread(fd, bytes, sizeof bytes, (off_t)place_of(index)) == (ssize_t)sizeof bytes &&
           state_decode(entry, salt, index, bytes);
}

/* Entries that wait to be written: a run of neighbours. */
struct state_file {
    int fd;
    uint64_t salt;
    uint32_t first; /* index of kept[0] */
    uint32_t count;
    unsigned char kept[KEPT_ENTRIES][STATE_ENTRY_BYTES];
};

static void encode_head(unsigned char out[STATE_HEAD_BYTES], uint64_t writer, uint32_t sequence,
                        uint64_t salt)
{
    memset(out, 0, STATE_HEAD_BYTES);
    memcpy(out, magic, sizeof magic);
    put32(out + 8, 1);
    put32(out + 12, sequence);
    put64(out + 16, writer);
    put64(out + 24, salt);
    put32(out + HEAD_CRC_AT, (uint32_t)crc32(0, out, HEAD_CRC_AT));
}

/* A head that is not this journal's says that the entries are not either. */
static bool adopt(const struct state_file *file, uint64_t writer, uint32_t sequence)
{
    unsigned char wanted[STATE_HEAD_BYTES], found[STATE_HEAD_BYTES];
    encode_head(wanted, writer, sequence, file->salt);
    if (pread(file->fd, found, sizeof found, 0) == (ssize_t)sizeof found &&
        memcmp(found, wanted, sizeof found) == 0)
        return true;
    return ftruncate(file->fd, 0) == 0 && store_write(file->fd, wanted, sizeof wanted, 0);
}

struct state_file *state_open(const struct spool_directory *directory, uint64_t writer,
                              uint32_t sequence, uint64_t salt, bobbin_error *error)
{
    char name[48];
    struct state_file *file = calloc(1, sizeof *file);
    if (file == NULL) {
        bobbin_fail(error, "no memory");
        return NULL;
    }
    state_name(writer, sequence, name);
    file->salt = salt;
    file->fd = openat(directory->journals, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file->fd >= 0 && adopt(file, writer, sequence))
        return file;
    error_system(error, errno, "the state file %s", name);
    state_close(file);
    return NULL;
}

bool state_flush(struct state_file *file, bobbin_error *error)
{
    if (file->count == 0)
        return true;
    bool done = store_write(file->fd, file->kept, (size_t)file->count * STATE_ENTRY_BYTES,
                            place_of(file->first));
    file->count = 0;
    return done || error_system(error, errno, "a state file cannot be written");
}

bool state_put(struct state_file *file, uint32_t index, const struct state_entry *entry,
               bobbin_error *error)
{
    bool is_neighbour = file->count > 0 && index >= file->first &&
                        index <= file->first + file->count && index - file->first < KEPT_ENTRIES;
    if (!is_neighbour) {
        if (!state_flush(file, error))
            return false;
        file->first = index;
    }
    state_encode(entry, file->salt, index, file->kept[index - file->first]);
    if (index - file->first == file->count)
        file->count++;
    return true;
}

bool state_get(struct state_file *file, uint32_t index, struct state_entry *entry)
{
    if (index >= file->first && index - file->first < file->count)
        return state_decode(entry, file->salt, index, file->kept[index - file->first]);
    return state_read(file->fd, file->salt, index, entry);
}

void state_close(struct state_file *file)
{
    if (file == NULL)
        return;
    if (file->fd >= 0) {
        state_flush(file, NULL);
        close(file->fd);
    }
    free(file);
}
