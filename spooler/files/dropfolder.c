#include "spooler/files/dropfolder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "spooler/files/store.h"

enum {
    PATH_BYTES = 2 * (NAME_MAX + 1), /* of a queue and a name, or of a name and ".why" */
    ASIDE_TRIES = 8,
    ASIDE_NAME_BYTES = NAME_MAX - 24 /* room for a number and ".why" */
};

static bool open_folder(int parent, const char *name, int *fd, bobbin_error *error)
{
    if (store_make_folder(parent, name))
        *fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *fd >= 0 || error_system(error, errno, "the spool's folder %s for dropped files", name);
}

bool dropfolder_open(struct dropfolder *folder, const struct spool_directory *directory,
                     bobbin_error *error)
{
    *folder = (struct dropfolder){-1, -1, -1};
    if (open_folder(directory->root, "drop", &folder->drop, error) &&
        open_folder(folder->drop, ".claimed", &folder->claimed, error) &&
        open_folder(folder->drop, ".aside", &folder->aside, error))
        return true;
    dropfolder_close(folder);
    return false;
}

void dropfolder_close(struct dropfolder *folder)
{
    int *const fds[] = {&folder->drop, &folder->claimed, &folder->aside};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
}

bool dropfolder_make_queue(const struct dropfolder *folder, const char *queue, bobbin_error *error)
{
    return store_make_folder(folder->drop, queue) ||
           error_system(error, errno, "the folder drop/%s cannot be made", queue);
}

static void path_of(const char *queue, const char *name, char out[PATH_BYTES])
{
    snprintf(out, PATH_BYTES, "%s%s%s", queue, name != NULL ? "/" : "", name != NULL ? name : "");
}

/* ------------------------------------------------------------------ taking */

static const char *kind_of(mode_t mode)
{
    if (S_ISDIR(mode))
        return "a folder";
    if (S_ISLNK(mode))
        return "a symbolic link";
    if (S_ISFIFO(mode))
        return "a pipe";
    return S_ISSOCK(mode) ? "a socket" : "a device";
}

static enum dropfolder_verdict fail(int number, const char *what, bobbin_error *error)
{
    error_system(error, number, "%s", what);
    return DROPFOLDER_FAILED;
}

/* EEXIST: an earlier one of that name is claimed and comes first. */
static bool move_to_claimed(const struct dropfolder *folder, const char *path)
{
    return store_move(folder->drop, path, folder->claimed, path) || errno == EEXIST;
}

static enum dropfolder_verdict claim(const struct dropfolder *folder, const char *queue,
                                     const char *path, bobbin_error *error)
{
    bool done = move_to_claimed(folder, path);
    if (!done && errno == ENOENT) /* the folder of the queue in .claimed, or the file itself */
        done = store_make_folder(folder->claimed, queue) && move_to_claimed(folder, path);
    if (done)
        return DROPFOLDER_TAKEN;
    return errno == ENOENT ? DROPFOLDER_GONE : fail(errno, "it cannot be claimed", error);
}

static enum dropfolder_verdict open_claimed(const struct dropfolder *folder, const char *path,
                                            int *fd, uint64_t *bytes, bobbin_error *error)
{
    struct stat status;
    if (fstatat(folder->claimed, path, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? DROPFOLDER_GONE : fail(errno, "it cannot be looked at", error);
    if (!S_ISREG(status.st_mode)) {
        bobbin_fail(error, "it is %s and not a file", kind_of(status.st_mode));
        return DROPFOLDER_UNFIT;
    }
    *bytes = (uint64_t)status.st_size;
    *fd = openat(folder->claimed, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (*fd >= 0)
        return DROPFOLDER_TAKEN;
    if (errno != EACCES && errno != EPERM)
        return fail(errno, "it cannot be opened", error);
    error_system(error, errno, "it cannot be read");
    return DROPFOLDER_UNFIT;
}

enum dropfolder_verdict dropfolder_take(const struct dropfolder *folder, const char *queue,
                                        const char *name, int *fd, uint64_t *bytes,
                                        bobbin_error *error)
{
    char path[PATH_BYTES];
    path_of(queue, name, path);
    enum dropfolder_verdict verdict = claim(folder, queue, path, error);
    return verdict == DROPFOLDER_TAKEN ? open_claimed(folder, path, fd, bytes, error) : verdict;
}

bool dropfolder_done(const struct dropfolder *folder, const char *queue, const char *name,
                     bobbin_error *error)
{
    char path[PATH_BYTES];
    path_of(queue, name, path);
    return store_unlink(folder->claimed, path) ||
           error_system(error, errno,
                        "drop/.claimed/%s is a job already, but cannot be removed: the next "
                        "leader will make another job of it",
                        path);
}

/* ------------------------------------------------------------------ giving back */

bool dropfolder_give_back(const struct dropfolder *folder, const char *queue, const char *name,
                          bobbin_error *error)
{
    char path[PATH_BYTES];
    path_of(queue, name, path);
    if (store_move(folder->claimed, path, folder->drop, path) || errno == EEXIST)
        return true;
    int number = errno;
    if (number == ENOENT && faccessat(folder->claimed, path, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
        return true;
    /* Somebody has removed the folder of the queue. */
    if (number == ENOENT && store_make_folder(folder->drop, queue) &&
        store_move(folder->claimed, path, folder->drop, path))
        return true;
    return error_system(error, number, "drop/.claimed/%s cannot be given back", path);
}

static DIR *open_names(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *names = fd >= 0 ? fdopendir(fd) : NULL;
    if (names == NULL && fd >= 0)
        close(fd);
    return names;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static bool recover_queue(const struct dropfolder *folder, const char *queue, bobbin_error *error)
{
    DIR *names = open_names(folder->claimed, queue);
    bool done = true;
    if (names == NULL)
        return error_system(error, errno, "drop/.claimed/%s", queue);
    for (const struct dirent *entry; (entry = readdir(names)) != NULL;)
        if (!is_dots(entry->d_name))
            done &= dropfolder_give_back(folder, queue, entry->d_name, error);
    closedir(names);
    return done;
}

bool dropfolder_recover(const struct dropfolder *folder, bobbin_error *error)
{
    DIR *queues = open_names(folder->claimed, ".");
    bool done = true;
    if (queues == NULL)
        return error_system(error, errno, "drop/.claimed");
    for (const struct dirent *entry; (entry = readdir(queues)) != NULL;)
        if (!is_dots(entry->d_name))
            done &= recover_queue(folder, entry->d_name, error);
    closedir(queues);
    return done;
}

/* ------------------------------------------------------------------ aside */

/* A disk without space still lets the file go aside; the log has the sentence too. */
static bool write_why(const struct dropfolder *folder, const char *name, const char *sentence)
{
    char why[PATH_BYTES], text[sizeof(bobbin_error) + 2];
    snprintf(why, sizeof why, "%s.why", name);
    int fd = store_create(folder->aside, why);
    if (fd < 0)
        return errno != EEXIST;
    int length = snprintf(text, sizeof text, "%s\n", sentence);
    store_write(fd, text, (size_t)length, 0);
    close(fd);
    return true;
}

static void remove_why(const struct dropfolder *folder, const char *name)
{
    char why[PATH_BYTES];
    snprintf(why, sizeof why, "%s.why", name);
    store_unlink(folder->aside, why);
}

bool dropfolder_set_aside(const struct dropfolder *folder, const char *queue, const char *name,
                          const char *sentence, bobbin_error *error)
{
    char path[PATH_BYTES], aside[NAME_MAX + 1];
    const char *last = name != NULL ? name : queue;
    int from = name != NULL ? folder->claimed : folder->drop;
    path_of(queue, name, path);
    snprintf(aside, sizeof aside, "%.*s", ASIDE_NAME_BYTES, last);
    for (int i = 0; i < ASIDE_TRIES; i++) {
        if (i > 0)
            snprintf(aside, sizeof aside, "%.*s.%llu", ASIDE_NAME_BYTES, last,
                     (unsigned long long)clock_us());
        if (!write_why(folder, aside, sentence))
            continue;
        if (store_move(from, path, folder->aside, aside))
            return true;
        int number = errno;
        remove_why(folder, aside);
        if (number != EEXIST)
            return error_system(error, number, "drop/%s cannot be set aside", path);
    }
    return bobbin_fail(error, "drop/%s cannot be set aside: its name is taken", path);
}
