/*
 * What a program says on stderr: each line goes to the log with the job's id, and its end is kept,
 * as the reason when the program fails.
 */
#ifndef EXEC_COMPLAINT_H
#define EXEC_COMPLAINT_H

#include "bobbin.h"

enum {
    COMPLAINT_LINE_BYTES = 1024,         /* a longer line becomes several */
    COMPLAINT_REASON_BYTES = 400,        /* kept of the end */
    COMPLAINT_LOGGED_BYTES = 256 * 1024, /* then an attempt is not logged any more */
};

struct complaint {
    bobbin_job *job; /* borrowed */
    char line[COMPLAINT_LINE_BYTES];
    size_t line_bytes;
    char end[COMPLAINT_REASON_BYTES];
    size_t end_bytes;
    size_t logged_bytes;
};

void complaint_init(struct complaint *complaint, bobbin_job *job);
void complaint_add(struct complaint *complaint, const char *data, size_t length);

/* No more comes: logs a last line that had no end. */
void complaint_finish(struct complaint *complaint);

/* The end of it, on one line: control characters are spaces. "" when nothing was said. */
void complaint_reason(const struct complaint *complaint, char out[COMPLAINT_REASON_BYTES + 1]);

#endif
