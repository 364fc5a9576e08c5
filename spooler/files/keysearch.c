#include "spooler/files/keysearch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/base/error.h"
#include "spooler/files/journal.h"
#include "spooler/files/record.h"

/* Behind damage the next whole record is looked for, as the leader does. */
static enum journal_step next_record(struct journal_reader *reader, struct record *record)
{
    enum journal_step step = journal_next(reader, true, record);
    return step == JOURNAL_TORN ? journal_resync(reader, record) : step;
}

static bool find_in(const struct spool_directory *directory, struct job_address *place,
                    const char *queue, const char *key, bobbin_error *error)
{
    struct record record;
    bool found = false;
    enum journal_step step = JOURNAL_RECORD;
    struct journal_reader *reader =
        journal_reader_open(directory, place->writer, place->sequence, NULL);
    if (reader == NULL)
        return false; /* gone, or none: no job was ever found in it */
    while (!found && (step = next_record(reader, &record)) == JOURNAL_RECORD)
        found = bobbin_is(record.queue, queue) && bobbin_is(record.unique_key, key);
    if (step == JOURNAL_BROKEN)
        error_system(error, errno, "a journal cannot be read");
    if (found) {
        place->block = (uint32_t)(record.offset / RECORD_ALIGN);
        place->index = record.index;
        place->nonce = record.nonce;
    }
    journal_reader_close(reader);
    return found;
}

bool keysearch_find(const struct spool_directory *directory, const char *queue, const char *key,
                    struct job_address *found, bobbin_error *error)
{
    int fd = openat(directory->journals, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *names = fd >= 0 ? fdopendir(fd) : NULL;
    bool is_found = false;
    error->text[0] = '\0';
    if (names == NULL) {
        error_system(error, errno, "the journals cannot be listed");
        if (fd >= 0)
            close(fd);
        return false;
    }
    for (const struct dirent *entry; !is_found && (entry = readdir(names)) != NULL;)
        is_found = journal_parse_name(entry->d_name, &found->writer, &found->sequence) &&
                   find_in(directory, found, queue, key, error);
    closedir(names);
    return is_found;
}
