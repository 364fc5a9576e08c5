/* Files of a folder, sent with sendfile(2). Nothing outside of the folder, no dot files. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "bobbin.h"
#include "mediatype.h"
#include "validator.h"

struct config {
    const char *root;
    const char *index;
    const char *cache_control;
};

static const struct bobbin_option options[] = {
    BOBBIN_PATH_REQUIRED(struct config, root, "root", "the folder whose files are served"),
    BOBBIN_TEXT(struct config, index, "index", "index.html", "the file that stands for a folder"),
    BOBBIN_TEXT(struct config, cache_control, "cache-control", "no-cache",
                "the Cache-Control of every file"),
    BOBBIN_OPTIONS_END,
};

struct files {
    const struct config *config;
    int folder;
};

static bool start(bobbin_host *host, const void *config, void **state, bobbin_error *error)
{
    (void)host;
    struct files *files = malloc(sizeof *files);
    if (files == NULL)
        return bobbin_fail(error, "no memory");
    files->config = config;
    files->folder = open(files->config->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (files->folder < 0) {
        bobbin_fail(error, "root: the folder %s: %s", files->config->root, strerror(errno));
        free(files);
        return false;
    }
    *state = files;
    return true;
}

static void stop(void *state)
{
    struct files *files = state;
    close(files->folder);
    free(files);
}

static void refuse_missing(bobbin_request *request)
{
    bobbin_refuse(request, 404, "there is no such file");
}

/* A segment that begins with a dot is hidden, wherever it stands. */
static bool is_hidden(bobbin_str rest)
{
    for (size_t i = 0; i + 1 < rest.length; i++)
        if (rest.data[i] == '/' && rest.data[i + 1] == '.')
            return true;
    return false;
}

/* The path below the root, terminated, without its leading slash, the index added to a folder's. */
static char *path_of(const struct files *files, bobbin_request *request, bobbin_str rest)
{
    size_t index = strlen(files->config->index);
    char *path = bobbin_allocate(request, rest.length + index + 2);
    if (path == NULL)
        return NULL;
    size_t length = rest.length > 0 ? rest.length - 1 : 0;
    if (length > 0)
        memcpy(path, rest.data + 1, length);
    if (length == 0 || path[length - 1] == '/') {
        memcpy(path + length, files->config->index, index);
        length += index;
    }
    path[length] = '\0';
    return path;
}

/* A folder without its slash: relative links in its index would lead astray. */
static void redirect_to_slash(bobbin_request *request)
{
    bobbin_str query = bobbin_query_string(request), target = bobbin_target(request);
    size_t length = target.length - (query.data != NULL ? query.length + 1 : 0);
    bobbin_status(request, 301);
    /* Never "//host": the target as it came could be read as another server. */
    while (length > 1 && target.data[1] == '/') {
        target.data++;
        length--;
    }
    bobbin_headerf(request, "location", "%.*s/%s%.*s", (int)length, target.data,
                   query.data != NULL ? "?" : "", BOBBIN_ARG(query));
    bobbin_end(request);
}

static void send_file(const struct files *files, bobbin_request *request, const char *path, int fd,
                      const struct stat *status)
{
    struct validator validator;
    validator_read(&validator, status);
    bobbin_header(request, "etag", validator.etag);
    bobbin_header(request, "last-modified", validator.modified);
    if (files->config->cache_control[0] != '\0')
        bobbin_header(request, "cache-control", files->config->cache_control);
    if (validator_is_fresh(&validator, request)) {
        close(fd);
        bobbin_status(request, 304);
    } else {
        bobbin_header(request, "content-type", mediatype_of(path));
        bobbin_header(request, "x-content-type-options", "nosniff");
        bobbin_send_file(request, fd, 0, (uint64_t)status->st_size);
    }
    bobbin_end(request);
}

static void handle(void *state, bobbin_request *request)
{
    const struct files *files = state;
    bobbin_str method = bobbin_method(request), rest = bobbin_path_rest(request);
    if (!bobbin_is(method, "GET") && !bobbin_is(method, "HEAD")) {
        bobbin_header(request, "allow", "GET, HEAD");
        bobbin_refuse(request, 405, "files can be read with GET and HEAD");
        return;
    }
    char *path = is_hidden(rest) ? NULL : path_of(files, request, rest);
    int fd = path != NULL ? beneath_open(files->folder, path) : -1;
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        if (fd >= 0)
            close(fd);
        refuse_missing(request);
    } else if (S_ISREG(status.st_mode)) {
        send_file(files, request, path, fd, &status);
    } else {
        close(fd);
        if (S_ISDIR(status.st_mode))
            redirect_to_slash(request);
        else
            refuse_missing(request);
    }
}

BOBBIN_PLUGIN(.name = "static", .about = "serves the files of a folder", .options = options,
              .config_size = sizeof(struct config), .start = start, .stop = stop, .handle = handle);
