/* EXIF orientation: the turning against arrangements written out by hand, and the tag in JPEG and
 * PNG. */
#include "fer/image_codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image_decode.h"
#include "pictures.h"

/* How "ABC" over "DEF" is stored, by orientation. */
static const struct {
    int width;
    const char *pixels;
} STORED[9] = {
    [1] = {3, "ABCDEF"}, [2] = {3, "CBAFED"}, [3] = {3, "FEDCBA"}, [4] = {3, "DEFABC"},
    [5] = {2, "ADBECF"}, [6] = {2, "CFBEAD"}, [7] = {2, "FCEBDA"}, [8] = {2, "DAEBFC"},
};

static void test_each_orientation_is_turned_upright(void **state)
{
    (void)state;
    for (int orientation = 1; orientation <= 8; orientation++) {
        for (int channels = 1; channels <= 3; channels += 2) {
            struct image im;
            struct err e = {""};
            const int width = STORED[orientation].width;
            assert_int_equal(image_init(&im, width, 6 / width, channels, &e), 0);
            for (int i = 0; i < 6 * channels; i++)
                im.pixels[i] =
                    (unsigned char)(STORED[orientation].pixels[i / channels] + 32 * (i % channels));
            assert_int_equal(image_turn(&im, orientation, &e), 0);
            assert_int_equal(im.width, 3);
            assert_int_equal(im.height, 2);
            assert_int_equal(im.channels, channels);
            for (int i = 0; i < 6 * channels; i++)
                assert_int_equal(im.pixels[i], "ABCDEF"[i / channels] + 32 * (i % channels));
            image_release(&im);
        }
    }
}

static void test_an_unknown_orientation_leaves_the_picture_alone(void **state)
{
    (void)state;
    static const int UNKNOWN[] = {-1, 0, 1, 9, 1000};
    struct image im;
    struct err e = {""};
    assert_int_equal(image_init(&im, 3, 2, 1, &e), 0);
    memcpy(im.pixels, "ABCDEF", 6);
    for (size_t i = 0; i < sizeof(UNKNOWN) / sizeof(UNKNOWN[0]); i++) {
        assert_int_equal(image_turn(&im, UNKNOWN[i], &e), 0);
        assert_int_equal(im.width, 3);
        assert_memory_equal(im.pixels, "ABCDEF", 6);
    }
    image_release(&im);
}

static void test_the_tag_is_read_in_both_byte_orders(void **state)
{
    (void)state;
    unsigned char block[EXIF_BLOCK_SIZE];
    for (int big_endian = 0; big_endian < 2; big_endian++) {
        for (unsigned value = 0; value < 12; value++) {
            make_exif(block, big_endian, value);
            const int expected = value >= 1 && value <= 8 ? (int)value : 1;
            assert_int_equal(image_exif_orientation(block, sizeof(block)), expected);
            assert_int_equal(
                image_exif_orientation(block + EXIF_TIFF_OFFSET, sizeof(block) - EXIF_TIFF_OFFSET),
                expected);
        }
        make_exif(block, big_endian, 0x0600);
        assert_int_equal(image_exif_orientation(block, sizeof(block)), 1);
    }
}

static void test_a_damaged_exif_block_says_nothing(void **state)
{
    (void)state;
    unsigned char block[EXIF_BLOCK_SIZE];
    make_exif(block, true, 6);
    for (size_t size = 0; size < sizeof(block); size++) {
        unsigned char *copy = malloc(size ? size : 1);
        memcpy(copy, block, size);
        /* The tag itself ends eight bytes before the block does. */
        if (size < sizeof(block) - 4)
            assert_int_equal(image_exif_orientation(copy, size), 1);
        else
            assert_in_range(image_exif_orientation(copy, size), 1, 8);
        free(copy);
    }
    block[8] = 'x';
    block[EXIF_TIFF_OFFSET] = 'X';
    assert_int_equal(image_exif_orientation(block, sizeof(block)), 1);
    unsigned char *large = calloc(1, 1 << 20);
    make_exif(block, true, 6);
    memcpy(large, block, sizeof(block));
    assert_int_equal(image_exif_orientation(large, 1 << 20), 1);
    free(large);
}

/* `tagged` must decode to what `plain` does, turned by `orientation`. */
static void assert_turned(const struct picture_bytes *tagged, const struct picture_bytes *plain,
                          int orientation)
{
    for (int channels = 1; channels <= 3; channels += 2) {
        struct image got, expected;
        struct err e = {""};
        assert_int_equal(image_decode(&got, tagged->data, tagged->size, "tagged", channels, &e), 0);
        assert_int_equal(image_decode(&expected, plain->data, plain->size, "plain", channels, &e),
                         0);
        assert_int_equal(image_turn(&expected, orientation, &e), 0);
        assert_int_equal(got.width, expected.width);
        assert_int_equal(got.height, expected.height);
        assert_int_equal(got.channels, expected.channels);
        assert_memory_equal(got.pixels, expected.pixels,
                            (size_t)got.width * (size_t)got.height * (size_t)channels);
        image_release(&got);
        image_release(&expected);
    }
}

static void test_a_jpeg_is_turned_by_its_tag(void **state)
{
    (void)state;
    struct jpeg_recipe recipe = {.width = 23, .height = 14, .space = JCS_YCbCr};
    const struct picture_bytes plain = make_jpeg(&recipe);
    for (int variant = 0; variant < 32; variant++) {
        const int orientation = variant % 8 + 1;
        unsigned char block[EXIF_BLOCK_SIZE];
        make_exif(block, variant / 8 % 2, (unsigned)orientation);
        recipe.exif = block;
        recipe.progressive = variant / 16;
        const struct picture_bytes tagged = make_jpeg(&recipe);
        assert_turned(&tagged, &plain, orientation);
        free(tagged.data);
    }
    free(plain.data);
}

static void test_a_png_is_turned_by_its_tag_before_or_behind_the_pixels(void **state)
{
    (void)state;
    struct png_recipe recipe = {
        .width = 7, .height = 4, .color_type = PNG_COLOR_TYPE_RGB, .bit_depth = 8};
    const struct picture_bytes plain = make_png(&recipe);
    for (int variant = 0; variant < 32; variant++) {
        const int orientation = variant % 8 + 1;
        unsigned char block[EXIF_BLOCK_SIZE];
        make_exif(block, variant / 8 % 2, (unsigned)orientation);
        recipe.exif = block;
        recipe.exif_last = variant / 16;
        const struct picture_bytes tagged = make_png(&recipe);
        assert_turned(&tagged, &plain, orientation);
        free(tagged.data);
    }
    free(plain.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_orientation_is_turned_upright),
        cmocka_unit_test(test_an_unknown_orientation_leaves_the_picture_alone),
        cmocka_unit_test(test_the_tag_is_read_in_both_byte_orders),
        cmocka_unit_test(test_a_damaged_exif_block_says_nothing),
        cmocka_unit_test(test_a_jpeg_is_turned_by_its_tag),
        cmocka_unit_test(test_a_png_is_turned_by_its_tag_before_or_behind_the_pixels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
