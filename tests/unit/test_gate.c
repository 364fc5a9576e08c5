#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "spooler/gate.h"
#include "spooler/link.h"
#include "tests/unit/spoolfolder.h"

/* What the gate was told. */
struct told {
    int wakes, cancels;
    uint64_t writer;
    uv_loop_t *loop;
};

static void on_wake(void *context, uint64_t writer, uint32_t sequence)
{
    struct told *told = context;
    assert_int_equal(sequence, 3);
    told->wakes++;
    told->writer = writer;
    uv_stop(told->loop);
}

static uint32_t on_cancel(void *context, const struct job_address *address)
{
    struct told *told = context;
    told->cancels++;
    uv_stop(told->loop);
    return address->index;
}

static struct gate *opened(const struct spoolfolder *folder, uv_loop_t *loop, struct told *told)
{
    bobbin_error error;
    *told = (struct told){.loop = loop};
    const struct gate_events events = {told, on_wake, on_cancel};
    struct gate *gate = gate_open(loop, &folder->directory, &events, &error);
    assert_non_null(gate);
    return gate;
}

static void close_gate(struct gate *gate, uv_loop_t *loop)
{
    gate_close(gate);
    uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(loop), 0);
}

static void a_wake_and_a_cancel_arrive_and_the_cancel_is_answered(void **state)
{
    struct spoolfolder *folder = *state;
    uv_loop_t loop;
    struct told told;
    int fd = -1;
    uv_loop_init(&loop);
    struct gate *gate = opened(folder, &loop, &told);
    struct door_message message = {.kind = DOOR_WAKE, .address = {.writer = 9, .sequence = 3}};
    assert_true(link_send(&folder->directory, &fd, &message));
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(told.wakes, 1);
    assert_int_equal(told.writer, 9);
    message = (struct door_message){.kind = DOOR_CANCEL, .ticket = 77, .address = {.index = 5}};
    assert_true(link_send(&folder->directory, &fd, &message));
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(told.cancels, 1);
    assert_int_equal(recv(fd, &message, sizeof message, 0), sizeof message);
    assert_int_equal(message.kind, DOOR_ANSWER);
    assert_int_equal(message.ticket, 77);
    assert_int_equal(message.state, 5);
    close(fd);
    close_gate(gate, &loop);
}

static void a_packet_of_another_shape_ends_its_connection_only(void **state)
{
    struct spoolfolder *folder = *state;
    uv_loop_t loop;
    struct told told;
    char byte;
    uv_loop_init(&loop);
    struct gate *gate = opened(folder, &loop, &told);
    int fd = link_connect(&folder->directory), other = -1;
    assert_int_equal(send(fd, "nonsense", 8, MSG_NOSIGNAL), 8);
    struct door_message message = {.kind = DOOR_WAKE, .address = {.sequence = 3}};
    while (recv(fd, &byte, 1, MSG_DONTWAIT) != 0)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_true(link_send(&folder->directory, &other, &message));
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(told.wakes, 1);
    close(fd);
    close(other);
    close_gate(gate, &loop);
}

static void without_a_leader_nothing_can_be_sent_and_a_leftover_is_replaced(void **state)
{
    struct spoolfolder *folder = *state;
    uv_loop_t loop;
    struct told told;
    int fd = -1;
    const struct door_message message = {.kind = DOOR_WAKE, .address = {.sequence = 3}};
    assert_false(link_send(&folder->directory, &fd, &message));
    uv_loop_init(&loop);
    struct gate *first = opened(folder, &loop, &told);
    struct gate *second = opened(folder, &loop, &told);
    assert_true(link_send(&folder->directory, &fd, &message));
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(told.wakes, 1);
    close(fd);
    gate_close(first);
    close_gate(second, &loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SPOOL(a_wake_and_a_cancel_arrive_and_the_cancel_is_answered),
        WITH_SPOOL(a_packet_of_another_shape_ends_its_connection_only),
        WITH_SPOOL(without_a_leader_nothing_can_be_sent_and_a_leftover_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
