#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/plugin/plugin.h"
#include "core/process/worker.h"

/* A worker that has only a way to the spool, which keeps what it is asked until it is told to
 * answer. */
struct rig {
    struct worker worker;
    struct log log;
    bobbin_host host;
    char queue[128];
    jobsport_on_stored *on_stored;
    void *arg;
    int put;
    int told;
    enum bobbin_outcome outcome;
};

static void put(void *door, const struct jobsport_job *job, jobsport_on_stored *on_stored,
                void *arg)
{
    struct rig *rig = door;
    rig->put++;
    snprintf(rig->queue, sizeof rig->queue, "%s", job->spec.queue);
    assert_int_equal(job->payload_fd, -1);
    rig->on_stored = on_stored;
    rig->arg = arg;
}

static struct rig *make_rig(const char *instance)
{
    struct rig *rig = calloc(1, sizeof *rig);
    rig->log = (struct log){.fd = -1, .level = BOBBIN_ERROR + 1, .role = "test"};
    rig->worker.exchange.jobs = (struct jobsport){.door = rig, .put = put};
    rig->host = (bobbin_host){.instance = instance, .log = &rig->log, .worker = &rig->worker};
    return rig;
}

static void on_stored(bobbin_host *host, const struct bobbin_stored *stored, void *arg)
{
    struct rig *rig = arg;
    assert_ptr_equal(host, &rig->host);
    rig->told++;
    rig->outcome = stored->outcome;
}

static void answer(struct rig *rig, enum bobbin_outcome outcome)
{
    const struct bobbin_stored stored = {
        .size = sizeof stored, .outcome = outcome, .queue = rig->queue, .sentence = "why"};
    rig->on_stored(rig->arg, &stored);
}

static void a_host_is_told_once_how_its_job_was_stored(void **state)
{
    (void)state;
    struct rig *rig = make_rig("thumbnail:large");
    assert_true(
        bobbin_host_spool(&rig->host, BOBBIN_JOB(.payload = bobbin_text("x")), on_stored, rig));
    assert_string_equal(rig->queue, "thumbnail"); /* the plugin's name, not the instance's */
    assert_int_equal(rig->told, 0);
    answer(rig, BOBBIN_FULL);
    assert_int_equal(rig->told, 1);
    assert_int_equal(rig->outcome, BOBBIN_FULL);
    assert_true(bobbin_host_spool(&rig->host, BOBBIN_JOB(.queue = "other"), on_stored, rig));
    assert_string_equal(rig->queue, "other");
    answer(rig, BOBBIN_STORED);
    assert_int_equal(rig->told, 2);
    free(rig);
}

static void who_does_not_want_to_be_told_need_not(void **state)
{
    (void)state;
    struct rig *rig = make_rig("q");
    assert_true(bobbin_host_spool(&rig->host, BOBBIN_JOB(.queue = "q"), NULL, NULL));
    answer(rig, BOBBIN_STORED);
    assert_true(bobbin_host_spool(&rig->host, BOBBIN_JOB(.queue = "q"), NULL, NULL));
    answer(rig, BOBBIN_FAILED);
    free(rig);
}

static void an_illegal_spec_is_not_taken(void **state)
{
    (void)state;
    struct rig *rig = make_rig("q");
    static const bobbin_field fields[65];
    const struct bobbin_job_spec *const wrong[] = {
        BOBBIN_JOB(.queue = "Not A Name"),   BOBBIN_JOB(.queue = ""),
        BOBBIN_JOB(.payload_is_body = true), BOBBIN_JOB(.priority = 11),
        BOBBIN_JOB(.attempts = 1001),        BOBBIN_JOB(.headers = fields, .header_count = 65)};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(bobbin_host_spool(&rig->host, wrong[i], on_stored, rig));
    assert_int_equal(rig->put, 0);
    free(rig);
}

static void without_a_spool_and_in_a_job_process_it_says_no(void **state)
{
    (void)state;
    struct rig *rig = make_rig("q");
    rig->worker.exchange.jobs = (struct jobsport){0};
    assert_false(bobbin_host_spool(&rig->host, BOBBIN_JOB(.queue = "q"), on_stored, rig));
    rig->host.worker = NULL;
    assert_false(bobbin_host_spool(&rig->host, BOBBIN_JOB(.queue = "q"), on_stored, rig));
    assert_int_equal(rig->told, 0);
    free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_is_told_once_how_its_job_was_stored),
        cmocka_unit_test(who_does_not_want_to_be_told_need_not),
        cmocka_unit_test(an_illegal_spec_is_not_taken),
        cmocka_unit_test(without_a_spool_and_in_a_job_process_it_says_no),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
