/*
 * The access log of one worker: one line a request, combined or JSON, collected and written once a
 * turn of the loop. Lines never block: what a full pipe does not take is dropped and counted.
 */
#ifndef CORE_BASE_ACCESSLOG_H
#define CORE_BASE_ACCESSLOG_H

#include "core/base/log.h"
#include "plugins/bobbin.h"

struct accesslog;

struct accesslog_entry {
    bobbin_str client;
    bobbin_str method;
    bobbin_str target;
    uint32_t minor;
    int status;
    uint64_t sent_bytes; /* of the body */
    uint64_t duration_us;
    bobbin_str referer;    /* absent: "-" */
    bobbin_str user_agent; /* absent: "-" */
    bobbin_str request_id;
    uint64_t time_us; /* since 1970 */
};

/* where: "stdout", or a file that is appended to. ("off" is the caller's: no accesslog at all.) */
struct accesslog *accesslog_open(const char *where, enum log_format format, bobbin_error *error);
void accesslog_close(struct accesslog *log); /* flushes; NULL is fine */

/* Escapes what clients could forge: control characters, quotes, backslashes. No allocation. */
void accesslog_line(struct accesslog *log, const struct accesslog_entry *entry);

/* Writes what was collected; whole lines only, at most 4,096 bytes a write on a pipe. */
void accesslog_flush(struct accesslog *log);

uint64_t accesslog_dropped(const struct accesslog *log); /* lines */

#endif
