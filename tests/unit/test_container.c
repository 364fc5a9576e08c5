#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/process/container.h"
#include "spooler/cron.h"
#include "spooler/settings.h"

static char file[] = "/tmp/bobbin-test-container.ini.XXXXXX";

static const char *handler_of(const void *queue)
{
    return ((const struct queue_settings *)queue)->handler;
}

static const char *queue_of(const void *cron)
{
    return ((const struct cron_settings *)cron)->queue;
}

static bool check_schedule(const void *settings, bobbin_error *error)
{
    struct cron cron;
    return cron_parse(&cron, ((const struct cron_settings *)settings)->schedule, error);
}

static const struct container_tables tables = {.spool = spool_rows,
                                               .spool_bytes = sizeof(struct spool_settings),
                                               .queue = queue_rows,
                                               .queue_bytes = sizeof(struct queue_settings),
                                               .most_queues = 3,
                                               .queue_handler = handler_of,
                                               .cron = cron_rows,
                                               .cron_bytes = sizeof(struct cron_settings),
                                               .most_crons = 2,
                                               .cron_queue = queue_of,
                                               .check_schedule = check_schedule};

/* The file begins with a section [bobbin] of one line that names the plugins of tests/plugins. */
static bool open_text(struct container *container, const char *text, bobbin_error *error)
{
    char program[900];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    assert_true(length > 0);
    program[length] = '\0';
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    fprintf(out, "[bobbin]\nplugin-directory = %s/plugins\n%s", dirname(program), text);
    fclose(out);
    return container_open(container, file, &tables, error);
}

static void assert_right(struct container *container, const char *text)
{
    bobbin_error error;
    if (!open_text(container, text, &error))
        fail_msg("%s", error.text);
}

/* The sentence follows the file's name. */
static void assert_wrong(const char *text, const char *sentence)
{
    struct container container;
    bobbin_error error;
    char expected[600];
    assert_false(open_text(&container, text, &error));
    snprintf(expected, sizeof expected, "%s:%s", file, sentence);
    assert_string_equal(error.text, expected);
    container_close(&container);
}

static void routes_lead_to_instances(void **state)
{
    (void)state;
    struct container container;
    assert_right(&container, "role = spooler\n[spool]\ndirectory = /tmp/x\n"
                             "[routes]\n/ = quiet\n/a = refuses:big\n[refuses:big]\nwidth = 7\n");
    const struct route *route = routes_find(container.routes, bobbin_text("/a/b"));
    assert_string_equal(route->app->name, "refuses:big");
    assert_int_equal(*(uint64_t *)route->app->config, 7);
    assert_string_equal(routes_find(container.routes, bobbin_text("/b"))->app->name, "quiet");
    container_close(&container);
}

static void a_wrong_route_names_its_line(void **state)
{
    (void)state;
    const char *role = "role = spooler\n[spool]\ndirectory = /tmp/x\n[routes]\n";
    char text[200];
    snprintf(text, sizeof text, "%s/ = queit\n", role);
    assert_wrong(text, "7: /: there is no plugin \"queit\"; did you mean \"quiet\"?");
    snprintf(text, sizeof text, "%sa = quiet\n", role);
    assert_wrong(text, "7: a: a route begins with \"/\"");
    snprintf(text, sizeof text, "%s/ = quiet\n/a/ = quiet\n", role);
    assert_wrong(text, "8: /a/: a route does not end with \"/\": \"/a\" takes all below it");
    snprintf(text, sizeof text, "%s/ = worker-bee\n", role);
    assert_wrong(text, "7: /: the plugin \"worker-bee\" answers no requests: it has no .handle");
    snprintf(text, sizeof text, "%s/ = refuses\n[refuses]\nwidth = 11\n", role);
    assert_wrong(text, "9: width: \"11\" is not a number from 1 to 10");
}

static void who_serves_must_listen(void **state)
{
    (void)state;
    assert_wrong("[routes]\n/ = quiet\n",
                 " [bobbin] needs a listen, such as http://127.0.0.1:8080");
    assert_wrong("listen = http://127.0.0.1\n",
                 "3: listen: \"http://127.0.0.1\" has no port, as in http://127.0.0.1:8080");
    assert_wrong("listen = wier://127.0.0.1:1\n",
                 "3: listen: there is no plugin \"wier\"; did you mean \"wire\"?");
    assert_wrong("listen = quiet://127.0.0.1:1\n",
                 "3: listen: the plugin \"quiet\" does not speak quiet://");
    assert_wrong("listen = http://:1\nlisten = http://:1\n",
                 "3: listen: \"http://:1\" stands there twice");
}

static void a_spooler_needs_a_spool(void **state)
{
    (void)state;
    assert_wrong("role = spooler\n", " role = spooler needs a section [spool]");
    assert_wrong("role = spooler\n[queue:x]\n[spool]\n",
                 " [spool] needs the key \"directory\" "
                 "(the folder that is the queue; on a local disk or a volume)");
}

#define SPOOLER "role = web\nlisten = wire://:1\n[spool]\ndirectory = /tmp/x\n[queue:q]\n"

static void a_cron_section_says_when_and_where(void **state)
{
    (void)state;
    struct container container;
    assert_right(&container, SPOOLER "[cron:nightly]\nschedule = 0 4 * * *\nqueue = q\n");
    assert_int_equal(container.cron_count, 1);
    assert_string_equal(container.crons[0].name, "nightly");
    const struct cron_settings *cron = container.crons[0].settings;
    assert_string_equal(cron->schedule, "0 4 * * *");
    assert_true(cron->overlap);
    assert_int_equal(cron->missed, CRON_ONCE);
    container_close(&container);
}

static void a_wrong_cron_section_names_its_line(void **state)
{
    (void)state;
    assert_wrong("role = web\nlisten = wire://:1\n[cron:x]\n",
                 "5: [cron:x] needs a section [spool]");
    assert_wrong(SPOOLER "[cron:X]\n",
                 "8: \"X\" is not the name of a cron: 1 to 64 of a-z, 0-9, _ and -");
    assert_wrong(SPOOLER "[cron:x]\nqueue = q\nschedule = 61 * * * *\n",
                 "10: cron:x: schedule: the minute \"61\" is none of 0 to 59");
    assert_wrong(SPOOLER "[cron:x]\nschedule = * * * * *\nqueue = p\n",
                 "10: cron:x: queue: there is no queue \"p\" in this file");
    assert_wrong(SPOOLER
                 "[cron:a]\nschedule = * * * * *\nqueue = q\n[cron:b]\nschedule = * * * * *\n"
                 "queue = q\n[cron:c]\n",
                 "14: there are more than 2 sections [cron:NAME]");
}

static void a_queue_without_a_spool_is_wrong(void **state)
{
    (void)state;
    assert_wrong("listen = wire://:1\n[queue:worker-bee]\n",
                 "4: [queue:worker-bee] needs a section [spool]");
}

static void who_spools_and_serves_depends_on_the_role(void **state)
{
    (void)state;
    static const struct {
        const char *role;
        bool serves;
        bool spools;
    } roles[] = {{"all", true, true}, {"web", true, false}, {"spooler", false, true}};
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        struct container container;
        char text[200];
        snprintf(text, sizeof text,
                 "role = %s\nlisten = wire://:1\n[routes]\n/ = quiet\n[spool]\n"
                 "directory = /tmp/x\n",
                 roles[i].role);
        assert_right(&container, text);
        assert_int_equal(container_serves(&container), roles[i].serves);
        assert_int_equal(container_spools(&container), roles[i].spools);
        container_close(&container);
    }
}

static void a_server_without_a_spool_has_no_spooler(void **state)
{
    (void)state;
    struct container container;
    assert_right(&container, "listen = wire://:1\n");
    assert_true(container_serves(&container));
    assert_false(container_spools(&container));
    container_close(&container);
}

static void a_handler_may_be_missing_where_no_jobs_run(void **state)
{
    (void)state;
    struct container container;
    assert_right(&container, "role = web\nlisten = wire://:1\n[spool]\ndirectory = /tmp/x\n"
                             "[queue:elsewhere]\nattempts = 3\n");
    assert_int_equal(container.queue_count, 1);
    assert_null(container.queues[0].handler);
    container_close(&container);
}

static void a_plugins_own_queue_is_run_by_its_plain_or_only_instance(void **state)
{
    (void)state;
    struct container container;
    const char *head = "role = spooler\n[spool]\ndirectory = /tmp/x\n";
    char text[300];
    snprintf(text, sizeof text, "%s[worker-bee:one]\n", head);
    assert_right(&container, text);
    assert_int_equal(container.queue_count, 1);
    assert_string_equal(container.queues[0].name, "worker-bee");
    assert_string_equal(container.queues[0].handler->name, "worker-bee:one");
    container_close(&container);
    snprintf(text, sizeof text, "%s[worker-bee:one]\n[worker-bee]\n[worker-bee:two]\n", head);
    assert_right(&container, text);
    assert_int_equal(container.queue_count, 1);
    assert_string_equal(container.queues[0].handler->name, "worker-bee");
    container_close(&container);
    snprintf(text, sizeof text, "%s[worker-bee:one]\n[worker-bee:two]\n", head);
    assert_wrong(text, " worker-bee:one and worker-bee:two both spool into the queue "
                       "\"worker-bee\": say which of them runs its jobs, with [queue:worker-bee] "
                       "and handler = worker-bee:one");
    snprintf(text, sizeof text,
             "%s[worker-bee:one]\n[worker-bee:two]\n[queue:worker-bee]\nhandler = "
             "worker-bee:two\n",
             head);
    assert_right(&container, text);
    assert_string_equal(container.queues[0].handler->name, "worker-bee:two");
    container_close(&container);
}

static void several_instances_may_run_the_queues_that_name_them(void **state)
{
    (void)state;
    struct container container;
    const char *head = "role = spooler\n[spool]\ndirectory = /tmp/x\n[worker-bee:one]\n"
                       "[worker-bee:two]\n[queue:first]\nhandler = worker-bee:one\n";
    char text[300];
    snprintf(text, sizeof text, "%s[queue:second]\nhandler = worker-bee:two\n", head);
    assert_right(&container, text);
    assert_int_equal(container.queue_count, 2);
    assert_string_equal(container.queues[1].handler->name, "worker-bee:two");
    container_close(&container);
    assert_right(&container, head);
    assert_int_equal(container.queue_count, 2); /* and the plugin's own, of who is left */
    assert_string_equal(container.queues[1].name, "worker-bee");
    assert_string_equal(container.queues[1].handler->name, "worker-bee:two");
    container_close(&container);
}

static void a_queue_has_a_handler_that_runs_jobs(void **state)
{
    (void)state;
    const char *role = "role = spooler\n[spool]\ndirectory = /tmp/x\n";
    char text[200];
    snprintf(text, sizeof text, "%s[queue:worker-be]\n", role);
    assert_wrong(text, "6: [queue:worker-be]: there is no plugin \"worker-be\"; did you mean "
                       "\"worker-bee\"?");
    snprintf(text, sizeof text, "%s[queue:quiet]\n", role);
    assert_wrong(text, "6: [queue:quiet]: the plugin \"quiet\" runs no jobs: it has no .run");
    snprintf(text, sizeof text, "%s[queue:Quiet]\n", role);
    assert_wrong(text, "6: \"Quiet\" is not the name of a queue: 1 to 64 of a-z, 0-9, _ and -");
    struct container container;
    snprintf(text, sizeof text, "%s[queue:small]\nhandler = worker-bee\nattempts = 2\n", role);
    assert_right(&container, text);
    assert_int_equal(container.queue_count, 2); /* and the plugin's own */
    assert_string_equal(container.queues[0].name, "small");
    assert_string_equal(container.queues[0].handler->name, "worker-bee");
    assert_int_equal(((struct queue_settings *)container.queues[0].settings)->attempts, 2);
    container_close(&container);
}

static void a_plugin_that_runs_jobs_has_a_queue_without_a_section(void **state)
{
    (void)state;
    struct container container;
    assert_right(&container, "role = spooler\n[spool]\ndirectory = /tmp/x\n[worker-bee]\n");
    assert_int_equal(container.queue_count, 1);
    assert_string_equal(container.queues[0].name, "worker-bee");
    assert_string_equal(container.queues[0].handler->name, "worker-bee");
    assert_int_equal(((struct queue_settings *)container.queues[0].settings)->attempts, 5);
    container_close(&container);
}

static void there_are_not_more_queues_than_the_spool_has_room_for(void **state)
{
    (void)state;
    assert_wrong("role = spooler\n[spool]\ndirectory = /tmp/x\n"
                 "[queue:a]\nhandler = worker-bee\n[queue:b]\nhandler = worker-bee\n"
                 "[queue:c]\nhandler = worker-bee\n[queue:d]\nhandler = worker-bee\n",
                 "12: there are more than 3 queues");
}

static void an_unknown_section_has_a_nearest_one(void **state)
{
    (void)state;
    const char *role = "role = spooler\n[spool]\ndirectory = /tmp/x\n";
    char text[200];
    snprintf(text, sizeof text, "%s[rout]\n", role);
    assert_wrong(text, "6: unknown section [rout]; did you mean [routes]?");
    snprintf(text, sizeof text, "%s[zzz]\n", role);
    assert_wrong(text, "6: unknown section [zzz]");
    snprintf(text, sizeof text, "%s[refuse]\n", role);
    assert_wrong(text, "6: unknown section [refuse]; did you mean [refuses]?");
}

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(file);
    return fd < 0 || close(fd) != 0;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_lead_to_instances),
        cmocka_unit_test(a_wrong_route_names_its_line),
        cmocka_unit_test(who_serves_must_listen),
        cmocka_unit_test(a_spooler_needs_a_spool),
        cmocka_unit_test(a_cron_section_says_when_and_where),
        cmocka_unit_test(a_wrong_cron_section_names_its_line),
        cmocka_unit_test(a_queue_without_a_spool_is_wrong),
        cmocka_unit_test(who_spools_and_serves_depends_on_the_role),
        cmocka_unit_test(a_server_without_a_spool_has_no_spooler),
        cmocka_unit_test(a_handler_may_be_missing_where_no_jobs_run),
        cmocka_unit_test(a_plugins_own_queue_is_run_by_its_plain_or_only_instance),
        cmocka_unit_test(several_instances_may_run_the_queues_that_name_them),
        cmocka_unit_test(a_queue_has_a_handler_that_runs_jobs),
        cmocka_unit_test(a_plugin_that_runs_jobs_has_a_queue_without_a_section),
        cmocka_unit_test(there_are_not_more_queues_than_the_spool_has_room_for),
        cmocka_unit_test(an_unknown_section_has_a_nearest_one),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
