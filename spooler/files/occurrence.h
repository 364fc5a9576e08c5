/*
 * cron/<name>: how far a [cron:NAME] has come, in one line that the leader replaces as a whole:
 *
 *   <seconds since 1970> storing|stored|skipped <id of the last job, or ->
 *
 * "storing" is on disk before that occurrence's job is, the others after it. So whoever finds it
 * must look whether the job is there (keysearch.h), and whoever does not need not look.
 */
#ifndef SPOOLER_FILES_OCCURRENCE_H
#define SPOOLER_FILES_OCCURRENCE_H

#include "spooler/files/directory.h"
#include "spooler/files/id.h"

enum occurrence_state { OCCURRENCE_STORING, OCCURRENCE_STORED, OCCURRENCE_SKIPPED };

struct occurrence {
    uint64_t time_s; /* 0: there was none */
    enum occurrence_state state;
    bool has_job;
    struct job_address job; /* the last that was stored, maybe of an earlier occurrence */
};

/* A missing file is none. False with a sentence: it cannot be read or understood. */
bool occurrence_read(const struct spool_directory *directory, const char *name,
                     struct occurrence *occurrence, bobbin_error *error);

/* Synced before it returns. The name is one of a-z, 0-9, _ and -. */
bool occurrence_write(const struct spool_directory *directory, const char *name,
                      const struct occurrence *occurrence, bobbin_error *error);

#endif
