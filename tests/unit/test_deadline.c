#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/net/deadline.h"

enum { MOST = 64 };

static struct deadline *due[MOST];
static int due_count;

static void on_due(struct deadline *deadline)
{
    assert_true(due_count < MOST);
    due[due_count++] = deadline;
}

static void open_all(struct deadlines *deadlines, uv_loop_t *loop)
{
    due_count = 0;
    uv_loop_init(loop);
    deadlines_open(deadlines, loop, on_due);
    deadlines->after_ms[DEADLINE_KEEPALIVE] = 60;
    deadlines->after_ms[DEADLINE_HEAD] = 20;
    deadlines->after_ms[DEADLINE_BODY] = 100000;
}

static void close_all(struct deadlines *deadlines, uv_loop_t *loop)
{
    deadlines_close(deadlines);
    uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(loop), 0);
}

static void those_that_are_due_are_told_in_order(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct deadlines deadlines;
    struct deadline one, two, three;
    open_all(&deadlines, &loop);
    deadline_init(&one);
    deadline_init(&two);
    deadline_init(&three);
    deadline_set(&deadlines, &one, DEADLINE_KEEPALIVE);
    deadline_set(&deadlines, &two, DEADLINE_HEAD);
    deadline_set(&deadlines, &three, DEADLINE_HEAD);
    uint64_t start = uv_now(&loop);
    uv_run(&loop, UV_RUN_DEFAULT); /* ends when no timer waits any more */
    assert_int_equal(due_count, 3);
    assert_ptr_equal(due[0], &two);
    assert_ptr_equal(due[1], &three);
    assert_ptr_equal(due[2], &one);
    assert_true(uv_now(&loop) - start >= 60);
    close_all(&deadlines, &loop);
}

static void one_that_is_set_anew_or_ended_is_not_told(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct deadlines deadlines;
    struct deadline ended, kept;
    open_all(&deadlines, &loop);
    deadline_init(&ended);
    deadline_init(&kept);
    deadline_set(&deadlines, &ended, DEADLINE_HEAD);
    deadline_set(&deadlines, &kept, DEADLINE_HEAD);
    deadline_set(&deadlines, &kept, DEADLINE_KEEPALIVE);
    deadline_set(&deadlines, &ended, DEADLINE_NONE);
    deadline_set(&deadlines, &ended, DEADLINE_NONE);
    uint64_t start = uv_now(&loop);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(due_count, 1);
    assert_ptr_equal(due[0], &kept);
    assert_true(uv_now(&loop) - start >= 60);
    close_all(&deadlines, &loop);
}

static void a_kind_that_is_made_shorter_is_told_earlier(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct deadlines deadlines;
    struct deadline one;
    open_all(&deadlines, &loop);
    deadline_init(&one);
    deadline_set(&deadlines, &one, DEADLINE_BODY);
    deadlines_change(&deadlines, DEADLINE_BODY, 10);
    uint64_t start = uv_now(&loop);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(due_count, 1);
    assert_true(uv_now(&loop) - start < 50000);
    close_all(&deadlines, &loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_that_are_due_are_told_in_order),
        cmocka_unit_test(one_that_is_set_anew_or_ended_is_not_told),
        cmocka_unit_test(a_kind_that_is_made_shorter_is_told_earlier),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
