/* BMP of every header, number of bits and kind of run, and refusals. */
#include "decoding.h"
#include "plain_pictures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static double masked(uint32_t value, uint32_t mask, double otherwise)
{
    if (mask == 0)
        return otherwise;
    while (!(mask & 1)) {
        mask >>= 1;
        value >>= 1;
    }
    return 255.0 * (value & mask) / mask;
}

static void bmp_colour(const void *recipe, int x, int y, double rgb[3])
{
    static const uint32_t MASKS_16[4] = {0x7c00, 0x03e0, 0x001f, 0};
    static const uint32_t MASKS_32[4] = {0xff0000, 0xff00, 0xff, 0};
    const struct bmp_recipe *r = recipe;
    const uint32_t value = bmp_value(r, x, y);
    if (r->bits <= 8) {
        unsigned char entry[3];
        bmp_palette_entry(value, entry);
        for (int c = 0; c < 3; c++)
            rgb[c] = entry[c];
        return;
    }
    const uint32_t *masks = r->masks ? r->masks : r->bits == 16 ? MASKS_16 : MASKS_32;
    const double alpha = masked(value, r->masks && r->header >= 56 ? masks[3] : 0, 255) / 255;
    for (int c = 0; c < 3; c++)
        rgb[c] = masked(value, masks[c], 0) * alpha + 255 * (1 - alpha);
}

static void check(const struct bmp_recipe *recipe, double slack)
{
    const struct picture_bytes file = make_bmp(recipe);
    assert_picture(&file, recipe->width, recipe->height, bmp_colour, recipe, slack);
    assert_limited(&file, recipe->width, recipe->height);
    free(file.data);
}

static void test_every_number_of_bits_and_header_decodes(void **state)
{
    (void)state;
    static const int BITS[] = {1, 4, 8, 16, 24, 32}, HEADERS[] = {12, 40, 52, 56, 64, 108, 124};
    for (size_t i = 0; i < sizeof(BITS) / sizeof(BITS[0]); i++)
        for (size_t j = 0; j < sizeof(HEADERS) / sizeof(HEADERS[0]); j++)
            for (int width = 13; width <= 16; width++)
                check(&(struct bmp_recipe){.width = width,
                                           .height = 5,
                                           .bits = BITS[i],
                                           .header = HEADERS[j],
                                           .top_down = width % 2 && HEADERS[j] > 12},
                      0.5);
}

static void test_short_palettes_decode(void **state)
{
    (void)state;
    check(&(struct bmp_recipe){.width = 9, .height = 4, .bits = 8, .colours = 7}, 0);
    check(&(struct bmp_recipe){.width = 9, .height = 4, .bits = 4, .colours = 3}, 0);
    check(&(struct bmp_recipe){.width = 9, .height = 4, .bits = 8, .colours = 7, .header = 12}, 0);
}

static void test_masks_choose_the_bits(void **state)
{
    (void)state;
    static const uint32_t BITS_565[4] = {0xf800, 0x07e0, 0x001f, 0};
    static const uint32_t BITS_4444[4] = {0x0f00, 0x00f0, 0x000f, 0xf000};
    static const uint32_t BYTES[4] = {0xff, 0xff00, 0xff0000, 0xff000000};
    static const uint32_t TENS[4] = {0x3ff00000, 0x000ffc00, 0x000003ff, 0};
    static const int HEADERS[] = {40, 52, 56, 108, 124};
    for (size_t i = 0; i < sizeof(HEADERS) / sizeof(HEADERS[0]); i++) {
        struct bmp_recipe recipe = {.width = 11, .height = 6, .header = HEADERS[i]};
        recipe.bits = 16;
        recipe.masks = BITS_565;
        check(&recipe, 0.5);
        recipe.masks = BITS_4444;
        check(&recipe, 1);
        recipe.bits = 32;
        recipe.masks = BYTES;
        check(&recipe, 1);
        recipe.masks = TENS;
        check(&recipe, 0.5);
    }
}

static struct picture_bytes runs(int bits, int compression, const char *bytes, size_t size)
{
    return make_bmp(&(struct bmp_recipe){.width = 4,
                                         .height = 3,
                                         .bits = bits,
                                         .compression = compression,
                                         .runs = (const unsigned char *)bytes,
                                         .runs_size = size});
}

/* Colours of a 4x3 picture, the upper row first. */
static void indexed_colour(const void *indices, int x, int y, double rgb[3])
{
    unsigned char entry[3];
    bmp_palette_entry((unsigned)((const char *)indices)[4 * y + x], entry);
    for (int c = 0; c < 3; c++)
        rgb[c] = entry[c];
}

static void check_runs(int bits, int compression, const char *bytes, size_t size,
                       const char *indices)
{
    const struct picture_bytes file = runs(bits, compression, bytes, size);
    assert_picture(&file, 4, 3, indexed_colour, indices, 0);
    for (size_t cut = file.size - size; cut < file.size; cut++)
        assert_refused(file.data, cut, "");
    free(file.data);
}

static void test_runs_of_bytes_decode(void **state)
{
    (void)state;
    /* Four times 7; end; three bytes and padding, once 1; end; a move by (2, 0), twice 9; the end.
     */
    static const char RUNS[] = "\4\7\0\0\0\3\1\2\3\0\1\1\0\0\0\2\2\0\2\11\0\1";
    check_runs(8, 1, RUNS, sizeof(RUNS) - 1, "\0\0\11\11\1\2\3\1\7\7\7\7");
}

static void test_runs_of_half_bytes_decode(void **state)
{
    (void)state;
    /* Four of 1 and 2 in turn; end; three single ones, and once 5; then the end. */
    static const char RUNS[] = "\4\x12\0\0\0\3\x34\x50\1\x5f\0\0\0\1";
    check_runs(4, 2, RUNS, sizeof(RUNS) - 1, "\0\0\0\0\3\4\5\5\1\2\1\2");
}

static void assert_runs_refused(int bits, int compression, const char *bytes, size_t size,
                                const char *reason)
{
    const struct picture_bytes file = runs(bits, compression, bytes, size);
    assert_refused(file.data, file.size, reason);
    free(file.data);
}

static void test_runs_that_reach_out_are_refused(void **state)
{
    (void)state;
    assert_runs_refused(8, 1, "\5\1\0\1", 4, "a run reaches out of the BMP at 4,0");
    assert_runs_refused(8, 1, "\0\2\0\3\1\1\0\1", 8, "a run reaches out of the BMP at 0,3");
    assert_runs_refused(8, 1, "\0\2\5\0\0\1", 6, "a move reaches out of the BMP to 5,0");
    assert_runs_refused(8, 1, "\4\1", 2, "the BMP ends too early");
    assert_runs_refused(4, 1, "\0\1", 2, "a BMP of 4 bits with the compression 1");
    assert_runs_refused(8, 2, "\0\1", 2, "a BMP of 8 bits with the compression 2");
    assert_runs_refused(8, 4, "\0\1", 2, "a BMP of 8 bits with the compression 4");
}

static void test_a_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    /* What is kept for padding behind the last row does not count. */
    struct picture_bytes file = make_bmp(&(struct bmp_recipe){.width = 3, .height = 3, .bits = 8});
    assert_refused_when_cut(&file, 0, 1);
    assert_refused(file.data, file.size - 2, "the BMP ends too early");
    free(file.data);
    file = make_bmp(&(struct bmp_recipe){.width = 4, .height = 2, .bits = 24, .header = 12});
    assert_refused_when_cut(&file, 0, 0);
    free(file.data);
}

static void assert_field_refused(int at, uint32_t value, const char *reason)
{
    struct picture_bytes file =
        make_bmp(&(struct bmp_recipe){.width = 5, .height = 5, .bits = 8, .colours = 4});
    for (int i = 0; i < 4; i++)
        file.data[at + i] = (unsigned char)(value >> 8 * i);
    assert_refused(file.data, file.size, reason);
    free(file.data);
}

static void test_fields_without_sense_are_refused(void **state)
{
    (void)state;
    assert_field_refused(18, 0, "0x5 pixels are no picture");
    assert_field_refused(22, 0, "5x0 pixels are no picture");
    assert_field_refused(18, 100000, "the BMP ends too early");
    assert_field_refused(18, 0x7fffffff, "pixels are more than the limit");
    assert_field_refused(22, 0x80000000, "5x2147483648 pixels are more than the limit");
    assert_field_refused(26, 1 | 7 << 16, "a BMP of 7 bits a pixel");
    assert_field_refused(10, 20, "the BMP's pixels begin at byte 20");
    assert_field_refused(10, 0xffffffff, "the BMP's pixels begin at byte 4294967295");
    assert_field_refused(46, 2, "is not in the BMP's palette of 2");
    assert_field_refused(14, 41, "its content is none of");
}

static void test_masks_with_holes_are_refused(void **state)
{
    (void)state;
    static const uint32_t HOLES[3] = {0xf0f0, 0x0f00, 0x000f}, WIDE[3] = {0x1ff00, 0xf0, 0xf};
    struct bmp_recipe recipe = {.width = 4, .height = 4, .bits = 16, .masks = HOLES};
    struct picture_bytes file = make_bmp(&recipe);
    assert_refused(file.data, file.size, "mask 0000f0f0 is none for 16 bits");
    free(file.data);
    recipe.masks = WIDE;
    file = make_bmp(&recipe);
    assert_refused(file.data, file.size, "mask 0001ff00 is none for 16 bits");
    free(file.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_number_of_bits_and_header_decodes),
        cmocka_unit_test(test_short_palettes_decode),
        cmocka_unit_test(test_masks_choose_the_bits),
        cmocka_unit_test(test_runs_of_bytes_decode),
        cmocka_unit_test(test_runs_of_half_bytes_decode),
        cmocka_unit_test(test_runs_that_reach_out_are_refused),
        cmocka_unit_test(test_a_file_cut_anywhere_is_refused),
        cmocka_unit_test(test_fields_without_sense_are_refused),
        cmocka_unit_test(test_masks_with_holes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
