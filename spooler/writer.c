#include "spooler/writer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/error.h"
#include "spooler/appender.h"
#include "spooler/link.h"

struct list {
    struct put *first;
    struct put **end;
};

struct writer {
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
    struct appender appender;
    int leader_fd;
};

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

/* ------------------------------------------------------------------ the thread */

static void wake_leader(struct writer *writer)
{
    const struct appender *appender = &writer->appender;
    const struct door_message message = {
        .kind = DOOR_WAKE,
        .address = {.writer = appender->writer, .sequence = appender->journal.sequence}};
    link_send(appender->directory, &writer->leader_fd, &message);
}

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

/* Splits a batch into those that are safe once written and those that wait for the sync. */
static void sort(struct list *batch, struct list *now, struct list *later)
{
    for (struct put *put = batch->first, *next; put != NULL; put = next) {
        next = put->next;
        list_add(put->group.needs_sync && put->outcome == BOBBIN_STORED ? later : now, put);
    }
    list_init(batch);
}

static void fail_all(struct list *list, int number, const bobbin_error *error)
{
    for (struct put *put = list->first; put != NULL; put = put->next)
        fail_put(put, number, error);
}

/* Takes puts from the list while they fit into the journal; what failed on the way is in the batch
 * too. */
static void gather(struct writer *writer, struct list *all, struct list *batch)
{
    while (all->first != NULL && appender_fits(&writer->appender, &all->first->group)) {
        struct put *put = all->first;
        bobbin_error error;
        all->first = put->next;
        if (all->first == NULL)
            all->end = &all->first;
        list_add(batch, put);
        put->outcome = BOBBIN_STORED;
        if (!appender_place(&writer->appender, &put->group, &error))
            fail_put(put, errno, &error);
    }
}

static void commit(struct writer *writer, struct list *batch)
{
    struct list now, later;
    bobbin_error error;
    list_init(&now);
    list_init(&later);
    if (!appender_write(&writer->appender, &error))
        fail_all(batch, errno, &error);
    sort(batch, &now, &later);
    report(writer, &now);
    if (later.first == NULL)
        return;
    if (!appender_sync(&writer->appender, &error)) {
        log_write(writer->log, BOBBIN_ERROR, NULL, "%s; the journal is sealed", error.text);
        fail_all(&later, errno, &error);
    }
    report(writer, &later);
}

static void write_all(struct writer *writer, struct list *all)
{
    while (all->first != NULL) {
        struct list batch;
        bobbin_error error;
        list_init(&batch);
        if (!appender_ready(&writer->appender, all->first->group.bytes, &error)) {
            fail_all(all, errno, &error);
            report(writer, all);
            return;
        }
        gather(writer, all, &batch);
        commit(writer, &batch);
        wake_leader(writer);
    }
    /* Off the path of the sync: all has been reported. */
    appender_prepare(&writer->appender);
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
    appender_finish(&writer->appender);
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
    writer->log = log;
    writer->leader_fd = -1;
    list_init(&writer->waiting);
    list_init(&writer->written);
    pthread_mutex_init(&writer->lock, NULL);
    pthread_cond_init(&writer->wake, NULL);
    if (!appender_init(&writer->appender, directory, error) ||
        (uv_async_init(loop, &writer->async, on_written) != 0 &&
         !bobbin_fail(error, "the writer has no wake-up"))) {
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
