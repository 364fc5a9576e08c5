/* The writer's side, and what both sides know: names and the head. */
#include "spooler/files/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "spooler/files/bytes.h"
#include "spooler/files/journalhead.h"
#include "spooler/files/store.h"

static const char magic[8] = {'B', 'O', 'B', 'B', 'I', 'N', 'J', '1'};

enum { HEAD_CRC_AT = 56 };

void journal_name(uint64_t writer, uint32_t sequence, char out[JOURNAL_NAME_BYTES + 1])
{
    snprintf(out, JOURNAL_NAME_BYTES + 1, "%016" PRIx64 ".%08" PRIx32, writer, sequence);
}

bool journal_parse_name(const char *name, uint64_t *writer, uint32_t *sequence)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t numbers[2] = {0, 0};
    if (strlen(name) != JOURNAL_NAME_BYTES || name[16] != '.')
        return false;
    for (int i = 0; i < JOURNAL_NAME_BYTES; i++) {
        if (i == 16)
            continue;
        const char *found = strchr(digits, name[i]);
        if (found == NULL)
            return false;
        numbers[i > 16] = numbers[i > 16] << 4 | (uint64_t)(found - digits);
    }
    *writer = numbers[0];
    *sequence = (uint32_t)numbers[1];
    return true;
}

void journalhead_encode(const struct journalhead *head, unsigned char out[JOURNAL_HEAD_BYTES])
{
    memset(out, 0, JOURNAL_HEAD_BYTES);
    memcpy(out, magic, sizeof magic);
    put32(out + 8, 1);
    put32(out + 12, JOURNAL_HEAD_BYTES);
    put64(out + 16, head->writer);
    put32(out + 24, head->sequence);
    put64(out + 32, head->salt);
    put64(out + 40, head->capacity);
    put64(out + 48, head->created_us);
    put32(out + HEAD_CRC_AT, (uint32_t)crc32(0, out, HEAD_CRC_AT));
}

bool journalhead_decode(struct journalhead *head, const unsigned char bytes[JOURNAL_HEAD_BYTES])
{
    if (memcmp(bytes, magic, sizeof magic) != 0 || get32(bytes + 8) != 1 ||
        get32(bytes + 12) != JOURNAL_HEAD_BYTES ||
        get32(bytes + HEAD_CRC_AT) != (uint32_t)crc32(0, bytes, HEAD_CRC_AT))
        return false;
    *head = (struct journalhead){.writer = get64(bytes + 16),
                                 .sequence = get32(bytes + 24),
                                 .salt = get64(bytes + 32),
                                 .capacity = get64(bytes + 40),
                                 .created_us = get64(bytes + 48)};
    return true;
}

static bool write_head(const struct journal *journal)
{
    unsigned char bytes[JOURNAL_HEAD_BYTES];
    struct journalhead head = {.writer = journal->writer,
                               .sequence = journal->sequence,
                               .salt = journal->salt,
                               .capacity = journal->capacity,
                               .created_us = clock_us()};
    journalhead_encode(&head, bytes);
    return store_write(journal->fd, bytes, sizeof bytes, 0);
}

/* Locked and whole before it has its name: who finds a journal finds a head and a living writer. */
static bool make(struct journal *journal, const struct spool_directory *directory, const char *name)
{
    char hidden[JOURNAL_NAME_BYTES + 2];
    snprintf(hidden, sizeof hidden, ".%s", name);
    journal->fd = store_create(directory->journals, hidden);
    if (journal->fd < 0)
        return false;
    bool done = flock(journal->fd, LOCK_EX | LOCK_NB) == 0 &&
                store_reserve(journal->fd, journal->capacity) && write_head(journal) &&
                store_sync(journal->fd) && store_rename(directory->journals, hidden, name) &&
                store_sync_folder(directory->journals);
    if (!done) {
        int number = errno;
        store_unlink(directory->journals, hidden);
        errno = number;
    }
    return done;
}

bool journal_create(struct journal *journal, const struct spool_directory *directory,
                    uint64_t writer, uint32_t sequence, uint64_t capacity, bobbin_error *error)
{
    char name[JOURNAL_NAME_BYTES + 1];
    *journal = (struct journal){.fd = -1,
                                .writer = writer,
                                .sequence = sequence,
                                .capacity = capacity,
                                .end = JOURNAL_HEAD_BYTES};
    journal_name(writer, sequence, name);
    if (getrandom(&journal->salt, sizeof journal->salt, 0) == (ssize_t)sizeof journal->salt &&
        make(journal, directory, name))
        return true;
    int number = errno;
    journal_close(journal);
    error_system(error, number, "the journal %s cannot be made", name);
    errno = number;
    return false;
}

bool journal_append(struct journal *journal, struct iovec *vector, int count, uint64_t bytes,
                    uint32_t records, bobbin_error *error)
{
    if (journal->sealed)
        return bobbin_fail(error, "the journal was sealed after an error");
    if (!store_write_vector(journal->fd, vector, count, journal->end)) {
        int number = errno;
        journal->sealed = true;
        error_system(error, number, "the journal cannot be written");
        errno = number;
        return false;
    }
    journal->end += bytes;
    journal->next_index += records;
    return true;
}

bool journal_sync(struct journal *journal, bobbin_error *error)
{
    if (store_sync(journal->fd))
        return true;
    int number = errno;
    /* What the kernel could not write it has forgotten (fsync(2), Linux 4.13 and later): trying
     * again would report a success that is none. */
    journal->sealed = true;
    error_system(error, number, "the journal cannot be synced");
    errno = number;
    return false;
}

void journal_close(struct journal *journal)
{
    if (journal->fd >= 0)
        close(journal->fd);
    journal->fd = -1;
}

/* A young one is not even looked at: its maker may be about to lock it. */
static bool is_abandoned(int folder, const char *name, uint64_t before_us)
{
    struct stat status;
    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
        (uint64_t)status.st_mtime * 1000000 > before_us)
        return false;
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool is_free = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (fd >= 0)
        close(fd);
    return is_free;
}

void journal_remove_unfinished(const struct spool_directory *directory, uint64_t now_us,
                               uint64_t age_us)
{
    int fd = openat(directory->journals, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    uint64_t writer;
    uint32_t sequence;
    if (entries == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;)
        if (entry->d_name[0] == '.' && journal_parse_name(entry->d_name + 1, &writer, &sequence) &&
            is_abandoned(fd, entry->d_name, now_us - age_us))
            store_unlink(fd, entry->d_name);
    closedir(entries);
}
