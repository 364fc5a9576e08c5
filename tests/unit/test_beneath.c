/* links: plugins/static/beneath.c plugins/static/mediatype.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "plugins/static/beneath.h"
#include "plugins/static/mediatype.h"

/* A folder with a file, a link that stays inside, and several that lead out. */
static int make_root(void)
{
    char path[] = "/tmp/bobbin-unit-XXXXXX";
    assert_non_null(mkdtemp(path));
    int root = open(path, O_RDONLY | O_DIRECTORY);
    close(openat(root, "file", O_CREAT | O_WRONLY, 0600));
    mkdirat(root, "folder", 0700);
    close(openat(root, "folder/inner", O_CREAT | O_WRONLY, 0600));
    assert_int_equal(symlinkat("file", root, "inside"), 0);
    assert_int_equal(symlinkat("/etc/passwd", root, "absolute"), 0);
    assert_int_equal(symlinkat("../../etc/passwd", root, "relative"), 0);
    assert_int_equal(symlinkat("..", root, "up"), 0);
    return root;
}

static bool opens(int root, const char *path)
{
    int fd = beneath_open(root, path);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void what_lies_beneath_is_opened(void **state)
{
    (void)state;
    int root = make_root();
    assert_true(opens(root, "file"));
    assert_true(opens(root, "folder/inner"));
    assert_true(opens(root, "folder/../file"));
    assert_true(opens(root, ""));
    assert_false(opens(root, "missing"));
    close(root);
}

static void nothing_else_ever_is(void **state)
{
    (void)state;
    int root = make_root();
    static const char *const ways_out[] = {"absolute",       "relative",    "up/passwd", "..",
                                           "folder/../../x", "/etc/passwd", "up"};
    for (size_t i = 0; i < sizeof ways_out / sizeof *ways_out; i++)
        assert_false(opens(root, ways_out[i]));
    close(root);
}

static void a_file_has_the_type_of_its_ending(void **state)
{
    (void)state;
    assert_string_equal(mediatype_of("a/b.html"), "text/html; charset=utf-8");
    assert_string_equal(mediatype_of("B.JPG"), "image/jpeg");
    assert_string_equal(mediatype_of("a.b/c"), "application/octet-stream");
    assert_string_equal(mediatype_of("archive.tar.gz"), "application/gzip");
    assert_string_equal(mediatype_of("x."), "application/octet-stream");
    assert_string_equal(mediatype_of(""), "application/octet-stream");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_lies_beneath_is_opened),
        cmocka_unit_test(nothing_else_ever_is),
        cmocka_unit_test(a_file_has_the_type_of_its_ending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
