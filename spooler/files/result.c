#include "spooler/files/result.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "core/base/error.h"
#include "spooler/files/bytes.h"
#include "spooler/files/journal.h"
#include "spooler/files/store.h"

static const char magic[8] = {'B', 'O', 'B', 'B', 'I', 'N', 'R', '1'};

enum { HEAD_CRC_AT = 232, TYPE_AT = 32 };

static const char cannot_write[] = "the result cannot be written";

static void final_name(const struct job_address *address, char out[64])
{
    char journal[JOURNAL_NAME_BYTES + 1];
    journal_name(address->writer, address->sequence, journal);
    snprintf(out, 64, "%s/%u", journal, address->index);
}

static void hidden_name(const struct job_address *address, uint32_t attempt, char out[64])
{
    char journal[JOURNAL_NAME_BYTES + 1];
    journal_name(address->writer, address->sequence, journal);
    snprintf(out, 64, "%s/.%u.%u", journal, address->index, attempt);
}

static void encode_head(unsigned char out[RESULT_HEAD_BYTES], uint32_t attempt, uint32_t crc,
                        uint64_t length, const char *content_type)
{
    size_t type_bytes = strnlen(content_type, RESULT_TYPE_MAX);
    memset(out, 0, RESULT_HEAD_BYTES);
    memcpy(out, magic, sizeof magic);
    put32(out + 8, 1);
    put32(out + 12, attempt);
    put64(out + 16, length);
    put32(out + 24, crc);
    put16(out + 28, (uint16_t)type_bytes);
    memcpy(out + TYPE_AT, content_type, type_bytes);
    put32(out + HEAD_CRC_AT, (uint32_t)crc32(0, out, HEAD_CRC_AT));
}

static bool write_all(int fd, const unsigned char *head, const void *data, size_t length, bool sync)
{
    struct iovec vector[2] = {{(void *)(uintptr_t)head, RESULT_HEAD_BYTES},
                              {(void *)(uintptr_t)data, length}};
    return store_write_vector(fd, vector, length > 0 ? 2 : 1, 0) && (!sync || store_sync(fd));
}

/* A new file under the hidden name, instead of one that may be there; -1. */
static int create_hidden(const struct spool_directory *directory, const struct job_address *address,
                         uint32_t attempt)
{
    char name[64], journal[JOURNAL_NAME_BYTES + 1];
    journal_name(address->writer, address->sequence, journal);
    hidden_name(address, attempt, name);
    store_unlink(directory->results, name);
    return store_make_folder(directory->results, journal) ? store_create(directory->results, name)
                                                          : -1;
}

bool result_write(const struct spool_directory *directory, const struct job_address *address,
                  uint32_t attempt, const void *data, size_t length, const char *content_type,
                  bool sync, bobbin_error *error)
{
    unsigned char head[RESULT_HEAD_BYTES];
    encode_head(head, attempt, (uint32_t)crc32_z(0, data, length), length, content_type);
    int fd = create_hidden(directory, address, attempt);
    bool done = fd >= 0 && write_all(fd, head, data, length, sync);
    int number = errno;
    if (fd >= 0)
        close(fd);
    if (done)
        return true;
    result_discard(directory, address, attempt);
    error_system(error, number, "%s", cannot_write);
    errno = number;
    return false;
}

bool result_begin(struct result_stream *stream, const struct spool_directory *directory,
                  const struct job_address *address, uint32_t attempt, const char *content_type,
                  bobbin_error *error)
{
    *stream = (struct result_stream){.attempt = attempt, .crc = (uint32_t)crc32(0, NULL, 0)};
    snprintf(stream->content_type, sizeof stream->content_type, "%s", content_type);
    stream->fd = create_hidden(directory, address, attempt);
    return stream->fd >= 0 || error_system(error, errno, "%s", cannot_write);
}

bool result_append(struct result_stream *stream, const void *data, size_t length,
                   bobbin_error *error)
{
    if (!store_write(stream->fd, data, length, RESULT_HEAD_BYTES + stream->length))
        return error_system(error, errno, "%s", cannot_write);
    stream->crc = (uint32_t)crc32_z(stream->crc, data, length);
    stream->length += length;
    return true;
}

bool result_end(struct result_stream *stream, bool sync, bobbin_error *error)
{
    unsigned char head[RESULT_HEAD_BYTES];
    encode_head(head, stream->attempt, stream->crc, stream->length, stream->content_type);
    bool done = store_write(stream->fd, head, sizeof head, 0) && (!sync || store_sync(stream->fd));
    int number = errno;
    result_abandon(stream);
    return done || error_system(error, number, "%s", cannot_write);
}

void result_abandon(struct result_stream *stream)
{
    if (stream->fd >= 0)
        close(stream->fd);
    stream->fd = -1;
}

bool result_commit(const struct spool_directory *directory, const struct job_address *address,
                   uint32_t attempt, bobbin_error *error)
{
    char from[64], to[64];
    hidden_name(address, attempt, from);
    final_name(address, to);
    if (store_rename(directory->results, from, to))
        return true;
    int number = errno;
    error_system(error, number, "the result cannot be kept");
    errno = number;
    return false;
}

void result_discard(const struct spool_directory *directory, const struct job_address *address,
                    uint32_t attempt)
{
    char name[64];
    hidden_name(address, attempt, name);
    store_unlink(directory->results, name);
}

static bool decode_head(int fd, struct result_info *info)
{
    unsigned char head[RESULT_HEAD_BYTES];
    struct stat status;
    if (pread(fd, head, sizeof head, 0) != (ssize_t)sizeof head || fstat(fd, &status) != 0 ||
        memcmp(head, magic, sizeof magic) != 0 ||
        get32(head + HEAD_CRC_AT) != (uint32_t)crc32(0, head, HEAD_CRC_AT))
        return false;
    size_t type_bytes = get16(head + 28);
    info->offset = RESULT_HEAD_BYTES;
    info->length = get64(head + 16);
    if (type_bytes > RESULT_TYPE_MAX || (uint64_t)status.st_size != info->offset + info->length)
        return false;
    memcpy(info->content_type, head + TYPE_AT, type_bytes);
    info->content_type[type_bytes] = '\0';
    return true;
}

int result_open(const struct spool_directory *directory, const struct job_address *address,
                struct result_info *info)
{
    char name[64];
    final_name(address, name);
    int fd = openat(directory->results, name, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && !decode_head(fd, info)) {
        close(fd);
        return -1;
    }
    return fd;
}

void result_remove_all(int folder, uint64_t writer, uint32_t sequence)
{
    char journal[JOURNAL_NAME_BYTES + 1];
    journal_name(writer, sequence, journal);
    int fd = openat(folder, journal, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
    if (entries == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            store_unlink(dirfd(entries), entry->d_name);
    closedir(entries);
    unlinkat(folder, journal, AT_REMOVEDIR);
}
