#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/arena.h"
#include "core/base/json.h"
#include "core/base/pool.h"
#include "core/exchange/answer.h"
#include "core/exchange/body.h"
#include "core/exchange/route.h"
#include "core/exchange/target.h"

static void expect_path(const char *raw, const char *path, const char *query)
{
    struct target target;
    char room[256];
    const char *sentence = NULL;
    bool done = target_read(&target, bobbin_text(raw), room, &sentence);
    if (path == NULL) {
        assert_false(done);
        assert_non_null(sentence);
        return;
    }
    assert_true(done);
    assert_true(bobbin_is(target.path, path));
    if (query == NULL)
        assert_null(target.query.data);
    else
        assert_true(bobbin_is(target.query, query));
}

/* RFC 3986, sections 2.1, 5.2.4 */
static void a_path_is_decoded_once_and_normalised(void **state)
{
    (void)state;
    expect_path("/", "/", NULL);
    expect_path("/a/b", "/a/b", NULL);
    expect_path("/a?", "/a", "");
    expect_path("/a?b?c", "/a", "b?c");
    expect_path("/a%20b", "/a b", NULL);
    expect_path("/%41%2525", "/A%25", NULL);
    expect_path("//a///b//", "/a/b/", NULL);
    expect_path("/./a/./b/.", "/a/b/", NULL);
    expect_path("/a/../b", "/b", NULL);
    expect_path("/a/..", "/", NULL);
    expect_path("/a/b/../../c/", "/c/", NULL);
    expect_path("/a/%2e%2e/b", "/b", NULL);
    expect_path("/a%2fb/..", "/a/", NULL);
    expect_path("/...", "/...", NULL);
    expect_path("/.a/..b", "/.a/..b", NULL);
    expect_path("/\xff", "/\xff", NULL);
}

static void a_path_that_leads_astray_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"/..",    "/../",      "/a/../..", "/%2e%2e", "/a/..%2f..",
                                        "/%",     "/%4",       "/%zz",     "/%00",    "/a\\b",
                                        "/a%5cb", "/.%2e/../", "//.."};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        expect_path(wrong[i], NULL, NULL);
}

static void expect_parameter(const char *query, const char *name, const char *value)
{
    char room[256];
    bobbin_str found = target_parameter(bobbin_text(query), name, room);
    if (value == NULL)
        assert_null(found.data);
    else
        assert_true(bobbin_is(found, value));
}

static void a_parameter_is_the_first_of_its_name_decoded(void **state)
{
    (void)state;
    expect_parameter("a=1&b=2&a=3", "a", "1");
    expect_parameter("a=1&b=2", "b", "2");
    expect_parameter("a=1", "c", NULL);
    expect_parameter("a", "a", "");
    expect_parameter("a=", "a", "");
    expect_parameter("a=x+y%2Bz%3d", "a", "x y+z=");
    expect_parameter("%61=1", "a", "1");
    expect_parameter("a=%zz%4", "a", "%zz%4");
    expect_parameter("&&a=1&", "a", "1");
    expect_parameter("ab=1", "a", NULL);
    expect_parameter("a=b=c", "a", "b=c");
}

static const struct plugin_instance *app_at(const struct routes *routes, const char *path)
{
    const struct route *route = routes_find(routes, bobbin_text(path));
    return route != NULL ? route->app : NULL;
}

static void the_longest_prefix_on_a_segment_border_wins(void **state)
{
    (void)state;
    struct plugin_instance *root = (void *)1, *foo = (void *)2, *deep = (void *)3;
    bobbin_error error;
    struct routes *routes = routes_create();
    assert_true(routes_add(routes, "/foo", foo, &error));
    assert_null(app_at(routes, "/"));
    assert_true(routes_add(routes, "/foo/bar", deep, &error));
    assert_true(routes_add(routes, "/", root, &error));
    assert_ptr_equal(app_at(routes, "/"), root);
    assert_ptr_equal(app_at(routes, "/foo"), foo);
    assert_ptr_equal(app_at(routes, "/foo/"), foo);
    assert_ptr_equal(app_at(routes, "/foobar"), root);
    assert_ptr_equal(app_at(routes, "/foo/bar"), deep);
    assert_ptr_equal(app_at(routes, "/foo/bar/x"), deep);
    assert_ptr_equal(app_at(routes, "/foo/barx"), foo);
    assert_false(routes_add(routes, "/foo", foo, &error));
    assert_string_equal(error.text, "the route /foo stands there twice");
    assert_false(routes_add(routes, "foo", foo, &error));
    assert_false(routes_add(routes, "/foo/", foo, &error));
    assert_string_equal(error.text, "a route has no \"/\" at its end: write /foo");
    assert_false(routes_add(routes, "//foo", foo, &error));
    routes_destroy(routes);
}

static void a_body_moves_from_memory_to_a_file_at_its_limit(void **state)
{
    (void)state;
    static char bytes[5000], back[5000];
    const struct body_limits limits = {.memory_bytes = 3000, .directory = "/tmp"};
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7);
    for (size_t total = 2999; total <= 3001; total++) {
        struct body body;
        struct arena arena;
        char first[256];
        arena_init(&arena, first, sizeof first, NULL);
        body_init(&body);
        for (size_t at = 0; at < total; at += 500) {
            bobbin_str piece = {bytes + at, total - at < 500 ? total - at : 500};
            assert_true(body_append(&body, &limits, &arena, piece, UINT64_MAX));
        }
        assert_int_equal(body.place, total > 3000 ? BODY_SPILLED : BODY_MEMORY);
        assert_int_equal(body_read(&body, 0, back, sizeof back), total);
        assert_memory_equal(back, bytes, total);
        assert_int_equal(body_read(&body, total, back, 1), 0);
        assert_int_equal(body_read(&body, 10, back, 5), 5);
        assert_memory_equal(back, bytes + 10, 5);
        body_finish(&body);
        arena_finish(&arena);
    }
}

static void a_body_that_is_known_to_be_large_goes_to_its_file_at_once(void **state)
{
    (void)state;
    const struct body_limits limits = {.memory_bytes = 3000, .directory = "/tmp"};
    struct body body;
    struct arena arena;
    char first[64];
    arena_init(&arena, first, sizeof first, NULL);
    body_init(&body);
    assert_true(body_append(&body, &limits, &arena, bobbin_text("x"), 3001));
    assert_int_equal(body.place, BODY_SPILLED);
    body_finish(&body);
    arena_finish(&arena);
}

static void a_body_without_a_place_to_go_fails(void **state)
{
    (void)state;
    const struct body_limits limits = {.memory_bytes = 1, .directory = "/nowhere"};
    struct body body;
    struct arena arena;
    char first[64];
    arena_init(&arena, first, sizeof first, NULL);
    body_init(&body);
    assert_false(body_append(&body, &limits, &arena, bobbin_text("xyz"), UINT64_MAX));
    body_finish(&body);
    arena_finish(&arena);
}

/* RFC 9110, sections 5.1, 5.5 */
static void names_and_values_that_could_split_an_answer_are_illegal(void **state)
{
    (void)state;
    assert_true(answer_name_is_legal(bobbin_text("x-a_b!")));
    assert_false(
        answer_name_is_legal(bobbin_text("")) || answer_name_is_legal(bobbin_text("a b")) ||
        answer_name_is_legal(bobbin_text("a:")) || answer_name_is_legal(bobbin_text("\xe4")));
    assert_true(answer_value_is_legal(bobbin_text("a\tb \xe4")));
    assert_true(answer_value_is_legal(bobbin_text("")));
    assert_false(answer_value_is_legal(bobbin_text("a\rb")) ||
                 answer_value_is_legal(bobbin_text("a\nb")) ||
                 answer_value_is_legal((bobbin_str){"a\0b", 3}) ||
                 answer_value_is_legal(bobbin_text("\x7f")));
    assert_true(answer_name_is_reserved(bobbin_text("Content-LENGTH")));
    assert_true(answer_name_is_reserved(bobbin_text("connection")));
    assert_false(answer_name_is_reserved(bobbin_text("content-type")));
}

static void an_arena_grows_in_place_and_gives_all_back(void **state)
{
    (void)state;
    char first[128];
    struct pool pool;
    struct arena arena;
    pool_init(&pool, ARENA_CHUNK_BYTES, 4);
    arena_init(&arena, first, sizeof first, &pool);
    char *small = arena_take(&arena, 16);
    assert_true(small >= first && small < first + sizeof first);
    assert_ptr_equal(arena_grow(&arena, small, 16, 64), small);
    memset(small, 'a', 64);
    char *large = arena_grow(&arena, small, 64, 1000);
    assert_ptr_not_equal(large, small);
    assert_int_equal(large[63], 'a');
    assert_non_null(arena_take(&arena, 100000));
    assert_string_equal(arena_copy(&arena, "text", 4), "text");
    assert_int_equal((uintptr_t)arena_take(&arena, 3) % 16, 0);
    assert_null(arena_take(&arena, SIZE_MAX));
    arena_finish(&arena);
    assert_int_equal(pool.kept, 1); /* the chunk is back */
    pool_finish(&pool);
}

static void a_pool_keeps_so_many_and_gives_the_warm_one_first(void **state)
{
    (void)state;
    struct pool pool;
    pool_init(&pool, 100, 2);
    void *a = pool_take(&pool), *b = pool_take(&pool), *c = pool_take(&pool);
    pool_give(&pool, a);
    pool_give(&pool, b);
    pool_give(&pool, c);
    assert_int_equal(pool.kept, 2);
    assert_ptr_equal(pool_take(&pool), b);
    pool_give(&pool, b);
    pool_finish(&pool);
}

static void json_text_is_escaped_and_always_utf_8(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"a\"b\\c", "a\\\"b\\\\c"},
                                           {"\n\r\t\b\f", "\\n\\r\\t\\b\\f"},
                                           {"\x01\x7f", "\\u0001\\u007f"},
                                           {"\xc3\xa4\xe2\x82\xac", "\xc3\xa4\xe2\x82\xac"},
                                           {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
                                           {"\xff", "\xef\xbf\xbd"},
                                           {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
                                           {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
                                           {"\xe2\x82", "\xef\xbf\xbd\xef\xbf\xbd"}};
    char out[64];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t length = json_escape(out, sizeof out, cases[i][0], strlen(cases[i][0]));
        assert_int_equal(length, strlen(cases[i][1]));
        assert_memory_equal(out, cases[i][1], length);
    }
    assert_int_equal(json_escape(out, 0, "\"", 1), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_decoded_once_and_normalised),
        cmocka_unit_test(a_path_that_leads_astray_is_refused),
        cmocka_unit_test(a_parameter_is_the_first_of_its_name_decoded),
        cmocka_unit_test(the_longest_prefix_on_a_segment_border_wins),
        cmocka_unit_test(a_body_moves_from_memory_to_a_file_at_its_limit),
        cmocka_unit_test(a_body_that_is_known_to_be_large_goes_to_its_file_at_once),
        cmocka_unit_test(a_body_without_a_place_to_go_fails),
        cmocka_unit_test(names_and_values_that_could_split_an_answer_are_illegal),
        cmocka_unit_test(an_arena_grows_in_place_and_gives_all_back),
        cmocka_unit_test(a_pool_keeps_so_many_and_gives_the_warm_one_first),
        cmocka_unit_test(json_text_is_escaped_and_always_utf_8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
