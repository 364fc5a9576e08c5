#include "spooler/writer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/base/error.h"
#include "spooler/files/blob.h"
#include "spooler/files/journal.h"
#include "spooler/link.h"

enum {
    GROUP_MAX = 512, /* records of one pwritev */
    FIRST_JOURNAL_BYTES = 64 * 1024,
    LARGEST_JOURNAL_BYTES = 16 * 1024 * 1024,
    FREE_SPACE_SHARE = 64 /* a journal takes at most this part of what is free */
};

struct list {
    struct put *first;
    struct put **end;
};

struct writer {
    const struct spool_directory *directory;
    const struct log *log;
    pthread_t thread;
    pthread_mutex_t lock; /* of the four below */
    pthread_cond_t wake;
    struct list waiting;
    struct list written;
    bool is_stopping;
    uv_async_t async; /* written is not empty, or the thread has ended */
    void (*on_closed)(void *arg);
    void *on_closed_arg;

    /* The thread's own. */
    uint64_t id;
    struct journal journal; /* fd -1: none yet */
    struct journal next;    /* made ahead; fd -1: none */
    uint32_t last_sequence;
    uint64_t blob_counter;
    int leader_fd;
};

struct put *put_create(size_t record_bytes)
{
    struct put *put = malloc(sizeof *put + record_bytes);
    if (put == NULL)
        return NULL;
    *put = (struct put){.blob_fd = -1, .record_bytes = record_bytes};
    return put;
}

void put_destroy(struct put *put)
{
    if (put == NULL)
        return;
    if (put->blob_fd >= 0)
        close(put->blob_fd);
    free(put->blob);
    free(put);
}

static void list_init(struct list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static void list_add(struct list *list, struct put *put)
{
    put->next = NULL;
    *list->end = put;
    list->end = &put->next;
}

/* ------------------------------------------------------------------ the thread: journals */

static uint64_t capacity_of(const struct writer *writer, uint32_t sequence, size_t least)
{
    uint64_t bytes = FIRST_JOURNAL_BYTES;
    struct statvfs status;
    for (uint32_t i = 1; i < sequence && bytes < LARGEST_JOURNAL_BYTES; i++)
        bytes *= 2;
    if (fstatvfs(writer->directory->root, &status) == 0) {
        uint64_t share = (uint64_t)status.f_bavail * status.f_frsize / FREE_SPACE_SHARE;
        while (bytes > share && bytes > FIRST_JOURNAL_BYTES)
            bytes /= 2;
    }
    while (bytes < least + JOURNAL_HEAD_BYTES)
        bytes *= 2;
    return bytes;
}

static bool make_journal(struct writer *writer, struct journal *journal, size_t least,
                         bobbin_error *error)
{
    uint32_t sequence = writer->last_sequence + 1;
    if (!journal_create(journal, writer->directory, writer->id, sequence,
                        capacity_of(writer, sequence, least), error))
        return false;
    writer->last_sequence = sequence;
    return true;
}

static bool has_room(const struct journal *journal, size_t bytes)
{
    return journal->fd >= 0 && !journal->sealed && journal->end + bytes <= journal->capacity;
}

/* A journal in which a record of this size fits, a new one if need be. */
static bool ready_journal(struct writer *writer, size_t bytes, bobbin_error *error)
{
    if (has_room(&writer->journal, bytes))
        return true;
    journal_close(&writer->journal);
    writer->journal = writer->next;
    writer->next.fd = -1;
    if (has_room(&writer->journal, bytes))
        return true;
    journal_close(&writer->journal);
    return make_journal(writer, &writer->journal, bytes, error);
}

/* Off the path of the sync: the group before has been reported. */
static void prepare_next(struct writer *writer)
{
    const struct journal *journal = &writer->journal;
    if (writer->next.fd < 0 && journal->fd >= 0 && journal->end > journal->capacity / 2 &&
        !make_journal(writer, &writer->next, 0, NULL))
        writer->next.fd = -1; /* it is tried again when it is needed, and then it is said */
}

static void wake_leader(struct writer *writer)
{
    const struct door_message message = {
        .kind = DOOR_WAKE, .address = {.writer = writer->id, .sequence = writer->journal.sequence}};
    link_send(writer->directory, &writer->leader_fd, &message);
}

/* ------------------------------------------------------------------ the thread: groups */

static void fail_put(struct put *put, int number, const bobbin_error *error)
{
    put->outcome = number == ENOSPC || number == EDQUOT ? BOBBIN_FULL : BOBBIN_FAILED;
    put->error = *error;
}

static void report(struct writer *writer, struct list *done)
{
    if (done->first == NULL)
        return;
    pthread_mutex_lock(&writer->lock);
    *writer->written.end = done->first;
    writer->written.end = done->end;
    pthread_mutex_unlock(&writer->lock);
    list_init(done);
    uv_async_send(&writer->async);
}

static bool store_blob(struct writer *writer, struct put *put)
{
    uint32_t crc = 0;
    uint64_t counter = ++writer->blob_counter;
    bobbin_error error;
    bool done = put->blob_fd >= 0
                    ? blob_from_file(writer->directory, writer->id, counter, put->blob_fd,
                                     put->blob_bytes, put->needs_sync, &crc, &error)
                    : blob_from_memory(writer->directory, writer->id, counter, put->blob,
                                       put->blob_bytes, put->needs_sync, &crc, &error);
    if (done)
        record_name_blob(put->record, writer->id, counter, crc);
    else
        fail_put(put, errno, &error);
    return done;
}

/* Gives the record its place behind those of the group before it. */
static void place(const struct journal *journal, struct put *put, uint64_t offset, uint32_t index)
{
    record_place(put->record, offset, index, journal->salt);
    put->address.writer = journal->writer;
    put->address.sequence = journal->sequence;
    put->address.block = (uint32_t)(offset / RECORD_ALIGN);
    put->address.index = index;
    put->outcome = BOBBIN_STORED;
}

/* Splits a group into those that are safe once written and those that wait for the sync. */
static void sort(struct list *group, struct list *now, struct list *later)
{
    for (struct put *put = group->first, *next; put != NULL; put = next) {
        next = put->next;
        list_add(put->needs_sync && put->outcome == BOBBIN_STORED ? later : now, put);
    }
    list_init(group);
}

static void fail_all(struct list *list, int number, const bobbin_error *error)
{
    for (struct put *put = list->first; put != NULL; put = put->next)
        fail_put(put, number, error);
}

/* Takes puts from the list while they fit into the journal; what failed on the way is in the group
 * too. Returns how many are in the vector. */
static int gather(struct writer *writer, struct list *all, struct list *group, struct iovec *vector,
                  uint64_t *bytes)
{
    const struct journal *journal = &writer->journal;
    int count = 0;
    *bytes = 0;
    while (all->first != NULL && count < GROUP_MAX) {
        struct put *put = all->first;
        bool has_blob = put->blob != NULL || put->blob_fd >= 0;
        if (!has_room(journal, *bytes + put->record_bytes))
            break;
        all->first = put->next;
        if (all->first == NULL)
            all->end = &all->first;
        list_add(group, put);
        if (has_blob && !store_blob(writer, put))
            continue;
        place(journal, put, journal->end + *bytes, journal->next_index + (uint32_t)count);
        vector[count++] = (struct iovec){put->record, put->record_bytes};
        *bytes += put->record_bytes;
    }
    return count;
}

static void commit(struct writer *writer, struct list *group, struct iovec *vector, int count,
                   uint64_t bytes)
{
    struct list now, later;
    bobbin_error error;
    list_init(&now);
    list_init(&later);
    if (count > 0 &&
        !journal_append(&writer->journal, vector, count, bytes, (uint32_t)count, &error))
        fail_all(group, errno, &error);
    sort(group, &now, &later);
    report(writer, &now);
    if (later.first == NULL)
        return;
    if (!journal_sync(&writer->journal, &error)) {
        log_write(writer->log, BOBBIN_ERROR, NULL, "%s; the journal is sealed", error.text);
        fail_all(&later, errno, &error);
    }
    report(writer, &later);
}

static void write_all(struct writer *writer, struct list *all)
{
    struct iovec vector[GROUP_MAX];
    while (all->first != NULL) {
        struct list group;
        bobbin_error error;
        uint64_t bytes;
        list_init(&group);
        if (!ready_journal(writer, all->first->record_bytes, &error)) {
            fail_all(all, errno, &error);
            report(writer, all);
            return;
        }
        int count = gather(writer, all, &group, vector, &bytes);
        commit(writer, &group, vector, count, bytes);
        wake_leader(writer);
    }
    prepare_next(writer);
}

static void *run(void *arg)
{
    struct writer *writer = arg;
    bool is_stopping;
    do {
        struct list all;
        list_init(&all);
        pthread_mutex_lock(&writer->lock);
        while (writer->waiting.first == NULL && !writer->is_stopping)
            pthread_cond_wait(&writer->wake, &writer->lock);
        if (writer->waiting.first != NULL) {
            all = writer->waiting;
            list_init(&writer->waiting);
        }
        is_stopping = writer->is_stopping && all.first == NULL;
        pthread_mutex_unlock(&writer->lock);
        write_all(writer, &all);
    } while (!is_stopping);
    return NULL;
}

/* ------------------------------------------------------------------ the loop */

static void deliver(struct writer *writer)
{
    struct list done;
    list_init(&done);
    pthread_mutex_lock(&writer->lock);
    if (writer->written.first != NULL) {
        done = writer->written;
        list_init(&writer->written);
    }
    pthread_mutex_unlock(&writer->lock);
    for (struct put *put = done.first, *next; put != NULL; put = next) {
        next = put->next;
        put->on_written(put);
    }
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct writer *writer = handle->data;
    void (*on_closed)(void *arg) = writer->on_closed;
    void *arg = writer->on_closed_arg;
    pthread_mutex_destroy(&writer->lock);
    pthread_cond_destroy(&writer->wake);
    free(writer);
    on_closed(arg);
}

/* Waits for the group under way: at most one write and one sync. */
static void end(struct writer *writer)
{
    pthread_join(writer->thread, NULL);
    deliver(writer);
    journal_close(&writer->journal);
    journal_close(&writer->next);
    if (writer->leader_fd >= 0)
        close(writer->leader_fd);
    uv_close((uv_handle_t *)&writer->async, on_handle_closed);
}

static void on_written(uv_async_t *async)
{
    deliver(async->data);
}

static bool start_thread(struct writer *writer, bobbin_error *error)
{
    sigset_t all, before;
    /* Signals are the loop's: a new thread inherits the mask of its maker (pthread_sigmask(3)). */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int number = pthread_create(&writer->thread, NULL, run, writer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return number == 0 || error_system(error, number, "the writer thread cannot be made");
}

struct writer *writer_open(uv_loop_t *loop, const struct spool_directory *directory,
                           const struct log *log, bobbin_error *error)
{
    struct writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL) {
        bobbin_fail(error, "no memory");
        return NULL;
    }
    writer->directory = directory;
    writer->log = log;
    writer->journal.fd = writer->next.fd = writer->leader_fd = -1;
    list_init(&writer->waiting);
    list_init(&writer->written);
    pthread_mutex_init(&writer->lock, NULL);
    pthread_cond_init(&writer->wake, NULL);
    if (getrandom(&writer->id, sizeof writer->id, 0) != (ssize_t)sizeof writer->id ||
        uv_async_init(loop, &writer->async, on_written) != 0) {
        bobbin_fail(error, "the writer has no wake-up");
        free(writer);
        return NULL;
    }
    writer->async.data = writer;
    if (start_thread(writer, error))
        return writer;
    writer->on_closed = (void (*)(void *))free;
    writer->on_closed_arg = NULL;
    uv_close((uv_handle_t *)&writer->async, on_handle_closed);
    return NULL;
}

void writer_put(struct writer *writer, struct put *put)
{
    pthread_mutex_lock(&writer->lock);
    bool was_empty = writer->waiting.first == NULL;
    list_add(&writer->waiting, put);
    pthread_mutex_unlock(&writer->lock);
    if (was_empty)
        pthread_cond_signal(&writer->wake);
}

void writer_close(struct writer *writer, void (*on_closed)(void *arg), void *arg)
{
    writer->on_closed = on_closed;
    writer->on_closed_arg = arg;
    pthread_mutex_lock(&writer->lock);
    writer->is_stopping = true;
    pthread_mutex_unlock(&writer->lock);
    pthread_cond_signal(&writer->wake);
    end(writer);
}
