/* JPEG of every colour space and coding against the colours painted, and refusals. */
#include "fer/image_codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "assert_contains.h"

#include "decoding.h"
#include "image_decode.h"
#include "pictures.h"

/* ---- values ---------------------------------------------------------------------------------- */

enum { SLACK = 7 }; /* levels lost by compression of smooth colours at quality 95, inks the most */

static void assert_pixels(const struct jpeg_recipe *r, const struct image *im)
{
    for (int y = 0; y < r->height; y++) {
        for (int x = 0; x < r->width; x++) {
            unsigned rgb[3];
            jpeg_colour(r, x, y, rgb);
            const unsigned luma = image_luma(rgb[0], rgb[1], rgb[2]);
            const bool grey = im->channels == 1 || r->space == JCS_GRAYSCALE;
            for (int c = 0; c < im->channels; c++) {
                const int expected = (int)(grey ? luma : rgb[c]);
                const int got = im->pixels[(y * r->width + x) * im->channels + c];
                if (abs(got - expected) > SLACK)
                    fail_msg("space %d, progressive %d: (%d, %d) channel %d of %d is %d, not %d",
                             r->space, r->progressive, x, y, c, im->channels, got, expected);
            }
        }
    }
}

static void check_kind(const struct jpeg_recipe *recipe)
{
    const struct picture_bytes jpeg = make_jpeg(recipe);
    for (int channels = 1; channels <= 3; channels += 2) {
        struct image im;
        struct err e = {""};
        if (image_decode(&im, jpeg.data, jpeg.size, "x.jpg", channels, &e))
            fail_msg("space %d: %s", recipe->space, e.text);
        assert_int_equal(im.width, recipe->width);
        assert_int_equal(im.height, recipe->height);
        assert_int_equal(im.channels, channels);
        assert_pixels(recipe, &im);
        image_release(&im);
    }
    free(jpeg.data);
}

static void check_space(J_COLOR_SPACE space)
{
    for (int variant = 0; variant < 16; variant++)
        check_kind(&(struct jpeg_recipe){.width = 61,
                                         .height = 45,
                                         .space = space,
                                         .progressive = variant & 1,
                                         .subsampled = variant & 2,
                                         .arithmetic = variant & 4,
                                         .restart = variant & 8 ? 2 : 0});
    check_kind(&(struct jpeg_recipe){.width = 1, .height = 1, .space = space});
}

static void test_grey_decodes(void **state)
{
    (void)state;
    check_space(JCS_GRAYSCALE);
}

static void test_ycbcr_decodes(void **state)
{
    (void)state;
    check_space(JCS_YCbCr);
}

static void test_rgb_decodes(void **state)
{
    (void)state;
    check_space(JCS_RGB);
}

static void test_cmyk_of_adobe_decodes_with_its_inks_inverted(void **state)
{
    (void)state;
    check_space(JCS_CMYK);
}

static void test_ycck_decodes(void **state)
{
    (void)state;
    check_space(JCS_YCCK);
}

static void test_cmyk_without_adobes_marker_has_zero_for_no_ink(void **state)
{
    (void)state;
    check_kind(
        &(struct jpeg_recipe){.width = 30, .height = 20, .space = JCS_CMYK, .no_adobe = true});
}

static struct picture_bytes small_jpeg(J_COLOR_SPACE space, bool progressive)
{
    return make_jpeg(&(struct jpeg_recipe){
        .width = 21, .height = 13, .space = space, .progressive = progressive, .subsampled = true});
}

static void test_grey_of_ycbcr_is_its_luma_channel_untouched(void **state)
{
    (void)state;
    /* Grey written as YCbCr and as grey has the same luma coefficients. */
    const struct picture_bytes colour = small_jpeg(JCS_YCbCr, false),
                               grey = small_jpeg(JCS_GRAYSCALE, false);
    struct image a, b;
    struct err e = {""};
    assert_int_equal(image_decode(&a, colour.data, colour.size, "a", 1, &e), 0);
    assert_int_equal(image_decode(&b, grey.data, grey.size, "b", 1, &e), 0);
    for (int i = 0; i < a.width * a.height; i++)
        assert_true(abs(a.pixels[i] - b.pixels[i]) <= 1);
    image_release(&a);
    image_release(&b);
    free(colour.data);
    free(grey.data);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void test_a_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    static const J_COLOR_SPACE SPACES[] = {JCS_GRAYSCALE, JCS_YCbCr, JCS_CMYK};
    for (int i = 0; i < 6; i++) {
        const struct picture_bytes jpeg = small_jpeg(SPACES[i / 2], i % 2);
        for (size_t size = 4; size < jpeg.size; size++)
            assert_refused(jpeg.data, size, "");
        assert_refused(jpeg.data, jpeg.size - 2, "Premature end");
        free(jpeg.data);
    }
    const struct picture_bytes arithmetic = make_jpeg(
        &(struct jpeg_recipe){.width = 21, .height = 13, .space = JCS_YCbCr, .arithmetic = true});
    for (size_t size = 4; size < arithmetic.size; size++)
        assert_refused(arithmetic.data, size, "");
    free(arithmetic.data);
}

/* libjpeg fetches 57 to 64 bits at once: only some lengths of data end where it has no need to look
 * further. */
static void test_a_missing_end_marker_is_refused_whatever_the_length_of_the_data(void **state)
{
    (void)state;
    for (int i = 0; i < 120; i++) {
        const struct picture_bytes jpeg = make_jpeg(&(struct jpeg_recipe){
            .width = 1 + i % 40, .height = 1 + i / 3, .space = JCS_GRAYSCALE});
        assert_refused(jpeg.data, jpeg.size - 2, "Premature end");
        free(jpeg.data);
    }
}

/* The position of the first byte of the segment's contents, behind its length. */
static size_t find_segment(const struct picture_bytes *jpeg, unsigned char marker)
{
    for (size_t i = 2; i + 4 < jpeg->size; i += 2u + jpeg->data[i + 2] * 256u + jpeg->data[i + 3])
        if (jpeg->data[i + 1] == marker)
            return i + 4;
    fail_msg("no segment 0x%02x", marker);
    return 0;
}

static void test_damaged_entropy_coded_data_are_refused(void **state)
{
    (void)state;
    const struct picture_bytes jpeg = small_jpeg(JCS_YCbCr, false);
    const size_t scan = find_segment(&jpeg, 0xda) + 10;
    /* An end marker in the middle: libjpeg by itself would fill up with grey. */
    unsigned char kept[2] = {jpeg.data[scan + 20], jpeg.data[scan + 21]};
    jpeg.data[scan + 20] = 0xff;
    jpeg.data[scan + 21] = 0xd9;
    assert_refused(jpeg.data, jpeg.size, "premature end of data segment");
    memcpy(jpeg.data + scan + 20, kept, 2);
    /* 16 bits that no Huffman table of T.81's annex K has. */
    memcpy(jpeg.data + scan, "\xff\x00\xff\x00\xff\x00\xff\x00", 8);
    assert_refused(jpeg.data, jpeg.size, "Corrupt JPEG data");
    free(jpeg.data);
}

static void test_components_of_unknown_meaning_are_refused(void **state)
{
    (void)state;
    const struct picture_bytes jpeg = small_jpeg(JCS_UNKNOWN, false);
    assert_refused(jpeg.data, jpeg.size, "2 components");
    free(jpeg.data);
}

static void test_bytes_between_the_segments_are_refused(void **state)
{
    (void)state;
    const struct picture_bytes jpeg = small_jpeg(JCS_YCbCr, false);
    const size_t at = find_segment(&jpeg, 0xdb) - 4;
    unsigned char *longer = malloc(jpeg.size + 3);
    memcpy(longer, jpeg.data, at);
    memcpy(longer + at, "abc", 3);
    memcpy(longer + at + 3, jpeg.data + at, jpeg.size - at);
    assert_refused(longer, jpeg.size + 3, "extraneous bytes");
    free(longer);
    free(jpeg.data);
}

static void test_bytes_after_the_end_are_passed_over(void **state)
{
    (void)state;
    const struct picture_bytes jpeg = small_jpeg(JCS_YCbCr, false);
    unsigned char *longer = calloc(jpeg.size + 10, 1);
    memcpy(longer, jpeg.data, jpeg.size);
    struct image im;
    struct err e = {""};
    assert_int_equal(image_decode(&im, longer, jpeg.size + 10, "x.jpg", 1, &e), 0);
    image_release(&im);
    free(longer);
    free(jpeg.data);
}

static void test_a_newer_jfif_version_is_no_damage(void **state)
{
    (void)state;
    const struct picture_bytes jpeg = small_jpeg(JCS_YCbCr, false);
    jpeg.data[find_segment(&jpeg, 0xe0) + 5] = 2;
    struct image im;
    struct err e = {""};
    assert_int_equal(image_decode(&im, jpeg.data, jpeg.size, "x.jpg", 1, &e), 0);
    image_release(&im);
    free(jpeg.data);
}

static void test_gigantic_dimensions_are_refused_with_the_numbers(void **state)
{
    (void)state;
    static const struct {
        unsigned width, height;
        const char *reason;
    } SIZES[] = {
        {40000, 30000, "40000x30000 pixels are more than the limit of 268435456"},
        {16384, 16385, "16384x16385"},
        {65535, 65535, "65535x65535"},
        {65535, 1, "65535x1"},
        {0, 1, ""},
    };
    for (size_t i = 0; i < sizeof(SIZES) / sizeof(SIZES[0]); i++) {
        const struct picture_bytes jpeg = small_jpeg(JCS_YCbCr, i % 2);
        unsigned char *frame = jpeg.data + find_segment(&jpeg, i % 2 ? 0xc2 : 0xc0);
        frame[1] = (unsigned char)(SIZES[i].height >> 8);
        frame[2] = (unsigned char)SIZES[i].height;
        frame[3] = (unsigned char)(SIZES[i].width >> 8);
        frame[4] = (unsigned char)SIZES[i].width;
        assert_refused(jpeg.data, jpeg.size, SIZES[i].reason);
        free(jpeg.data);
    }
}

/* A scan of a progressive file may hold next to nothing and cost a walk over the whole picture. */
static void test_hundreds_of_scans_are_refused(void **state)
{
    (void)state;
    /* A Huffman table of one code, the bit 0 for a difference of 0; then scans that say so of 6
     * blocks. */
    static const unsigned char TABLE[21 + 1] = {0xff, 0xc4, 0, 20, 0, 1};
    static const unsigned char SCAN[] = {0xff, 0xda, 0, 8, 1, 1, 0, 0, 0, 0, 0x03};
    const struct picture_bytes jpeg = small_jpeg(JCS_GRAYSCALE, true);
    for (int count = 10; count <= 600; count += 590) {
        unsigned char *longer = malloc(jpeg.size + sizeof(TABLE) + (size_t)count * sizeof(SCAN));
        unsigned char *end = longer;
        end = mempcpy(end, jpeg.data, jpeg.size - 2);
        end = mempcpy(end, TABLE, sizeof(TABLE));
        for (int i = 0; i < count; i++)
            end = mempcpy(end, SCAN, sizeof(SCAN));
        end = mempcpy(end, jpeg.data + jpeg.size - 2, 2);
        struct image im = {0};
        struct err e = {""};
        if (count == 600)
            assert_refused(longer, (size_t)(end - longer), "more than 500 scans");
        else if (image_decode(&im, longer, (size_t)(end - longer), "x.jpg", 1, &e))
            fail_msg("%d scans: %s", count, e.text);
        image_release(&im);
        free(longer);
    }
    free(jpeg.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grey_decodes),
        cmocka_unit_test(test_ycbcr_decodes),
        cmocka_unit_test(test_rgb_decodes),
        cmocka_unit_test(test_cmyk_of_adobe_decodes_with_its_inks_inverted),
        cmocka_unit_test(test_ycck_decodes),
        cmocka_unit_test(test_cmyk_without_adobes_marker_has_zero_for_no_ink),
        cmocka_unit_test(test_grey_of_ycbcr_is_its_luma_channel_untouched),
        cmocka_unit_test(test_a_file_cut_anywhere_is_refused),
        cmocka_unit_test(test_a_missing_end_marker_is_refused_whatever_the_length_of_the_data),
        cmocka_unit_test(test_damaged_entropy_coded_data_are_refused),
        cmocka_unit_test(test_components_of_unknown_meaning_are_refused),
        cmocka_unit_test(test_bytes_between_the_segments_are_refused),
        cmocka_unit_test(test_bytes_after_the_end_are_passed_over),
        cmocka_unit_test(test_a_newer_jfif_version_is_no_damage),
        cmocka_unit_test(test_gigantic_dimensions_are_refused_with_the_numbers),
        cmocka_unit_test(test_hundreds_of_scans_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
