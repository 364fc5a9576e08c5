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
    char *room = output_room(output, pool, count);
    assert_non_null(room);
    memset(room, c, count);
    output->end += count;
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
    assert_null(output.chunk);
    output_finish(&output, &pool);
    pool_finish(&pool);
}

static void chunk_tail_and_file_leave_in_this_order(void **state)
{
    (void)state;
    static char sent[2000000], tail[700000];
    struct pool pool;
    struct output output;
    FILE *file = tmpfile();
    pool_init(&pool, BLOCK, 4);
    memset(tail, 't', sizeof tail);
    for (int i = 0; i < 500000; i++)
        fputc('f', file);
    fflush(file);
    output_init(&output);
    add(&output, &pool, 'c', 10);
    output.tail = tail;
    output.tail_length = sizeof tail;
    assert_int_equal(drain(&output, &pool, sent), 10 + sizeof tail);
    assert_int_equal(sent[9], 'c');
    assert_int_equal(sent[10], 't');
    add(&output, &pool, 'c', 10);
    output.file_fd = fileno(file);
    output.file_offset = 1;
    output.file_length = 499999;
    assert_int_equal(drain(&output, &pool, sent), 10 + 499999);
    assert_int_equal(sent[10], 'f');
    fclose(file);
    output_finish(&output, &pool);
    pool_finish(&pool);
}

static void a_file_that_is_shorter_than_was_promised_fails(void **state)
{
    (void)state;
    int pair[2];
    bool progress = false;
    struct pool pool;
    struct output output;
    FILE *file = tmpfile();
    pool_init(&pool, BLOCK, 4);
    output_init(&output);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    struct transport transport = {pair[0]};
    output.file_fd = fileno(file);
    output.file_length = 1;
    assert_int_equal(output_flush(&output, &pool, &transport, &progress), OUTPUT_FAILED);
    fclose(file);
    close(pair[0]);
    close(pair[1]);
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
        cmocka_unit_test(chunk_tail_and_file_leave_in_this_order),
        cmocka_unit_test(a_file_that_is_shorter_than_was_promised_fails),
        cmocka_unit_test(a_client_that_is_gone_fails_without_a_signal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
