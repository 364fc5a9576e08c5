#include "core/base/accesslog.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/json.h"

enum { BUFFER_BYTES = 64 * 1024, LINE_MAX_BYTES = 4096, FIELD_MAX_BYTES = 1024 };

struct accesslog {
    int fd;
    bool owns_fd;
    bool is_pipe; /* only then can a write block or be torn */
    enum log_format format;
    uint64_t dropped;
    uint64_t time_s; /* the second that time_text shows */
    char time_text[40];
    size_t filled;
    char buffer[BUFFER_BYTES];
};

struct accesslog *accesslog_open(const char *where, enum log_format format, bobbin_error *error)
{
    struct accesslog *log = calloc(1, sizeof *log);
    if (log == NULL) {
        bobbin_fail(error, "no memory for the access log");
        return NULL;
    }
    log->format = format;
    log->owns_fd = strcmp(where, "stdout") != 0;
    log->fd =
        log->owns_fd ? open(where, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644) : STDOUT_FILENO;
    struct stat status;
    if (log->fd < 0 || fstat(log->fd, &status) != 0) {
        error_system(error, errno, "the access log %s cannot be opened", where);
        accesslog_close(log);
        return NULL;
    }
    log->is_pipe = !S_ISREG(status.st_mode);
    return log;
}

void accesslog_close(struct accesslog *log)
{
    if (log == NULL)
        return;
    accesslog_flush(log);
    if (log->owns_fd && log->fd >= 0)
        close(log->fd);
    free(log);
}

static size_t escape_combined(char *out, size_t capacity, bobbin_str text)
{
    size_t length = 0;
    for (size_t i = 0; i < text.length && length + 5 < capacity; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
            length += (size_t)snprintf(out + length, capacity - length, "\\x%02X", c);
        else
            out[length++] = (char)c;
    }
    return length;
}

static const char *escape(const struct accesslog *log, char out[FIELD_MAX_BYTES], bobbin_str text)
{
    size_t length;
    if (text.data == NULL)
        text = bobbin_text("-");
    if (log->format == LOG_JSON) {
        length = json_escape(out, FIELD_MAX_BYTES - 1, text.data, text.length);
        if (length >= FIELD_MAX_BYTES) /* cut before it can end within an escape */
            length = json_escape(out, FIELD_MAX_BYTES - 1, text.data, FIELD_MAX_BYTES / 6 - 1);
    } else {
        length = escape_combined(out, FIELD_MAX_BYTES, text);
    }
    out[length] = '\0';
    return out;
}

static const char *time_text(struct accesslog *log, uint64_t time_us)
{
    time_t seconds = (time_t)(time_us / 1000000);
    if ((uint64_t)seconds != log->time_s) {
        struct tm utc;
        log->time_s = (uint64_t)seconds;
        gmtime_r(&seconds, &utc);
        strftime(log->time_text, sizeof log->time_text,
                 log->format == LOG_JSON ? "%Y-%m-%dT%H:%M:%S" : "%d/%b/%Y:%H:%M:%S +0000", &utc);
    }
    return log->time_text;
}

void accesslog_line(struct accesslog *log, const struct accesslog_entry *entry)
{
    char client[FIELD_MAX_BYTES], method[FIELD_MAX_BYTES], target[FIELD_MAX_BYTES],
        referer[FIELD_MAX_BYTES], agent[FIELD_MAX_BYTES], id[FIELD_MAX_BYTES];
    if (log->filled + LINE_MAX_BYTES > sizeof log->buffer)
        accesslog_flush(log);
    const char *format =
        log->format == LOG_JSON
            ? "{\"time\": \"%2$s.%11$03uZ\", \"client\": \"%1$s\", \"method\": \"%3$s\", "
              "\"target\": \"%4$s\", \"minor\": %5$u, \"status\": %6$d, \"bytes\": %7$llu, "
              "\"duration_us\": %12$llu, \"referer\": \"%8$s\", \"user_agent\": \"%9$s\", "
              "\"request_id\": \"%10$s\"}\n"
            : "%1$s - - [%2$s] \"%3$s %4$s HTTP/1.%5$u\" %6$d %7$llu \"%8$s\" \"%9$s\" %10$s\n";
    int length = snprintf(
        log->buffer + log->filled, LINE_MAX_BYTES, format, escape(log, client, entry->client),
        time_text(log, entry->time_us), escape(log, method, entry->method),
        escape(log, target, entry->target), entry->minor, entry->status,
        (unsigned long long)entry->sent_bytes, escape(log, referer, entry->referer),
        escape(log, agent, entry->user_agent), escape(log, id, entry->request_id),
        (unsigned)(entry->time_us / 1000 % 1000), (unsigned long long)entry->duration_us);
    if (length < 0)
        return;
    if (length >= LINE_MAX_BYTES) {
        length = LINE_MAX_BYTES - 1;
        log->buffer[log->filled + (size_t)length - 1] = '\n';
    }
    log->filled += (size_t)length;
}

/* The longest run of whole lines that one write may carry. */
static size_t whole_lines(const struct accesslog *log, size_t start)
{
    size_t length = log->filled - start;
    if (!log->is_pipe || length <= LINE_MAX_BYTES)
        return length;
    const char *end = memrchr(log->buffer + start, '\n', LINE_MAX_BYTES);
    return end != NULL ? (size_t)(end - (log->buffer + start)) + 1 : LINE_MAX_BYTES;
}

static uint64_t count_lines(const char *text, size_t length)
{
    uint64_t lines = 0;
    for (size_t i = 0; i < length; i++)
        lines += text[i] == '\n';
    return lines;
}

void accesslog_flush(struct accesslog *log)
{
    size_t start = 0;
    while (start < log->filled) {
        size_t length = whole_lines(log, start);
        struct pollfd ready = {.fd = log->fd, .events = POLLOUT};
        bool can = !log->is_pipe || (poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT));
        if (!can || write(log->fd, log->buffer + start, length) != (ssize_t)length)
            log->dropped += count_lines(log->buffer + start, length);
        start += length;
    }
    log->filled = 0;
}

uint64_t accesslog_dropped(const struct accesslog *log)
{
    return log->dropped;
}
