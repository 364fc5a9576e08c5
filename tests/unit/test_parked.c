#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "spooler/parked.h"

static struct waiting job_of(uint16_t queue, uint8_t priority, uint32_t index)
{
    return (struct waiting){.queue = queue, .priority = priority, .index = index};
}

static void put(struct queue *queue, uint16_t number, uint8_t priority, uint32_t index)
{
    const struct waiting job = job_of(number, priority, index);
    assert_true(queue_put(queue, &job, 1));
}

static void expect(struct queue *queue, uint32_t index)
{
    struct waiting job;
    assert_true(queue_take(queue, 1, &job));
    assert_int_equal(job.index, index);
}

static void take_and_park(struct queue *queue, struct parked *parked, int count)
{
    struct waiting job;
    while (count-- > 0) {
        assert_true(queue_take(queue, 1, &job));
        assert_true(parked_put(parked, &job));
    }
}

static void parked_jobs_are_the_first_again_and_in_their_order(void **state)
{
    (void)state;
    struct queue queue;
    struct parked parked = {0};
    queue_init(&queue);
    for (uint32_t i = 0; i < 200; i++)
        put(&queue, 1, 5, i);
    put(&queue, 1, 0, 1000);
    take_and_park(&queue, &parked, 151); /* the urgent one, and 150 */
    put(&queue, 1, 0, 1001);
    assert_true(parked_release(&parked, 1, &queue));
    expect(&queue, 1000);
    expect(&queue, 1001);
    for (uint32_t i = 0; i < 200; i++)
        expect(&queue, i);
    assert_int_equal(queue_count(&queue), 0);
    assert_int_equal(parked.count, 0);
    queue_finish(&queue);
    parked_finish(&parked);
}

static void those_of_other_queues_stay_parked(void **state)
{
    (void)state;
    struct queue queue;
    struct parked parked = {0};
    queue_init(&queue);
    for (uint32_t i = 0; i < 100; i++)
        put(&queue, (uint16_t)(i % 3), 5, i);
    take_and_park(&queue, &parked, 100);
    assert_true(parked_release(&parked, 7, &queue));
    assert_int_equal(queue_count(&queue), 0);
    assert_true(parked_release(&parked, 1, &queue));
    for (uint32_t i = 1; i < 100; i += 3)
        expect(&queue, i);
    assert_int_equal(queue_count(&queue), 0);
    assert_int_equal(parked.count, 67);
    assert_true(parked_release(&parked, 0, &queue));
    for (uint32_t i = 0; i < 100; i += 3)
        expect(&queue, i);
    assert_int_equal(parked.count, 33);
    queue_finish(&queue);
    parked_finish(&parked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parked_jobs_are_the_first_again_and_in_their_order),
        cmocka_unit_test(those_of_other_queues_stay_parked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
