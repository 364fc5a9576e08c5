#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/plugin/jobspec.h"

static void expect(const struct bobbin_job_spec *spec, const char *sentence)
{
    bobbin_error error = {""};
    struct bobbin_job_spec whole = jobspec_whole(spec, "own");
    assert_int_equal(jobspec_check(&whole, &error), sentence == NULL);
    if (sentence != NULL)
        assert_non_null(strstr(error.text, sentence));
}

static void a_queue_is_the_plugins_own_unless_it_is_named(void **state)
{
    (void)state;
    assert_string_equal(jobspec_whole(BOBBIN_JOB(.priority = 0), "own").queue, "own");
    assert_string_equal(jobspec_whole(BOBBIN_JOB(.queue = "other"), "own").queue, "other");
}

static void limits_hold_at_their_edges(void **state)
{
    (void)state;
    char name[66], key[202];
    memset(name, 'q', sizeof name);
    memset(key, 'k', sizeof key);
    name[65] = key[201] = '\0';
    expect(BOBBIN_JOB(.queue = name), "a queue's name has 1 to 64 bytes");
    expect(BOBBIN_JOB(.queue = name + 1), NULL);
    expect(BOBBIN_JOB(.queue = ""), "a queue's name");
    expect(BOBBIN_JOB(.queue = "a-_9"), NULL);
    expect(BOBBIN_JOB(.queue = "A"), "has another character");
    expect(BOBBIN_JOB(.unique_key = key), "at most 200 bytes");
    expect(BOBBIN_JOB(.unique_key = key + 1), NULL);
    expect(BOBBIN_JOB(.priority = BOBBIN_PRIORITY(0)), NULL);
    expect(BOBBIN_JOB(.priority = BOBBIN_PRIORITY(9)), NULL);
    expect(BOBBIN_JOB(.priority = BOBBIN_PRIORITY(10)), "priority");
    expect(BOBBIN_JOB(.priority = -1), "priority");
    expect(BOBBIN_JOB(.attempts = 1000), NULL);
    expect(BOBBIN_JOB(.attempts = 1001), "at most 1000 attempts");
    expect(BOBBIN_JOB(.delay_ms = 1, .due_us = 1), "not both");
}

static void headers_have_a_number_and_a_size(void **state)
{
    (void)state;
    static char text[16 * 1024];
    bobbin_field many[65], large = {{text, 1}, {text, sizeof text - 1}};
    for (size_t i = 0; i < 65; i++)
        many[i] = (bobbin_field){{"a", 1}, {"b", 1}};
    expect(BOBBIN_JOB(.headers = many, .header_count = 64), NULL);
    expect(BOBBIN_JOB(.headers = many, .header_count = 65), "at most 64 headers");
    expect(BOBBIN_JOB(.headers = &large, .header_count = 1), NULL);
    large.name.length = 2;
    expect(BOBBIN_JOB(.headers = &large, .header_count = 1), "16384 bytes in all");
}

/* What a later header may add to the spec. */
struct later {
    struct bobbin_job_spec today;
    uint64_t added;
};

static void a_longer_spec_is_taken_when_it_asks_for_nothing_new(void **state)
{
    (void)state;
    struct later later = {.today = *BOBBIN_JOB(.priority = 0)};
    later.today.size = sizeof later;
    expect(&later.today, NULL);
    assert_int_equal(jobspec_whole(&later.today, "own").size, sizeof later.today);
    later.added = 1;
    expect(&later.today, "made with a newer bobbin.h");
}

static void a_spec_that_was_not_made_with_the_macro_is_refused(void **state)
{
    (void)state;
    const struct bobbin_job_spec without_size = {.payload = {"x", 1}};
    expect(&without_size, "has 0 bytes: it was not made with BOBBIN_JOB");
}

static void so_many_are_stored_at_once(void **state)
{
    (void)state;
    bobbin_error error;
    assert_false(jobspec_check_count(0, &error));
    assert_true(jobspec_check_count(1, &error));
    assert_true(jobspec_check_count(1000, &error));
    assert_false(jobspec_check_count(1001, &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queue_is_the_plugins_own_unless_it_is_named),
        cmocka_unit_test(limits_hold_at_their_edges),
        cmocka_unit_test(headers_have_a_number_and_a_size),
        cmocka_unit_test(a_longer_spec_is_taken_when_it_asks_for_nothing_new),
        cmocka_unit_test(a_spec_that_was_not_made_with_the_macro_is_refused),
        cmocka_unit_test(so_many_are_stored_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
