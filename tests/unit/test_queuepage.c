#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "spooler/files/queuepage.h"
#include "tests/unit/spoolfolder.h"

static const bobbin_str name = {"q", 1};
static const struct queuepage page = {.flags = QUEUE_PAUSED | QUEUE_ORDERED,
                                      .turn = 2,
                                      .ready = 3,
                                      .delayed = 0x0102030405060708,
                                      .running = 5,
                                      .dead = 6,
                                      .bytes = 7};

static void a_page_is_laid_out_as_its_header_says(void **state)
{
    struct spoolfolder *folder = *state;
    static const unsigned char expected[64] =
        "QUEU\1\0\0\0\x4b\xaa\x8e\xb2\3\0\0\0\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\x8\7\6\5\4\3\2\1"
        "\5\0\0\0\0\0\0\0\6\0\0\0\0\0\0\0\7\0\0\0\0\0\0";
    unsigned char bytes[65];
    struct queuepage before;
    int fd = queuepage_open(&folder->directory, name, &before);
    assert_true(fd >= 0);
    assert_int_equal(before.turn, 0);
    assert_true(queuepage_write(fd, &page));
    assert_int_equal(pread(fd, bytes, sizeof bytes, 0), 64);
    assert_memory_equal(bytes, expected, 64);
    close(fd);
}

static void who_has_mapped_it_sees_what_is_written_later(void **state)
{
    struct spoolfolder *folder = *state;
    struct queuepage seen, next = page;
    assert_null(queuepage_map(&folder->directory, name));
    int fd = queuepage_open(&folder->directory, name, &seen);
    assert_null(queuepage_map(&folder->directory, name)); /* nothing is in it yet */
    assert_true(queuepage_write(fd, &page));
    close(fd);
    const void *mapped = queuepage_map(&folder->directory, name);
    assert_non_null(mapped);
    assert_true(queuepage_look(mapped, &seen));
    assert_memory_equal(&seen, &page, sizeof page);
    fd = queuepage_open(&folder->directory, name, &seen); /* another leader */
    assert_memory_equal(&seen, &page, sizeof page);
    next.turn++;
    assert_true(queuepage_write(fd, &next));
    close(fd);
    assert_true(queuepage_look(mapped, &seen));
    assert_int_equal(seen.turn, 3);
    queuepage_unmap(mapped);
}

static void damage_says_nothing(void **state)
{
    struct spoolfolder *folder = *state;
    struct queuepage seen;
    int fd = queuepage_open(&folder->directory, name, &seen);
    assert_true(queuepage_write(fd, &page));
    const void *mapped = queuepage_map(&folder->directory, name);
    for (off_t at = 0; at < 64; at++) {
        char byte, other;
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        other = (char)(byte ^ 0x40);
        assert_int_equal(pwrite(fd, &other, 1, at), 1);
        assert_false(queuepage_look(mapped, &seen));
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        assert_true(queuepage_look(mapped, &seen));
    }
    assert_int_equal(ftruncate(fd, 10), 0);
    close(fd);
    fd = queuepage_open(&folder->directory, name, &seen);
    assert_int_equal(seen.turn, 0);
    close(fd);
    queuepage_unmap(mapped);
    assert_null(queuepage_map(&folder->directory, name));
}

static void a_queue_that_is_no_name_has_no_page(void **state)
{
    struct spoolfolder *folder = *state;
    struct queuepage seen;
    assert_int_equal(queuepage_open(&folder->directory, bobbin_text("../q"), &seen), -1);
    assert_int_equal(errno, EINVAL);
    assert_null(queuepage_map(&folder->directory, bobbin_text("..")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SPOOL(a_page_is_laid_out_as_its_header_says),
        WITH_SPOOL(who_has_mapped_it_sees_what_is_written_later),
        WITH_SPOOL(damage_says_nothing),
        WITH_SPOOL(a_queue_that_is_no_name_has_no_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
