#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "spooler/expiry.h"

static void put(struct expiry *expiry, uint32_t index, uint64_t expires_us)
{
    const struct waiting job = {.index = index, .priority = 5};
    assert_true(expiry_put(expiry, &job, expires_us, 0));
}

static void jobs_expire_in_the_order_of_their_times(void **state)
{
    struct expiry expiry;
    struct waiting job;
    (void)state;
    expiry_init(&expiry);
    assert_int_equal(expiry_next(&expiry), UINT64_MAX);
    for (uint32_t i = 0; i < 100; i++)
        put(&expiry, i, 1000 + (i * 37) % 100);
    assert_int_equal(expiry_next(&expiry), 1000);
    assert_false(expiry_take(&expiry, 999, &job));
    for (uint32_t i = 0; i < 100; i++) {
        assert_true(expiry_take(&expiry, 1000 + i, &job));
        assert_int_equal(job.index * 37 % 100, i);
        assert_false(expiry_take(&expiry, 1000 + i, &job));
    }
    expiry_finish(&expiry);
}

/* Those from a number on wait. */
static bool still_waits(void *context, const struct waiting *job)
{
    return job->index >= *(uint32_t *)context;
}

static void what_started_is_not_kept_for_ever(void **state)
{
    enum { JOBS = 100000, WAITING = 100 };
    struct expiry expiry;
    struct waiting job;
    size_t most = 0;
    (void)state;
    expiry_init(&expiry);
    for (uint32_t i = 0, waiting = 0; i < JOBS; i++) {
        put(&expiry, i, 1000000 + i);
        if (i < WAITING)
            continue;
        waiting = i - WAITING;
        expiry_note_stale(&expiry, still_waits, &waiting);
        if (queue_count(&expiry.jobs) > most)
            most = queue_count(&expiry.jobs);
    }
    assert_true(most < 3000);
    uint32_t last = JOBS - WAITING;
    size_t live = 0;
    while (expiry_take(&expiry, UINT64_MAX, &job))
        live += job.index >= last;
    assert_int_equal(live, WAITING); /* and none that waits was lost */
    expiry_finish(&expiry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_expire_in_the_order_of_their_times),
        cmocka_unit_test(what_started_is_not_kept_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
