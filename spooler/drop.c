#include "spooler/drop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/plugin/jobspec.h"
#include "spooler/files/dropfolder.h"
#include "spooler/storer.h"

enum {
    IN_HAND_MAX = 64, /* files at once */
    TURN_MAX = 16,    /* of one queue, before the next queue's turn */
    SAY_MS = 60 * 1000
};

struct drop {
    uv_loop_t *loop;
    const struct spool_directory *directory;
    const struct spool_settings *spool;
    const struct queue_table *queues;
    const struct log *log;
    struct storer storer;
    struct dropfolder folder;
    struct arrival *arrivals; /* owned: the files in hand */
    size_t in_hand;
    uv_poll_t poll;
    int notify_fd;      /* -1: none */
    bool has_claims;    /* .claimed may hold what nobody has in hand */
    bool has_more;      /* files were left for the next look */
    bool rests;         /* until the next drop_look: the system failed */
    bool is_full;       /* the last file could not be stored */
    bool is_stopped;    /* nothing is taken any more */
    uint64_t say_at_ms; /* of the loop's clock: not before is trouble with the disk said again */
};

/* A file in hand: claimed, and on its way to a journal. */
struct arrival {
    struct arrival *next;
    struct drop *drop;
    char queue[JOBSPEC_QUEUE_MAX_BYTES + 1];
    char name[NAME_MAX + 1];
};

/* ------------------------------------------------------------------ saying */

static void say_seldom(struct drop *drop, const char *queue, const char *name, const char *sentence)
{
    uint64_t now_ms = uv_now(drop->loop);
    if (now_ms < drop->say_at_ms)
        return;
    drop->say_at_ms = now_ms + SAY_MS;
    log_write(drop->log, BOBBIN_ERROR, NULL, "drop/%s%s%s stays where it is: %s", queue,
              name != NULL ? "/" : "", name != NULL ? name : "", sentence);
}

static void set_aside(struct drop *drop, const char *queue, const char *name, const char *sentence)
{
    bobbin_error error;
    if (dropfolder_set_aside(&drop->folder, queue, name, sentence, &error)) {
        log_write(drop->log, BOBBIN_WARNING, NULL, "drop/%s%s%s is set aside: %s", queue,
                  name != NULL ? "/" : "", name != NULL ? name : "", sentence);
        return;
    }
    drop->has_claims |= name != NULL;
    drop->rests = true;
    say_seldom(drop, queue, name, error.text);
}

static void give_back(struct drop *drop, const char *queue, const char *name, const char *sentence)
{
    bobbin_error error;
    drop->rests = true;
    say_seldom(drop, queue, name, sentence);
    if (dropfolder_give_back(&drop->folder, queue, name, &error))
        return;
    drop->has_claims = true;
    say_seldom(drop, queue, name, error.text);
}

/* ------------------------------------------------------------------ files in hand */

static void look(struct drop *drop);

static struct arrival **find(struct drop *drop, const char *queue, const char *name)
{
    struct arrival **at = &drop->arrivals;
    while (*at != NULL && (strcmp((*at)->name, name) != 0 || strcmp((*at)->queue, queue) != 0))
        at = &(*at)->next;
    return at;
}

static struct arrival *add(struct drop *drop, const char *queue, const char *name)
{
    struct arrival *arrival = calloc(1, sizeof *arrival);
    if (arrival == NULL)
        return NULL;
    arrival->drop = drop;
    arrival->next = drop->arrivals;
    snprintf(arrival->queue, sizeof arrival->queue, "%s", queue);
    snprintf(arrival->name, sizeof arrival->name, "%s", name);
    drop->arrivals = arrival;
    drop->in_hand++;
    return arrival;
}

static void forget(struct arrival *arrival)
{
    struct drop *drop = arrival->drop;
    struct arrival **at = &drop->arrivals;
    while (*at != arrival)
        at = &(*at)->next;
    *at = arrival->next;
    drop->in_hand--;
    free(arrival);
}

static void on_stored(void *arg, const struct bobbin_stored *stored)
{
    struct arrival *arrival = arg;
    struct drop *drop = arrival->drop;
    bobbin_error error;
    drop->is_full = stored->outcome != BOBBIN_STORED;
    if (drop->is_full)
        give_back(drop, arrival->queue, arrival->name, stored->sentence);
    else if (!dropfolder_done(&drop->folder, arrival->queue, arrival->name, &error))
        log_write(drop->log, BOBBIN_ERROR, NULL, "%s", error.text);
    forget(arrival);
    if (drop->in_hand == 0 && drop->has_more && !drop->rests)
        look(drop);
}

/* Fewer bytes than the file has when it was cut meanwhile. */
static char *read_whole(int fd, uint64_t bytes, size_t *length)
{
    char *data = malloc(bytes + 1);
    ssize_t got = 1;
    *length = 0;
    while (data != NULL && *length < bytes && got > 0) {
        got = pread(fd, data + *length, bytes - *length, (off_t)*length);
        *length += got > 0 ? (size_t)got : 0;
    }
    if (got >= 0)
        return data;
    free(data);
    return NULL;
}

/* Everything is copied or duplicated: the descriptor stays the caller's. */
static bool store(struct arrival *arrival, int fd, uint64_t bytes)
{
    struct drop *drop = arrival->drop;
    const bobbin_field header = {bobbin_text("file-name"), bobbin_text(arrival->name)};
    struct jobsport_job job = {
        .spec = jobspec_whole(BOBBIN_JOB(.headers = &header, .header_count = 1), arrival->queue),
        .payload_fd = fd,
        .payload_length = bytes};
    char *data = NULL;
    if (bytes <= drop->spool->inline_max_bytes) {
        data = read_whole(fd, bytes, &job.spec.payload.length);
        if (data == NULL)
            return false;
        job.spec.payload.data = data;
        job.payload_fd = -1;
    }
    storer_put(&drop->storer, &job, on_stored, arrival);
    free(data);
    return true;
}

static void bring_in(struct drop *drop, const char *queue, const char *name, int fd, uint64_t bytes)
{
    struct arrival *arrival = add(drop, queue, name);
    if (arrival != NULL && store(arrival, fd, bytes))
        return;
    int number = errno;
    if (arrival != NULL)
        forget(arrival);
    if (number == ENOMEM)
        give_back(drop, queue, name, "there is no memory for it");
    else
        set_aside(drop, queue, name, "it cannot be read to its end");
}

static void take(struct drop *drop, const char *queue, const char *name)
{
    bobbin_error error;
    uint64_t bytes = 0;
    int fd = -1;
    switch (dropfolder_take(&drop->folder, queue, name, &fd, &bytes, &error)) {
    case DROPFOLDER_TAKEN:
        bring_in(drop, queue, name, fd, bytes);
        close(fd);
        break;
    case DROPFOLDER_UNFIT:
        set_aside(drop, queue, name, error.text);
        break;
    case DROPFOLDER_FAILED:
        give_back(drop, queue, name, error.text);
        break;
    default:
        break;
    }
}

/* ------------------------------------------------------------------ looking */

/* Watching what is watched already changes nothing (inotify_add_watch(2)). */
static void watch(struct drop *drop, int folder_fd, uint32_t events)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", folder_fd);
    if (drop->notify_fd >= 0)
        inotify_add_watch(drop->notify_fd, path, events | IN_ONLYDIR);
}

static bool is_legal(const char *queue, bobbin_error *error)
{
    const struct bobbin_job_spec spec = jobspec_whole(BOBBIN_JOB(.queue = queue), queue);
    return jobspec_check(&spec, error);
}

/* While nothing can be stored, one file is enough to see when that is over. */
static bool is_busy(const struct drop *drop)
{
    return drop->in_hand >= (drop->is_full ? 1 : IN_HAND_MAX);
}

static void take_some(struct drop *drop, const char *queue, DIR *names)
{
    size_t taken = 0;
    for (const struct dirent *entry; (entry = readdir(names)) != NULL;) {
        if (entry->d_name[0] == '.' || *find(drop, queue, entry->d_name) != NULL)
            continue;
        if (is_busy(drop) || taken++ >= TURN_MAX) {
            drop->has_more = true;
            return;
        }
        take(drop, queue, entry->d_name);
    }
}

static DIR *open_queue(struct drop *drop, const char *queue)
{
    int fd = openat(drop->folder.drop, queue, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *names = fd >= 0 ? fdopendir(fd) : NULL;
    if (names != NULL)
        return names;
    if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
        set_aside(drop, queue, NULL, "it is not a queue's folder; files belong into drop/QUEUE/");
    else if (errno != ENOENT)
        say_seldom(drop, queue, NULL, strerror(errno));
    if (fd >= 0)
        close(fd);
    return NULL;
}

static void look_into(struct drop *drop, const char *queue)
{
    bobbin_error error;
    DIR *names = open_queue(drop, queue);
    if (names == NULL)
        return;
    if (is_legal(queue, &error)) {
        watch(drop, dirfd(names), IN_MOVED_TO | IN_CLOSE_WRITE);
        take_some(drop, queue, names);
    } else {
        set_aside(drop, queue, NULL, error.text);
    }
    closedir(names);
}

static bool open_folders(struct drop *drop)
{
    bobbin_error error;
    if (drop->folder.drop >= 0)
        return true;
    bool done = dropfolder_open(&drop->folder, drop->directory, &error);
    for (size_t i = 0; done && i < drop->queues->count; i++)
        done = dropfolder_make_queue(&drop->folder, drop->queues->queues[i].name, &error);
    if (!done) {
        say_seldom(drop, "", NULL, error.text);
        dropfolder_close(&drop->folder);
    }
    return done;
}

static void recover(struct drop *drop)
{
    bobbin_error error;
    if (!drop->has_claims || drop->in_hand > 0)
        return;
    drop->has_claims = !dropfolder_recover(&drop->folder, &error);
    if (drop->has_claims)
        say_seldom(drop, ".claimed", NULL, error.text);
}

static void look(struct drop *drop)
{
    if (drop->is_stopped || !open_folders(drop))
        return;
    recover(drop);
    drop->has_more = false;
    watch(drop, drop->folder.drop, IN_CREATE | IN_MOVED_TO);
    int fd = openat(drop->folder.drop, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *queues = fd >= 0 ? fdopendir(fd) : NULL;
    if (queues == NULL) {
        say_seldom(drop, "", NULL, strerror(errno));
        if (fd >= 0)
            close(fd);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(queues)) != NULL;)
        if (entry->d_name[0] != '.')
            look_into(drop, entry->d_name);
    closedir(queues);
}

void drop_look(struct drop *drop)
{
    drop->rests = false;
    look(drop);
}

/* What is given back is an event too: it must not be taken again at once. */
static void on_notify(uv_poll_t *poll, int status, int events)
{
    struct drop *drop = poll->data;
    char bytes[4096];
    (void)status;
    (void)events;
    while (read(drop->notify_fd, bytes, sizeof bytes) > 0)
        ;
    if (!drop->rests)
        look(drop);
}

/* ------------------------------------------------------------------ life */

static void open_notify(struct drop *drop)
{
    drop->notify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (drop->notify_fd >= 0 && uv_poll_init(drop->loop, &drop->poll, drop->notify_fd) == 0) {
        drop->poll.data = drop;
        uv_poll_start(&drop->poll, UV_READABLE, on_notify);
        return;
    }
    log_write(drop->log, BOBBIN_WARNING, NULL,
              "inotify is not to be had (%m): dropped files are seen a little later");
    if (drop->notify_fd >= 0)
        close(drop->notify_fd);
    drop->notify_fd = -1;
}

struct drop *drop_create(uv_loop_t *loop, const struct spool_directory *directory,
                         const struct spool_settings *spool, const struct queue_table *queues,
                         const struct log *log)
{
    struct drop *drop = calloc(1, sizeof *drop);
    if (drop == NULL)
        return NULL;
    *drop = (struct drop){.loop = loop,
                          .directory = directory,
                          .spool = spool,
                          .queues = queues,
                          .log = log,
                          .folder = {-1, -1, -1},
                          .has_claims = true};
    storer_init(&drop->storer, loop, directory, spool, queues, log);
    open_notify(drop);
    look(drop);
    return drop;
}

static void on_closed(void *arg)
{
    (void)arg;
}

void drop_stop(struct drop *drop)
{
    if (drop == NULL || drop->is_stopped)
        return;
    drop->is_stopped = true;
    if (drop->notify_fd >= 0)
        uv_close((uv_handle_t *)&drop->poll, NULL);
    storer_close(&drop->storer, on_closed, NULL);
}

void drop_destroy(struct drop *drop)
{
    if (drop == NULL)
        return;
    if (drop->notify_fd >= 0)
        close(drop->notify_fd);
    dropfolder_close(&drop->folder);
    free(drop);
}
