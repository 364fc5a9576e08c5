#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "spooler/door.h"
#include "spooler/files/id.h"
#include "tests/unit/spoolfolder.h"

/* What the door said last. */
struct heard {
    int count;
    enum bobbin_outcome outcome;
    enum bobbin_job_state state;
    char id[ID_TEXT_BYTES + 1];
    char queue[65];
    char text[512];
};

static void on_stored(void *arg, const struct bobbin_stored *stored)
{
    struct heard *heard = arg;
    heard->count++;
    heard->outcome = stored->outcome;
    snprintf(heard->id, sizeof heard->id, "%.*s", BOBBIN_ARG(stored->id));
    snprintf(heard->text, sizeof heard->text, "%s", stored->sentence);
}

static void on_job(void *arg, const struct bobbin_job_info *info)
{
    struct heard *heard = arg;
    heard->count++;
    heard->state = info->state;
    snprintf(heard->queue, sizeof heard->queue, "%.*s", BOBBIN_ARG(info->queue));
    snprintf(heard->text, sizeof heard->text, "%.*s", BOBBIN_ARG(info->error));
}

static void on_closed(void *arg)
{
    *(bool *)arg = true;
}

static struct spool_settings settings;
static struct queue_table queues;
static uv_loop_t loop;

static void open_door(const struct spoolfolder *folder, struct jobsport *port)
{
    bobbin_error error;
    settings = (struct spool_settings){.directory = folder->path, .inline_max_bytes = 1000};
    uv_loop_init(&loop);
    const struct door_options options = {.spool = &settings, .queues = &queues};
    assert_true(door_open(&options, &loop, port, &error));
}

static void close_door(struct jobsport *port)
{
    bool is_closed = false;
    door_close(port, on_closed, &is_closed);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(is_closed);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void put(struct jobsport *port, struct heard *heard, size_t length)
{
    static char payload[100000];
    const struct bobbin_job_spec spec = {
        .size = sizeof spec, .queue = "q", .payload = {payload, length}};
    int before = heard->count;
    port->put(port->door, &spec, -1, 0, on_stored, heard);
    assert_int_equal(heard->count, before); /* never before put returns */
    while (heard->count == before)
        uv_run(&loop, UV_RUN_ONCE);
}

static void a_job_is_ready_once_put_is_answered(void **state)
{
    struct spoolfolder *folder = *state;
    struct jobsport port;
    struct heard heard = {0};
    open_door(folder, &port);
    for (size_t length = 0; length <= 2000; length += 500) {
        put(&port, &heard, length);
        assert_int_equal(heard.outcome, BOBBIN_STORED);
        port.ask(port.door, bobbin_text(heard.id), 0, on_job, &heard);
        assert_int_equal(heard.state, BOBBIN_STATE_READY);
        assert_string_equal(heard.queue, "q");
    }
    close_door(&port);
}

static void an_id_with_another_nonce_is_unknown(void **state)
{
    struct spoolfolder *folder = *state;
    struct jobsport port;
    struct heard heard = {0};
    struct job_address address;
    char id[ID_TEXT_BYTES + 1];
    open_door(folder, &port);
    put(&port, &heard, 10);
    assert_true(id_parse(heard.id, ID_TEXT_BYTES, &address));
    address.nonce ^= 1;
    id_format(&address, id);
    port.ask(port.door, bobbin_text(id), 0, on_job, &heard);
    assert_int_equal(heard.state, BOBBIN_STATE_UNKNOWN);
    address.nonce = 0;
    id_format(&address, id);
    port.ask(port.door, bobbin_text(id), 0, on_job, &heard);
    assert_int_equal(heard.state, BOBBIN_STATE_UNKNOWN);
    port.ask(port.door, bobbin_text("nonsense"), 0, on_job, &heard);
    assert_int_equal(heard.state, BOBBIN_STATE_UNKNOWN);
    close_door(&port);
}

static void a_cancel_without_a_leader_says_so_and_changes_nothing(void **state)
{
    struct spoolfolder *folder = *state;
    struct jobsport port;
    struct heard heard = {0};
    open_door(folder, &port);
    put(&port, &heard, 10);
    int before = heard.count;
    port.cancel(port.door, bobbin_text(heard.id), on_job, &heard);
    assert_int_equal(heard.count, before + 1);
    assert_int_equal(heard.state, BOBBIN_STATE_READY);
    assert_string_equal(heard.text,
                        "no spooler leads this spool now, so nobody could cancel the job");
    close_door(&port);
}

static void what_cannot_be_encoded_fails_later_with_a_sentence(void **state)
{
    struct spoolfolder *folder = *state;
    struct jobsport port;
    struct heard heard = {0};
    static char type[40000];
    memset(type, 'x', sizeof type - 1);
    open_door(folder, &port);
    const struct bobbin_job_spec spec = {.size = sizeof spec, .queue = "q", .content_type = type};
    port.put(port.door, &spec, -1, 0, on_stored, &heard);
    assert_int_equal(heard.count, 0);
    while (heard.count == 0)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(heard.outcome, BOBBIN_FAILED);
    assert_string_equal(heard.text, "the job's content type and headers are too long");
    close_door(&port);
}

static void a_door_that_stored_nothing_has_no_journal(void **state)
{
    struct spoolfolder *folder = *state;
    struct jobsport port;
    char path[128];
    open_door(folder, &port);
    close_door(&port);
    snprintf(path, sizeof path, "%s/journals", folder->path);
    assert_int_equal(rmdir(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SPOOL(a_job_is_ready_once_put_is_answered),
        WITH_SPOOL(an_id_with_another_nonce_is_unknown),
        WITH_SPOOL(a_cancel_without_a_leader_says_so_and_changes_nothing),
        WITH_SPOOL(what_cannot_be_encoded_fails_later_with_a_sentence),
        WITH_SPOOL(a_door_that_stored_nothing_has_no_journal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
