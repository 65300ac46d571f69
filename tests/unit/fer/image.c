/* Images in memory, on their way from files and back; the formats have tests of their own. */
#include "fer.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "assert_contains.h"

#include "base/file.h"
#include "fer/image_codec.h"
#include "image_decode.h"
#include "pictures.h"

static char dir[256];

static int make_dir(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof(dir), "%s/fercli-image.XXXXXX", tmp ? tmp : "/tmp");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    return rmdir(dir);
}

/* The path of a scratch file; the same memory every time. */
static const char *scratch(const char *name)
{
    static char path[512];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static void assert_zeroed(const struct image *im)
{
    assert_null(im->pixels);
    assert_int_equal(im->width, 0);
    assert_int_equal(im->height, 0);
    assert_int_equal(im->channels, 0);
}

static const struct png_recipe SMALL_PNG = {
    .width = 5, .height = 4, .color_type = PNG_COLOR_TYPE_RGB, .bit_depth = 8};
static const struct jpeg_recipe SMALL_JPEG = {.width = 21, .height = 13, .space = JCS_YCbCr};

/* ---- memory ---------------------------------------------------------------------------------- */

static void test_a_new_image_is_black(void **state)
{
    (void)state;
    struct image im;
    struct err e = {""};
    assert_int_equal(image_init(&im, 3, 2, 3, &e), 0);
    assert_int_equal(im.width, 3);
    assert_int_equal(im.height, 2);
    assert_int_equal(im.channels, 3);
    for (int i = 0; i < 18; i++)
        assert_int_equal(im.pixels[i], 0);
    image_release(&im);
    assert_zeroed(&im);
    image_release(&im);
}

static void test_impossible_sizes_are_refused(void **state)
{
    (void)state;
    static const int SIZES[][3] = {{0, 1, 1},
                                   {1, 0, 1},
                                   {-1, 5, 1},
                                   {1, 1, 0},
                                   {1, 1, 2},
                                   {1, 1, 4},
                                   {1 << 28, 2, 1},
                                   {2, 1 << 28, 1},
                                   {1 << 14, (1 << 14) + 1, 1},
                                   {INT32_MAX, INT32_MAX, 3}};
    for (size_t i = 0; i < sizeof(SIZES) / sizeof(SIZES[0]); i++) {
        struct image im;
        struct err e = {""};
        assert_int_equal(image_init(&im, SIZES[i][0], SIZES[i][1], SIZES[i][2], &e), -1);
        assert_zeroed(&im);
        char numbers[40];
        snprintf(numbers, sizeof(numbers), "%dx%d", SIZES[i][0], SIZES[i][1]);
        assert_contains(e.text, numbers);
    }
    assert_int_equal(image_check_size(IMAGE_MAX_PIXELS, 1, IMAGE_MAX_PIXELS, NULL), 0);
    assert_int_equal(image_check_size(1, IMAGE_MAX_PIXELS, IMAGE_MAX_PIXELS, NULL), 0);
    assert_int_equal(image_check_size(UINT64_MAX, UINT64_MAX, IMAGE_MAX_PIXELS, NULL), -1);
}

static void test_extensions_are_known_in_any_case_and_only_at_the_end(void **state)
{
    (void)state;
    static const char *const KNOWN[] = {
        "a.png",         "a.jpg",        "a.jpeg", "a.jpe", "a.jfif", "A.PNG",  "b.JpG",  "x.y.jpg",
        "/d.txt/b.jpeg", "\xc3\xa4.png", "a.webp", "a.TIF", "a.tiff", "a.heic", "a.HEIF", "a.hif",
        "a.avif",        "a.gif",        "a.bmp",  "a.dib", "a.pnm",  "a.pbm",  "a.pgm",  "a.ppm"};
    static const char *const UNKNOWN[] = {"",          "a",       "png",  "a.xcf",
                                          "a.jpg.txt", "a.png/b", "a.pn", "a.jpgx",
                                          "a.jpg ",    "a.svg",   "apng", "jpeg"};
    for (size_t i = 0; i < sizeof(KNOWN) / sizeof(KNOWN[0]); i++)
        assert_true(image_has_known_extension(KNOWN[i]));
    for (size_t i = 0; i < sizeof(UNKNOWN) / sizeof(UNKNOWN[0]); i++)
        assert_false(image_has_known_extension(UNKNOWN[i]));
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Writes the bytes to a scratch file, which image_read must refuse with its path and `reason`. */
static void assert_refused(const char *name, const void *bytes, size_t size, const char *reason)
{
    struct err e = {""};
    struct image im;
    const char *path = scratch(name);
    assert_int_equal(file_write(path, bytes, size, &e), 0);
    for (int channels = 1; channels <= 3; channels += 2) {
        e.text[0] = '\0';
        memset(&im, 0x55, sizeof(im));
        assert_int_equal(image_read(&im, path, channels, &e), -1);
        assert_zeroed(&im);
        assert_contains(e.text, "cannot read '");
        assert_contains(e.text, path);
        assert_contains(e.text, reason);
        assert_null(strchr(e.text, '\n'));
    }
    unlink(path);
}

static void test_content_and_not_the_name_decides(void **state)
{
    (void)state;
    const struct picture_bytes png = make_png(&SMALL_PNG), jpeg = make_jpeg(&SMALL_JPEG);
    struct image im;
    struct err e = {""};
    assert_int_equal(file_write(scratch("a.jpg"), png.data, png.size, &e), 0);
    assert_int_equal(image_read(&im, scratch("a.jpg"), 3, &e), 0);
    assert_int_equal(im.width, SMALL_PNG.width);
    assert_int_equal(im.pixels[0], png_sample(&SMALL_PNG, 0, 0, 0));
    image_release(&im);
    assert_int_equal(file_write(scratch("a.jpg"), jpeg.data, jpeg.size, &e), 0);
    assert_int_equal(image_read(&im, scratch("a.jpg"), 1, &e), 0);
    assert_int_equal(im.width, SMALL_JPEG.width);
    assert_int_equal(im.channels, 1);
    image_release(&im);
    unlink(scratch("a.jpg"));
    free(png.data);
    free(jpeg.data);
}

static void test_what_is_no_picture_is_refused_with_its_path(void **state)
{
    (void)state;
    assert_refused("empty.jpg", "", 0, "the file is empty");
    static const char NONE[] =
        "its content is none of PNG, JPEG, WebP, TIFF, HEIC, AVIF, GIF, BMP and PNM";
    assert_refused("text.png", "This is not a picture.\n", 23, NONE);
    assert_refused("short.png", "\x89PNG", 4, NONE);
    assert_refused("short.jpg", "\xff\xd8", 2, NONE);
    assert_refused("short.gif", "GIF89", 5, NONE);
    assert_refused("short.tif", "II*\0\0\0\0", 7, NONE);
    assert_refused("short.webp", "RIFF\0\0\0\0WEB", 11, NONE);
    assert_refused("sound.webp", "RIFF\0\0\0\0WAVE", 12, NONE);
    assert_refused("film.heic",
                   "\0\0\0\x18"
                   "ftypmp42",
                   12, NONE);
    assert_refused("text.bmp", "BMW is not a picture either", 27, NONE);
    assert_refused("text.pnm", "P1x", 3, NONE);
}

static void test_half_a_file_is_refused_with_its_path(void **state)
{
    (void)state;
    const struct picture_bytes png = make_png(&SMALL_PNG), jpeg = make_jpeg(&SMALL_JPEG);
    assert_refused("half.png", png.data, png.size / 2, "");
    assert_refused("half.jpg", jpeg.data, jpeg.size / 2, "");
    free(png.data);
    free(jpeg.data);
}

static void test_a_missing_file_and_a_folder_are_refused_with_their_path(void **state)
{
    (void)state;
    struct image im;
    struct err e = {""};
    assert_int_equal(image_read(&im, scratch("nowhere.png"), 1, &e), -1);
    assert_zeroed(&im);
    assert_contains(e.text, scratch("nowhere.png"));
    assert_contains(e.text, "No such file");
    assert_int_equal(image_read(&im, dir, 1, &e), -1);
    assert_zeroed(&im);
    assert_contains(e.text, dir);
    assert_contains(e.text, "directory");
}

static void test_other_numbers_of_channels_are_refused(void **state)
{
    (void)state;
    const struct picture_bytes png = make_png(&SMALL_PNG);
    static const int CHANNELS[] = {-1, 0, 2, 4};
    for (size_t i = 0; i < sizeof(CHANNELS) / sizeof(CHANNELS[0]); i++) {
        struct image im;
        struct err e = {""};
        assert_int_equal(image_decode(&im, png.data, png.size, "x.png", CHANNELS[i], &e), -1);
        assert_zeroed(&im);
        assert_contains(e.text, "'x.png'");
    }
    free(png.data);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void test_what_is_written_is_read_back(void **state)
{
    (void)state;
    for (int channels = 1; channels <= 3; channels += 2) {
        struct image im, back;
        struct err e = {""};
        assert_int_equal(image_init(&im, 31, 17, channels, &e), 0);
        const size_t size = 31 * 17 * (size_t)channels;
        for (size_t i = 0; i < size; i++)
            im.pixels[i] = (unsigned char)(i * i / 7);
        assert_int_equal(image_write_png(&im, scratch("out.png"), &e), 0);
        assert_int_equal(image_read(&back, scratch("out.png"), channels, &e), 0);
        assert_int_equal(back.width, 31);
        assert_int_equal(back.height, 17);
        assert_int_equal(back.channels, channels);
        assert_memory_equal(back.pixels, im.pixels, size);
        image_release(&im);
        image_release(&back);
        unlink(scratch("out.png"));
    }
}

static void test_an_image_without_pixels_is_not_written(void **state)
{
    (void)state;
    unsigned char pixel[4] = {0};
    const struct image images[] = {
        {0, 0, 0, NULL}, {1, 1, 1, NULL}, {1, 1, 4, pixel}, {1, 0, 1, pixel}};
    for (size_t i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
        struct err e = {""};
        assert_int_equal(image_write_png(&images[i], scratch("no.png"), &e), -1);
        assert_contains(e.text, scratch("no.png"));
        assert_int_equal(access(scratch("no.png"), F_OK), -1);
    }
}

static void test_a_failed_write_names_the_path(void **state)
{
    (void)state;
    struct image im;
    struct err e = {""};
    assert_int_equal(image_init(&im, 2, 2, 1, &e), 0);
    assert_int_equal(image_write_png(&im, scratch("missing/out.png"), &e), -1);
    assert_contains(e.text, "cannot write '");
    assert_contains(e.text, scratch("missing/out.png"));
    image_release(&im);
}

static void test_a_full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    struct image im;
    struct err e = {""};
    assert_int_equal(file_write(scratch("full.png"), "old", 3, &e), 0);
    assert_int_equal(image_init(&im, 200, 200, 1, &e), 0);
    for (unsigned i = 0; i < 200 * 200; i++)
        im.pixels[i] = (unsigned char)(i * 2654435761u >> 24);
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    const struct rlimit small = {1000, limit.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const int result = image_write_png(&im, scratch("full.png"), &e);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(result, -1);
    assert_contains(e.text, scratch("full.png"));
    assert_contains(e.text, "File too large");
    char *bytes;
    size_t size;
    assert_int_equal(file_read(scratch("full.png"), 1000, &bytes, &size, &e), 0);
    assert_string_equal(bytes, "old");
    free(bytes);
    image_release(&im);
    unlink(scratch("full.png")); /* and nothing else is left: see remove_dir */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_new_image_is_black),
        cmocka_unit_test(test_impossible_sizes_are_refused),
        cmocka_unit_test(test_extensions_are_known_in_any_case_and_only_at_the_end),
        cmocka_unit_test(test_content_and_not_the_name_decides),
        cmocka_unit_test(test_what_is_no_picture_is_refused_with_its_path),
        cmocka_unit_test(test_half_a_file_is_refused_with_its_path),
        cmocka_unit_test(test_a_missing_file_and_a_folder_are_refused_with_their_path),
        cmocka_unit_test(test_other_numbers_of_channels_are_refused),
        cmocka_unit_test(test_what_is_written_is_read_back),
        cmocka_unit_test(test_an_image_without_pixels_is_not_written),
        cmocka_unit_test(test_a_failed_write_names_the_path),
        cmocka_unit_test(test_a_full_disk_leaves_the_old_file),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
