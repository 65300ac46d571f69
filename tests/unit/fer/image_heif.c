/* HEIC and AVIF: colours, alpha, orientation by the format's own boxes, and refusals. */
#include "decoding.h"
#include "encoded_pictures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WIDTH = 72, HEIGHT = 64 };

static void heif_colour(const void *recipe, int x, int y, double rgb[3])
{
    const struct heif_recipe *r = recipe;
    unsigned char rgba[4];
    smooth_pixel(x, y, r->width, r->height, rgba);
    /* The codecs soften the edge of the alpha. */
    for (int c = 0; c < 3; c++)
        rgb[c] = r->alpha && rgba[3] == 0 ? 255 : rgba[c];
}

static void test_heic_and_avif_decode(void **state)
{
    (void)state;
    for (int av1 = 0; av1 < 2; av1++) {
        const struct heif_recipe recipe = {.width = WIDTH, .height = HEIGHT, .av1 = av1};
        const struct picture_bytes file = make_heif(&recipe);
        assert_picture(&file, WIDTH, HEIGHT, heif_colour, &recipe, 12);
        assert_limited(&file, WIDTH, HEIGHT);
        free(file.data);
    }
}

static void test_transparency_is_laid_over_white(void **state)
{
    (void)state;
    const struct heif_recipe recipe = {.width = WIDTH, .height = HEIGHT, .alpha = true};
    const struct picture_bytes file = make_heif(&recipe);
    assert_picture(&file, WIDTH, HEIGHT, heif_colour, &recipe, 16);
    free(file.data);
}

static void test_the_boxes_turn_the_picture_once(void **state)
{
    (void)state;
    struct heif_recipe recipe = {.width = WIDTH, .height = HEIGHT};
    const struct picture_bytes plain = make_heif(&recipe);
    for (int orientation = 1; orientation <= 8; orientation++) {
        recipe.orientation = orientation;
        const struct picture_bytes turned = make_heif(&recipe);
        assert_turned(&turned, &plain, orientation, 2);
        free(turned.data);
    }
    free(plain.data);
}

static void test_a_file_cut_short_is_refused(void **state)
{
    (void)state;
    for (int av1 = 0; av1 < 2; av1++) {
        const struct picture_bytes file =
            make_heif(&(struct heif_recipe){.width = WIDTH, .height = HEIGHT, .av1 = av1});
        for (size_t size = 12; size < file.size; size += 11)
            assert_refused(file.data, size, "HEIF: ");
        assert_refused(file.data, file.size - 1, "HEIF: ");
        free(file.data);
    }
}

static void test_damaged_boxes_are_refused(void **state)
{
    (void)state;
    const struct picture_bytes file =
        make_heif(&(struct heif_recipe){.width = WIDTH, .height = HEIGHT});
    memset(file.data + 40, 0xff, 60);
    assert_refused(file.data, file.size, "HEIF: ");
    free(file.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heic_and_avif_decode),
        cmocka_unit_test(test_transparency_is_laid_over_white),
        cmocka_unit_test(test_the_boxes_turn_the_picture_once),
        cmocka_unit_test(test_a_file_cut_short_is_refused),
        cmocka_unit_test(test_damaged_boxes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
