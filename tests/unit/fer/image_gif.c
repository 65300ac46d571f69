/* GIF: palettes, interlacing, transparency, frames, and refusals. */
#include "decoding.h"
#include "encoded_pictures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void gif_colour(const void *recipe, int x, int y, double rgb[3])
{
    const struct gif_recipe *r = recipe;
    unsigned char colour[3] = {255, 255, 255};
    if (x >= r->left && y >= r->top) {
        const unsigned index = gif_index(x - r->left, y - r->top);
        if ((int)index != r->transparent)
            gif_palette_entry(index, colour);
    }
    for (int c = 0; c < 3; c++)
        rgb[c] = colour[c];
}

static void check(const struct gif_recipe *recipe)
{
    const struct picture_bytes file = make_gif(recipe);
    assert_picture(&file, recipe->width, recipe->height, gif_colour, recipe, 0);
    assert_limited(&file, recipe->width, recipe->height);
    free(file.data);
}

static void test_palettes_of_the_file_and_of_the_frame_decode(void **state)
{
    (void)state;
    check(&(struct gif_recipe){.width = 33, .height = 19, .transparent = -1});
    check(
        &(struct gif_recipe){.width = 33, .height = 19, .transparent = -1, .local_palette = true});
    check(&(struct gif_recipe){.width = 1, .height = 1, .transparent = -1});
}

static void test_interlaced_rows_come_in_order(void **state)
{
    (void)state;
    for (int height = 1; height < 20; height++)
        check(&(struct gif_recipe){
            .width = 5, .height = height, .transparent = -1, .interlaced = true});
}

static void test_transparency_is_white(void **state)
{
    (void)state;
    for (int index = 0; index < 16; index += 5)
        check(&(struct gif_recipe){.width = 20, .height = 20, .transparent = index});
}

static void test_of_an_animation_the_first_frame_is_taken(void **state)
{
    (void)state;
    check(&(struct gif_recipe){.width = 12, .height = 9, .transparent = -1, .frames = 4});
    check(&(struct gif_recipe){.width = 12, .height = 9, .transparent = 3, .frames = 2});
}

static void test_a_frame_smaller_than_the_canvas_lies_on_white(void **state)
{
    (void)state;
    check(&(struct gif_recipe){
        .width = 12, .height = 9, .left = 3, .top = 2, .transparent = -1, .frames = 2});
}

static void test_a_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    const struct picture_bytes file =
        make_gif(&(struct gif_recipe){.width = 12, .height = 9, .transparent = 1, .frames = 2});
    assert_refused_when_cut(&file, 6, 0);
    assert_refused(file.data, file.size / 2, "the GIF ends too early");
    assert_refused(file.data, file.size - 1, "the GIF ends too early");
    free(file.data);
}

/* Header and canvas: 13 bytes; palette: 48; control extension: 8; then the frame's descriptor. */
enum { PALETTE = 13, FRAME = 13 + 48 + 8 };

static void test_a_frame_that_reaches_out_is_refused(void **state)
{
    (void)state;
    const struct picture_bytes file =
        make_gif(&(struct gif_recipe){.width = 12, .height = 9, .transparent = 1});
    assert_int_equal(file.data[FRAME], ',');
    file.data[FRAME + 1] = 1;
    assert_refused(file.data, file.size, "a frame of 12x9 pixels at 1,0 reaches out");
    free(file.data);
}

static void test_colours_outside_the_palette_are_refused(void **state)
{
    (void)state;
    const struct picture_bytes file =
        make_gif(&(struct gif_recipe){.width = 12, .height = 9, .transparent = -1});
    /* A palette of 2 colours instead of 16: the rest of it goes. */
    const size_t gone = 3 * 14;
    file.data[10] = (unsigned char)(file.data[10] & ~7);
    memmove(file.data + PALETTE + 6, file.data + PALETTE + 48, file.size - PALETTE - 48);
    assert_refused(file.data, file.size - gone, "is not in the GIF's palette of 2");
    free(file.data);
}

static void test_a_gif_without_a_picture_is_refused(void **state)
{
    (void)state;
    assert_refused((const unsigned char *)"GIF89a\1\0\1\0\0\0\0;", 14, "no picture in the GIF");
    assert_refused((const unsigned char *)"GIF89a\1\0\1\0\0\0\0x", 14, "GIF");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_palettes_of_the_file_and_of_the_frame_decode),
        cmocka_unit_test(test_interlaced_rows_come_in_order),
        cmocka_unit_test(test_transparency_is_white),
        cmocka_unit_test(test_of_an_animation_the_first_frame_is_taken),
        cmocka_unit_test(test_a_frame_smaller_than_the_canvas_lies_on_white),
        cmocka_unit_test(test_a_file_cut_anywhere_is_refused),
        cmocka_unit_test(test_a_frame_that_reaches_out_is_refused),
        cmocka_unit_test(test_colours_outside_the_palette_are_refused),
        cmocka_unit_test(test_a_gif_without_a_picture_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
