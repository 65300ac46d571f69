/* TIFF of every layout and kind of pixel against values computed from the samples, and refusals. */
#include "decoding.h"
#include "encoded_pictures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <tiffio.h>

static void inks_to_light(const double ink[4], double rgb[3])
{
    for (int c = 0; c < 3; c++)
        rgb[c] = 255 * (1 - ink[c]) * (1 - ink[3]);
}

static void tiff_colour(const void *recipe, int x, int y, double rgb[3])
{
    const struct tiff_recipe *r = recipe;
    const double most = (1 << r->bits) - 1;
    double sample[4] = {0};
    for (int c = 0; c < r->channels; c++)
        sample[c] = tiff_sample(r, x, y, c) / most;
    if (r->photometric == PHOTOMETRIC_SEPARATED) {
        inks_to_light(sample, rgb);
        return;
    }
    unsigned char entry[3];
    if (r->photometric == PHOTOMETRIC_PALETTE)
        tiff_palette_entry(tiff_sample(r, x, y, 0), entry);
    const bool colour = r->photometric == PHOTOMETRIC_RGB || r->photometric == PHOTOMETRIC_YCBCR;
    for (int c = 0; c < 3; c++) {
        const double light = r->photometric == PHOTOMETRIC_PALETTE      ? entry[c] / 255.0
                             : r->photometric == PHOTOMETRIC_MINISWHITE ? 1 - sample[0]
                                                                        : sample[colour ? c : 0];
        const double alpha = r->extra ? sample[r->channels - 1] : 1;
        const double over = r->extra == EXTRASAMPLE_ASSOCALPHA ? light : light * alpha;
        rgb[c] = 255 * (over + 1 - alpha);
    }
}

static void check(const struct tiff_recipe *recipe, double slack)
{
    const struct picture_bytes file = make_tiff(recipe);
    assert_picture(&file, recipe->width, recipe->height, tiff_colour, recipe, slack);
    assert_limited(&file, recipe->width, recipe->height);
    free(file.data);
}

static const struct {
    int photometric, bits, channels, extra;
    double slack; /* libtiff rounds at each step */
} KINDS[] = {
    {PHOTOMETRIC_MINISBLACK, 1, 1, 0, 0},
    {PHOTOMETRIC_MINISWHITE, 1, 1, 0, 0},
    {PHOTOMETRIC_MINISBLACK, 4, 1, 0, 0},
    {PHOTOMETRIC_MINISBLACK, 8, 1, 0, 0},
    {PHOTOMETRIC_MINISBLACK, 16, 1, 0, 1},
    {PHOTOMETRIC_PALETTE, 4, 1, 0, 1},
    {PHOTOMETRIC_PALETTE, 8, 1, 0, 1},
    {PHOTOMETRIC_RGB, 8, 3, 0, 0},
    {PHOTOMETRIC_RGB, 16, 3, 0, 1},
    {PHOTOMETRIC_RGB, 8, 4, EXTRASAMPLE_UNASSALPHA, 1.5},
    {PHOTOMETRIC_RGB, 8, 4, EXTRASAMPLE_ASSOCALPHA, 1},
    {PHOTOMETRIC_RGB, 16, 4, EXTRASAMPLE_UNASSALPHA, 2},
    {PHOTOMETRIC_SEPARATED, 8, 4, 0, 2},
};

static void test_every_kind_of_pixel_decodes_from_strips_and_tiles(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++)
        for (int variant = 0; variant < 4; variant++)
            check(&(struct tiff_recipe){.width = 37,
                                        .height = 21,
                                        .photometric = KINDS[i].photometric,
                                        .bits = KINDS[i].bits,
                                        .channels = KINDS[i].channels,
                                        .extra = KINDS[i].extra,
                                        .tile = variant == 1 ? 16 : 0,
                                        .rows_per_strip = variant == 2 ? 4 : 0,
                                        .mode = variant == 3 ? "wb" : NULL},
                  KINDS[i].slack);
}

static void test_every_compression_of_the_library_decodes(void **state)
{
    (void)state;
    static const int COMPRESSIONS[] = {COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE,
                                       COMPRESSION_PACKBITS};
    for (int i = 0; i < 3; i++)
        check(&(struct tiff_recipe){.width = 37,
                                    .height = 21,
                                    .photometric = PHOTOMETRIC_RGB,
                                    .bits = 8,
                                    .channels = 3,
                                    .compression = COMPRESSIONS[i],
                                    .rows_per_strip = 5},
              0);
    check(&(struct tiff_recipe){.width = 37,
                                .height = 21,
                                .photometric = PHOTOMETRIC_MINISWHITE,
                                .bits = 1,
                                .channels = 1,
                                .compression = COMPRESSION_CCITTFAX4},
          0);
    check(&(struct tiff_recipe){.width = 48,
                                .height = 32,
                                .photometric = PHOTOMETRIC_YCBCR,
                                .bits = 8,
                                .channels = 3,
                                .compression = COMPRESSION_JPEG,
                                .rows_per_strip = 16},
          12);
}

static void test_channels_apart_and_bigtiff_decode(void **state)
{
    (void)state;
    struct tiff_recipe recipe = {.width = 19,
                                 .height = 11,
                                 .photometric = PHOTOMETRIC_RGB,
                                 .bits = 8,
                                 .channels = 3,
                                 .planar = true,
                                 .rows_per_strip = 3};
    check(&recipe, 0);
    recipe.planar = false;
    recipe.mode = "w8";
    check(&recipe, 0);
    recipe.mode = "wb8";
    check(&recipe, 0);
}

static const struct tiff_recipe SMALL = {
    .width = 7, .height = 5, .photometric = PHOTOMETRIC_RGB, .bits = 8, .channels = 3};

static void test_of_several_pages_the_first_is_taken(void **state)
{
    (void)state;
    struct tiff_recipe recipe = SMALL;
    recipe.pages = 3;
    check(&recipe, 0);
}

static void test_the_tag_turns_the_picture_once(void **state)
{
    (void)state;
    struct tiff_recipe recipe = SMALL;
    const struct picture_bytes plain = make_tiff(&recipe);
    for (int variant = 0; variant < 24; variant++) {
        recipe.orientation = variant % 8 + 1;
        recipe.rows_per_strip = variant / 8 == 1 ? 2 : 0;
        recipe.tile = variant / 8 == 2 ? 16 : 0;
        const struct picture_bytes tagged = make_tiff(&recipe);
        assert_turned(&tagged, &plain, recipe.orientation, 0);
        free(tagged.data);
    }
    free(plain.data);
}

/* The directory lies behind the pixels, so that nothing can be missing but the last page's. */
static void test_a_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    struct tiff_recipe recipe = SMALL;
    struct picture_bytes file = make_tiff(&recipe);
    assert_refused_when_cut(&file, 8, 0);
    assert_refused(file.data, file.size / 2, "TIFF: ");
    free(file.data);
    recipe.compression = COMPRESSION_LZW;
    recipe.rows_per_strip = 2;
    file = make_tiff(&recipe);
    assert_refused_when_cut(&file, 8, 0);
    free(file.data);
}

/* The strip's bytes are there, but no longer those of a picture. */
static void test_damaged_pixels_are_refused(void **state)
{
    (void)state;
    static const int COMPRESSIONS[] = {COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE,
                                       COMPRESSION_JPEG};
    for (int i = 0; i < 3; i++) {
        const bool jpeg = COMPRESSIONS[i] == COMPRESSION_JPEG;
        const struct picture_bytes file = make_tiff(
            &(struct tiff_recipe){.width = 64,
                                  .height = 64,
                                  .photometric = jpeg ? PHOTOMETRIC_YCBCR : PHOTOMETRIC_RGB,
                                  .bits = 8,
                                  .channels = 3,
                                  .compression = COMPRESSIONS[i]});
        memset(file.data + 300, 0xff, 200);
        assert_refused(file.data, file.size, "TIFF");
        free(file.data);
    }
}

static void test_gigantic_dimensions_are_refused_with_the_numbers(void **state)
{
    (void)state;
    const struct picture_bytes file = make_tiff(&SMALL);
    uint32_t directory;
    memcpy(&directory, file.data + 4, 4);
    /* Count, then tags of 12 bytes, the first of which are width and length. */
    for (uint32_t tag = 0; tag < 2; tag++) {
        unsigned char *entry = file.data + directory + 2 + 12 * tag;
        const uint16_t type = 4;
        const uint32_t value = 100000;
        memcpy(entry + 2, &type, 2);
        memcpy(entry + 8, &value, 4);
    }
    assert_refused(file.data, file.size, "100000x100000 pixels are more than the limit");
    free(file.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_of_pixel_decodes_from_strips_and_tiles),
        cmocka_unit_test(test_every_compression_of_the_library_decodes),
        cmocka_unit_test(test_channels_apart_and_bigtiff_decode),
        cmocka_unit_test(test_of_several_pages_the_first_is_taken),
        cmocka_unit_test(test_the_tag_turns_the_picture_once),
        cmocka_unit_test(test_a_file_cut_anywhere_is_refused),
        cmocka_unit_test(test_damaged_pixels_are_refused),
        cmocka_unit_test(test_gigantic_dimensions_are_refused_with_the_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
