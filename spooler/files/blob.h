/*
 * Payloads that are too large for a journal: blobs/<writer, 16 hex digits>/<counter>. Whole and
 * synced (when asked) before the record that names them is written; removed with their journal.
 */
#ifndef SPOOLER_FILES_BLOB_H
#define SPOOLER_FILES_BLOB_H

#include "spooler/files/directory.h"

/* Both make the writer's folder when it is missing. *crc gets the crc32 of the content. A file
 * without a name on the spool's file system is linked, any other is copied. errno ENOSPC stays. */
bool blob_from_memory(const struct spool_directory *directory, uint64_t writer, uint64_t counter,
                      const void *data, size_t length, bool sync, uint32_t *crc,
                      bobbin_error *error);
bool blob_from_file(const struct spool_directory *directory, uint64_t writer, uint64_t counter,
                    int fd, uint64_t length, bool sync, uint32_t *crc, bobbin_error *error);

/* The content, mapped read-only (munmap(2) of length bytes ends it); NULL with a sentence. length
 * must be above 0 and is what the blob must have. */
void *blob_map(const struct spool_directory *directory, uint64_t writer, uint64_t counter,
               uint64_t length, bobbin_error *error);

/* Gives it another name, which outlives blob_remove. errno ENOENT: it is gone. */
bool blob_link(const struct spool_directory *directory, uint64_t writer, uint64_t counter,
               int folder, const char *name);

void blob_remove(const struct spool_directory *directory, uint64_t writer, uint64_t counter);

#endif
