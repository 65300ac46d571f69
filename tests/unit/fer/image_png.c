/* PNG of every colour type, bit depth and interlacing against values computed from the samples, and
 * refusals. */
#include "fer/image_codec.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "assert_contains.h"
#include <zlib.h>

#include "decoding.h"
#include "image_decode.h"
#include "pictures.h"

static int decode(struct image *im, const struct picture_bytes *png, int channels, struct err *e)
{
    return image_decode(im, png->data, png->size, "x.png", channels, e);
}

/* ---- values ---------------------------------------------------------------------------------- */

struct colour {
    double rgb[3], alpha; /* 0..1 */
};

static bool is_the_transparent_colour(const struct png_recipe *r, int x, int y)
{
    for (int c = 0; c < (r->color_type & PNG_COLOR_MASK_COLOR ? 3 : 1); c++)
        if (png_sample(r, x, y, c) != png_sample(r, PNG_TRNS_X, PNG_TRNS_Y, c))
            return false;
    return true;
}

static struct colour stored_colour(const struct png_recipe *r, int x, int y)
{
    struct colour colour = {{0}, 1};
    if (r->color_type == PNG_COLOR_TYPE_PALETTE) {
        const unsigned i = png_sample(r, x, y, 0);
        const png_color entry = png_palette_entry(i);
        return (struct colour){{entry.red / 255.0, entry.green / 255.0, entry.blue / 255.0},
                               r->trns ? png_palette_alpha(i) / 255.0 : 1};
    }
    const double most = (1 << r->bit_depth) - 1;
    const int colours = r->color_type & PNG_COLOR_MASK_COLOR ? 3 : 1;
    for (int c = 0; c < 3; c++)
        colour.rgb[c] = png_sample(r, x, y, colours == 3 ? c : 0) / most;
    if (r->color_type & PNG_COLOR_MASK_ALPHA)
        colour.alpha = png_sample(r, x, y, colours) / most;
    else if (r->trns && is_the_transparent_colour(r, x, y))
        colour.alpha = 0;
    return colour;
}

/* The decoder rounds after each step, this only at the end: with transparency they can differ by
 * one level, and by two where 16 bits and luma come on top. */
static void assert_pixels(const struct png_recipe *r, const struct image *im)
{
    const double exactness = r->color_type & PNG_COLOR_MASK_ALPHA || r->trns ? 1.5 : 0.5;
    for (int y = 0; y < r->height; y++) {
        for (int x = 0; x < r->width; x++) {
            const struct colour colour = stored_colour(r, x, y);
            double over[3];
            for (int c = 0; c < 3; c++)
                over[c] = 255 * (colour.rgb[c] * colour.alpha + 1 - colour.alpha);
            if (im->channels == 1)
                over[0] = 0.299 * over[0] + 0.587 * over[1] + 0.114 * over[2];
            const double slack = exactness + (im->channels == 1 && r->bit_depth == 16 ? 0.5 : 0);
            for (int c = 0; c < im->channels; c++) {
                const int got = im->pixels[(y * r->width + x) * im->channels + c];
                if (fabs(got - over[c]) > slack + 1e-6)
                    fail_msg("type %d, %d bits, interlaced %d, tRNS %d: (%d, %d) channel %d of %d "
                             "is %d, not %f",
                             r->color_type, r->bit_depth, r->interlaced, r->trns, x, y, c,
                             im->channels, got, over[c]);
            }
        }
    }
}

static void check_kind(const struct png_recipe *recipe)
{
    const struct picture_bytes png = make_png(recipe);
    for (int channels = 1; channels <= 3; channels += 2) {
        struct image im;
        struct err e = {""};
        if (decode(&im, &png, channels, &e))
            fail_msg("type %d, %d bits: %s", recipe->color_type, recipe->bit_depth, e.text);
        assert_int_equal(im.width, recipe->width);
        assert_int_equal(im.height, recipe->height);
        assert_int_equal(im.channels, channels);
        assert_pixels(recipe, &im);
        image_release(&im);
    }
    free(png.data);
}

static const struct {
    int color_type, bit_depth;
    bool trns; /* can have the chunk */
} KINDS[] = {
    {PNG_COLOR_TYPE_GRAY, 1, true},         {PNG_COLOR_TYPE_GRAY, 2, true},
    {PNG_COLOR_TYPE_GRAY, 4, true},         {PNG_COLOR_TYPE_GRAY, 8, true},
    {PNG_COLOR_TYPE_GRAY, 16, true},        {PNG_COLOR_TYPE_RGB, 8, true},
    {PNG_COLOR_TYPE_RGB, 16, true},         {PNG_COLOR_TYPE_PALETTE, 1, true},
    {PNG_COLOR_TYPE_PALETTE, 2, true},      {PNG_COLOR_TYPE_PALETTE, 4, true},
    {PNG_COLOR_TYPE_PALETTE, 8, true},      {PNG_COLOR_TYPE_GRAY_ALPHA, 8, false},
    {PNG_COLOR_TYPE_GRAY_ALPHA, 16, false}, {PNG_COLOR_TYPE_RGB_ALPHA, 8, false},
    {PNG_COLOR_TYPE_RGB_ALPHA, 16, false},
};

static void test_every_colour_type_and_bit_depth_decodes(void **state)
{
    (void)state;
    static const int SIZES[][2] = {{33, 19}, {8, 8}, {3, 1}, {2, 9}};
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        for (int variant = 0; variant < 4 * 4; variant++) {
            const struct png_recipe recipe = {.width = SIZES[variant / 4][0],
                                              .height = SIZES[variant / 4][1],
                                              .color_type = KINDS[i].color_type,
                                              .bit_depth = KINDS[i].bit_depth,
                                              .interlaced = variant % 2,
                                              .trns = variant / 2 % 2};
            if (!recipe.trns || KINDS[i].trns)
                check_kind(&recipe);
        }
    }
}

static void test_a_fully_transparent_pixel_is_white(void **state)
{
    (void)state;
    const struct png_recipe recipe = {
        .width = 3, .height = 2, .color_type = PNG_COLOR_TYPE_RGB, .bit_depth = 16, .trns = true};
    const struct picture_bytes png = make_png(&recipe);
    struct image im;
    struct err e = {""};
    assert_int_equal(decode(&im, &png, 3, &e), 0);
    for (int c = 0; c < 3; c++)
        assert_int_equal(im.pixels[3 * PNG_TRNS_X + c], 255);
    image_release(&im);
    free(png.data);
}

/* The exact samples of a colour picture: one level of slack would hide a wrong rounding here. */
static void test_grey_is_bt601_luma_to_the_level(void **state)
{
    (void)state;
    const struct png_recipe recipe = {
        .width = 40, .height = 30, .color_type = PNG_COLOR_TYPE_RGB, .bit_depth = 8};
    const struct picture_bytes png = make_png(&recipe);
    struct image im;
    struct err e = {""};
    assert_int_equal(decode(&im, &png, 1, &e), 0);
    for (int i = 0; i < 40 * 30; i++) {
        const int x = i % 40, y = i / 40;
        const double luma = 0.299 * png_sample(&recipe, x, y, 0) +
                            0.587 * png_sample(&recipe, x, y, 1) +
                            0.114 * png_sample(&recipe, x, y, 2);
        assert_int_equal(im.pixels[i], (int)floor(luma + 0.5 + 1e-9));
    }
    image_release(&im);
    free(png.data);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static struct picture_bytes small_png(bool interlaced)
{
    static unsigned char exif[EXIF_BLOCK_SIZE];
    make_exif(exif, false, 1);
    const struct png_recipe recipe = {.width = 9,
                                      .height = 7,
                                      .color_type = PNG_COLOR_TYPE_PALETTE,
                                      .bit_depth = 4,
                                      .interlaced = interlaced,
                                      .trns = true,
                                      .exif = exif};
    return make_png(&recipe);
}

static void test_a_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        const struct picture_bytes png = small_png(interlaced);
        for (size_t size = 9; size < png.size; size++)
            assert_refused(png.data, size, "");
        assert_refused(png.data, png.size / 2, "ends too early");
        assert_refused(png.data, png.size - 1, "ends too early");
        free(png.data);
    }
}

static void test_a_file_with_any_byte_changed_is_refused(void **state)
{
    (void)state;
    const struct picture_bytes png = small_png(false);
    for (size_t i = 0; i < png.size; i++) {
        png.data[i] ^= 0x10;
        assert_refused(png.data, png.size, "");
        png.data[i] ^= 0x10;
    }
    free(png.data);
}

static void test_a_wrong_checksum_is_named(void **state)
{
    (void)state;
    const struct picture_bytes png = small_png(false);
    png.data[png.size - 1] ^= 1;
    assert_refused(png.data, png.size, "CRC");
    png.data[png.size - 1] ^= 1;
    png.data[8 + 8 + 13] ^= 1;
    assert_refused(png.data, png.size, "CRC");
    free(png.data);
}

static void put_32(unsigned char *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (unsigned char)(value >> (24 - 8 * i));
}

/* It would be allocated, had the decoder its way: 2 GiB for a file of 200 bytes. */
static void test_a_chunk_longer_than_the_file_is_refused_with_the_numbers(void **state)
{
    (void)state;
    const struct picture_bytes png = small_png(false);
    put_32(png.data + 33, 0x7fffffff);
    assert_refused(png.data, png.size, "2147483647 bytes announced at byte 33");
    put_32(png.data + 33, 0xffffffff);
    assert_refused(png.data, png.size, "4294967295 bytes announced at byte 33");
    free(png.data);
}

static void test_gigantic_dimensions_are_refused_with_the_numbers(void **state)
{
    (void)state;
    static const struct {
        uint32_t width, height;
        const char *reason;
    } SIZES[] = {
        {100000, 100000, "100000x100000 pixels are more than the limit of 268435456"},
        {0xffffffff, 0xffffffff, "4294967295x4294967295"},
        {0x10000001, 1, "268435457x1"},
        {1, 0x7fffffff, "1x2147483647"},
        {0, 5, "0x5"},
        {5, 0, "5x0"},
    };
    const struct picture_bytes png = small_png(false);
    for (size_t i = 0; i < sizeof(SIZES) / sizeof(SIZES[0]); i++) {
        put_32(png.data + 16, SIZES[i].width);
        put_32(png.data + 20, SIZES[i].height);
        put_32(png.data + 29, (uint32_t)crc32(0, png.data + 12, 17));
        assert_refused(png.data, png.size, SIZES[i].reason);
    }
    /* Within the limit the pixels are missed, not the size. */
    put_32(png.data + 16, 2000000);
    put_32(png.data + 20, 1);
    put_32(png.data + 29, (uint32_t)crc32(0, png.data + 12, 17));
    assert_refused(png.data, png.size, "Not enough image data");
    free(png.data);
}

static void test_bytes_after_the_end_are_passed_over(void **state)
{
    (void)state;
    const struct picture_bytes png = small_png(false);
    unsigned char *longer = calloc(png.size + 10, 1);
    memcpy(longer, png.data, png.size);
    struct image im;
    struct err e = {""};
    assert_int_equal(image_decode(&im, longer, png.size + 10, "x.png", 1, &e), 0);
    image_release(&im);
    free(longer);
    free(png.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_colour_type_and_bit_depth_decodes),
        cmocka_unit_test(test_a_fully_transparent_pixel_is_white),
        cmocka_unit_test(test_grey_is_bt601_luma_to_the_level),
        cmocka_unit_test(test_a_file_cut_anywhere_is_refused),
        cmocka_unit_test(test_a_file_with_any_byte_changed_is_refused),
        cmocka_unit_test(test_a_wrong_checksum_is_named),
        cmocka_unit_test(test_a_chunk_longer_than_the_file_is_refused_with_the_numbers),
        cmocka_unit_test(test_gigantic_dimensions_are_refused_with_the_numbers),
        cmocka_unit_test(test_bytes_after_the_end_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
