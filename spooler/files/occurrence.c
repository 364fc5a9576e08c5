#include "spooler/files/occurrence.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/error.h"
#include "spooler/files/store.h"

static const char *const words[] = {"storing", "stored", "skipped"};

enum { LINE_BYTES = 128, PATH_BYTES = 96, WORDS = sizeof words / sizeof *words };

static bool parse_job(const char *text, struct occurrence *occurrence)
{
    occurrence->has_job = strcmp(text, "-") != 0;
    return !occurrence->has_job || id_parse(text, strlen(text), &occurrence->job);
}

static bool parse(const char *line, struct occurrence *occurrence)
{
    char word[16], job[64];
    int length = 0;
    if (sscanf(line, "%" SCNu64 " %15s %63s%n", &occurrence->time_s, word, job, &length) != 3 ||
        strcmp(line + length, "\n") != 0)
        return false;
    for (size_t i = 0; i < WORDS; i++)
        if (strcmp(word, words[i]) == 0) {
            occurrence->state = (enum occurrence_state)i;
            return parse_job(job, occurrence);
        }
    return false;
}

bool occurrence_read(const struct spool_directory *directory, const char *name,
                     struct occurrence *occurrence, bobbin_error *error)
{
    char path[PATH_BYTES], line[LINE_BYTES] = "";
    *occurrence = (struct occurrence){0};
    snprintf(path, sizeof path, "cron/%s", name);
    int fd = openat(directory->root, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || error_system(error, errno, "%s", path);
    ssize_t got = read(fd, line, sizeof line - 1);
    int number = errno;
    close(fd);
    if (got < 0)
        return error_system(error, number, "%s", path);
    return parse(line, occurrence) || bobbin_fail(error, "%s is not what a leader writes", path);
}

static bool write_line(int folder, const char *hidden, const struct occurrence *occurrence)
{
    char line[LINE_BYTES], job[ID_TEXT_BYTES + 1] = "-";
    if (occurrence->has_job)
        id_format(&occurrence->job, job);
    int length = snprintf(line, sizeof line, "%" PRIu64 " %s %s\n", occurrence->time_s,
                          words[occurrence->state], job);
    store_unlink(folder, hidden);
    int fd = store_create(folder, hidden);
    bool done = fd >= 0 && store_write(fd, line, (size_t)length, 0) && store_sync(fd);
    int number = errno;
    if (fd >= 0)
        close(fd);
    errno = number;
    return done;
}

bool occurrence_write(const struct spool_directory *directory, const char *name,
                      const struct occurrence *occurrence, bobbin_error *error)
{
    char hidden[PATH_BYTES];
    int folder = -1;
    snprintf(hidden, sizeof hidden, ".%s", name);
    if (store_make_folder(directory->root, "cron"))
        folder = openat(directory->root, "cron", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = folder >= 0 && write_line(folder, hidden, occurrence) &&
                store_rename(folder, hidden, name) && store_sync_folder(folder) &&
                store_sync_folder(directory->root);
    int number = errno;
    if (folder >= 0)
        close(folder);
    return done || error_system(error, number, "cron/%s cannot be written", name);
}
