/*
 * What a job answered: results/<journal>/<index>. A head of 256 bytes, then the bytes:
 *
 *        0    8  magic "BOBBINR1"      8  4  format version, 1
 *       12    4  attempt              16  8  length of the result
 *       24    4  crc32 of the result  28  2  length of the content type   30  2 zero
 *       32  200  content type        232  4  crc32 of bytes 0..231, then zeroes
 *
 * A job process writes it under a hidden name; only the leader, when it settles the job, gives it
 * its name. So a late process cannot overwrite what another attempt has answered.
 */
#ifndef SPOOLER_FILES_RESULT_H
#define SPOOLER_FILES_RESULT_H

#include "spooler/files/directory.h"
#include "spooler/files/id.h"

enum { RESULT_HEAD_BYTES = 256, RESULT_TYPE_MAX = 200 };

/* Job process: writes (replacing an earlier one of the same attempt). errno is kept. */
bool result_write(const struct spool_directory *directory, const struct job_address *address,
                  uint32_t attempt, const void *data, size_t length, const char *content_type,
                  bool sync, bobbin_error *error);

/*
 * The same in pieces: for what is too large for memory. Its head is written by result_end; without
 * it the file is no result.
 */
struct result_stream {
    int fd; /* -1: not open */
    uint32_t attempt;
    uint32_t crc;
    uint64_t length;
    char content_type[RESULT_TYPE_MAX + 1];
};
bool result_begin(struct result_stream *stream, const struct spool_directory *directory,
                  const struct job_address *address, uint32_t attempt, const char *content_type,
                  bobbin_error *error);
bool result_append(struct result_stream *stream, const void *data, size_t length,
                   bobbin_error *error);
/* Closes it in any case. */
bool result_end(struct result_stream *stream, bool sync, bobbin_error *error);
/* Closes it when it is open; what was written is no result. */
void result_abandon(struct result_stream *stream);

/* Leader: gives it its name, or throws it away. Job process: throws its own away. errno is kept:
 * ENOENT, there is none. */
bool result_commit(const struct spool_directory *directory, const struct job_address *address,
                   uint32_t attempt, bobbin_error *error);
void result_discard(const struct spool_directory *directory, const struct job_address *address,
                    uint32_t attempt);

struct result_info {
    uint64_t offset;
    uint64_t length;
    char content_type[RESULT_TYPE_MAX + 1];
};

/* Anybody: a descriptor (the caller's) and where in it the result is; -1: there is none. */
int result_open(const struct spool_directory *directory, const struct job_address *address,
                struct result_info *info);

/* Removes all results (or histories) of a journal. folder: directory->results or ->history. */
void result_remove_all(int folder, uint64_t writer, uint32_t sequence);

#endif
