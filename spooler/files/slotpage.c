#include "spooler/files/slotpage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/error.h"
#include "spooler/files/store.h"

enum { PAGE_BYTES = 4096, WORDS_BYTES = 128, READ_TRIES = 100 };

/* The layout of slotpage.h. One kernel shares it, so it needs no byte order. */
struct slotpage {
    char magic[4];
    uint32_t version;
    uint32_t pid;
    _Atomic uint32_t turn;
    uint64_t writer;
    uint32_t sequence;
    uint32_t index;
    uint32_t attempt;
    int32_t percent;
    uint32_t words_bytes;
    uint32_t zero;
    char words[WORDS_BYTES];
};

static void slot_name(uint32_t slot, char out[16])
{
    snprintf(out, 16, "%u", slot);
}

int slotpage_lock(const struct spool_directory *directory, uint32_t slot)
{
    char name[16];
    slot_name(slot, name);
    int fd = openat(directory->slots, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && (flock(fd, LOCK_EX | LOCK_NB) != 0 || !store_reserve(fd, PAGE_BYTES))) {
        int number = errno;
        close(fd);
        errno = number;
        return -1;
    }
    return fd;
}

bool slotpage_is_held(const struct spool_directory *directory, uint32_t slot)
{
    char name[16];
    slot_name(slot, name);
    int fd = openat(directory->slots, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno != ENOENT; /* in doubt somebody lives there */
    bool is_held = flock(fd, LOCK_SH | LOCK_NB) != 0;
    close(fd);
    return is_held;
}

struct slotpage *slotpage_map(int fd, bobbin_error *error)
{
    struct slotpage *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) {
        error_system(error, errno, "the slot's page cannot be mapped");
        return NULL;
    }
    memset(page, 0, PAGE_BYTES);
    memcpy(page->magic, "SLOT", 4);
    page->version = 1;
    page->pid = (uint32_t)getpid();
    page->percent = -1;
    return page;
}

void slotpage_unmap(struct slotpage *page)
{
    if (page != NULL)
        munmap(page, PAGE_BYTES);
}

/* A sequence lock: readers that saw an odd or another turn look again. One thread writes. */
static void begin_change(struct slotpage *page)
{
    /* acquire as well: what follows must not be seen before it */
    atomic_fetch_add_explicit(&page->turn, 1, memory_order_acq_rel);
}

static void end_change(struct slotpage *page)
{
    atomic_fetch_add_explicit(&page->turn, 1, memory_order_release);
}

void slotpage_begin(struct slotpage *page, const struct job_address *address, uint32_t attempt)
{
    begin_change(page);
    page->writer = address->writer;
    page->sequence = address->sequence;
    page->index = address->index;
    page->attempt = attempt;
    page->percent = -1;
    page->words_bytes = 0;
    end_change(page);
}

void slotpage_progress(struct slotpage *page, int percent, const char *words, size_t length)
{
    if (length > WORDS_BYTES - 1)
        length = WORDS_BYTES - 1;
    begin_change(page);
    page->percent = percent;
    page->words_bytes = (uint32_t)length;
    if (length > 0)
        memcpy(page->words, words, length);
    end_change(page);
}

void slotpage_end(struct slotpage *page)
{
    begin_change(page);
    page->writer = 0;
    page->sequence = page->index = page->attempt = 0;
    end_change(page);
}

static bool is_of(const struct slotpage *page, const struct job_address *address, uint32_t attempt)
{
    return memcmp(page->magic, "SLOT", 4) == 0 && page->version == 1 &&
           page->writer == address->writer && page->sequence == address->sequence &&
           page->index == address->index && page->attempt == attempt;
}

bool slotpage_read(const struct spool_directory *directory, uint32_t slot,
                   const struct job_address *address, uint32_t attempt,
                   struct slot_progress *progress)
{
    char name[16];
    struct slotpage copy, again;
    slot_name(slot, name);
    int fd = openat(directory->slots, name, O_RDONLY | O_CLOEXEC);
    bool found = false;
    for (int i = 0; fd >= 0 && !found && i < READ_TRIES; i++) {
        if (pread(fd, &copy, sizeof copy, 0) != (ssize_t)sizeof copy ||
            pread(fd, &again, sizeof again, 0) != (ssize_t)sizeof again)
            break;
        found = copy.turn % 2 == 0 && copy.turn == again.turn;
    }
    if (fd >= 0)
        close(fd);
    if (!found || !is_of(&copy, address, attempt) || copy.words_bytes >= sizeof progress->words)
        return false;
    progress->percent = copy.percent;
    memcpy(progress->words, copy.words, copy.words_bytes);
    progress->words[copy.words_bytes] = '\0';
    return true;
}
