#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "spooler/queue.h"
#include "spooler/retry.h"

static void put(struct queue *queue, uint32_t index, uint8_t priority, uint64_t due_us)
{
    const struct waiting job = {.index = index, .priority = priority, .due_us = due_us};
    assert_true(queue_put(queue, &job, 1000));
}

static void expect(struct queue *queue, uint64_t now_us, uint32_t index)
{
    struct waiting job;
    assert_true(queue_take(queue, now_us, &job));
    assert_int_equal(job.index, index);
}

static void priority_goes_before_age(void **state)
{
    (void)state;
    struct queue queue;
    queue_init(&queue);
    put(&queue, 1, 5, 0);
    put(&queue, 2, 9, 0);
    put(&queue, 3, 0, 0);
    put(&queue, 4, 5, 0);
    expect(&queue, 1000, 3);
    expect(&queue, 1000, 1);
    expect(&queue, 1000, 4);
    expect(&queue, 1000, 2);
    assert_int_equal(queue_count(&queue), 0);
    queue_finish(&queue);
}

static void a_job_that_is_due_later_waits_for_its_time(void **state)
{
    (void)state;
    struct queue queue;
    struct waiting job;
    queue_init(&queue);
    put(&queue, 1, 5, 3000);
    put(&queue, 2, 5, 2000);
    assert_int_equal(queue_next_due(&queue), 2000);
    assert_false(queue_take(&queue, 1999, &job));
    expect(&queue, 2000, 2);
    assert_false(queue_take(&queue, 2999, &job));
    expect(&queue, 5000, 1);
    assert_int_equal(queue_next_due(&queue), UINT64_MAX);
    queue_finish(&queue);
}

static void those_that_came_due_keep_the_order_of_their_times(void **state)
{
    (void)state;
    struct queue queue;
    queue_init(&queue);
    for (uint32_t i = 0; i < 1000; i++)
        put(&queue, (i * 7919) % 1000, 5, 2000 + (i * 7919) % 1000);
    for (uint32_t i = 0; i < 1000; i++)
        expect(&queue, 10000, i);
    queue_finish(&queue);
}

static void a_million_wait_in_below_100_bytes_each_and_leave_in_order(void **state)
{
    (void)state;
    enum { MILLION = 1000000 };
    struct queue queue;
    queue_init(&queue);
    for (uint32_t i = 0; i < MILLION; i++)
        put(&queue, i, 5, 0);
    assert_true(queue.rings[5].capacity * sizeof(struct waiting) <= (size_t)MILLION * 100);
    for (uint32_t i = 0; i < MILLION; i++)
        expect(&queue, 1000, i);
    assert_int_equal(queue.rings[5].capacity, 0); /* its memory went back */
    queue_finish(&queue);
}

static void a_ring_that_wraps_around_keeps_its_order_when_it_grows(void **state)
{
    (void)state;
    struct queue queue;
    uint32_t next_in = 0, next_out = 0;
    queue_init(&queue);
    for (int turn = 0; turn < 300; turn++) {
        for (int i = 0; i < 3; i++)
            put(&queue, next_in++, 1, 0);
        expect(&queue, 1000, next_out++);
    }
    while (queue_count(&queue) > 0)
        expect(&queue, 1000, next_out++);
    assert_int_equal(next_in, next_out);
    queue_finish(&queue);
}

static void backoff_grows_to_its_cap_with_full_jitter(void **state)
{
    (void)state;
    const struct queue_settings queue = {
        .backoff_ms = 1000, .backoff_factor = 2, .backoff_max_ms = 5000};
    assert_int_equal(retry_delay_ms(&queue, 1, 0), 0);
    assert_int_equal(retry_delay_ms(&queue, 1, 1000), 1000);
    assert_int_equal(retry_delay_ms(&queue, 1, 1001), 0);
    assert_int_equal(retry_delay_ms(&queue, 2, 2000), 2000);
    assert_int_equal(retry_delay_ms(&queue, 3, 4000), 4000);
    assert_int_equal(retry_delay_ms(&queue, 4, 5000), 5000);
    assert_int_equal(retry_delay_ms(&queue, 1000, 5001), 0);
    for (uint64_t random = 0; random < 10000; random += 7)
        assert_true(retry_delay_ms(&queue, 3, random) <= 4000);
}

static void backoff_does_not_overflow(void **state)
{
    (void)state;
    const struct queue_settings queue = {
        .backoff_ms = UINT64_MAX / 2, .backoff_factor = 100, .backoff_max_ms = UINT64_MAX - 1};
    assert_int_equal(retry_delay_ms(&queue, 60, UINT64_MAX - 1), UINT64_MAX - 1);
    const struct queue_settings none = {.backoff_ms = 0, .backoff_factor = 2};
    assert_int_equal(retry_delay_ms(&none, 9, 12345), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(priority_goes_before_age),
        cmocka_unit_test(a_job_that_is_due_later_waits_for_its_time),
        cmocka_unit_test(those_that_came_due_keep_the_order_of_their_times),
        cmocka_unit_test(a_million_wait_in_below_100_bytes_each_and_leave_in_order),
        cmocka_unit_test(a_ring_that_wraps_around_keeps_its_order_when_it_grows),
        cmocka_unit_test(backoff_grows_to_its_cap_with_full_jitter),
        cmocka_unit_test(backoff_does_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
