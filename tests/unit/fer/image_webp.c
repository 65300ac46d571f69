/* WebP: lossless to the last bit, lossy, alpha, animations, orientation, and refusals. */
#include "decoding.h"
#include "encoded_pictures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The frame of `recipe` on its canvas. */
static void webp_colour(const void *recipe, int x, int y, double rgb[3])
{
    const struct webp_recipe *r = recipe;
    unsigned char rgba[4];
    x -= r->left;
    y -= r->top;
    if (x < 0 || y < 0 || x >= r->width || y >= r->height)
        memset(rgba, 255, 4);
    else if (r->lossy)
        smooth_pixel(x, y, r->width, r->height, rgba);
    else
        pattern_pixel(x, y, rgba);
    const double alpha = r->alpha ? rgba[3] / 255.0 : 1;
    for (int c = 0; c < 3; c++)
        rgb[c] = rgba[c] * alpha + 255 * (1 - alpha);
}

static void check(const struct webp_recipe *recipe, double slack)
{
    const struct picture_bytes file = make_webp(recipe);
    const int width = recipe->width + 2 * recipe->left, height = recipe->height + 2 * recipe->top;
    assert_picture(&file, width, height, webp_colour, recipe, slack);
    assert_limited(&file, width, height);
    free(file.data);
}

static void test_lossless_pictures_are_exact(void **state)
{
    (void)state;
    check(&(struct webp_recipe){.width = 33, .height = 19}, 0);
    check(&(struct webp_recipe){.width = 1, .height = 1}, 0);
}

static void test_lossy_pictures_are_close(void **state)
{
    (void)state;
    check(&(struct webp_recipe){.width = 40, .height = 24, .lossy = true}, 8);
}

static void test_transparency_is_laid_over_white(void **state)
{
    (void)state;
    check(&(struct webp_recipe){.width = 21, .height = 10, .alpha = true}, 1);
    check(&(struct webp_recipe){.width = 64, .height = 32, .lossy = true, .alpha = true}, 12);
}

static void test_of_an_animation_the_first_frame_is_taken(void **state)
{
    (void)state;
    check(&(struct webp_recipe){.width = 16, .height = 12, .frames = 3}, 0);
}

static void test_a_frame_smaller_than_the_canvas_lies_on_white(void **state)
{
    (void)state;
    check(&(struct webp_recipe){.width = 16, .height = 12, .frames = 2, .left = 4, .top = 2}, 0);
}

static void test_the_tag_turns_the_picture(void **state)
{
    (void)state;
    struct webp_recipe recipe = {.width = 7, .height = 4};
    const struct picture_bytes plain = make_webp(&recipe);
    for (int variant = 0; variant < 16; variant++) {
        unsigned char block[EXIF_BLOCK_SIZE];
        const int orientation = variant % 8 + 1;
        make_exif(block, variant / 8, (unsigned)orientation);
        recipe.exif = block;
        const struct picture_bytes tagged = make_webp(&recipe);
        assert_turned(&tagged, &plain, orientation, 0);
        free(tagged.data);
    }
    free(plain.data);
}

static void test_a_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    unsigned char block[EXIF_BLOCK_SIZE];
    make_exif(block, true, 1);
    const struct webp_recipe recipes[] = {
        {.width = 13, .height = 9},
        {.width = 24, .height = 18, .lossy = true},
        {.width = 24, .height = 18, .lossy = true, .alpha = true, .exif = block},
        {.width = 8, .height = 6, .frames = 3}};
    for (size_t i = 0; i < sizeof(recipes) / sizeof(recipes[0]); i++) {
        const struct picture_bytes file = make_webp(&recipes[i]);
        assert_refused_when_cut(&file, 12, 0);
        assert_refused(file.data, file.size / 2, "the WebP ends too early");
        free(file.data);
    }
}

static void test_damage_inside_is_refused(void **state)
{
    (void)state;
    const struct picture_bytes file = make_webp(&(struct webp_recipe){.width = 13, .height = 9});
    memset(file.data + 25, 0xff, file.size - 25); /* behind the size of the VP8L picture */
    assert_refused(file.data, file.size, "damaged");
    free(file.data);
    const struct picture_bytes none = make_webp(&(struct webp_recipe){.width = 1, .height = 1});
    assert_refused(none.data, 12, "");
    free(none.data);
}

static void test_a_frame_that_reaches_out_is_refused(void **state)
{
    (void)state;
    const struct picture_bytes file =
        make_webp(&(struct webp_recipe){.width = 16, .height = 12, .frames = 1});
    /* RIFF and WEBP, VP8X with the canvas's width at its end, ANIM, ANMF with the frame's left. */
    file.data[12 + 18 + 14 + 8] = 200;
    assert_refused(file.data, file.size, "");
    free(file.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lossless_pictures_are_exact),
        cmocka_unit_test(test_lossy_pictures_are_close),
        cmocka_unit_test(test_transparency_is_laid_over_white),
        cmocka_unit_test(test_of_an_animation_the_first_frame_is_taken),
        cmocka_unit_test(test_a_frame_smaller_than_the_canvas_lies_on_white),
        cmocka_unit_test(test_the_tag_turns_the_picture),
        cmocka_unit_test(test_a_file_cut_anywhere_is_refused),
        cmocka_unit_test(test_damage_inside_is_refused),
        cmocka_unit_test(test_a_frame_that_reaches_out_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
