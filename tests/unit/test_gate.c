#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
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
    int wakes, cancels, waits;
    uint64_t writer;
    char paused[128];
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

static uint32_t on_pause(void *context, bobbin_str queue, bool is_paused)
{
    struct told *told = context;
    snprintf(told->paused, sizeof told->paused, "%s %.*s", is_paused ? "pause" : "resume",
             BOBBIN_ARG(queue));
    uv_stop(told->loop);
    return is_paused;
}

static bool has_ended(void *context, struct job_address *address)
{
    struct told *told = context;
    told->waits++;
    uv_stop(told->loop);
    return address->index == 0;
}

static struct gate *opened(const struct spoolfolder *folder, uv_loop_t *loop, struct told *told)
{
    bobbin_error error;
    *told = (struct told){.loop = loop};
    const struct gate_events events = {told, on_wake, on_cancel, on_pause, has_ended};
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

static void a_queue_is_paused_and_resumed_by_its_name(void **state)
{
    struct spoolfolder *folder = *state;
    uv_loop_t loop;
    struct told told;
    char byte;
    uv_loop_init(&loop);
    struct gate *gate = opened(folder, &loop, &told);
    int fd = link_connect(&folder->directory);
    struct door_queue_message message = {
        .kind = DOOR_PAUSE, .ticket = 77, .queue_bytes = 5, .queue = "queue and more"};
    struct door_message answer;
    assert_int_equal(send(fd, &message, sizeof message, MSG_NOSIGNAL), sizeof message);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_string_equal(told.paused, "pause queue");
    assert_int_equal(recv(fd, &answer, sizeof answer, 0), sizeof answer);
    assert_int_equal(answer.kind, DOOR_ANSWER);
    assert_int_equal(answer.ticket, 77);
    assert_int_equal(answer.state, 1);
    message.kind = DOOR_RESUME;
    assert_int_equal(send(fd, &message, sizeof message, MSG_NOSIGNAL), sizeof message);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_string_equal(told.paused, "resume queue");
    assert_int_equal(recv(fd, &answer, sizeof answer, 0), sizeof answer);
    assert_int_equal(answer.state, 0);
    message.queue_bytes = DOOR_QUEUE_BYTES + 1;
    told.paused[0] = '\0';
    assert_int_equal(send(fd, &message, sizeof message, MSG_NOSIGNAL), sizeof message);
    while (recv(fd, &byte, 1, MSG_DONTWAIT) != 0)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_string_equal(told.paused, "");
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

/* Sends n waits for one job, as fast as the gate takes them. False: it has dismissed us. */
static bool send_waits(int fd, uv_loop_t *loop, struct gate *gate, uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count;) {
        const struct door_message wait = {.kind = DOOR_WAIT, .ticket = i, .address = {.index = 1}};
        ssize_t sent = send(fd, &wait, sizeof wait, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent == (ssize_t)sizeof wait)
            i++;
        else if (errno != EAGAIN)
            return false;
        else
            uv_run(loop, UV_RUN_NOWAIT);
        gate_tell(gate);
    }
    return true;
}

static void a_guest_that_does_not_read_blocks_nobody_and_is_told_all_when_it_does(void **state)
{
    enum { WAITS = 20000 };
    struct spoolfolder *folder = *state;
    uv_loop_t loop;
    struct told told;
    struct door_message message;
    uv_loop_init(&loop);
    struct gate *gate = opened(folder, &loop, &told);
    int fd = link_connect(&folder->directory);
    assert_true(send_waits(fd, &loop, gate, 0, WAITS));
    while (told.waits < WAITS)
        uv_run(&loop, UV_RUN_NOWAIT);
    gate_end(gate, &(struct job_address){.index = 2}); /* nobody waits for that */
    gate_tell(gate);
    assert_int_equal(recv(fd, &message, sizeof message, MSG_DONTWAIT), -1);
    gate_end(gate, &(struct job_address){.index = 1});
    gate_tell(gate);
    for (uint64_t sum = 0, count = 0; count < WAITS;) {
        ssize_t got = recv(fd, &message, sizeof message, MSG_DONTWAIT);
        if (got < 0) {
            uv_run(&loop, UV_RUN_NOWAIT);
            gate_tell(gate);
            continue;
        }
        assert_int_equal(message.kind, DOOR_ANSWER);
        sum += message.ticket;
        if (++count == WAITS)
            assert_int_equal(sum, (uint64_t)WAITS * (WAITS - 1) / 2);
    }
    close(fd);
    close_gate(gate, &loop);
}

static void one_wait_too_many_ends_the_connection(void **state)
{
    struct spoolfolder *folder = *state;
    uv_loop_t loop;
    struct told told;
    char byte;
    uv_loop_init(&loop);
    struct gate *gate = opened(folder, &loop, &told);
    int fd = link_connect(&folder->directory);
    assert_true(send_waits(fd, &loop, gate, 0, DOOR_WAITS_MAX));
    send_waits(fd, &loop, gate, DOOR_WAITS_MAX, 1);
    while (recv(fd, &byte, 1, MSG_DONTWAIT) != 0)
        uv_run(&loop, UV_RUN_NOWAIT);
    close(fd);
    close_gate(gate, &loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SPOOL(a_wake_and_a_cancel_arrive_and_the_cancel_is_answered),
        WITH_SPOOL(a_queue_is_paused_and_resumed_by_its_name),
        WITH_SPOOL(a_packet_of_another_shape_ends_its_connection_only),
        WITH_SPOOL(a_guest_that_does_not_read_blocks_nobody_and_is_told_all_when_it_does),
        WITH_SPOOL(one_wait_too_many_ends_the_connection),
        WITH_SPOOL(without_a_leader_nothing_can_be_sent_and_a_leftover_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
