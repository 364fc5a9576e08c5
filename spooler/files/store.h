/*
 * Every store to the spool goes through these few functions: one place to record what a crash could
 * undo, and one place that knows how the system's calls fail. All answer false with errno set.
 */
#ifndef SPOOLER_FILES_STORE_H
#define SPOOLER_FILES_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* Whole or false; a partial write is retried until it fails. */
bool store_write(int fd, const void *data, size_t length, uint64_t offset);
/* The vector is used up. */
bool store_write_vector(int fd, struct iovec *vector, int count, uint64_t offset);

/* The data, and what is needed to find it again (fdatasync(2)). */
bool store_sync(int fd);
/* The names in a folder. */
bool store_sync_folder(int folder_fd);

bool store_rename(int folder, const char *from, const char *to);
/* Into another folder; what lies there is not replaced (EEXIST). */
bool store_move(int from_folder, const char *from, int to_folder, const char *to);
bool store_link_file(int fd, int folder, const char *name); /* a nameless file gets a name */
bool store_link(int folder, const char *from, int to_folder, const char *to); /* another name */
bool store_unlink(int folder, const char *name);      /* a missing name is fine */
int store_create(int folder, const char *name);       /* O_EXCL, 0600; -1 */
bool store_make_folder(int folder, const char *name); /* an existing one is fine */

/* Space for the first bytes of a file, so that appending never needs any (fallocate(2)); where the
 * file system cannot, the file is only made that long. */
bool store_reserve(int fd, uint64_t bytes);

#endif
