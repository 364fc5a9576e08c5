#include "core/base/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/json.h"

enum { LINE_MAX_BYTES = 4096, MESSAGE_MAX_BYTES = 3072 };

static const char *const level_names[] = {"debug", "info", "warning", "error"};

void log_init(struct log *log, int fd, const char *role)
{
    *log = (struct log){.fd = fd,
                        .level = BOBBIN_INFO,
                        .format = isatty(fd) ? LOG_TEXT : LOG_JSON,
                        .role = role,
                        .pid = (long)getpid()};
}

static void write_line(const struct log *log, const char *line, size_t length)
{
    /* A log that cannot be written must not stop anybody: nothing is left to be done about it. */
    ssize_t written = write(log->fd, line, length);
    (void)written;
}

static void print_time(char out[40])
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t length = strftime(out, 24, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out + length, 16, ".%03uZ", (unsigned)(now.tv_nsec / 1000000) % 1000);
}

/* A line of text holds no control characters: nobody can forge a second line. */
static size_t clean(char *out, size_t capacity, const char *text)
{
    size_t length = 0;
    for (; *text != '\0' && length + 4 < capacity; text++) {
        unsigned char c = (unsigned char)*text;
        if (c >= 0x20 && c != 0x7f)
            out[length++] = (char)c;
        else
            length += (size_t)snprintf(out + length, capacity - length, "\\x%02x", c);
    }
    out[length] = '\0';
    return length;
}

void log_writev(const struct log *log, enum bobbin_level level, const char *who, const char *format,
                va_list arguments)
{
    char message[MESSAGE_MAX_BYTES], safe[MESSAGE_MAX_BYTES], line[LINE_MAX_BYTES], when[40];
    if (log == NULL || level < log->level)
        return;
    vsnprintf(message, sizeof message, format, arguments);
    print_time(when);
    int length;
    if (log->format == LOG_JSON) {
        size_t bytes = json_escape(safe, sizeof safe - 1, message, strlen(message));
        if (bytes >= sizeof safe) /* cut before it can end within an escape */
            bytes = json_escape(safe, sizeof safe - 1, message, sizeof safe / 6 - 1);
        safe[bytes] = '\0';
        length = snprintf(line, sizeof line,
                          "{\"time\": \"%s\", \"level\": \"%s\", \"role\": \"%s\", \"pid\": %ld, "
                          "%s%s%s\"message\": \"%s\"}\n",
                          when, level_names[level], log->role, log->pid,
                          who != NULL ? "\"plugin\": \"" : "", who != NULL ? who : "",
                          who != NULL ? "\", " : "", safe);
    } else {
        clean(safe, sizeof safe, message);
        length =
            snprintf(line, sizeof line, "%s %-7s %s[%ld] %s%s%s\n", when, level_names[level],
                     log->role, log->pid, who != NULL ? who : "", who != NULL ? ": " : "", safe);
    }
    write_line(log, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
}

void log_write(const struct log *log, enum bobbin_level level, const char *who, const char *format,
               ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_writev(log, level, who, format, arguments);
    va_end(arguments);
}

void log_signal_safe(const struct log *log, const char *const *pieces, size_t count)
{
    char line[1024];
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        for (const char *c = pieces[i]; *c != '\0' && length < sizeof line - 1; c++)
            line[length++] = *c;
    line[length++] = '\n';
    write_line(log, line, length);
}
