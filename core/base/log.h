/*
 * The log: one line an event, to stderr (or any descriptor), as text or JSON.
 *
 * A line is written with one write(2) of at most 4,096 bytes (longer ones are cut and marked), so
 * that lines of several processes do not mix on a pipe (PIPE_BUF, pipe(7)). The struct is a plain
 * value that each process copies and adapts (its role); it owns nothing.
 */
#ifndef CORE_BASE_LOG_H
#define CORE_BASE_LOG_H

#include <stdarg.h>

#include "plugins/bobbin.h"

enum log_format { LOG_TEXT, LOG_JSON };

struct log {
    int fd;                  /* not owned */
    enum bobbin_level level; /* lines below it are not written */
    enum log_format format;
    const char *role; /* "master", "worker", "job", ...: static text, part of every line */
    long pid;
};

/* The log of a process: fills in the pid. format_auto: text when fd is a terminal, else JSON. */
void log_init(struct log *log, int fd, const char *role);

/* Any thread. who is a plugin instance's name or NULL. Control characters are escaped. */
void log_write(const struct log *log, enum bobbin_level level, const char *who, const char *format,
               ...) BOBBIN_PRINTF(4, 5);
void log_writev(const struct log *log, enum bobbin_level level, const char *who, const char *format,
                va_list arguments);

/*
 * One whole line made of ready pieces, from a signal handler: no formatting, no allocation, no lock
 * (signal-safety(7)).
 */
void log_signal_safe(const struct log *log, const char *const *pieces, size_t count);

#endif
