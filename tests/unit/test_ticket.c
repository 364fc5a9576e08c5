#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/exchange/ticket.h"
#include "core/plugin/plugin.h"
#include "core/process/worker.h"

enum { THREADS = 4, POSTS = 2000 };

/* A worker that has only what posts need. */
struct rig {
    struct worker worker;
    bobbin_host host;
    int called;
};

static struct rig *make_rig(void)
{
    struct rig *rig = calloc(1, sizeof *rig);
    bobbin_error error;
    uv_loop_init(&rig->worker.loop);
    assert_true(
        postbox_open(&rig->worker.postbox, &rig->worker.loop, &rig->worker.exchange, &error));
    rig->host = (bobbin_host){.instance = "test", .worker = &rig->worker};
    return rig;
}

static void on_loop(bobbin_request *request, void *arg)
{
    struct rig *rig = arg;
    assert_null(request); /* the ticket is stale */
    rig->called++;
}

static void *post_many(void *arg)
{
    struct rig *rig = arg;
    const bobbin_ticket ticket = {.host = &rig->host, .slot = 7, .generation = 1};
    for (int i = 0; i < POSTS; i++)
        if (!bobbin_post(ticket, on_loop, rig))
            abort();
    return NULL;
}

static void every_post_of_every_thread_is_called_once_on_the_loop(void **state)
{
    (void)state;
    struct rig *rig = make_rig();
    pthread_t threads[THREADS];
    uv_ref((uv_handle_t *)&rig->worker.postbox.async);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, rig), 0);
    while (rig->called < THREADS * POSTS)
        uv_run(&rig->worker.loop, UV_RUN_ONCE);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(rig->called, THREADS * POSTS);
    postbox_close(&rig->worker.postbox);
    uv_run(&rig->worker.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&rig->worker.loop), 0);
    free(rig);
}

static void a_box_delivers_when_it_closes_and_refuses_afterwards(void **state)
{
    (void)state;
    struct rig *rig = make_rig();
    const bobbin_ticket ticket = {.host = &rig->host};
    assert_true(bobbin_post(ticket, on_loop, rig));
    assert_int_equal(rig->called, 0);
    postbox_close(&rig->worker.postbox);
    assert_int_equal(rig->called, 1);
    assert_false(bobbin_post(ticket, on_loop, rig));
    uv_run(&rig->worker.loop, UV_RUN_DEFAULT);
    assert_int_equal(rig->called, 1);
    assert_int_equal(uv_loop_close(&rig->worker.loop), 0);
    free(rig);
}

static void a_ticket_of_nobody_is_refused(void **state)
{
    (void)state;
    const bobbin_ticket ticket = {0};
    bobbin_host in_a_job = {.instance = "test"};
    assert_false(bobbin_post(ticket, on_loop, NULL));
    assert_false(bobbin_post((bobbin_ticket){.host = &in_a_job}, on_loop, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_post_of_every_thread_is_called_once_on_the_loop),
        cmocka_unit_test(a_box_delivers_when_it_closes_and_refuses_afterwards),
        cmocka_unit_test(a_ticket_of_nobody_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
