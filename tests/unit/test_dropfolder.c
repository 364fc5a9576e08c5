#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "spooler/files/dropfolder.h"
#include "tests/unit/spoolfolder.h"

static struct dropfolder open_it(const struct spoolfolder *folder)
{
    struct dropfolder drop;
    bobbin_error error;
    assert_true(dropfolder_open(&drop, &folder->directory, &error));
    assert_true(dropfolder_make_queue(&drop, "q", &error));
    return drop;
}

static void write_file(int folder, const char *name, const char *text)
{
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void expect_file(int folder, const char *name, const char *text)
{
    char found[600] = "";
    int fd = openat(folder, name, O_RDONLY);
    assert_true(fd >= 0);
    assert_true(read(fd, found, sizeof found - 1) >= 0);
    close(fd);
    assert_string_equal(found, text);
}

static void expect_nothing(int folder, const char *name)
{
    struct stat status;
    assert_int_equal(fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW), -1);
    assert_int_equal(errno, ENOENT);
}

static void expect_take(const struct dropfolder *drop, enum dropfolder_verdict expected,
                        const char *text)
{
    char found[64] = "";
    uint64_t bytes;
    int fd;
    bobbin_error error;
    assert_int_equal(dropfolder_take(drop, "q", "x", &fd, &bytes, &error), expected);
    if (expected != DROPFOLDER_TAKEN)
        return;
    assert_int_equal(bytes, strlen(text));
    assert_int_equal(read(fd, found, sizeof found - 1), (ssize_t)bytes);
    assert_string_equal(found, text);
    close(fd);
}

static void a_file_that_is_taken_is_claimed_until_it_is_done(void **state)
{
    struct dropfolder drop = open_it(*state);
    bobbin_error error;
    write_file(drop.drop, "q/x", "one");
    expect_take(&drop, DROPFOLDER_TAKEN, "one");
    expect_nothing(drop.drop, "q/x");
    expect_file(drop.claimed, "q/x", "one");
    assert_true(dropfolder_done(&drop, "q", "x", &error));
    expect_nothing(drop.claimed, "q/x");
    expect_take(&drop, DROPFOLDER_GONE, "");
    dropfolder_close(&drop);
}

static void one_that_is_given_back_lies_where_it_lay(void **state)
{
    struct dropfolder drop = open_it(*state);
    bobbin_error error;
    write_file(drop.drop, "q/x", "one");
    expect_take(&drop, DROPFOLDER_TAKEN, "one");
    assert_true(dropfolder_give_back(&drop, "q", "x", &error));
    expect_file(drop.drop, "q/x", "one");
    expect_nothing(drop.claimed, "q/x");
    assert_true(
        dropfolder_give_back(&drop, "q", "x", &error)); /* nothing is claimed: nothing to do */
    dropfolder_close(&drop);
}

static void one_is_given_back_when_its_folder_was_removed(void **state)
{
    struct dropfolder drop = open_it(*state);
    bobbin_error error;
    write_file(drop.drop, "q/x", "one");
    expect_take(&drop, DROPFOLDER_TAKEN, "one");
    assert_int_equal(unlinkat(drop.drop, "q", AT_REMOVEDIR), 0);
    assert_true(dropfolder_give_back(&drop, "q", "x", &error));
    expect_file(drop.drop, "q/x", "one");
    dropfolder_close(&drop);
}

static void the_older_of_one_name_comes_first_and_none_is_replaced(void **state)
{
    struct dropfolder drop = open_it(*state);
    bobbin_error error;
    write_file(drop.drop, "q/x", "older");
    expect_take(&drop, DROPFOLDER_TAKEN, "older");
    write_file(drop.drop, "q/x", "newer");
    assert_true(dropfolder_give_back(&drop, "q", "x", &error));
    expect_file(drop.drop, "q/x", "newer");
    expect_take(&drop, DROPFOLDER_TAKEN, "older");
    assert_true(dropfolder_done(&drop, "q", "x", &error));
    expect_take(&drop, DROPFOLDER_TAKEN, "newer");
    dropfolder_close(&drop);
}

static void what_a_dead_leader_claimed_is_given_back(void **state)
{
    struct dropfolder drop = open_it(*state);
    bobbin_error error;
    write_file(drop.drop, "q/x", "one");
    expect_take(&drop, DROPFOLDER_TAKEN, "one");
    dropfolder_close(&drop);
    drop = open_it(*state);
    assert_true(dropfolder_recover(&drop, &error));
    expect_file(drop.drop, "q/x", "one");
    dropfolder_close(&drop);
}

static void what_is_no_file_is_unfit_and_a_link_is_not_followed(void **state)
{
    struct dropfolder drop = open_it(*state);
    bobbin_error error;
    uint64_t bytes;
    int fd;
    write_file(drop.drop, "q/target", "secret");
    assert_int_equal(symlinkat("target", drop.drop, "q/x"), 0);
    assert_int_equal(dropfolder_take(&drop, "q", "x", &fd, &bytes, &error), DROPFOLDER_UNFIT);
    assert_string_equal(error.text, "it is a symbolic link and not a file");
    dropfolder_close(&drop);
}

static void what_is_set_aside_has_a_sentence_beside_it(void **state)
{
    struct dropfolder drop = open_it(*state);
    bobbin_error error;
    assert_int_equal(mkdirat(drop.drop, "q/x", 0700), 0);
    expect_take(&drop, DROPFOLDER_UNFIT, "");
    assert_true(dropfolder_set_aside(&drop, "q", "x", "it is odd", &error));
    expect_file(drop.aside, "x.why", "it is odd\n");
    assert_int_equal(faccessat(drop.aside, "x", F_OK, 0), 0);
    expect_nothing(drop.claimed, "q/x");
    dropfolder_close(&drop);
}

static void what_lies_aside_is_never_replaced(void **state)
{
    struct dropfolder drop = open_it(*state);
    bobbin_error error;
    write_file(drop.aside, "x", "first");
    write_file(drop.aside, "x.why", "its own\n");
    write_file(drop.drop, "q/x", "second");
    expect_take(&drop, DROPFOLDER_TAKEN, "second");
    assert_true(dropfolder_set_aside(&drop, "q", "x", "it is odd", &error));
    expect_file(drop.aside, "x", "first");
    expect_file(drop.aside, "x.why", "its own\n");
    expect_nothing(drop.claimed, "q/x");
    dropfolder_close(&drop);
}

static void the_longest_name_can_be_set_aside(void **state)
{
    struct dropfolder drop = open_it(*state);
    bobbin_error error;
    char name[256], cut[240] = "";
    memset(name, 'n', 255);
    name[255] = '\0';
    memcpy(cut, name, 231);
    assert_int_equal(mkdirat(drop.drop, name, 0700), 0);
    assert_true(dropfolder_set_aside(&drop, name, NULL, "it is odd", &error));
    assert_int_equal(faccessat(drop.aside, cut, F_OK, 0), 0);
    dropfolder_close(&drop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SPOOL(a_file_that_is_taken_is_claimed_until_it_is_done),
        WITH_SPOOL(one_that_is_given_back_lies_where_it_lay),
        WITH_SPOOL(one_is_given_back_when_its_folder_was_removed),
        WITH_SPOOL(the_older_of_one_name_comes_first_and_none_is_replaced),
        WITH_SPOOL(what_a_dead_leader_claimed_is_given_back),
        WITH_SPOOL(what_is_no_file_is_unfit_and_a_link_is_not_followed),
        WITH_SPOOL(what_is_set_aside_has_a_sentence_beside_it),
        WITH_SPOOL(what_lies_aside_is_never_replaced),
        WITH_SPOOL(the_longest_name_can_be_set_aside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
