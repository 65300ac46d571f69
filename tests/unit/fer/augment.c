/* Augmentation: the conversion, each change measured on pictures that show it, the cfg's keys. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fer.h"

#define SIDE 48
#define COUNT (SIDE * SIDE)
#define KEYS 1000

static const struct augmentation NEUTRAL = {.min_scale = 1, .max_scale = 1, .exposure = 1};
static const struct augmentation EVERYTHING = {.flip = 1,
                                               .shift = 5,
                                               .min_scale = 0.8,
                                               .max_scale = 1.4,
                                               .angle = 25,
                                               .exposure = 1.7,
                                               .erase = 0.5};

/* A picture with no symmetry, all values. */
static void draw_noise(unsigned char *pixels)
{
    for (unsigned i = 0; i < COUNT; i++)
        pixels[i] = (unsigned char)(i * 2654435761u >> 13);
}

/* Grey that grows by 4 a pixel to the right, or downward. */
static void draw_ramp(unsigned char *pixels, bool down)
{
    for (int i = 0; i < COUNT; i++)
        pixels[i] = (unsigned char)((down ? i / SIDE : i % SIDE) * 4 + 20);
}

static float at(const float *out, int x, int y)
{
    return out[y * SIDE + x] * 255;
}

/* ---- the conversion
 * ------------------------------------------------------------------------------ */

static void test_without_augmentation_a_pixel_is_its_255th_part(void **state)
{
    (void)state;
    unsigned char pixels[256];
    float out[256], neutral[256];
    for (int i = 0; i < 256; i++)
        pixels[i] = (unsigned char)i;
    augmentation_apply(NULL, 7, pixels, 64, 4, out);
    augmentation_apply(&NEUTRAL, 7, pixels, 64, 4, neutral);
    for (int i = 0; i < 256; i++) {
        assert_true(out[i] == (float)i / 255.0f);
        assert_true(neutral[i] == (float)i / 255.0f);
    }
}

static void test_one_key_gives_one_change(void **state)
{
    (void)state;
    unsigned char pixels[COUNT];
    float first[COUNT], again[COUNT], other[COUNT];
    draw_noise(pixels);
    augmentation_apply(&EVERYTHING, 3, pixels, SIDE, SIDE, first);
    augmentation_apply(&EVERYTHING, 3, pixels, SIDE, SIDE, again);
    augmentation_apply(&EVERYTHING, 4, pixels, SIDE, SIDE, other);
    assert_memory_equal(first, again, sizeof(first));
    assert_true(memcmp(first, other, sizeof(first)) != 0);
}

static void test_values_stay_between_0_and_1(void **state)
{
    (void)state;
    unsigned char pixels[COUNT];
    float out[COUNT];
    draw_noise(pixels);
    memset(pixels, 255, COUNT / 3);
    for (uint64_t key = 0; key < KEYS; key++) {
        augmentation_apply(&EVERYTHING, key, pixels, SIDE, SIDE, out);
        for (int i = 0; i < COUNT; i++)
            assert_true(out[i] >= 0 && out[i] <= 1);
    }
}

static void test_pictures_of_other_shapes_are_changed(void **state)
{
    (void)state;
    static const int shapes[][2] = {{1, 1}, {1, 9}, {9, 1}, {2, 3}, {7, 64}};
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        const size_t count = (size_t)(shapes[i][0] * shapes[i][1]);
        unsigned char *pixels = malloc(count);
        float *out = malloc(count * sizeof(*out));
        assert_true(pixels && out);
        memset(pixels, 51, count);
        struct augmentation a = EVERYTHING;
        a.exposure = 1;
        for (uint64_t key = 0; key < KEYS; key++) {
            augmentation_apply(&a, key, pixels, shapes[i][0], shapes[i][1], out);
            for (size_t k = 0; k < count; k++)
                assert_true(fabsf(out[k] - 0.2f) < 1e-6f);
        }
        free(out);
        free(pixels);
    }
}

/* ---- geometry
 * ------------------------------------------------------------------------------------ */

static void test_flip_mirrors_half_of_the_pictures(void **state)
{
    (void)state;
    struct augmentation a = NEUTRAL;
    a.flip = 1;
    unsigned char pixels[COUNT];
    float plain[COUNT], mirrored[COUNT], out[COUNT];
    int flips = 0;
    draw_noise(pixels);
    augmentation_apply(NULL, 0, pixels, SIDE, SIDE, plain);
    for (int i = 0; i < COUNT; i++)
        mirrored[i] = plain[i / SIDE * SIDE + SIDE - 1 - i % SIDE];
    for (uint64_t key = 0; key < KEYS; key++) {
        augmentation_apply(&a, key, pixels, SIDE, SIDE, out);
        if (memcmp(out, mirrored, sizeof(out)) == 0)
            flips++;
        else
            assert_memory_equal(out, plain, sizeof(out));
    }
    assert_in_range(flips, KEYS / 2 - 60, KEYS / 2 + 60);
}

static void test_shift_moves_up_to_its_pixels_each_way(void **state)
{
    (void)state;
    struct augmentation a = NEUTRAL;
    a.shift = 4;
    unsigned char pixels[COUNT];
    float out[COUNT];
    for (int down = 0; down < 2; down++) {
        float least = 99, most = -99;
        draw_ramp(pixels, down);
        for (uint64_t key = 0; key < KEYS; key++) {
            augmentation_apply(&a, key, pixels, SIDE, SIDE, out);
            const float shift = (24 * 4 + 20 - at(out, 24, 24)) / 4;
            least = fminf(least, shift);
            most = fmaxf(most, shift);
            for (int i = 0; i < SIDE; i++) {
                const float grey = fminf(fmaxf((float)i - shift, 0), SIDE - 1) * 4 + 20;
                assert_true(fabsf((down ? at(out, 7, i) : at(out, i, 40)) - grey) < 0.05f);
            }
        }
        assert_true(least >= -4 && least < -3.8f);
        assert_true(most <= 4 && most > 3.8f);
    }
}

static void test_scale_enlarges_about_the_centre(void **state)
{
    (void)state;
    struct augmentation a = NEUTRAL;
    a.min_scale = 0.9;
    a.max_scale = 1.5;
    unsigned char pixels[COUNT];
    float out[COUNT], least = 99, most = 0;
    draw_ramp(pixels, false);
    for (uint64_t key = 0; key < KEYS; key++) {
        augmentation_apply(&a, key, pixels, SIDE, SIDE, out);
        const float scale = 4 * 16 / (at(out, 32, 9) - at(out, 16, 9));
        least = fminf(least, scale);
        most = fmaxf(most, scale);
        assert_true(fabsf((at(out, 23, 30) + at(out, 24, 30)) / 2 - (23.5f * 4 + 20)) < 0.05f);
    }
    assert_true(least > 0.897f && least < 0.92f);
    assert_true(most < 1.505f && most > 1.48f);
}

static void test_angle_turns_about_the_centre(void **state)
{
    (void)state;
    struct augmentation a = NEUTRAL;
    a.angle = 20;
    unsigned char pixels[COUNT];
    float out[COUNT];
    for (int axis = 0; axis < 2; axis++) {
        float least = 99, most = -99;
        draw_ramp(pixels, axis);
        for (uint64_t key = 0; key < KEYS; key++) {
            augmentation_apply(&a, key, pixels, SIDE, SIDE, out);
            const float right = (at(out, 32, 24) - at(out, 16, 24)) / 16;
            const float down = (at(out, 24, 32) - at(out, 24, 16)) / 16;
            const float angle = (axis ? atan2f(right, down) : atan2f(down, right));
            assert_true(fabsf(hypotf(right, down) - 4) < 0.03f);
            assert_true(fabsf((at(out, 23, 23) + at(out, 24, 24)) / 2 - (23.5f * 4 + 20)) < 0.05f);
            least = fminf(least, angle * 180 / (float)M_PI);
            most = fmaxf(most, angle * 180 / (float)M_PI);
        }
        assert_true(least > -20.2f && least < -19);
        assert_true(most < 20.2f && most > 19);
    }
}

static void test_turned_pictures_keep_their_shape(void **state)
{
    (void)state;
    struct augmentation a = NEUTRAL;
    a.angle = 90;
    unsigned char across[COUNT], along[COUNT];
    float out[COUNT], other[COUNT];
    draw_ramp(across, false);
    draw_ramp(along, true);
    for (uint64_t key = 0; key < 100; key++) {
        augmentation_apply(&a, key, across, SIDE, SIDE, out);
        augmentation_apply(&a, key, along, SIDE, SIDE, other);
        /* The axes stay at a right angle, in their order: not turned and mirrored. */
        const float right = at(out, 30, 24) - at(out, 18, 24);
        const float down = at(out, 24, 30) - at(out, 24, 18);
        assert_true(fabsf(at(other, 24, 30) - at(other, 24, 18) - right) < 0.2f);
        assert_true(fabsf(at(other, 30, 24) - at(other, 18, 24) + down) < 0.2f);
    }
}

static void test_flip_mirrors_enlarged_pictures_too(void **state)
{
    (void)state;
    struct augmentation a = NEUTRAL;
    a.min_scale = a.max_scale = 1.25;
    unsigned char pixels[COUNT];
    float plain[COUNT], out[COUNT];
    int flips = 0;
    draw_ramp(pixels, false);
    augmentation_apply(&a, 0, pixels, SIDE, SIDE, plain);
    a.flip = 1;
    for (uint64_t key = 0; key < 100; key++) {
        augmentation_apply(&a, key, pixels, SIDE, SIDE, out);
        const bool flipped = out[0] > out[SIDE - 1];
        flips += flipped;
        for (int x = 0; x < SIDE; x++)
            assert_true(fabsf(at(out, x, 9) - at(plain, flipped ? SIDE - 1 - x : x, 9)) < 0.05f);
    }
    assert_in_range(flips, 30, 70);
}

static void test_what_leaves_the_picture_repeats_its_edge(void **state)
{
    (void)state;
    struct augmentation a = NEUTRAL;
    a.shift = 20;
    unsigned char pixels[COUNT];
    float out[COUNT];
    memset(pixels, 100, COUNT);
    for (int y = 0; y < SIDE; y++)
        pixels[y * SIDE] = 200;
    int seen = 0;
    for (uint64_t key = 0; key < 50; key++) {
        augmentation_apply(&a, key, pixels, SIDE, SIDE, out);
        if (at(out, 1, 0) < 199) /* moved to the left */
            continue;
        seen++;
        for (int y = 0; y < SIDE; y++)
            assert_true(fabsf(at(out, 0, y) - 200) < 0.01f);
    }
    assert_true(seen > 10);
}

/* ---- grey values
 * --------------------------------------------------------------------------------- */

static void test_exposure_stretches_about_the_mean(void **state)
{
    (void)state;
    struct augmentation a = NEUTRAL;
    a.exposure = 1.25;
    unsigned char pixels[COUNT];
    float out[COUNT], most_contrast = 0, least_contrast = 9, most = 0, least = 9;
    memset(pixels, 100, COUNT); /* the mean; one pixel each way keeps it */
    pixels[0] = 80;
    pixels[1] = 120;
    for (uint64_t key = 0; key < KEYS; key++) {
        augmentation_apply(&a, key, pixels, SIDE, SIDE, out);
        const float brightness = at(out, 5, 5) / 100;
        const float contrast = (at(out, 1, 0) - at(out, 0, 0)) / 40 / brightness;
        most = fmaxf(most, brightness);
        least = fminf(least, brightness);
        most_contrast = fmaxf(most_contrast, contrast);
        least_contrast = fminf(least_contrast, contrast);
    }
    assert_true(most < 1.2501f && most > 1.23f && least > 0.7999f && least < 0.815f);
    assert_true(most_contrast < 1.2505f && most_contrast > 1.23f);
    assert_true(least_contrast > 0.7995f && least_contrast < 0.815f);
}

/* Checks that what differs from the picture is one box of one grey; returns its area. */
static int erased_area(const unsigned char *pixels, const float *out, float fill)
{
    int left = SIDE, right = -1, top = SIDE, bottom = -1, differing = 0;
    for (int i = 0; i < COUNT; i++) {
        if (out[i] == (float)pixels[i] / 255)
            continue;
        assert_true(fabsf(out[i] - fill) < 1e-6f);
        differing++;
        left = i % SIDE < left ? i % SIDE : left;
        right = i % SIDE > right ? i % SIDE : right;
        top = i / SIDE < top ? i / SIDE : top;
        bottom = i / SIDE;
    }
    const int area = differing ? (right - left + 1) * (bottom - top + 1) : 0;
    assert_int_equal(differing, area);
    return area;
}

static void test_erase_blanks_one_box(void **state)
{
    (void)state;
    struct augmentation a = NEUTRAL;
    a.erase = 0.5;
    unsigned char pixels[COUNT];
    float out[COUNT];
    double sum = 0;
    int erased = 0, least = COUNT, most = 0;
    for (int i = 0; i < COUNT; i++) {
        pixels[i] = (unsigned char)(i % 2 ? 50 : 203);
        sum += pixels[i];
    }
    for (uint64_t key = 0; key < KEYS; key++) {
        augmentation_apply(&a, key, pixels, SIDE, SIDE, out);
        const int area = erased_area(pixels, out, (float)(sum / COUNT / 255));
        if (area == 0)
            continue;
        erased++;
        least = area < least ? area : least;
        most = area > most ? area : most;
    }
    assert_in_range(erased, KEYS / 2 - 60, KEYS / 2 + 60);
    assert_in_range(least, COUNT * 0.015, COUNT * 0.04);
    assert_in_range(most, COUNT * 0.36, COUNT * 0.44);
}

static void test_one_change_leaves_the_draws_of_the_others(void **state)
{
    (void)state;
    struct augmentation flip = NEUTRAL, both = NEUTRAL;
    flip.flip = both.flip = 1;
    both.erase = 1;
    both.exposure = 1.01;
    unsigned char pixels[COUNT];
    float alone[COUNT], together[COUNT];
    memset(pixels, 40, COUNT);
    for (int i = 0; i < COUNT; i++)
        if (i % SIDE < SIDE / 2)
            pixels[i] = 200;
    for (uint64_t key = 0; key < 100; key++) {
        augmentation_apply(&flip, key, pixels, SIDE, SIDE, alone);
        augmentation_apply(&both, key, pixels, SIDE, SIDE, together);
        double left = 0, right = 0;
        for (int i = 0; i < COUNT; i++)
            *(i % SIDE < SIDE / 2 ? &left : &right) += (double)together[i];
        assert_int_equal(left > right, alone[0] > alone[SIDE - 1]);
    }
}

/* ---- the cfg's keys
 * ------------------------------------------------------------------------------ */

/* Reads a [net] section with the lines `keys`. */
static int init(struct augmentation *a, const char *keys, struct err *e)
{
    char text[512];
    snprintf(text, sizeof(text),
             "[net]\nbatch=1\nheight=48\nwidth=48\nchannels=1\n%s\n[connected]\noutput=7\n"
             "activation=linear\n[softmax]\n",
             keys);
    struct nn_net *net = nn_net_parse("t.cfg", text, strlen(text), 1, e);
    if (!net)
        return -2;
    int result = augmentation_init(a, net, e);
    nn_net_free(net);
    return result;
}

static void test_absent_keys_are_neutral(void **state)
{
    (void)state;
    struct augmentation a;
    struct err e;
    assert_int_equal(init(&a, "", &e), 0);
    assert_true(a.flip == 0 && a.shift == 0 && a.min_scale == 1 && a.max_scale == 1 &&
                a.angle == 0 && a.exposure == 1 && a.erase == 0);
}

static void test_keys_are_read(void **state)
{
    (void)state;
    struct augmentation a;
    struct err e;
    assert_int_equal(init(&a,
                          "flip=1\nshift=3\nmin_crop=45\nmax_crop=60\nangle=12\nexposure=1.5\n"
                          "erase=.25",
                          &e),
                     0);
    assert_true(a.flip == 1 && a.shift == 3 && a.min_scale == 45 / 48.0 &&
                a.max_scale == 60 / 48.0 && a.angle == 12 && a.exposure == 1.5 && a.erase == 0.25);
    assert_int_equal(init(&a, "min_crop=54\nexposure=.8", &e), 0);
    assert_true(a.min_scale == 54 / 48.0 && a.max_scale == 54 / 48.0 && a.exposure == 1.25);
}

static void test_keys_out_of_bounds_are_refused_with_their_line(void **state)
{
    (void)state;
    static const char *const wrong[] = {"flip=2",        "shift=25",     "shift=-1",
                                        "min_crop=10",   "max_crop=300", "angle=181",
                                        "exposure=0.01", "erase=1.5",    "erase=x"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct augmentation a;
        struct err e = {""};
        assert_int_equal(init(&a, wrong[i], &e), -1);
        assert_non_null(strstr(e.text, "t.cfg:6: "));
        assert_non_null(strstr(e.text, wrong[i]));
    }
    struct augmentation a;
    struct err e = {""};
    assert_int_equal(init(&a, "min_crop=60\nmax_crop=50", &e), -1);
    assert_non_null(strstr(e.text, "t.cfg:7: max_crop=50"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_augmentation_a_pixel_is_its_255th_part),
        cmocka_unit_test(test_one_key_gives_one_change),
        cmocka_unit_test(test_values_stay_between_0_and_1),
        cmocka_unit_test(test_pictures_of_other_shapes_are_changed),
        cmocka_unit_test(test_flip_mirrors_half_of_the_pictures),
        cmocka_unit_test(test_shift_moves_up_to_its_pixels_each_way),
        cmocka_unit_test(test_scale_enlarges_about_the_centre),
        cmocka_unit_test(test_angle_turns_about_the_centre),
        cmocka_unit_test(test_turned_pictures_keep_their_shape),
        cmocka_unit_test(test_flip_mirrors_enlarged_pictures_too),
        cmocka_unit_test(test_what_leaves_the_picture_repeats_its_edge),
        cmocka_unit_test(test_exposure_stretches_about_the_mean),
        cmocka_unit_test(test_erase_blanks_one_box),
        cmocka_unit_test(test_one_change_leaves_the_draws_of_the_others),
        cmocka_unit_test(test_absent_keys_are_neutral),
        cmocka_unit_test(test_keys_are_read),
        cmocka_unit_test(test_keys_out_of_bounds_are_refused_with_their_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
