#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/process/restart.h"

static uint64_t pause_after(struct restart *restart, uint64_t lived_ms)
{
    uint64_t now_ms = restart->due_ms + lived_ms;
    restart_begun(restart, restart->due_ms);
    restart_died(restart, now_ms);
    return restart->due_ms - now_ms;
}

static void one_that_has_lived_is_replaced_at_once(void **state)
{
    (void)state;
    struct restart restart = {.due_ms = 1000};
    assert_int_equal(pause_after(&restart, 10000), 0);
}

static void one_that_keeps_dying_waits_longer_each_time(void **state)
{
    (void)state;
    static const uint64_t expected_ms[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000};
    struct restart restart = {.due_ms = 1000};
    for (size_t i = 0; i < sizeof expected_ms / sizeof *expected_ms; i++)
        assert_int_equal(pause_after(&restart, 9999), expected_ms[i]);
}

static void a_long_life_makes_good(void **state)
{
    (void)state;
    struct restart restart = {.due_ms = 1000};
    assert_int_equal(pause_after(&restart, 0), 100);
    assert_int_equal(pause_after(&restart, 0), 200);
    assert_int_equal(pause_after(&restart, 10000), 0);
    assert_int_equal(pause_after(&restart, 0), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_has_lived_is_replaced_at_once),
        cmocka_unit_test(one_that_keeps_dying_waits_longer_each_time),
        cmocka_unit_test(a_long_life_makes_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
