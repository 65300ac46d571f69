/* Mixing of training pictures in pairs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "fer/batches.h"

#define SIDE 4
#define VALUES (SIDE * SIDE)
#define COUNT 210
#define CLASSES 7

/* Picture i is all of the value i, its class i % 7. */
static unsigned char pixels[COUNT * VALUES], labels[COUNT];
static const struct dataset DATA = {
    .count = COUNT, .width = SIDE, .height = SIDE, .pixels = pixels, .label = labels};

static float input[COUNT * VALUES], target[COUNT * CLASSES];
static unsigned char label[COUNT];

static int draw_pictures(void **state)
{
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        memset(pixels + i * VALUES, i, VALUES);
        labels[i] = (unsigned char)(i % CLASSES);
    }
    return 0;
}

static void fill(double mixup, uint64_t seed)
{
    const struct augmentation a = {
        .min_scale = 1, .max_scale = 1, .exposure = 1, .mixup = mixup, .mixup_alpha = .4};
    struct batches b = {
        .data = &DATA, .augmentation = &a, .seed = seed, .size = COUNT, .classes = CLASSES};
    struct err e;
    assert_int_equal(batches_init(&b, &e), 0);
    batches_shuffle(&b, 1);
    batches_fill(&b, 0, input, target, label);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(label[i], labels[b.order[i]]);
    batches_release(&b);
}

static int mixed_rows(void)
{
    int mixed = 0;
    for (int i = 0; i < COUNT; i++)
        mixed += fabsf(input[i * VALUES] * 255 - roundf(input[i * VALUES] * 255)) > 1e-3f;
    return mixed;
}

static void test_targets_are_distributions_led_by_the_label(void **state)
{
    (void)state;
    fill(1, 3);
    int soft = 0;
    for (int i = 0; i < COUNT; i++) {
        const float *row = target + i * CLASSES;
        float sum = 0;
        for (int k = 0; k < CLASSES; k++) {
            assert_true(row[k] >= 0);
            sum += row[k];
        }
        assert_true(fabsf(sum - 1) < 1e-6f);
        assert_true(row[label[i]] >= .5f);
        soft += row[label[i]] < 1;
    }
    assert_true(soft > COUNT / 2);
}

/* Pixels and targets must be mixed in the same parts: there must be a picture of the other class
 * with which the pixels come out. */
static void test_pixels_and_targets_are_mixed_in_the_same_parts(void **state)
{
    (void)state;
    fill(1, 4);
    for (int i = 0; i < COUNT; i++) {
        const float *row = target + i * CLASSES;
        int other = -1;
        for (int k = 0; k < CLASSES; k++)
            if (k != label[i] && row[k] > 0)
                other = k;
        if (other < 0)
            continue;
        float part = row[other], nearest = 1;
        for (int own = label[i]; own < COUNT; own += CLASSES)
            for (int j = other; j < COUNT; j += CLASSES) {
                float value = ((1 - part) * (float)own + part * (float)j) / 255;
                nearest = fminf(nearest, fabsf(value - input[i * VALUES]));
            }
        assert_true(nearest < 1e-5f);
    }
}

static void test_probability_says_how_many_are_mixed(void **state)
{
    (void)state;
    fill(0, 5);
    assert_int_equal(mixed_rows(), 0);
    fill(.3, 5);
    int some = mixed_rows();
    fill(1, 5);
    int most = mixed_rows();
    assert_true(some > COUNT * .15 && some < COUNT * .45);
    assert_true(most > COUNT * .6);
}

static void test_mixture_follows_from_the_seed(void **state)
{
    (void)state;
    static float first[COUNT * VALUES];
    fill(1, 6);
    memcpy(first, input, sizeof(first));
    fill(1, 6);
    assert_memory_equal(first, input, sizeof(first));
    fill(1, 7);
    assert_memory_not_equal(first, input, sizeof(first));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets_are_distributions_led_by_the_label),
        cmocka_unit_test(test_pixels_and_targets_are_mixed_in_the_same_parts),
        cmocka_unit_test(test_probability_says_how_many_are_mixed),
        cmocka_unit_test(test_mixture_follows_from_the_seed),
    };
    return cmocka_run_group_tests(tests, draw_pictures, NULL);
}
