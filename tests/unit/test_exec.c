/* hosts: plugins/exec */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "hosted.h"

static bobbin_test_host *open_command(const char *command, const char *name, const char *value)
{
    return open_host(
        BOBBIN_TEST_SETUP(.instance = "exec:it", .is_job_process = true,
                          .options = BOBBIN_TEST_PAIRS("command", command, name, value)));
}

static bobbin_test_host *open_shell(const char *script)
{
    char command[1024];
    snprintf(command, sizeof command, "sh -c '%s'", script);
    return open_command(command, NULL, NULL);
}

static const struct bobbin_test_ran *run_empty(bobbin_test_host *host)
{
    return bobbin_test_run(host, BOBBIN_TEST_JOB());
}

static void expect_no_start(const char *command, const char *sentence)
{
    bobbin_error error = {""};
    assert_null(bobbin_test_open(
        &bobbin_plugin_descriptor,
        BOBBIN_TEST_SETUP(.is_job_process = true, .options = BOBBIN_TEST_PAIRS("command", command)),
        &error));
    if (strstr(error.text, sentence) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", sentence, error.text);
}

/* ------------------------------------------------------------------ the command */

static void stdin_is_the_payload_and_stdout_the_result(void **state)
{
    (void)state;
    size_t before = bobbin_test_descriptors();
    bobbin_test_host *host = open_command("cat", "content-type", "text/cat");
    const struct bobbin_test_ran *ran =
        bobbin_test_run(host, BOBBIN_TEST_JOB(.payload = bobbin_text("meow")));
    assert_int_equal(ran->result, BOBBIN_JOB_DONE);
    assert_true(ran->has_output);
    assert_true(bobbin_is(ran->output, "meow"));
    assert_string_equal(ran->output_type, "text/cat");
    close_host(host);
    assert_int_equal(bobbin_test_descriptors(), before);
}

static void words_are_split_and_quoted_without_a_shell(void **state)
{
    (void)state;
    bobbin_test_host *host = open_command(
        "printf  '<%s>' a\t'b  c' \"d 'e'\" f\\ g '' x'y'\"z\" $HOME *.c 'a\\b' \"\\\"\"", NULL,
        NULL);
    assert_true(
        bobbin_is(run_empty(host)->output, "<a><b  c><d 'e'><f g><><xyz><$HOME><*.c><a\\b><\">"));
    close_host(host);
}

static void a_command_that_cannot_be_is_refused_at_start(void **state)
{
    (void)state;
    expect_no_start("''", "names no program");
    expect_no_start("echo 'a", "ends inside a quotation");
    expect_no_start("echo \"a'", "ends inside a quotation");
    expect_no_start("echo a\\", "ends inside a quotation");
    expect_no_start("there-is-none x", "there is no program \"there-is-none\" in PATH");
    expect_no_start("/etc/passwd", "there is no program \"/etc/passwd\" that can be executed");
    expect_no_start("/etc", "that can be executed");
    expect_no_start("./none", "that can be executed");
}

static void a_directory_is_where_it_runs_and_is_found(void **state)
{
    (void)state;
    bobbin_test_host *host = open_command("bin/pwd", "directory", "/usr");
    assert_true(bobbin_is(run_empty(host)->output, "/usr\n"));
    close_host(host);
    bobbin_error error = {""};
    assert_null(bobbin_test_open(
        &bobbin_plugin_descriptor,
        BOBBIN_TEST_SETUP(.is_job_process = true,
                          .options = BOBBIN_TEST_PAIRS("command", "cat", "directory", "/none")),
        &error));
    assert_non_null(strstr(error.text, "the directory /none: No such file or directory"));
}

static void a_program_that_went_after_the_start_is_a_failure(void **state)
{
    (void)state;
    char folder[] = "/tmp/bobbin-exec-XXXXXX", file[64];
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/program", folder);
    FILE *script = fopen(file, "w");
    assert_int_equal(fchmod(fileno(script), 0700), 0);
    fclose(script);
    bobbin_test_host *host = open_command("./program", "directory", folder);
    const struct bobbin_test_ran *ran = run_empty(host);
    assert_int_equal(ran->result, BOBBIN_JOB_FAILED);
    assert_string_equal(ran->sentence,
                        "the program cannot be executed: ./program: Exec format error");
    assert_int_equal(remove(file), 0);
    ran = run_empty(host);
    assert_int_equal(ran->result, BOBBIN_JOB_FAILED);
    assert_string_equal(ran->sentence,
                        "the program cannot be executed: ./program: No such file or directory");
    assert_int_equal(remove(folder), 0);
    ran = run_empty(host);
    assert_int_equal(ran->result, BOBBIN_JOB_FAILED);
    assert_non_null(strstr(ran->sentence, "the directory /tmp/bobbin-exec-"));
    close_host(host);
}

static void the_environment_tells_of_the_job(void **state)
{
    (void)state;
    setenv("BOBBIN_JOB_ID", "of another", 1);
    setenv("EXEC_TEST", "inherited", 1);
    bobbin_test_host *host =
        open_command("sh -c 'echo $BOBBIN_JOB_QUEUE,$BOBBIN_JOB_ATTEMPT,$BOBBIN_JOB_ATTEMPTS,"
                     "$BOBBIN_JOB_CONTENT_TYPE,$BOBBIN_JOB_HEADER_X_WIDTH,$EXEC_TEST; printf %s "
                     "$BOBBIN_JOB_ID | wc -c'",
                     "header", "x-width");
    const struct bobbin_test_ran *ran = bobbin_test_run(
        host, BOBBIN_TEST_JOB(.queue = "q", .content_type = "a/b", .attempt = 2, .attempts = 7,
                              .headers = BOBBIN_TEST_PAIRS("X-Width", "12", "other", "no")));
    unsetenv("BOBBIN_JOB_ID");
    assert_true(bobbin_is(ran->output, "q,2,7,a/b,12,inherited\n45\n"));
    close_host(host);
}

/* ------------------------------------------------------------------ how it went */

static void exit_codes_say_done_retry_or_failed(void **state)
{
    (void)state;
    bobbin_test_host *host = open_shell("echo out; echo why >&2; exit $(cat)");
    const struct bobbin_test_ran *ran =
        bobbin_test_run(host, BOBBIN_TEST_JOB(.payload = bobbin_text("0")));
    assert_int_equal(ran->result, BOBBIN_JOB_DONE);
    assert_true(bobbin_is(ran->output, "out\n"));
    ran = bobbin_test_run(host, BOBBIN_TEST_JOB(.payload = bobbin_text("75")));
    assert_int_equal(ran->result, BOBBIN_JOB_RETRY);
    assert_int_equal(ran->retry_after_ms, UINT64_MAX);
    assert_string_equal(ran->sentence, "the program wants to be tried again (exit status 75): why");
    ran = bobbin_test_run(host, BOBBIN_TEST_JOB(.payload = bobbin_text("3")));
    assert_int_equal(ran->result, BOBBIN_JOB_FAILED);
    assert_string_equal(ran->sentence, "exit status 3: why");
    close_host(host);
}

static void death_by_a_signal_is_a_retry_that_names_it(void **state)
{
    (void)state;
    bobbin_test_host *host = open_shell("kill -SEGV $$$$");
    const struct bobbin_test_ran *ran = run_empty(host);
    assert_int_equal(ran->result, BOBBIN_JOB_RETRY);
    assert_string_equal(ran->sentence, "the program died of signal 11 (Segmentation fault)");
    close_host(host);
}

static void a_program_without_output_has_no_result(void **state)
{
    (void)state;
    bobbin_test_host *host = open_command("true", NULL, NULL);
    assert_int_equal(run_empty(host)->result, BOBBIN_JOB_DONE);
    assert_false(run_empty(host)->has_output);
    close_host(host);
}

static void without_space_it_is_done_without_a_result(void **state)
{
    (void)state;
    bobbin_test_host *host = open_command("head -c 1000000 /dev/zero", NULL, NULL);
    const struct bobbin_test_ran *ran =
        bobbin_test_run(host, BOBBIN_TEST_JOB(.has_no_space = true));
    assert_int_equal(ran->result, BOBBIN_JOB_DONE);
    assert_false(ran->has_output);
    close_host(host);
}

static void the_reason_is_the_end_of_stderr_on_one_line(void **state)
{
    (void)state;
    bobbin_test_host *host = open_shell("printf \"%0500d\\nlast\\001\\tline\\n\\n\" 0 >&2; exit 1");
    const struct bobbin_test_ran *ran = run_empty(host);
    assert_int_equal(strlen(ran->sentence), strlen("exit status 1: ") + 398);
    assert_non_null(strstr(ran->sentence, "000 last  line"));
    assert_null(strpbrk(ran->sentence, "\n\t\001"));
    close_host(host);
    host = open_shell("for i in $(seq 300); do printf ü; done >&2; exit 1");
    assert_memory_equal(run_empty(host)->sentence, "exit status 1: ü", 17);
    close_host(host);
}

static void stderr_is_logged_line_by_line_with_the_id(void **state)
{
    (void)state;
    bobbin_test_host *host = open_shell("printf \"one\\n\\ntwo\" >&2");
    assert_int_equal(run_empty(host)->result, BOBBIN_JOB_DONE);
    const char *log = bobbin_test_log(host), *first = strstr(log, ": one");
    assert_non_null(first);
    assert_non_null(strstr(first, ": two"));
    assert_non_null(strstr(log, "exec:it: job "));
    close_host(host);
}

static void stderr_without_an_end_does_not_fill_the_log(void **state)
{
    (void)state;
    bobbin_test_host *host = open_shell("head -c 5000000 /dev/zero | tr \"\\\\0\" x >&2; exit 9");
    const struct bobbin_test_ran *ran = run_empty(host);
    assert_int_equal(strlen(ran->sentence), strlen("exit status 9: ") + 400);
    assert_true(strlen(bobbin_test_log(host)) < 400 * 1024);
    assert_true(bobbin_test_logged(host, "says more than is logged"));
    close_host(host);
}

/* ------------------------------------------------------------------ limits and signals */

static void a_large_payload_goes_both_ways_at_once(void **state)
{
    (void)state;
    size_t bytes = 20 << 20;
    char *payload = malloc(bytes);
    for (size_t i = 0; i < bytes; i++)
        payload[i] = (char)(i * 2654435761u >> 13);
    bobbin_test_host *host = open_command("cat", NULL, NULL);
    const struct bobbin_test_ran *ran =
        bobbin_test_run(host, BOBBIN_TEST_JOB(.payload = {payload, bytes}));
    assert_int_equal(ran->output.length, bytes);
    assert_memory_equal(ran->output.data, payload, bytes);
    close_host(host);
    free(payload);
}

static void a_program_need_not_read_its_stdin(void **state)
{
    (void)state;
    char *payload = calloc(1, 1 << 20);
    struct sigaction action;
    bobbin_test_host *host = open_command("echo done", NULL, NULL);
    const struct bobbin_test_ran *ran =
        bobbin_test_run(host, BOBBIN_TEST_JOB(.payload = {payload, 1 << 20}));
    assert_int_equal(ran->result, BOBBIN_JOB_DONE);
    assert_true(bobbin_is(ran->output, "done\n"));
    close_host(host);
    host = open_shell("exec <&-; sleep 0.2; echo later");
    ran = bobbin_test_run(host, BOBBIN_TEST_JOB(.payload = {payload, 1 << 20}));
    assert_true(bobbin_is(ran->output, "later\n"));
    close_host(host);
    assert_int_equal(sigaction(SIGPIPE, NULL, &action), 0);
    assert_true(action.sa_handler == SIG_DFL); /* so none was left to be delivered */
    free(payload);
}

static void more_than_most_output_kills_it_and_has_failed(void **state)
{
    (void)state;
    bobbin_test_host *host = open_command("yes", "most-output", "1m");
    const struct bobbin_test_ran *ran = run_empty(host);
    assert_int_equal(ran->result, BOBBIN_JOB_FAILED);
    assert_string_equal(ran->sentence, "the program wrote more than 1048576 bytes (most-output)");
    close_host(host);
    host = open_command("head -c 1048576 /dev/zero", "most-output", "1m");
    assert_int_equal(run_empty(host)->output.length, 1048576);
    close_host(host);
}

static void to_be_told_to_stop_is_sigterm_and_a_retry(void **state)
{
    (void)state;
    static const char *const scripts[] = {
        "exec sleep 1000", "trap \"exit 0\" TERM; while :; do sleep 0.01; done", "exec yes"};
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        bobbin_test_host *host = open_shell(scripts[i]);
        const struct bobbin_test_ran *ran =
            bobbin_test_run(host, BOBBIN_TEST_JOB(.stop_after_ms = 50));
        assert_int_equal(ran->result, BOBBIN_JOB_RETRY);
        assert_string_equal(ran->sentence, "the program was told to stop");
        ran = bobbin_test_run(host, BOBBIN_TEST_JOB(.is_stopping = true));
        assert_int_equal(ran->result, BOBBIN_JOB_RETRY);
        close_host(host);
    }
}

static void it_has_default_signals_and_none_blocked(void **state)
{
    (void)state;
    bobbin_test_host *host = open_shell("grep -E \"^Sig(Blk|Ign)\" /proc/self/status | cut -f2");
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    const struct bobbin_test_ran *ran = run_empty(host);
    signal(SIGHUP, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    assert_string_equal(ran->output.data, "0000000000000000\n0000000000000000\n");
    close_host(host);
}

static void what_it_leaves_behind_is_killed(void **state)
{
    (void)state;
    static const char *const scripts[] = {
        "sleep 1000 & echo $!",                                      /* holds stdout */
        "sleep 1000 >/dev/null 2>&1 & echo $!",                      /* does not */
        "setsid sh -c \"echo \\$\\$; exec sleep 1000\" & sleep 0.2", /* a session of its own */
    };
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        bobbin_test_host *host = open_shell(scripts[i]);
        const struct bobbin_test_ran *ran = run_empty(host);
        assert_int_equal(ran->result, BOBBIN_JOB_DONE);
        int left = atoi(ran->output.data);
        assert_true(left > 0);
        assert_int_equal(kill(left, 0), -1);
        close_host(host);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stdin_is_the_payload_and_stdout_the_result),
        cmocka_unit_test(words_are_split_and_quoted_without_a_shell),
        cmocka_unit_test(a_command_that_cannot_be_is_refused_at_start),
        cmocka_unit_test(a_directory_is_where_it_runs_and_is_found),
        cmocka_unit_test(a_program_that_went_after_the_start_is_a_failure),
        cmocka_unit_test(the_environment_tells_of_the_job),
        cmocka_unit_test(exit_codes_say_done_retry_or_failed),
        cmocka_unit_test(death_by_a_signal_is_a_retry_that_names_it),
        cmocka_unit_test(a_program_without_output_has_no_result),
        cmocka_unit_test(without_space_it_is_done_without_a_result),
        cmocka_unit_test(the_reason_is_the_end_of_stderr_on_one_line),
        cmocka_unit_test(stderr_is_logged_line_by_line_with_the_id),
        cmocka_unit_test(stderr_without_an_end_does_not_fill_the_log),
        cmocka_unit_test(a_large_payload_goes_both_ways_at_once),
        cmocka_unit_test(a_program_need_not_read_its_stdin),
        cmocka_unit_test(more_than_most_output_kills_it_and_has_failed),
        cmocka_unit_test(to_be_told_to_stop_is_sigterm_and_a_retry),
        cmocka_unit_test(it_has_default_signals_and_none_blocked),
        cmocka_unit_test(what_it_leaves_behind_is_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
