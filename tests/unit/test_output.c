#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/net/output.h"

enum { BLOCK = 1024 };

static void add(struct output *output, struct pool *pool, char c, size_t count)
{
    size_t capacity;
    char *room = output_room(output, pool, count, &capacity);
    assert_non_null(room);
    assert_true(capacity >= count);
    memset(room, c, count);
    output_wrote(output, count);
}

/* Everything that is sent, into a buffer, as fast as the socket takes it. */
static size_t drain(struct output *output, struct pool *pool, char *sent)
{
    int pair[2];
    bool progress;
    size_t total = 0;
    enum output_flush flushed;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    struct transport transport = {pair[0]};
    do {
        flushed = output_flush(output, pool, &transport, &progress);
        assert_int_not_equal(flushed, OUTPUT_FAILED);
        for (ssize_t got; (got = read(pair[1], sent + total, 100000)) > 0;)
            total += (size_t)got;
    } while (flushed != OUTPUT_SENT);
    close(pair[0]);
    close(pair[1]);
    return total;
}

static void what_waits_survives_every_growth(void **state)
{
    (void)state;
    static char sent[1000000];
    struct pool pool;
    struct output output;
    pool_init(&pool, BLOCK, 4);
    output_init(&output);
    size_t total = 0;
    for (size_t i = 0; i < 300; i++) {
        add(&output, &pool, (char)('a' + i % 26), 1 + i * 7 % 900);
        total += 1 + i * 7 % 900;
    }
    assert_int_equal(drain(&output, &pool, sent), total);
    for (size_t i = 0, at = 0; i < 300; i++)
        for (size_t k = 0; k < 1 + i * 7 % 900; k++)
            assert_int_equal(sent[at++], 'a' + (int)(i % 26));
    assert_true(output_is_empty(&output));
    assert_int_equal(output.waiting, 0);
    output_finish(&output, &pool);
    pool_finish(&pool);
}

static int file_of(char c, size_t count)
{
    FILE *file = tmpfile();
    for (size_t i = 0; i < count; i++)
        fputc(c, file);
    fflush(file);
    int fd = dup(fileno(file));
    fclose(file);
    return fd;
}

static void expect_run(const char **at, char c, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal((*at)[i], c);
    *at += count;
}

static void what_is_written_lent_and_filed_leaves_in_order(void **state)
{
    (void)state;
    static char sent[3000000], tail[700000];
    struct pool pool;
    struct output output;
    const char *at = sent;
    int fd = file_of('f', 500000);
    pool_init(&pool, BLOCK, 4);
    memset(tail, 't', sizeof tail);
    output_init(&output);
    add(&output, &pool, 'c', 10);
    assert_true(output_lend(&output, &pool, tail, sizeof tail));
    assert_true(output.is_lent);
    assert_true(output_file(&output, &pool, fd, 1, 499999));
    assert_true(output_copy(&output, &pool, tail, 5000));
    assert_true(output_file(&output, &pool, file_of('g', 300), 100, 200));
    assert_true(output_file(&output, &pool, file_of('h', 300), 0, 300));
    assert_true(output_file(&output, &pool, file_of('i', 300), 0, 0));
    add(&output, &pool, 'e', 1);
    assert_int_equal(output.waiting, 10 + sizeof tail + 5000 + 1);
    assert_int_equal(drain(&output, &pool, sent), 10 + sizeof tail + 499999 + 5000 + 500 + 1);
    assert_false(output.is_lent);
    expect_run(&at, 'c', 10);
    expect_run(&at, 't', sizeof tail);
    expect_run(&at, 'f', 499999);
    expect_run(&at, 't', 5000);
    expect_run(&at, 'g', 200);
    expect_run(&at, 'h', 300);
    expect_run(&at, 'e', 1);
    errno = 0;
    assert_int_equal(fcntl(fd, F_GETFD), -1); /* the descriptor was closed */
    assert_int_equal(errno, EBADF);
    output_finish(&output, &pool);
    pool_finish(&pool);
}

static void room_that_was_not_used_is_no_matter(void **state)
{
    (void)state;
    static char sent[10000];
    struct pool pool;
    struct output output;
    size_t capacity;
    pool_init(&pool, BLOCK, 4);
    output_init(&output);
    assert_non_null(output_room(&output, &pool, 500, &capacity));
    assert_non_null(output_room(&output, &pool, 3000, &capacity));
    add(&output, &pool, 'x', 2000);
    assert_non_null(output_room(&output, &pool, 2500, &capacity));
    assert_int_equal(drain(&output, &pool, sent), 2000);
    assert_true(output_is_empty(&output));
    pool_finish(&pool);
}

static void what_was_not_sent_is_freed_and_its_files_closed(void **state)
{
    (void)state;
    struct pool pool;
    struct output output;
    int fd = file_of('f', 10);
    pool_init(&pool, BLOCK, 4);
    output_init(&output);
    add(&output, &pool, 'x', 5000);
    assert_true(output_file(&output, &pool, fd, 0, 10));
    output_finish(&output, &pool);
    assert_true(output_is_empty(&output));
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    pool_finish(&pool);
}

static void a_file_that_is_shorter_than_was_promised_fails(void **state)
{
    (void)state;
    int pair[2];
    bool progress = false;
    struct pool pool;
    struct output output;
    pool_init(&pool, BLOCK, 4);
    output_init(&output);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    struct transport transport = {pair[0]};
    assert_true(output_file(&output, &pool, file_of('f', 10), 10, 1));
    assert_int_equal(output_flush(&output, &pool, &transport, &progress), OUTPUT_FAILED);
    close(pair[0]);
    close(pair[1]);
    output_finish(&output, &pool);
    pool_finish(&pool);
}

static void a_client_that_is_gone_fails_without_a_signal(void **state)
{
    (void)state;
    int pair[2];
    bool progress = false;
    struct pool pool;
    struct output output;
    pool_init(&pool, BLOCK, 4);
    output_init(&output);
    add(&output, &pool, 'x', 10);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    struct transport transport = {pair[0]};
    close(pair[1]);
    assert_int_equal(output_flush(&output, &pool, &transport, &progress), OUTPUT_FAILED);
    assert_false(progress);
    close(pair[0]);
    output_finish(&output, &pool);
    pool_finish(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_waits_survives_every_growth),
        cmocka_unit_test(what_is_written_lent_and_filed_leaves_in_order),
        cmocka_unit_test(room_that_was_not_used_is_no_matter),
        cmocka_unit_test(what_was_not_sent_is_freed_and_its_files_closed),
        cmocka_unit_test(a_file_that_is_shorter_than_was_promised_fails),
        cmocka_unit_test(a_client_that_is_gone_fails_without_a_signal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
