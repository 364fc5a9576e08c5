#include "spooler/files/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/base/error.h"
#include "spooler/files/store.h"

/* statfs(2) and linux/magic.h; written out, because older headers lack some. */
struct file_system {
    unsigned long type;
    const char *name;
};

static const struct file_system refused[] = {
    {0x6969, "NFS"},      {0xff534d42, "CIFS"}, {0xfe534d42, "SMB"},      {0x517b, "SMB"},
    {0x65735546, "FUSE"}, {0x01021997, "9p"},   {0x6a656a63, "virtiofs"}, {0x5346414f, "AFS"},
};

static bool check_file_system(const char *path, int root, const struct log *log,
                              bobbin_error *error)
{
    struct statfs status;
    if (fstatfs(root, &status) != 0)
        return error_system(error, errno, "the spool %s", path);
    unsigned long type = (unsigned long)status.f_type & 0xffffffff;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (refused[i].type == type)
            return bobbin_fail(error,
                               "the spool %s lies on %s, where locks and syncs cannot be trusted; "
                               "a local disk or a volume of one node is needed",
                               path, refused[i].name);
    if (log != NULL && type == 0x01021994)
        log_write(log, BOBBIN_INFO, NULL, "the spool %s lies on tmpfs: its jobs die with it", path);
    if (log != NULL && type == 0x794c7630)
        log_write(log, BOBBIN_WARNING, NULL,
                  "the spool %s lies on an overlay, the container's own layer: its jobs die with "
                  "the container; a volume belongs there",
                  path);
    return true;
}

static bool make_parents(const char *path, bobbin_error *error)
{
    char *copy = strdup(path);
    if (copy == NULL)
        return bobbin_fail(error, "no memory");
    bool done = true;
    for (char *slash = strchr(copy + 1, '/'); done; slash = strchr(slash + 1, '/')) {
        if (slash != NULL)
            *slash = '\0';
        if (mkdir(copy, 0700) != 0 && errno != EEXIST)
            done = error_system(error, errno, "the folder %s cannot be made", copy);
        if (slash == NULL)
            break;
        *slash = '/';
    }
    free(copy);
    return done;
}

static bool write_version(const struct spool_directory *directory, bobbin_error *error)
{
    char name[32], text[16];
    snprintf(name, sizeof name, ".VERSION.%ld", (long)getpid());
    store_unlink(directory->root, name);
    int fd = store_create(directory->root, name);
    int length = snprintf(text, sizeof text, "%d\n", DIRECTORY_VERSION);
    bool done = fd >= 0 && store_write(fd, text, (size_t)length, 0) && store_sync(fd) &&
                store_rename(directory->root, name, "VERSION") &&
                store_sync_folder(directory->root);
    int number = errno;
    if (fd >= 0)
        close(fd);
    return done ||
           error_system(error, number, "the spool %s: VERSION cannot be written", directory->path);
}

static bool check_version(const struct spool_directory *directory, bobbin_error *error)
{
    char text[16] = "";
    int fd = openat(directory->root, "VERSION", O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return write_version(directory, error);
    ssize_t got = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    int number = errno;
    if (fd >= 0)
        close(fd);
    if (got < 0)
        return error_system(error, number, "the spool %s: VERSION cannot be read", directory->path);
    char *end;
    long version = strtol(text, &end, 10);
    if (end == text || *end != '\n' || version < 1)
        return bobbin_fail(error, "the spool %s: its VERSION is not a number", directory->path);
    if (version > DIRECTORY_VERSION)
        return bobbin_fail(error, "the spool %s has format %ld, this bobbin knows up to %d",
                           directory->path, version, DIRECTORY_VERSION);
    return true;
}

static bool open_folder(const struct spool_directory *directory, const char *name, int *fd,
                        bobbin_error *error)
{
    if (store_make_folder(directory->root, name))
        *fd = openat(directory->root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *fd >= 0 ||
           error_system(error, errno, "the spool's folder %s/%s", directory->path, name);
}

static bool open_all(struct spool_directory *directory, const struct log *log, bobbin_error *error)
{
    if (!make_parents(directory->path, error))
        return false;
    directory->root = open(directory->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory->root < 0)
        return error_system(error, errno, "the spool %s", directory->path);
    if (faccessat(directory->root, ".", W_OK | X_OK, AT_EACCESS) != 0)
        return error_system(error, errno, "the spool %s cannot be written", directory->path);
    return check_file_system(directory->path, directory->root, log, error) &&
           check_version(directory, error) &&
           open_folder(directory, "journals", &directory->journals, error) &&
           open_folder(directory, "blobs", &directory->blobs, error) &&
           open_folder(directory, "results", &directory->results, error) &&
           open_folder(directory, "history", &directory->history, error) &&
           open_folder(directory, "slots", &directory->slots, error) &&
           open_folder(directory, "dead", &directory->dead, error) &&
           open_folder(directory, "queues", &directory->queues, error);
}

bool directory_open(struct spool_directory *directory, const char *path, const struct log *log,
                    bobbin_error *error)
{
    *directory = (struct spool_directory){.path = path,
                                          .root = -1,
                                          .journals = -1,
                                          .blobs = -1,
                                          .results = -1,
                                          .history = -1,
                                          .slots = -1,
                                          .dead = -1,
                                          .queues = -1};
    if (open_all(directory, log, error))
        return true;
    directory_close(directory);
    return false;
}

bool directory_queue_name(bobbin_str queue, char out[DIRECTORY_QUEUE_BYTES])
{
    if (queue.length == 0 || queue.length >= DIRECTORY_QUEUE_BYTES || queue.data[0] == '.' ||
        memchr(queue.data, '/', queue.length) != NULL ||
        memchr(queue.data, '\0', queue.length) != NULL)
        return false;
    memcpy(out, queue.data, queue.length);
    out[queue.length] = '\0';
    return true;
}

void directory_close(struct spool_directory *directory)
{
    int *const fds[] = {&directory->root,    &directory->journals, &directory->blobs,
                        &directory->results, &directory->history,  &directory->slots,
                        &directory->dead,    &directory->queues};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
}
