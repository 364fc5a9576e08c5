#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/spoolfolder.h"

static void write_version(const struct spoolfolder *folder, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/VERSION", folder->path);
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
}

static void expect_refusal(const struct spoolfolder *folder, const char *words)
{
    struct spool_directory directory;
    bobbin_error error;
    assert_false(directory_open(&directory, folder->path, NULL, &error));
    assert_non_null(strstr(error.text, words));
    directory_close(&directory);
}

static void a_spool_is_made_with_its_folders_and_version(void **state)
{
    struct spoolfolder *folder = *state;
    static const char *const names[] = {"journals", "blobs", "results", "history", "slots"};
    char path[128], text[8] = "";
    for (size_t i = 0; i < 5; i++) {
        struct stat status;
        snprintf(path, sizeof path, "%s/%s", folder->path, names[i]);
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0700);
    }
    snprintf(path, sizeof path, "%s/VERSION", folder->path);
    FILE *file = fopen(path, "r");
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    assert_string_equal(text, "1\n");
}

static void a_newer_format_is_refused(void **state)
{
    struct spoolfolder *folder = *state;
    write_version(folder, "2\n");
    expect_refusal(folder, "has format 2, this bobbin knows up to 1");
}

static void nonsense_in_version_is_refused(void **state)
{
    struct spoolfolder *folder = *state;
    write_version(folder, "one\n");
    expect_refusal(folder, "its VERSION is not a number");
}

static void parents_are_made_and_a_file_in_the_way_is_a_sentence(void **state)
{
    struct spoolfolder *folder = *state;
    struct spool_directory directory;
    bobbin_error error;
    char path[128];
    snprintf(path, sizeof path, "%s/a/b/c", folder->path);
    assert_true(directory_open(&directory, path, NULL, &error));
    directory_close(&directory);
    snprintf(path, sizeof path, "%s/VERSION", folder->path);
    assert_false(directory_open(&directory, path, NULL, &error));
    assert_non_null(strstr(error.text, "Not a directory"));
}

static void proc_is_no_place_for_a_spool(void **state)
{
    (void)state;
    struct spool_directory directory;
    bobbin_error error;
    assert_false(directory_open(&directory, "/proc", NULL, &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SPOOL(a_spool_is_made_with_its_folders_and_version),
        WITH_SPOOL(a_newer_format_is_refused),
        WITH_SPOOL(nonsense_in_version_is_refused),
        WITH_SPOOL(parents_are_made_and_a_file_in_the_way_is_a_sentence),
        cmocka_unit_test(proc_is_no_place_for_a_spool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
