/*
 * The spool's folder: its layout, its format number, and what may carry it. Opened by every process
 * that touches the spool; nothing in here is shared between processes but the files.
 */
#ifndef SPOOLER_FILES_DIRECTORY_H
#define SPOOLER_FILES_DIRECTORY_H

#include "core/base/log.h"
#include "plugins/bobbin.h"

enum { DIRECTORY_VERSION = 1, DIRECTORY_QUEUE_BYTES = 256 };

/* Folders as descriptors (O_PATH or O_RDONLY, close-on-exec), for the *at family. */
struct spool_directory {
    const char *path; /* the caller's text, lives as long as this */
    int root;
    int journals;
    int blobs;
    int results;
    int history;
    int slots;
    int dead;
    int queues;
};

/*
 * Makes what is missing (mode 0700 folders; parents of path as well), writes VERSION once (synced,
 * renamed into place), checks it otherwise. Refuses NFS, CIFS, FUSE, 9p and virtiofs by statfs(2)
 * type, warns on overlay and says what tmpfs means (log may be NULL: no warnings). A folder that
 * belongs to another user or cannot be written is a sentence that names it.
 */
bool directory_open(struct spool_directory *directory, const char *path, const struct log *log,
                    bobbin_error *error);
/* A queue's name as that of a file or a folder. False: it cannot be one (empty, hidden, with a
 * slash); a record is not trusted to name one, only the door has looked at its queue. */
bool directory_queue_name(bobbin_str queue, char out[DIRECTORY_QUEUE_BYTES]);

/* Accepts a half-open one (descriptors -1). */
void directory_close(struct spool_directory *directory);

#endif
