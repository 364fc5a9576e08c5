/*
 * Why attempts failed: history/<journal>/<index>, one line of JSON for each, written by the leader:
 *   {"attempt": 1, "started_us": 1, "ended_us": 2, "sentence": "..."}
 */
#ifndef SPOOLER_FILES_HISTORY_H
#define SPOOLER_FILES_HISTORY_H

#include "spooler/files/directory.h"
#include "spooler/files/id.h"

bool history_append(const struct spool_directory *directory, const struct job_address *address,
                    uint32_t attempt, uint64_t started_us, uint64_t ended_us, const char *sentence,
                    bobbin_error *error);

/* Anybody: one failed attempt; its sentence as it is written, inside a JSON string. */
struct history_line {
    uint32_t attempt;
    uint64_t started_us;
    uint64_t ended_us;
    bobbin_str escaped;
};

/* All of a job's, to be freed by the caller; NULL with *length 0 when there is none. */
char *history_read(const struct spool_directory *directory, const struct job_address *address,
                   size_t *length);
/* The next whole line of it, *at is 0 at first; others are passed over. False: no more. */
bool history_next(const char *text, size_t length, size_t *at, struct history_line *line);

/* The sentence of the last line, unescaped as far as it was ever escaped; "" when there is none. */
void history_last(const struct spool_directory *directory, const struct job_address *address,
                  char *out, size_t size);

#endif
