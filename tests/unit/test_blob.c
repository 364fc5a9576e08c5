#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "spooler/files/blob.h"
#include "tests/unit/spoolfolder.h"

enum { LENGTH = 200000 };

static char *content(void)
{
    char *bytes = malloc(LENGTH);
    for (int i = 0; i < LENGTH; i++)
        bytes[i] = (char)(i * 31 / 7);
    return bytes;
}

static void expect_content(const struct spoolfolder *folder, uint64_t counter, const char *bytes)
{
    bobbin_error error;
    void *mapped = blob_map(&folder->directory, 1, counter, LENGTH, &error);
    assert_non_null(mapped);
    assert_memory_equal(mapped, bytes, LENGTH);
    munmap(mapped, LENGTH);
    assert_null(blob_map(&folder->directory, 1, counter, LENGTH - 1, &error));
}

static void a_blob_from_memory_is_read_back(void **state)
{
    struct spoolfolder *folder = *state;
    bobbin_error error;
    uint32_t crc;
    char *bytes = content();
    assert_true(blob_from_memory(&folder->directory, 1, 5, bytes, LENGTH, true, &crc, &error));
    assert_int_equal(crc, crc32(0, (unsigned char *)bytes, LENGTH));
    expect_content(folder, 5, bytes);
    assert_false(blob_from_memory(&folder->directory, 1, 5, bytes, LENGTH, true, &crc, &error));
    free(bytes);
}

static void a_nameless_file_of_the_spool_is_linked_and_another_is_copied(void **state)
{
    struct spoolfolder *folder = *state;
    bobbin_error error;
    uint32_t crc;
    char path[128], *bytes = content();
    snprintf(path, sizeof path, "%s/blobs", folder->path);
    int nameless = open(path, O_TMPFILE | O_RDWR, 0600);
    int elsewhere = open("/dev/shm", O_TMPFILE | O_RDWR, 0600);
    const int fds[] = {nameless, elsewhere};
    for (uint64_t i = 0; i < 2; i++) {
        if (fds[i] < 0)
            continue; /* this file system knows no nameless files */
        assert_int_equal(write(fds[i], bytes, LENGTH), LENGTH);
        assert_true(blob_from_file(&folder->directory, 1, i, fds[i], LENGTH, true, &crc, &error));
        assert_int_equal(crc, crc32(0, (unsigned char *)bytes, LENGTH));
        expect_content(folder, i, bytes);
        close(fds[i]);
    }
    free(bytes);
}

static void a_removed_blob_is_gone(void **state)
{
    struct spoolfolder *folder = *state;
    bobbin_error error;
    uint32_t crc;
    assert_true(blob_from_memory(&folder->directory, 1, 5, "x", 1, false, &crc, &error));
    blob_remove(&folder->directory, 1, 5);
    blob_remove(&folder->directory, 1, 5);
    assert_null(blob_map(&folder->directory, 1, 5, 1, &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SPOOL(a_blob_from_memory_is_read_back),
        WITH_SPOOL(a_nameless_file_of_the_spool_is_linked_and_another_is_copied),
        WITH_SPOOL(a_removed_blob_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
