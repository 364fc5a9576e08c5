/* hosts: plugins/static */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hosted.h"

struct site {
    char folder[64];
    size_t descriptors; /* that were open before */
    bobbin_test_host *host;
};

static void write_file(const struct site *site, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", site->folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int open_site(void **state)
{
    static const char *const files[] = {"index.html", "page.css", ".secret", "deep/index.html"};
    struct site *site = calloc(1, sizeof *site);
    char deep[80];
    strcpy(site->folder, "/tmp/bobbin-static-XXXXXX");
    assert_non_null(mkdtemp(site->folder));
    snprintf(deep, sizeof deep, "%s/deep", site->folder);
    assert_int_equal(mkdir(deep, 0700), 0);
    for (size_t i = 0; i < 4; i++)
        write_file(site, files[i], files[i]);
    site->descriptors = bobbin_test_descriptors();
    site->host = open_host(
        BOBBIN_TEST_SETUP(.route = "/files", .options = BOBBIN_TEST_PAIRS("root", site->folder)));
    *state = site;
    return 0;
}

static int close_site(void **state)
{
    static const char *const names[] = {"index.html",      "page.css", ".secret",
                                        "deep/index.html", "deep",     ""};
    struct site *site = *state;
    close_host(site->host);
    assert_int_equal(bobbin_test_descriptors(), site->descriptors);
    for (size_t i = 0; i < 6; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", site->folder, names[i]);
        remove(path);
    }
    free(site);
    return 0;
}

static void a_file_is_sent_with_its_type(void **state)
{
    const struct site *site = *state;
    bobbin_test_client *client = bobbin_test_get(site->host, "/files/page.css");
    assert_int_equal(bobbin_test_status(client), 200);
    assert_string_equal(bobbin_test_text(client), "page.css");
    assert_string_equal(bobbin_test_header(client, "content-type"), "text/css; charset=utf-8");
    assert_string_equal(bobbin_test_header(client, "cache-control"), "no-cache");
    assert_non_null(bobbin_test_header(client, "etag"));
    assert_string_equal(bobbin_test_text(bobbin_test_get(site->host, "/files/")), "index.html");
    assert_string_equal(bobbin_test_text(bobbin_test_get(site->host, "/files/deep/")),
                        "deep/index.html");
}

static void what_is_hidden_or_missing_or_outside_is_404(void **state)
{
    const struct site *site = *state;
    static const char *const targets[] = {"/files/none",
                                          "/files/.secret",
                                          "/files/deep/../.secret",
                                          "/files/index.html/",
                                          "/files/%00",
                                          "/files/deep/none/x",
                                          "/files/%2e%2e/%2e%2e/etc/passwd",
                                          "/files/..%2f",
                                          "/files/deep/.hidden"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        int status = bobbin_test_status(bobbin_test_get(site->host, targets[i]));
        if (status != 404 && status != 400)
            fail_msg("%s was answered %d", targets[i], status);
    }
}

static void head_gets_everything_but_the_body(void **state)
{
    const struct site *site = *state;
    bobbin_test_client *client = bobbin_test_ask(
        site->host, BOBBIN_TEST_REQUEST(.method = "HEAD", .target = "/files/page.css"));
    assert_int_equal(bobbin_test_status(client), 200);
    assert_string_equal(bobbin_test_header(client, "content-length"), "8");
    assert_int_equal(bobbin_test_body(client).length, 0);
}

static void files_cannot_be_written(void **state)
{
    const struct site *site = *state;
    bobbin_test_client *client = bobbin_test_ask(
        site->host, BOBBIN_TEST_REQUEST(.target = "/files/page.css", .body = bobbin_text("x")));
    assert_int_equal(bobbin_test_status(client), 405);
    assert_string_equal(bobbin_test_header(client, "allow"), "GET, HEAD");
}

static void a_file_that_the_client_has_is_304(void **state)
{
    const struct site *site = *state;
    bobbin_test_client *first = bobbin_test_get(site->host, "/files/page.css");
    const char *const conditions[][3] = {
        {"If-None-Match", bobbin_test_header(first, "etag"), NULL},
        {"If-Modified-Since", bobbin_test_header(first, "last-modified"), NULL},
        {"If-None-Match", "*", NULL}};
    for (size_t i = 0; i < 3; i++) {
        bobbin_test_client *client = bobbin_test_ask(
            site->host, BOBBIN_TEST_REQUEST(.target = "/files/page.css", .headers = conditions[i]));
        assert_int_equal(bobbin_test_status(client), 304);
        assert_int_equal(bobbin_test_body(client).length, 0);
    }
}

static void a_folder_without_its_slash_is_led_to_it(void **state)
{
    const struct site *site = *state;
    bobbin_test_client *client = bobbin_test_get(site->host, "/files/deep?x=1");
    assert_int_equal(bobbin_test_status(client), 301);
    assert_string_equal(bobbin_test_header(client, "location"), "/files/deep/?x=1");
    client = bobbin_test_get(site->host, "//files/deep");
    assert_string_equal(bobbin_test_header(client, "location"), "/files/deep/");
}

static void a_file_that_shrinks_while_it_is_sent_cuts_the_connection(void **state)
{
    const struct site *site = *state;
    bobbin_test_client *client = bobbin_test_connect(site->host);
    bobbin_test_take(client, 3);
    bobbin_test_send(client, BOBBIN_TEST_REQUEST(.target = "/files/page.css"));
    assert_string_equal(bobbin_test_text(client), "pag");
    write_file(site, "page.css", "page");
    bobbin_test_take_all(client);
    assert_int_equal(bobbin_test_outcome_of(client), BOBBIN_TEST_CUT);
    assert_string_equal(bobbin_test_text(client), "page");
}

static void a_folder_that_is_missing_is_a_sentence(void **state)
{
    (void)state;
    bobbin_error error;
    assert_null(bobbin_test_open(
        &bobbin_plugin_descriptor,
        BOBBIN_TEST_SETUP(.options = BOBBIN_TEST_PAIRS("root", "/nowhere")), &error));
    assert_string_equal(error.text, "static did not start: root: the folder /nowhere: No such file "
                                    "or directory");
    assert_null(bobbin_test_open(&bobbin_plugin_descriptor, NULL, &error));
    assert_string_equal(error.text, "setup: [static] needs the key \"root\" (the folder whose "
                                    "files are served)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_sent_with_its_type),
        cmocka_unit_test(what_is_hidden_or_missing_or_outside_is_404),
        cmocka_unit_test(head_gets_everything_but_the_body),
        cmocka_unit_test(files_cannot_be_written),
        cmocka_unit_test(a_file_that_the_client_has_is_304),
        cmocka_unit_test(a_folder_without_its_slash_is_led_to_it),
        cmocka_unit_test(a_file_that_shrinks_while_it_is_sent_cuts_the_connection),
        cmocka_unit_test(a_folder_that_is_missing_is_a_sentence),
    };
    return cmocka_run_group_tests(tests, open_site, close_site);
}
