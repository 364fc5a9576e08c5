/*
 * The state file of a journal: journals/<name>.state, written by the leader alone, read by all.
 * A head of 64 bytes (magic "BOBBINS1", u32 version, u32 sequence, u64 writer, u64 the journal's
 * salt, crc32 of those 32 bytes, zeroes), then one entry of 32 bytes a record, by index:
 *
 *        0    4  block of the record (its offset / 64)
 *        4    1  state (enum bobbin_job_state; 0: nobody has touched it, so it is READY)
 *        5    1  why: a DEAD one's reason, see enum
 *        6    2  attempts begun
 *        8    4  slot, while RUNNING or CANCELLING
 *       12    4  crc32 of the salt, the index (4 bytes) and the entry with this field zero
 *       16    8  READY: due, after a retry (0: as the record says). Else: started, microseconds
 *       24    8  ended, microseconds
 *
 * A DUPLICATE has never run, and says instead which job it is another name of, the first:
 *
 *        0    4  block of the first's record
 *        5    1  third byte of the first's sequence
 *        6    2  the lower two of them
 *        8    4  index of the first
 *       16    8  writer of the first
 *       24    7  ended, microseconds (until the year 4253)
 *       31    1  the highest byte of the first's sequence
 *
 * An entry that is all zero, or whose check fails, says nothing: the record decides. Not synced.
 */
#ifndef SPOOLER_FILES_STATE_H
#define SPOOLER_FILES_STATE_H

#include "spooler/files/directory.h"
#include "spooler/files/id.h"

enum { STATE_HEAD_BYTES = 64, STATE_ENTRY_BYTES = 32 };

struct state_entry {
    uint32_t block;
    uint8_t state;
    uint8_t reason;
    uint16_t attempt;
    uint32_t slot;
    uint64_t due_or_started_us;
    uint64_t ended_us;
    struct job_address first; /* of a DUPLICATE, without its nonce; the others are then 0 */
};

void state_encode(const struct state_entry *entry, uint64_t salt, uint32_t index,
                  unsigned char out[STATE_ENTRY_BYTES]);
/* False: all zero or insane; *entry is then zeroed. */
bool state_decode(struct state_entry *entry, uint64_t salt, uint32_t index,
                  const unsigned char bytes[STATE_ENTRY_BYTES]);

/* Reader: one pread. A missing file reads as untouched entries. -1 with errno from open is fine. */
int state_open_read(const struct spool_directory *directory, uint64_t writer, uint32_t sequence);
bool state_read(int fd, uint64_t salt, uint32_t index, struct state_entry *entry);

/* Leader: creates or opens for writing (a head that is not this journal's is replaced, as after a
 * power loss). */
struct state_file;
struct state_file *state_open(const struct spool_directory *directory, uint64_t writer,
                              uint32_t sequence, uint64_t salt, bobbin_error *error);
/* Keeps the entry for the next state_flush; neighbouring ones go out as one write. */
bool state_put(struct state_file *file, uint32_t index, const struct state_entry *entry,
               bobbin_error *error);
bool state_flush(struct state_file *file, bobbin_error *error);
/* Through what is kept: what state_put said last, else the file. */
bool state_get(struct state_file *file, uint32_t index, struct state_entry *entry);
void state_close(struct state_file *file); /* flushes first */

#endif
