/* links: plugins/thumbnail/orientation.c plugins/thumbnail/picture.c plugins/thumbnail/scale.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugins/thumbnail/orientation.h"
#include "plugins/thumbnail/scale.h"

static void fill(struct picture *picture, unsigned width, unsigned height)
{
    assert_true(picture_make(picture, width, height));
    for (size_t i = 0; i < (size_t)3 * width * height; i++)
        picture->pixels[i] = (unsigned char)(i * 37);
}

static void the_same_size_changes_nothing(void **state)
{
    (void)state;
    struct picture from, to;
    fill(&from, 31, 17);
    assert_true(scale_picture(&from, &to, 31, 17));
    assert_memory_equal(from.pixels, to.pixels, 3 * 31 * 17);
    picture_finish(&from);
    picture_finish(&to);
}

static void one_colour_stays_that_colour_at_every_size(void **state)
{
    (void)state;
    static const unsigned sizes[] = {1, 2, 3, 7, 64, 100, 333};
    struct picture from, to;
    assert_true(picture_make(&from, 100, 60));
    for (int colour = 0; colour <= 255; colour += 51) {
        memset(from.pixels, colour, 3 * 100 * 60);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            assert_true(scale_picture(&from, &to, sizes[i], sizes[i]));
            for (size_t k = 0; k < (size_t)3 * sizes[i] * sizes[i]; k++)
                assert_true(abs(to.pixels[k] - colour) <= 1);
            picture_finish(&to);
        }
    }
    picture_finish(&from);
}

static void halving_is_the_mean_of_four(void **state)
{
    (void)state;
    struct picture from, to;
    assert_true(picture_make(&from, 2, 2));
    static const unsigned char pixels[] = {0, 0, 0, 100, 0, 0, 200, 40, 0, 100, 0, 255};
    memcpy(from.pixels, pixels, sizeof pixels);
    assert_true(scale_picture(&from, &to, 1, 1));
    assert_true(abs(to.pixels[0] - 100) <= 1);
    assert_true(abs(to.pixels[1] - 10) <= 1);
    assert_true(abs(to.pixels[2] - 64) <= 1);
    picture_finish(&from);
    picture_finish(&to);
}

static void turning_there_and_back_changes_nothing(void **state)
{
    (void)state;
    static const int back[] = {0, 1, 2, 3, 4, 5, 8, 7, 6};
    for (int orientation = 1; orientation <= 8; orientation++) {
        struct picture picture, copy;
        fill(&picture, 5, 3);
        fill(&copy, 5, 3);
        assert_true(orientation_apply(&picture, orientation));
        assert_int_equal(picture.width, orientation_swaps(orientation) ? 3 : 5);
        if (orientation != 1)
            assert_memory_not_equal(picture.pixels, copy.pixels, 3 * 5 * 3);
        assert_true(orientation_apply(&picture, back[orientation]));
        assert_memory_equal(picture.pixels, copy.pixels, 3 * 5 * 3);
        picture_finish(&picture);
        picture_finish(&copy);
    }
}

static void nonsense_has_no_orientation_and_is_no_picture(void **state)
{
    (void)state;
    char bytes[300];
    bobbin_error error;
    struct picture picture;
    for (unsigned seed = 0; seed < 500; seed++) {
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (char)(rand_r(&seed) >> 7);
        memcpy(bytes, "\xff\xd8\xff\xe1\x01\x00" "Exif\0\0MM\0*\0\0\0\x08", 20);
        int orientation = orientation_read((bobbin_str){bytes, sizeof bytes});
        assert_in_range(orientation, 1, 8);
        assert_false(picture_decode(&picture, (bobbin_str){bytes, sizeof bytes}, 1, 1, &error));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_size_changes_nothing),
        cmocka_unit_test(one_colour_stays_that_colour_at_every_size),
        cmocka_unit_test(halving_is_the_mean_of_four),
        cmocka_unit_test(turning_there_and_back_changes_nothing),
        cmocka_unit_test(nonsense_has_no_orientation_and_is_no_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
