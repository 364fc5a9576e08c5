#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "spooler/unique.h"

static void put(struct unique *unique, uint64_t hash, uint32_t index)
{
    const struct unique_job job = {.hash = hash, .index = index, .block = 64};
    assert_true(unique_put(unique, &job));
}

static bool has(const struct unique *unique, uint64_t hash, uint32_t index)
{
    const struct unique_job *job;
    for (size_t at = 0; (job = unique_next(unique, hash, &at)) != NULL;)
        if (job->index == index)
            return true;
    return false;
}

static void what_was_put_is_found_until_it_is_removed(void **state)
{
    enum { JOBS = 5000 };
    struct unique unique;
    (void)state;
    unique_init(&unique, 1);
    assert_false(has(&unique, 1, 1));
    unique_remove(&unique, 1, 0, 1);
    /* Hashes that want the same places, at the end of the table too. */
    for (uint32_t i = 0; i < JOBS; i++)
        put(&unique, UINT64_MAX - i / 3, i);
    for (uint32_t i = 0; i < JOBS; i += 2)
        unique_remove(&unique, UINT64_MAX - i / 3, 0, i);
    for (uint32_t i = 0; i < JOBS; i++)
        assert_int_equal(has(&unique, UINT64_MAX - i / 3, i), i % 2);
    for (uint32_t i = 1; i < JOBS; i += 2)
        unique_remove(&unique, UINT64_MAX - i / 3, 0, i);
    assert_int_equal(unique.count, 0);
    assert_int_equal(unique.capacity, 64); /* it gives back what it does not need */
    unique_finish(&unique);
}

static void only_the_job_itself_is_removed(void **state)
{
    struct unique unique;
    (void)state;
    unique_init(&unique, 1);
    put(&unique, 7, 1);
    unique_remove(&unique, 7, 0, 2);
    unique_remove(&unique, 7, 1, 1);
    unique_remove(&unique, 8, 0, 1);
    assert_true(has(&unique, 7, 1));
    unique_finish(&unique);
}

static void a_hash_knows_where_the_queue_ends(void **state)
{
    struct unique a, b;
    (void)state;
    unique_init(&a, 1);
    unique_init(&b, 2);
    assert_int_equal(unique_hash(&a, "q", 1, "key", 3), unique_hash(&a, "q", 1, "key", 3));
    assert_int_not_equal(unique_hash(&a, "q", 1, "key", 3), unique_hash(&a, "qk", 2, "ey", 2));
    assert_int_not_equal(unique_hash(&a, "q", 1, "key", 3), unique_hash(&b, "q", 1, "key", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_found_until_it_is_removed),
        cmocka_unit_test(only_the_job_itself_is_removed),
        cmocka_unit_test(a_hash_knows_where_the_queue_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
