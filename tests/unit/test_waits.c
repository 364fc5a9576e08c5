#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "spooler/message.h"
#include "spooler/waits.h"

static struct job_address job(uint32_t index)
{
    return (struct job_address){.writer = 7, .sequence = 1, .index = index};
}

static void add(struct waits *waits, struct party *party, uint64_t ticket, uint32_t index)
{
    struct job_address address = job(index);
    assert_true(waits_add(waits, party, ticket, &address));
}

static void end(struct waits *waits, uint32_t index)
{
    struct job_address address = job(index);
    waits_end(waits, &address);
}

static void expect_next(struct waits *waits, struct party *party, uint64_t wanted)
{
    uint64_t ticket;
    assert_true(waits_next(party, &ticket));
    assert_int_equal(ticket, wanted);
    waits_take(waits, party);
}

static void expect_none(const struct party *party)
{
    uint64_t ticket;
    assert_false(waits_next(party, &ticket));
}

static void all_who_wait_for_a_job_are_told_and_nobody_else(void **state)
{
    struct waits waits;
    struct party a, b;
    (void)state;
    waits_init(&waits);
    party_init(&a);
    party_init(&b);
    end(&waits, 1); /* nobody waits */
    for (uint32_t i = 0; i < 1000; i++) {
        add(&waits, &a, i, i);
        add(&waits, &b, i, i / 2);
    }
    end(&waits, 3);
    expect_next(&waits, &a, 3);
    expect_none(&a);
    uint64_t sum = 0, ticket;
    for (; waits_next(&b, &ticket); sum += ticket)
        waits_take(&waits, &b);
    assert_int_equal(sum, 6 + 7);
    end(&waits, 3);
    expect_none(&a);
    waits_leave(&waits, &a);
    end(&waits, 4);
    expect_none(&a);
    waits_leave(&waits, &b);
    assert_int_equal(waits.count, 0);
    waits_finish(&waits);
}

static void what_is_forgotten_is_not_told(void **state)
{
    struct waits waits;
    struct party party;
    (void)state;
    waits_init(&waits);
    party_init(&party);
    add(&waits, &party, 5, 1);
    add(&waits, &party, 6, 1);
    waits_forget(&waits, &party, 5 | 1ull << 32); /* another generation */
    waits_forget(&waits, &party, 900);
    waits_forget(&waits, &party, 5);
    end(&waits, 1);
    expect_next(&waits, &party, 6);
    expect_none(&party);
    for (uint32_t i = 0; i < 3; i++) {
        add(&waits, &party, i, i);
        end(&waits, i);
    }
    waits_forget(&waits, &party, 2); /* the last that has ended, and then one more */
    assert_true(waits_add_ended(&waits, &party, 9));
    waits_forget(&waits, &party, 0);
    expect_next(&waits, &party, 1);
    expect_next(&waits, &party, 9);
    expect_none(&party);
    waits_leave(&waits, &party);
    waits_finish(&waits);
}

static void a_place_is_taken_over_by_its_next_ticket(void **state)
{
    struct waits waits;
    struct party party;
    (void)state;
    waits_init(&waits);
    party_init(&party);
    for (uint64_t generation = 1; generation < 100; generation++)
        add(&waits, &party, generation << 32 | 3, (uint32_t)generation);
    assert_int_equal(waits.count, 1);
    end(&waits, 98);
    expect_none(&party);
    end(&waits, 99);
    expect_next(&waits, &party, 99ull << 32 | 3);
    waits_leave(&waits, &party);
    waits_finish(&waits);
}

static void a_party_has_so_many_places_and_no_more(void **state)
{
    struct waits waits;
    struct party party;
    struct job_address address = job(0);
    (void)state;
    waits_init(&waits);
    party_init(&party);
    for (uint32_t i = 0; i < DOOR_WAITS_MAX; i++)
        add(&waits, &party, i, i);
    assert_false(waits_add(&waits, &party, DOOR_WAITS_MAX, &address));
    assert_false(waits_add(&waits, &party, UINT32_MAX, &address));
    assert_false(waits_add_ended(&waits, &party, DOOR_WAITS_MAX));
    for (uint32_t i = 0; i < DOOR_WAITS_MAX; i++)
        end(&waits, i);
    expect_next(&waits, &party, 0);
    waits_leave(&waits, &party);
    waits_finish(&waits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_who_wait_for_a_job_are_told_and_nobody_else),
        cmocka_unit_test(what_is_forgotten_is_not_told),
        cmocka_unit_test(a_place_is_taken_over_by_its_next_ticket),
        cmocka_unit_test(a_party_has_so_many_places_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
