#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "spooler/queuenames.h"

static void a_name_keeps_its_number_and_has_its_settings_or_the_defaults(void **state)
{
    (void)state;
    static struct queue_table table;
    table.queues[0] = queue_defaults();
    table.queues[0].name = "known";
    table.queues[0].attempts = 77;
    table.count = 1;
    struct queuenames *names = queuenames_create(&table);
    char text[] = "other";
    uint16_t other = queuenames_number(names, (bobbin_str){text, 5});
    uint16_t number = queuenames_number(names, bobbin_text("known"));
    text[0] = 'x'; /* it was copied */
    assert_int_not_equal(other, number);
    assert_int_equal(queuenames_number(names, bobbin_text("other")), other);
    assert_int_equal(queuenames_settings(names, number)->attempts, 77);
    assert_int_equal(queuenames_settings(names, other)->attempts, queue_defaults().attempts);
    assert_string_equal(queuenames_settings(names, other)->name, "other");
    queuenames_destroy(names);
}

static void those_that_are_too_many_share_the_last_number(void **state)
{
    (void)state;
    static const struct queue_table none;
    struct queuenames *names = queuenames_create(&none);
    char name[16];
    for (int i = 0; i < 4096; i++) {
        snprintf(name, sizeof name, "q%d", i);
        assert_int_equal(queuenames_number(names, bobbin_text(name)), i);
    }
    assert_int_equal(queuenames_number(names, bobbin_text("more")), 4095);
    assert_int_equal(queuenames_number(names, bobbin_text("q7")), 7);
    queuenames_destroy(names);
    queuenames_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_keeps_its_number_and_has_its_settings_or_the_defaults),
        cmocka_unit_test(those_that_are_too_many_share_the_last_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
