#include "spooler/files/history.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/json.h"
#include "spooler/files/journal.h"
#include "spooler/files/store.h"

enum { LINE_MAX_BYTES = 4096 };

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
