#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/accesslog.h"
#include "core/base/error.h"
#include "core/base/log.h"

/* What was written to the log's end of a pipe. */
static const char *logged(int *pair)
{
    static char text[8192];
    ssize_t got = read(pair[0], text, sizeof text - 1);
    text[got > 0 ? got : 0] = '\0';
    return text;
}

static struct log log_of(const int *pair, enum log_format format)
{
    struct log log;
    log_init(&log, pair[1], "tester");
    log.format = format;
    return log;
}

static void a_line_of_text_cannot_be_forged(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(pipe(pair), 0);
    struct log log = log_of(pair, LOG_TEXT);
    log_write(&log, BOBBIN_INFO, "app", "one\ntwo %d", 3);
    const char *text = logged(pair);
    assert_non_null(strstr(text, "info    tester["));
    assert_non_null(strstr(text, "] app: one\\x0atwo 3\n"));
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void a_line_of_json_is_escaped(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(pipe(pair), 0);
    struct log log = log_of(pair, LOG_JSON);
    log_write(&log, BOBBIN_ERROR, NULL, "say \"hi\"\n");
    assert_non_null(strstr(logged(pair), "\"message\": \"say \\\"hi\\\"\\n\"}\n"));
}

static void lines_below_the_level_are_not_written(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(pipe(pair), 0);
    struct log log = log_of(pair, LOG_TEXT);
    log_write(&log, BOBBIN_DEBUG, NULL, "quiet");
    log_write(&log, BOBBIN_INFO, NULL, "loud");
    const char *text = logged(pair);
    assert_null(strstr(text, "quiet"));
    assert_non_null(strstr(text, "loud"));
}

static void a_very_long_line_is_cut_below_4096_bytes(void **state)
{
    (void)state;
    static char message[20000];
    memset(message, '\n', sizeof message - 1);
    for (int format = LOG_TEXT; format <= LOG_JSON; format++) {
        int pair[2];
        assert_int_equal(pipe(pair), 0);
        struct log log = log_of(pair, (enum log_format)format);
        log_write(&log, BOBBIN_INFO, NULL, "%s", message);
        size_t length = strlen(logged(pair));
        assert_true(length > 100 && length <= 4096);
        close(pair[0]);
        close(pair[1]);
    }
}

static void an_error_gets_its_place_in_front(void **state)
{
    (void)state;
    bobbin_error error;
    assert_false(bobbin_fail(&error, "%d is wrong", 7));
    assert_false(error_prefix(&error, "f:%d: ", 3));
    assert_string_equal(error.text, "f:3: 7 is wrong");
    assert_false(bobbin_fail(&error, "%s, really", error.text));
    assert_string_equal(error.text, "f:3: 7 is wrong, really");
    assert_false(error_system(&error, 2, "the file %s", "x"));
    assert_string_equal(error.text, "the file x: No such file or directory");
    assert_false(bobbin_fail(NULL, "nobody listens"));
}

static struct accesslog_entry entry_of(const char *target)
{
    return (struct accesslog_entry){.client = bobbin_text("127.0.0.1"),
                                    .method = bobbin_text("GET"),
                                    .target = bobbin_text(target),
                                    .minor = 1,
                                    .status = 200,
                                    .sent_bytes = 12,
                                    .user_agent = bobbin_text("a \"b\" \\ \x01\xff"),
                                    .request_id = bobbin_text("id"),
                                    .time_us = 1700000000123456};
}

static void an_access_line_is_combined_and_escaped(void **state)
{
    (void)state;
    char path[] = "/tmp/bobbin-unit-XXXXXX", text[512] = "";
    bobbin_error error;
    int fd = mkstemp(path);
    struct accesslog *log = accesslog_open(path, LOG_TEXT, &error);
    assert_non_null(log);
    struct accesslog_entry entry = entry_of("/x");
    accesslog_line(log, &entry);
    accesslog_close(log);
    assert_true(read(fd, text, sizeof text - 1) > 0);
    assert_string_equal(text,
                        "127.0.0.1 - - [14/Nov/2023:22:13:20 +0000] \"GET /x HTTP/1.1\" 200 12 "
                        "\"-\" \"a \\x22b\\x22 \\x5C \\x01\\xFF\" id\n");
    close(fd);
    unlink(path);
}

static void a_full_pipe_drops_whole_lines_and_counts_them(void **state)
{
    (void)state;
    int pair[2], kept = dup(STDOUT_FILENO);
    bobbin_error error;
    assert_int_equal(pipe(pair), 0);
    fflush(stdout);
    dup2(pair[1], STDOUT_FILENO);
    struct accesslog *log = accesslog_open("stdout", LOG_TEXT, &error);
    struct accesslog_entry entry = entry_of("/x");
    enum { LINES = 20000 };
    for (int i = 0; i < LINES; i++)
        accesslog_line(log, &entry);
    accesslog_flush(log);
    uint64_t dropped = accesslog_dropped(log), written = 0;
    accesslog_close(log);
    dup2(kept, STDOUT_FILENO);
    close(pair[1]);
    char buffer[65536];
    for (ssize_t got; (got = read(pair[0], buffer, sizeof buffer)) > 0;)
        for (ssize_t i = 0; i < got; i++)
            written += buffer[i] == '\n';
    assert_true(dropped > 0);
    assert_int_equal(written + dropped, LINES);
    close(pair[0]);
    close(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_of_text_cannot_be_forged),
        cmocka_unit_test(a_line_of_json_is_escaped),
        cmocka_unit_test(lines_below_the_level_are_not_written),
        cmocka_unit_test(a_very_long_line_is_cut_below_4096_bytes),
        cmocka_unit_test(an_error_gets_its_place_in_front),
        cmocka_unit_test(an_access_line_is_combined_and_escaped),
        cmocka_unit_test(a_full_pipe_drops_whole_lines_and_counts_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
