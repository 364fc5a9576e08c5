#include "spooler/files/letter.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/json.h"
#include "spooler/files/blob.h"
#include "spooler/files/history.h"
#include "spooler/files/store.h"

enum { NAME_BYTES = ID_TEXT_BYTES + 16, UNFINISHED_US = 60 * 1000 * 1000 };

static const char payload_suffix[] = ".payload";

static void letter_name(const struct job_address *address, char out[NAME_BYTES])
{
    id_format(address, out);
}

static void payload_name(const struct job_address *address, char out[NAME_BYTES])
{
    char id[ID_TEXT_BYTES + 1];
    id_format(address, id);
    snprintf(out, NAME_BYTES, "%s%s", id, payload_suffix);
}

/* ------------------------------------------------------------------ the head */

static void put_text(FILE *head, bobbin_str text)
{
    char piece[8];
    for (size_t at = 0, taken; at < text.length; at += taken) {
        const char *next = text.data + at;
        /* a whole character of UTF-8, or a byte of what is none */
        for (taken = 1; at + taken < text.length && (next[taken] & 0xc0) == 0x80 && taken < 4;)
            taken++;
        if (json_escape(piece, 0, next, taken) > sizeof piece)
            taken = 1;
        fwrite(piece, 1, json_escape(piece, sizeof piece, next, taken), head);
    }
}

static void put_line(FILE *head, const char *name, bobbin_str text)
{
    if (text.length == 0)
        return;
    fprintf(head, "%s: ", name);
    put_text(head, text);
    fputc('\n', head);
}

static void put_time(FILE *head, uint64_t time_us)
{
    time_t seconds = (time_t)(time_us / 1000000);
    char text[32];
    struct tm parts;
    gmtime_r(&seconds, &parts);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    fprintf(head, "%s.%06uZ", text, (unsigned)(time_us % 1000000));
}

static void put_attempts(FILE *head, const struct spool_directory *directory,
                         const struct letter *letter)
{
    struct history_line line;
    size_t length = 0, at = 0;
    char *text = history_read(directory, letter->address, &length);
    fprintf(head, "attempts: %u of %u\n", letter->attempt, letter->attempts);
    while (history_next(text, length, &at, &line)) {
        fprintf(head, "attempt: %u from ", line.attempt);
        put_time(head, line.started_us);
        fputs(" to ", head);
        put_time(head, line.ended_us);
        fprintf(head, ": %.*s\n", BOBBIN_ARG(line.escaped));
    }
    free(text);
}

static void put_headers(FILE *head, const struct record *record)
{
    bobbin_field header;
    for (size_t at = 0; record_next_header(record, &at, &header);) {
        fputs("header: \"", head);
        put_text(head, header.name);
        fputs("\": \"", head);
        put_text(head, header.value);
        fputs("\"\n", head);
    }
}

static void put_head(FILE *head, const struct spool_directory *directory,
                     const struct letter *letter, const char *where)
{
    const struct record *record = letter->record;
    char id[NAME_BYTES];
    letter_name(letter->address, id);
    fprintf(head, "bobbin dead letter 1\nid: %s\n", id);
    put_line(head, "queue", record->queue);
    put_line(head, "reason", bobbin_text(letter->reason));
    fputs("enqueued: ", head);
    put_time(head, record->enqueued_us);
    fputs("\nended: ", head);
    put_time(head, letter->ended_us);
    fputc('\n', head);
    put_attempts(head, directory, letter);
    fprintf(head, "priority: %u\n", record->priority);
    if (record->timeout_ms > 0)
        fprintf(head, "timeout: %u ms\n", record->timeout_ms);
    put_line(head, "unique-key", record->unique_key);
    put_line(head, "content-type", record->content_type);
    put_headers(head, record);
    fprintf(head, "payload-bytes: %" PRIu64 "\npayload: %s\n\n", record->payload_bytes, where);
}

/* malloc'd; NULL with errno. */
static char *make_head(const struct spool_directory *directory, const struct letter *letter,
                       const char *where, size_t *length)
{
    char *text = NULL;
    FILE *head = open_memstream(&text, length);
    if (head == NULL)
        return NULL;
    put_head(head, directory, letter, where);
    bool failed = ferror(head) != 0;
    if (fclose(head) == 0 && !failed)
        return text;
    free(text);
    errno = ENOMEM;
    return NULL;
}

/* ------------------------------------------------------------------ writing */

static bool write_file(int folder, const char *hidden, const struct letter *letter, char *head,
                       size_t head_bytes, bool has_payload)
{
    const struct record *record = letter->record;
    struct iovec vector[2] = {{head, head_bytes},
                              {(void *)(uintptr_t)letter->payload, record->payload_bytes}};
    int fd = store_create(folder, hidden);
    bool done = fd >= 0 && store_write_vector(fd, vector, has_payload ? 2 : 1, 0) &&
                ((record->flags & RECORD_FLAG_PROCESS) || store_sync(fd));
    int number = errno;
    if (fd >= 0)
        close(fd);
    errno = number;
    return done;
}

/* Writes it under a hidden name, then gives it its own. */
static bool write_letter(const struct spool_directory *directory, int folder,
                         const struct letter *letter, const char *where, bool has_payload)
{
    char name[NAME_BYTES], hidden[NAME_BYTES + 1];
    size_t length;
    letter_name(letter->address, name);
    snprintf(hidden, sizeof hidden, ".%s", name);
    char *head = make_head(directory, letter, where, &length);
    if (head == NULL)
        return false;
    store_unlink(folder, hidden);
    bool done = write_file(folder, hidden, letter, head, length, has_payload) &&
                store_rename(folder, hidden, name);
    int number = errno;
    free(head);
    if (!done)
        store_unlink(folder, hidden);
    errno = number;
    return done;
}

static bool write_with_blob(const struct spool_directory *directory, int folder,
                            const struct letter *letter)
{
    char name[NAME_BYTES], where[NAME_BYTES + 4];
    const struct record *record = letter->record;
    payload_name(letter->address, name);
    snprintf(where, sizeof where, "in %s", name);
    store_unlink(folder, name);
    if (!blob_link(directory, record->blob_writer, record->blob_counter, folder, name))
        return errno == ENOENT && write_letter(directory, folder, letter, "lost", false);
    if (write_letter(directory, folder, letter, where, false))
        return true;
    int number = errno;
    store_unlink(folder, name);
    errno = number;
    return false;
}

static int open_folder(const struct spool_directory *directory, const char *queue)
{
    return openat(directory->dead, queue, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

bool letter_write(const struct spool_directory *directory, const struct letter *letter,
                  bobbin_error *error)
{
    char queue[DIRECTORY_QUEUE_BYTES];
    const struct record *record = letter->record;
    if (!directory_queue_name(record->queue, queue))
        return bobbin_fail(error, "the dead letter cannot be written: its queue names no folder");
    int folder = store_make_folder(directory->dead, queue) ? open_folder(directory, queue) : -1;
    bool is_there = letter->payload != NULL;
    bool done = folder >= 0 && ((record->flags & RECORD_FLAG_BLOB)
                                    ? write_with_blob(directory, folder, letter)
                                    : write_letter(directory, folder, letter,
                                                   is_there ? "below" : "lost", is_there));
    int number = errno;
    if (folder >= 0)
        close(folder);
    return done ||
           error_system(error, number, "a dead letter of the queue %s cannot be written", queue);
}

/* ------------------------------------------------------------------ removing */

/* The letter first: a payload without one is found by the sweep. */
static void remove_letter(int folder, const struct job_address *address)
{
    char name[NAME_BYTES];
    letter_name(address, name);
    store_unlink(folder, name);
    payload_name(address, name);
    store_unlink(folder, name);
}

void letter_remove(const struct spool_directory *directory, bobbin_str queue,
                   const struct job_address *address)
{
    char name[DIRECTORY_QUEUE_BYTES];
    int folder = directory_queue_name(queue, name) ? open_folder(directory, name) : -1;
    if (folder < 0)
        return;
    remove_letter(folder, address);
    close(folder);
}

static bool is_older(const struct timespec *time, uint64_t now_us, uint64_t age_us)
{
    return (uint64_t)time->tv_sec * 1000000 + (uint64_t)time->tv_nsec / 1000 + age_us <= now_us;
}

/* The id in the name of a payload's file. */
static bool parse_payload_name(const char *name, struct job_address *address)
{
    return strlen(name) == ID_TEXT_BYTES + sizeof payload_suffix - 1 &&
           strcmp(name + ID_TEXT_BYTES, payload_suffix) == 0 &&
           id_parse(name, ID_TEXT_BYTES, address);
}

/* True: it is a letter, and stays. */
static bool sweep_one(int folder, const char *name, uint64_t now_us, uint64_t ttl_us)
{
    struct stat status;
    struct job_address address;
    char letter[NAME_BYTES];
    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode))
        return false;
    if (id_parse(name, strlen(name), &address)) {
        if (ttl_us == 0 || !is_older(&status.st_mtim, now_us, ttl_us))
            return true;
        remove_letter(folder, &address);
    } else if (name[0] == '.' && id_parse(name + 1, strlen(name + 1), &address)) {
        if (is_older(&status.st_mtim, now_us, UNFINISHED_US))
            store_unlink(folder, name);
    } else if (parse_payload_name(name, &address)) {
        letter_name(&address, letter);
        if (is_older(&status.st_ctim, now_us, UNFINISHED_US) &&
            faccessat(folder, letter, F_OK, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
            store_unlink(folder, name);
    }
    return false;
}

static DIR *list(int folder)
{
    DIR *entries = folder >= 0 ? fdopendir(folder) : NULL;
    if (entries == NULL && folder >= 0)
        close(folder);
    return entries;
}

static void sweep_folder(const struct spool_directory *directory, const char *queue,
                         uint64_t now_us, const struct letter_sweep *sweep)
{
    uint64_t ttl_us = sweep->ttl_us(sweep->context, bobbin_text(queue)), letters = 0;
    DIR *entries = list(open_folder(directory, queue));
    if (entries == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;)
        letters += sweep_one(dirfd(entries), entry->d_name, now_us, ttl_us);
    closedir(entries);
    unlinkat(directory->dead, queue, AT_REMOVEDIR); /* when it is empty */
    sweep->on_counted(sweep->context, bobbin_text(queue), letters);
}

void letter_sweep(const struct spool_directory *directory, uint64_t now_us,
                  const struct letter_sweep *sweep)
{
    DIR *entries = list(openat(directory->dead, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (entries == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;)
        if (entry->d_name[0] != '.')
            sweep_folder(directory, entry->d_name, now_us, sweep);
    closedir(entries);
}
