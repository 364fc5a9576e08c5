#include "spooler/appender.h"

#include <errno.h>
#include <limits.h>
#include <sys/random.h>
#include <sys/statvfs.h>

#include "spooler/files/blob.h"

enum {
    FIRST_JOURNAL_BYTES = 64 * 1024,
    LARGEST_JOURNAL_BYTES = 16 * 1024 * 1024, /* but for a group that needs more */
    FREE_SPACE_SHARE = 64 /* a journal takes at most this part of what is free */
};

_Static_assert((int)GROUP_MAX <= IOV_MAX, "a group goes out with one pwritev");

bool appender_init(struct appender *appender, const struct spool_directory *directory,
                   bobbin_error *error)
{
    appender->directory = directory;
    appender->journal.fd = appender->next.fd = -1;
    appender->last_sequence = 0;
    appender->blob_counter = appender->bytes = appender->count = 0;
    return getrandom(&appender->writer, sizeof appender->writer, 0) ==
               (ssize_t)sizeof appender->writer ||
           bobbin_fail(error, "the kernel gave no random numbers");
}

void appender_finish(struct appender *appender)
{
    journal_close(&appender->journal);
    journal_close(&appender->next);
}

/* ------------------------------------------------------------------ journals */

static uint64_t capacity_of(const struct appender *appender, uint32_t sequence, size_t least)
{
    uint64_t bytes = FIRST_JOURNAL_BYTES, needed = (uint64_t)least + JOURNAL_HEAD_BYTES;
    struct statvfs status;
    for (uint32_t i = 1; i < sequence && bytes < LARGEST_JOURNAL_BYTES; i++)
        bytes *= 2;
    if (fstatvfs(appender->directory->root, &status) == 0) {
        uint64_t share = (uint64_t)status.f_bavail * status.f_frsize / FREE_SPACE_SHARE;
        while (bytes > share && bytes > FIRST_JOURNAL_BYTES)
            bytes /= 2;
    }
    if (bytes < needed)
        bytes = (needed + FIRST_JOURNAL_BYTES - 1) / FIRST_JOURNAL_BYTES * FIRST_JOURNAL_BYTES;
    return bytes;
}

static bool make_journal(struct appender *appender, struct journal *journal, size_t least,
                         bobbin_error *error)
{
    uint32_t sequence = appender->last_sequence + 1;
    if (!journal_create(journal, appender->directory, appender->writer, sequence,
                        capacity_of(appender, sequence, least), error))
        return false;
    appender->last_sequence = sequence;
    return true;
}

static bool has_room(const struct journal *journal, uint64_t bytes)
{
    return journal->fd >= 0 && !journal->sealed && journal->end + bytes <= journal->capacity;
}

bool appender_ready(struct appender *appender, size_t bytes, bobbin_error *error)
{
    if (has_room(&appender->journal, bytes))
        return true;
    journal_close(&appender->journal);
    appender->journal = appender->next;
    appender->next.fd = -1;
    if (has_room(&appender->journal, bytes))
        return true;
    journal_close(&appender->journal);
    return make_journal(appender, &appender->journal, bytes, error);
}

void appender_prepare(struct appender *appender)
{
    const struct journal *journal = &appender->journal;
    if (appender->next.fd < 0 && journal->fd >= 0 && journal->end > journal->capacity / 2 &&
        !make_journal(appender, &appender->next, 0, NULL))
        appender->next.fd = -1; /* it is tried again when it is needed, and then it is said */
}

/* ------------------------------------------------------------------ groups */

static bool store_blob(struct appender *appender, struct draft *draft, bool sync,
                       bobbin_error *error)
{
    uint32_t crc = 0;
    uint64_t counter = ++appender->blob_counter;
    bool done = draft->blob_fd >= 0
                    ? blob_from_file(appender->directory, appender->writer, counter, draft->blob_fd,
                                     draft->blob_bytes, sync, &crc, error)
                    : blob_from_memory(appender->directory, appender->writer, counter, draft->blob,
                                       draft->blob_bytes, sync, &crc, error);
    if (done)
        record_name_blob(draft->record, appender->writer, counter, crc);
    return done;
}

static bool has_blob(const struct draft *draft)
{
    return draft->blob != NULL || draft->blob_fd >= 0;
}

static bool store_blobs(struct appender *appender, const struct group *group, bobbin_error *error)
{
    uint64_t before = appender->blob_counter;
    for (struct draft *draft = group->first; draft != NULL; draft = draft->next) {
        if (!has_blob(draft) || store_blob(appender, draft, group->needs_sync, error))
            continue;
        int number = errno;
        for (uint64_t counter = appender->blob_counter; counter > before; counter--)
            blob_remove(appender->directory, appender->writer, counter);
        errno = number;
        return false;
    }
    return true;
}

/* Gives a record its place behind those that are placed already. */
static void place(struct appender *appender, struct draft *draft)
{
    const struct journal *journal = &appender->journal;
    uint64_t offset = journal->end + appender->bytes;
    uint32_t index = journal->next_index + (uint32_t)appender->count;
    record_place(draft->record, offset, index, journal->salt);
    draft->address.writer = journal->writer;
    draft->address.sequence = journal->sequence;
    draft->address.block = (uint32_t)(offset / RECORD_ALIGN);
    draft->address.index = index;
    appender->vector[appender->count++] = (struct iovec){draft->record, draft->record_bytes};
    appender->bytes += draft->record_bytes;
}

bool appender_fits(const struct appender *appender, const struct group *group)
{
    return appender->count + group->count <= GROUP_MAX &&
           has_room(&appender->journal, appender->bytes + group->bytes);
}

bool appender_place(struct appender *appender, struct group *group, bobbin_error *error)
{
    uint32_t left = (uint32_t)group->count;
    if (!store_blobs(appender, group, error))
        return false;
    for (struct draft *draft = group->first; draft != NULL; draft = draft->next) {
        record_join(draft->record, draft == group->first, --left);
        place(appender, draft);
    }
    return true;
}

bool appender_write(struct appender *appender, bobbin_error *error)
{
    size_t count = appender->count;
    uint64_t bytes = appender->bytes;
    appender->count = appender->bytes = 0;
    return count == 0 || journal_append(&appender->journal, appender->vector, (int)count, bytes,
                                        (uint32_t)count, error);
}

bool appender_sync(struct appender *appender, bobbin_error *error)
{
    return journal_sync(&appender->journal, error);
}
