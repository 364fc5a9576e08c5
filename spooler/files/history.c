#include "spooler/files/history.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/json.h"
#include "spooler/files/journal.h"
#include "spooler/files/store.h"

enum { LINE_MAX_BYTES = 4096, READ_MAX_BYTES = 8 * 1024 * 1024 };

static const char mark[] = "\"sentence\": \"";

static void file_name(const struct job_address *address, char out[64])
{
    char journal[JOURNAL_NAME_BYTES + 1];
    journal_name(address->writer, address->sequence, journal);
    snprintf(out, 64, "%s/%u", journal, address->index);
}

bool history_append(const struct spool_directory *directory, const struct job_address *address,
                    uint32_t attempt, uint64_t started_us, uint64_t ended_us, const char *sentence,
                    bobbin_error *error)
{
    char journal[JOURNAL_NAME_BYTES + 1], name[64], line[LINE_MAX_BYTES], escaped[3600];
    struct stat status;
    journal_name(address->writer, address->sequence, journal);
    file_name(address, name);
    size_t length = json_escape(escaped, sizeof escaped, sentence, strnlen(sentence, 511));
    int bytes = snprintf(line, sizeof line,
                         "{\"attempt\": %u, \"started_us\": %" PRIu64 ", \"ended_us\": %" PRIu64
                         ", %s%.*s\"}\n",
                         attempt, started_us, ended_us, mark, (int)length, escaped);
    int fd = store_make_folder(directory->history, journal)
                 ? openat(directory->history, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)
                 : -1;
    bool done = fd >= 0 && fstat(fd, &status) == 0 &&
                store_write(fd, line, (size_t)bytes, (uint64_t)status.st_size);
    int number = errno;
    if (fd >= 0)
        close(fd);
    return done || error_system(error, number, "the history cannot be written");
}

char *history_read(const struct spool_directory *directory, const struct job_address *address,
                   size_t *length)
{
    char name[64];
    struct stat status;
    file_name(address, name);
    *length = 0;
    int fd = openat(directory->history, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    size_t size = fstat(fd, &status) == 0 && status.st_size < READ_MAX_BYTES
                      ? (size_t)status.st_size
                      : READ_MAX_BYTES;
    char *text = malloc(size + 1);
    ssize_t got = text != NULL ? pread(fd, text, size, 0) : -1;
    close(fd);
    if (got >= 0) {
        *length = (size_t)got;
        return text;
    }
    free(text);
    return NULL;
}

/* A line as history_append writes it, without its end. */
static bool parse_line(const char *text, size_t length, struct history_line *line)
{
    char copy[LINE_MAX_BYTES];
    int start = 0;
    if (length < 3 || length >= sizeof copy || memcmp(text + length - 2, "\"}", 2) != 0)
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (sscanf(copy,
               "{\"attempt\": %" SCNu32 ", \"started_us\": %" SCNu64 ", \"ended_us\": %" SCNu64
               ", \"sentence\": \"%n",
               &line->attempt, &line->started_us, &line->ended_us, &start) != 3 ||
        start == 0 || (size_t)start > length - 2)
        return false;
    line->escaped = (bobbin_str){text + start, length - 2 - (size_t)start};
    return true;
}

bool history_next(const char *text, size_t length, size_t *at, struct history_line *line)
{
    while (*at < length) {
        const char *start = text + *at, *end = memchr(start, '\n', length - *at);
        if (end == NULL)
            return false;
        *at += (size_t)(end - start) + 1;
        if (parse_line(start, (size_t)(end - start), line))
            return true;
    }
    return false;
}

/* Back from JSON: json_escape writes \" \\ \b \f \n \r \t and \u00xx, nothing else. */
static size_t unescape(char *out, size_t size, const char *at, const char *end)
{
    static const char letters[] = "bfnrt", values[] = "\b\f\n\r\t";
    size_t length = 0;
    for (; at < end && length + 1 < size; at++) {
        unsigned code;
        const char *letter;
        if (*at != '\\' || ++at == end) {
            out[length++] = *at;
        } else if (*at == 'u' && end - at > 4 && sscanf(at + 1, "%4x", &code) == 1) {
            out[length++] = (char)code;
            at += 4;
        } else {
            letter = strchr(letters, *at);
            out[length++] = letter != NULL ? values[letter - letters] : *at;
        }
    }
    return length;
}

void history_last(const struct spool_directory *directory, const struct job_address *address,
                  char *out, size_t size)
{
    char name[64], tail[LINE_MAX_BYTES + 1];
    struct stat status;
    file_name(address, name);
    out[0] = '\0';
    int fd = openat(directory->history, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    off_t start = fstat(fd, &status) == 0 && status.st_size > LINE_MAX_BYTES
                      ? status.st_size - LINE_MAX_BYTES
                      : 0;
    ssize_t got = pread(fd, tail, LINE_MAX_BYTES, start);
    close(fd);
    if (got < 4 || memcmp(tail + got - 3, "\"}\n", 3) != 0)
        return;
    const char *line = memrchr(tail, '\n', (size_t)got - 1);
    line = line != NULL ? line + 1 : tail;
    const char *found = memmem(line, (size_t)(tail + got - line), mark, sizeof mark - 1);
    if (found != NULL)
        out[unescape(out, size, found + sizeof mark - 1, tail + got - 3)] = '\0';
}
