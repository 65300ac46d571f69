/* Faces cut out of pictures: borders, margins, and the scaling against values computed here. */
#include "fer.h"

#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "assert_contains.h"

#include "draw_face.h"

static struct image noise(int width, int height)
{
    struct image im = draw_ground(width, height);
    unsigned x = 12345;
    for (int i = 0; i < width * height; i++) {
        x = x * 1103515245 + 12345;
        im.pixels[i] = (unsigned char)(x >> 16);
    }
    return im;
}

static void crop(const struct image *im, struct face face, double margin, int size,
                 unsigned char *out)
{
    struct err e;
    if (face_crop(im, &face, margin, size, out, &e))
        fail_msg("%s", e.text);
}

static int pixel_at(const struct image *im, int x, int y)
{
    x = x < 0 ? 0 : x >= im->width ? im->width - 1 : x;
    y = y < 0 ? 0 : y >= im->height ? im->height - 1 : y;
    return im->pixels[y * im->width + x];
}

static void test_whole_picture_of_the_networks_size_is_copied(void **state)
{
    (void)state;
    struct image im = noise(48, 48);
    unsigned char out[48 * 48];
    crop(&im, (struct face){.width = 48, .height = 48}, 0, 48, out);
    assert_memory_equal(out, im.pixels, sizeof(out));
    image_release(&im);
}

static void test_crop_beyond_the_border_repeats_its_pixels(void **state)
{
    (void)state;
    enum { SIZE = 24 };
    static const int CORNERS[][2] = {{8, 3},  {0, 0},     {-5, 4},   {25, 4},    {8, -20},
                                     {8, 20}, {-10, -10}, {30, 25},  {-100, 10}, {10, 100},
                                     {17, 3}, {8, 7},     {300, 300}};
    struct image im = noise(40, 30), tiny = noise(3, 2);
    unsigned char out[SIZE * SIZE];
    for (size_t i = 0; i < sizeof(CORNERS) / sizeof(CORNERS[0]); i++) {
        const struct image *from = &im;
        int left = CORNERS[i][0], top = CORNERS[i][1];
        for (int again = 0; again < 2; again++, from = &tiny) {
            crop(from, (struct face){.x = left, .y = top, .width = SIZE, .height = SIZE}, 0, SIZE,
                 out);
            for (int y = 0; y < SIZE; y++)
                for (int x = 0; x < SIZE; x++)
                    assert_int_equal(out[y * SIZE + x], pixel_at(from, left + x, top + y));
        }
    }
    image_release(&im);
    image_release(&tiny);
}

static void test_margin_grows_the_box_on_each_side(void **state)
{
    (void)state;
    struct image im = noise(60, 60);
    unsigned char a[30 * 30], b[30 * 30];
    crop(&im, (struct face){.x = 12, .y = 14, .width = 20, .height = 24}, 0.25, 30, a);
    crop(&im, (struct face){.x = 7, .y = 8, .width = 30, .height = 36}, 0, 30, b);
    assert_memory_equal(a, b, sizeof(a));
    crop(&im, (struct face){.x = 12, .y = 14, .width = 20, .height = 20}, -0.25, 30, a);
    crop(&im, (struct face){.x = 17, .y = 19, .width = 10, .height = 10}, 0, 30, b);
    assert_memory_equal(a, b, sizeof(a));
    crop(&im, (struct face){.x = 50, .y = 40, .width = 20, .height = 20}, 0.5, 30, a);
    crop(&im, (struct face){.x = 40, .y = 30, .width = 40, .height = 40}, 0, 30, b);
    assert_memory_equal(a, b, sizeof(a));
    image_release(&im);
}

/* The mean of the source over [low, high) of a row of `n` values `step` apart. */
static double area_mean(const double *row, int step, int n, double low, double high)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double part = fmin(high, i + 1) - fmax(low, i);
        sum += part > 0 ? part * row[i * step] : 0;
    }
    return sum / (high - low);
}

static double linear_value(const double *row, int step, int n, double at)
{
    double floor_at = floor(at), t = at - floor_at;
    int i = (int)floor_at, j = i + 1;
    i = i < 0 ? 0 : i;
    j = j >= n ? n - 1 : j;
    return row[i * step] * (1 - t) + row[j * step] * t;
}

static void scale_line(const double *from, int from_step, int n, double *to, int to_step, int m)
{
    for (int i = 0; i < m; i++) {
        double ratio = (double)n / m;
        to[i * to_step] = m <= n ? area_mean(from, from_step, n, i * ratio, (i + 1) * ratio)
                                 : linear_value(from, from_step, n, (i + 0.5) * ratio - 0.5);
    }
}

static void assert_scaled(int width, int height, int size)
{
    struct image im = noise(width, height);
    double *from = calloc((size_t)(width * height), sizeof(double));
    double *wide = calloc((size_t)(size * height), sizeof(double));
    double *want = calloc((size_t)(size * size), sizeof(double));
    unsigned char *out = calloc((size_t)(size * size), 1);
    assert_true(from && wide && want && out);
    for (int i = 0; i < width * height; i++)
        from[i] = im.pixels[i];
    for (int y = 0; y < height; y++)
        scale_line(from + y * width, 1, width, wide + y * size, 1, size);
    for (int x = 0; x < size; x++)
        scale_line(wide + x, size, height, want + x, size, size);
    crop(&im, (struct face){.width = width, .height = height}, 0, size, out);
    for (int i = 0; i < size * size; i++)
        if (fabs(out[i] - want[i]) > 1.01)
            fail_msg("%dx%d to %d: pixel %d is %d, not %g", width, height, size, i, out[i],
                     want[i]);
    free(from);
    free(wide);
    free(want);
    free(out);
    image_release(&im);
}

static void test_shrinking_averages_and_enlarging_interpolates(void **state)
{
    (void)state;
    assert_scaled(96, 96, 48);
    assert_scaled(130, 130, 48);
    assert_scaled(111, 67, 48);
    assert_scaled(24, 24, 48);
    assert_scaled(31, 29, 48);
    assert_scaled(1, 1, 48);
    assert_scaled(30, 100, 48); /* grows across, shrinks down */
    assert_scaled(100, 30, 48);
    assert_scaled(48, 90, 48);
    assert_scaled(700, 650, 64);
}

static void assert_crop_refused(const struct image *im, struct face face, double margin, int size,
                                const char *part)
{
    unsigned char out[64 * 64];
    struct err e = {""};
    assert_int_equal(face_crop(im, &face, margin, size, out, &e), -1);
    assert_contains(e.text, part);
}

static void test_impossible_crops_are_refused(void **state)
{
    (void)state;
    struct err e;
    struct image im = noise(50, 50), colour;
    const struct face face = {.x = 5, .y = 5, .width = 20, .height = 20};
    const struct face far = {.x = INT_MAX - 5, .y = 0, .width = 20, .height = 20};
    const struct face huge = {.x = INT_MIN, .y = INT_MIN, .width = INT_MAX, .height = INT_MAX};
    const struct face large = {.width = 1 << 26, .height = 1 << 26};
    assert_int_equal(image_init(&colour, 10, 10, 3, &e), 0);
    assert_crop_refused(&im, face, 0, 0, "crop size 0");
    assert_crop_refused(&im, face, -0.5, 48, "margin -0.5");
    assert_crop_refused(&im, face, NAN, 48, "margin nan");
    assert_crop_refused(&im, face, INFINITY, 48, "margin inf");
    assert_crop_refused(&im, (struct face){.width = 0, .height = 5}, 0, 48, "0x5");
    assert_crop_refused(&im, (struct face){.width = 5, .height = -5}, 0, 48, "5x-5");
    assert_crop_refused(&im, far, 0, 48, "too large");
    assert_crop_refused(&im, huge, 8, 48, "too large");
    assert_crop_refused(&im, large, 0, 48, "too large");
    assert_crop_refused(&colour, face, 0, 48, "3 channels");
    image_release(&im);
    image_release(&colour);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_picture_of_the_networks_size_is_copied),
        cmocka_unit_test(test_crop_beyond_the_border_repeats_its_pixels),
        cmocka_unit_test(test_margin_grows_the_box_on_each_side),
        cmocka_unit_test(test_shrinking_averages_and_enlarging_interpolates),
        cmocka_unit_test(test_impossible_crops_are_refused),
    };
    return cmocka_run_group_tests_name("face_crop", tests, NULL, NULL);
}
