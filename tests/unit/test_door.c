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

/* Files below blobs/, in all writers' folders. */
static int count_blobs(const struct spoolfolder *folder)
{
    char command[256];
    int count = 0;
    snprintf(command, sizeof command, "find %s/blobs -type f | wc -l", folder->path);
    FILE *pipe = popen(command, "r");
    assert_int_equal(fscanf(pipe, "%d", &count), 1);
    pclose(pipe);
    return count;
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
    const struct jobsport_job job = {
        .spec = {.size = sizeof job.spec, .queue = "q", .payload = {payload, length}},
        .payload_fd = -1};
    int before = heard->count;
    port->put(port->door, &job, on_stored, heard);
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
    const struct jobsport_job job = {
        .spec = {.size = sizeof job.spec, .queue = "q", .content_type = type}, .payload_fd = -1};
    port.put(port.door, &job, on_stored, &heard);
    assert_int_equal(heard.count, 0);
    while (heard.count == 0)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(heard.outcome, BOBBIN_FAILED);
    assert_string_equal(heard.text, "the job's content type and headers are too long");
    close_door(&port);
}

/* What was said of several jobs. */
struct many {
    int count;
    enum bobbin_outcome outcome;
    size_t jobs;
    char ids[1000][ID_TEXT_BYTES + 1];
    char text[512];
};

static void on_stored_many(void *arg, const struct bobbin_stored_many *stored)
{
    struct many *many = arg;
    many->count++;
    many->outcome = stored->outcome;
    many->jobs = stored->count;
    for (size_t i = 0; stored->ids != NULL && i < stored->count; i++)
        snprintf(many->ids[i], sizeof many->ids[i], "%.*s", BOBBIN_ARG(stored->ids[i]));
    snprintf(many->text, sizeof many->text, "%s", stored->sentence);
}

static void put_many(struct jobsport *port, struct many *many, const struct jobsport_job *jobs,
                     size_t count)
{
    int before = many->count;
    port->put_many(port->door, jobs, count, on_stored_many, many);
    assert_int_equal(many->count, before);
    while (many->count == before)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(many->count, before + 1);
    assert_int_equal(many->jobs, count);
}

/* Each with a payload of its number's length, so that some become blobs. */
static void make_jobs(struct jobsport_job *jobs, size_t count, const char *payload)
{
    for (size_t i = 0; i < count; i++)
        jobs[i] = (struct jobsport_job){
            .spec = {.size = sizeof jobs[i].spec, .queue = "q", .payload = {payload, i + 500}},
            .payload_fd = -1};
}

static void a_thousand_jobs_are_stored_at_once_and_their_ids_are_in_order(void **state)
{
    enum { COUNT = 1000 };
    struct spoolfolder *folder = *state;
    static struct jobsport_job jobs[COUNT];
    static struct many many;
    static char payload[COUNT + 500];
    struct jobsport port;
    struct job_address first, address;
    memset(&many, 0, sizeof many);
    open_door(folder, &port);
    make_jobs(jobs, COUNT, payload);
    put_many(&port, &many, jobs, COUNT);
    assert_int_equal(many.outcome, BOBBIN_STORED);
    assert_true(id_parse(many.ids[0], ID_TEXT_BYTES, &first));
    for (uint32_t i = 0; i < COUNT; i++) {
        struct heard heard = {0};
        assert_true(id_parse(many.ids[i], ID_TEXT_BYTES, &address));
        assert_int_equal(address.index, first.index + i);
        assert_int_equal(address.sequence, first.sequence);
        port.ask(port.door, bobbin_text(many.ids[i]), 0, on_job, &heard);
        assert_int_equal(heard.state, BOBBIN_STATE_READY);
    }
    close_door(&port);
}

static void what_is_too_much_for_one_group_fails_as_a_whole(void **state)
{
    enum { COUNT = 65 };
    struct spoolfolder *folder = *state;
    struct jobsport_job jobs[COUNT];
    static struct many many;
    struct jobsport port;
    memset(&many, 0, sizeof many);
    open_door(folder, &port);
    settings.inline_max_bytes = 1024 * 1024;
    char *payload = calloc(1, 1024 * 1024);
    for (size_t i = 0; i < COUNT; i++)
        jobs[i] = (struct jobsport_job){
            .spec = {.size = sizeof jobs[i].spec, .queue = "q", .payload = {payload, 1024 * 1024}},
            .payload_fd = -1};
    put_many(&port, &many, jobs, COUNT);
    assert_int_equal(many.outcome, BOBBIN_FAILED);
    assert_string_equal(many.text,
                        "job 64 of 65: jobs that are stored at once have at most 64 MiB in all");
    put_many(&port, &many, jobs, COUNT - 2);
    assert_int_equal(many.outcome, BOBBIN_STORED);
    free(payload);
    close_door(&port);
}

/* Of three payloads that get files of their own the last cannot be read. */
static void a_blob_that_fails_fails_all_and_leaves_nothing(void **state)
{
    struct spoolfolder *folder = *state;
    struct jobsport_job jobs[3];
    static struct many many;
    static char payload[5000];
    struct jobsport port;
    struct heard heard = {0};
    memset(&many, 0, sizeof many);
    open_door(folder, &port);
    make_jobs(jobs, 3, payload);
    jobs[0].spec.payload.length = 2000;
    jobs[2].payload_fd = folder->directory.root; /* no file: it cannot be read */
    jobs[2].payload_length = 2000;
    put_many(&port, &many, jobs, 3);
    assert_int_equal(many.outcome, BOBBIN_FAILED);
    assert_non_null(strstr(many.text, "a payload cannot be read"));
    assert_int_equal(count_blobs(folder), 0);
    put(&port, &heard, 2000);
    assert_int_equal(heard.outcome, BOBBIN_STORED);
    assert_int_equal(count_blobs(folder), 1);
    close_door(&port);
}

static void what_was_put_is_answered_before_the_door_closes(void **state)
{
    struct spoolfolder *folder = *state;
    struct jobsport_job jobs[10];
    static struct many many;
    struct jobsport port;
    static char payload[600];
    static char type[40000];
    memset(&many, 0, sizeof many);
    memset(type, 'x', sizeof type - 1);
    open_door(folder, &port);
    make_jobs(jobs, 10, payload);
    port.put_many(port.door, jobs, 10, on_stored_many, &many);
    jobs[3].spec.content_type = type;
    port.put_many(port.door, jobs, 10, on_stored_many, &many);
    assert_int_equal(many.count, 0);
    bool is_closed = false;
    door_close(&port, on_closed, &is_closed);
    while (!is_closed)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(many.count, 2);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void a_door_that_only_refused_answers_before_it_closes(void **state)
{
    struct spoolfolder *folder = *state;
    struct jobsport port;
    struct heard heard = {0};
    open_door(folder, &port);
    const struct jobsport_job job = {.spec = {.size = sizeof job.spec, .queue = "q"},
                                     .payload_fd = 1000000, /* no descriptor at all */
                                     .payload_length = 10};
    port.put(port.door, &job, on_stored, &heard);
    bool is_closed = false;
    door_close(&port, on_closed, &is_closed);
    while (!is_closed)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.outcome, BOBBIN_FAILED);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
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
        WITH_SPOOL(a_thousand_jobs_are_stored_at_once_and_their_ids_are_in_order),
        WITH_SPOOL(what_is_too_much_for_one_group_fails_as_a_whole),
        WITH_SPOOL(a_blob_that_fails_fails_all_and_leaves_nothing),
        WITH_SPOOL(what_was_put_is_answered_before_the_door_closes),
        WITH_SPOOL(a_door_that_only_refused_answers_before_it_closes),
        WITH_SPOOL(a_door_that_stored_nothing_has_no_journal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
