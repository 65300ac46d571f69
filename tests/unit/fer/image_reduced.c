/* JPEGs decoded at a smaller scale: how small, with which pixels, and what the limits count. */
#include "fer/image_codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pictures.h"

static struct image read_reduced(const struct picture_bytes *file,
                                 const struct image_request *request, int expected)
{
    const struct image_bytes source = {file->data, file->size};
    struct image im;
    struct err e = {""};
    int reduction = 0;
    if (image_decode_as(&im, &source, "x", request, &reduction, &e))
        fail_msg("%s", e.text);
    assert_int_equal(reduction, expected);
    return im;
}

static void test_pixels_are_those_of_the_picture_at_a_smaller_scale(void **state)
{
    (void)state;
    static const J_COLOR_SPACE SPACES[] = {JCS_GRAYSCALE, JCS_YCbCr, JCS_CMYK};
    for (int variant = 0; variant < 3 * 2 * 3; variant++) {
        const struct jpeg_recipe recipe = {.width = 75,
                                           .height = 50,
                                           .space = SPACES[variant % 3],
                                           .progressive = variant / 3 % 2};
        const int reduction = 2 << variant / 6;
        const struct image_request request = {
            .channels = 1, .max_reduction = reduction, .min_side = 1};
        const struct picture_bytes file = make_jpeg(&recipe);
        struct image im = read_reduced(&file, &request, reduction);
        assert_int_equal(im.width, (75 + reduction - 1) / reduction);
        assert_int_equal(im.height, (50 + reduction - 1) / reduction);
        for (int i = 0; i < im.width * im.height; i++) {
            unsigned rgb[3];
            const int x = i % im.width * reduction + reduction / 2;
            const int y = i / im.width * reduction + reduction / 2;
            jpeg_colour(&recipe, x < 75 ? x : 74, y < 50 ? y : 49, rgb);
            const int expected = image_luma(rgb[0], rgb[1], rgb[2]);
            if (abs(im.pixels[i] - expected) > 8)
                fail_msg("1/%d: pixel %d is %d, not %d", reduction, i, im.pixels[i], expected);
        }
        image_release(&im);
        free(file.data);
    }
}

static void test_the_request_bounds_the_reduction(void **state)
{
    (void)state;
    static const struct {
        int max_reduction, min_side, expected;
    } CASES[] = {{0, 0, 1},  {1, 0, 1},    {2, 0, 2},           {3, 0, 2},   {7, 0, 4},
                 {8, 0, 8},  {1000, 0, 8}, {INT32_MAX, 320, 1}, {8, 160, 2}, {8, 161, 1},
                 {8, 80, 4}, {8, 81, 2},   {8, 40, 8},          {2, 40, 2}};
    const struct picture_bytes file =
        make_jpeg(&(struct jpeg_recipe){.width = 240, .height = 320, .space = JCS_GRAYSCALE});
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        const struct image_request request = {
            .channels = 1, .max_reduction = CASES[i].max_reduction, .min_side = CASES[i].min_side};
        struct image im = read_reduced(&file, &request, CASES[i].expected);
        image_release(&im);
    }
    free(file.data);
}

static void test_other_formats_come_as_they_are(void **state)
{
    (void)state;
    const struct picture_bytes file = make_png(&(struct png_recipe){
        .width = 64, .height = 64, .color_type = PNG_COLOR_TYPE_GRAY, .bit_depth = 8});
    const struct image_request request = {.channels = 1, .max_reduction = 8, .min_side = 1};
    struct image im = read_reduced(&file, &request, 1);
    assert_int_equal(im.width, 64);
    image_release(&im);
    free(file.data);
}

/* A file in several scans is held whole while it is decoded. */
static void test_the_limit_counts_the_pixels_that_are_held(void **state)
{
    (void)state;
    static const struct {
        bool progressive, planar;
    } scans[] = {{false, false}, {true, false}, {false, true}};
    for (int i = 0; i < 3; i++) {
        const bool held = i > 0;
        const struct picture_bytes file =
            make_jpeg(&(struct jpeg_recipe){.width = 64,
                                            .height = 64,
                                            .space = JCS_YCbCr,
                                            .progressive = scans[i].progressive,
                                            .planar = scans[i].planar});
        const struct image_bytes source = {file.data, file.size};
        const struct image_request request = {
            .channels = 1, .max_pixels = 32 * 32, .max_reduction = 2, .min_side = 1};
        struct image im;
        struct err e = {""};
        assert_int_equal(image_decode_as(&im, &source, "x", &request, NULL, &e), held ? -1 : 0);
        if (held)
            assert_non_null(strstr(e.text, "64x64 pixels are more than the limit of 1024"));
        image_release(&im);
        free(file.data);
    }
}

static void test_the_search_says_how_far_a_picture_may_be_reduced(void **state)
{
    (void)state;
    static const struct {
        int min_size, side, expected;
    } CASES[] = {{0, 3839, 1},  {0, 3840, 2},  {0, 8000, 4}, {0, 40000, 8},
                 {24, 9000, 1}, {47, 9000, 1}, {48, 900, 2}, {100, 900, 4}};
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct detector_options options = DETECTOR_DEFAULTS;
        struct image_request request = {.channels = 1};
        options.min_size = CASES[i].min_size;
        detector_allow_reduction(&options, &request);
        const struct picture_bytes file = make_jpeg(
            &(struct jpeg_recipe){.width = CASES[i].side, .height = 3, .space = JCS_GRAYSCALE});
        struct image im = read_reduced(&file, &request, CASES[i].expected);
        image_release(&im);
        free(file.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pixels_are_those_of_the_picture_at_a_smaller_scale),
        cmocka_unit_test(test_the_request_bounds_the_reduction),
        cmocka_unit_test(test_other_formats_come_as_they_are),
        cmocka_unit_test(test_the_limit_counts_the_pixels_that_are_held),
        cmocka_unit_test(test_the_search_says_how_far_a_picture_may_be_reduced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
