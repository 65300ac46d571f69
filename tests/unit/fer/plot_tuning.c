/* The picture of a tuning's accuracies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fer.h"
#include "scratch.h"

static struct finetune_class classes[] = {
    {.pictures = 9, .groups = 4, .n = 5, .hits_before = 1, .hits_after = 4},
    {.pictures = 1, .groups = 1},
    {.pictures = 7, .groups = 3, .n = 7, .hits_before = 0, .hits_after = 7}};
static char *class_names[] = {"low", "none", "high"};
static const struct names names = {.count = 3, .name = class_names};

static struct finetune_report make_report(void)
{
    return (struct finetune_report){
        .user_before = {.n = 12, .accuracy = 0.1, .low = 0.01, .high = 0.4},
        .user_after = {.n = 12, .accuracy = 0.9, .low = 0.6, .high = 0.98},
        .general_before = {.n = 100, .accuracy = 0.7, .low = 0.6, .high = 0.8},
        .general_after = {.n = 100, .accuracy = 0.69, .low = 0.59, .high = 0.79},
        .classes = classes};
}

enum hue { BLUE, VERMILION };

/* Pixels of a bar's colour; rounding is the drawing library's. */
static size_t count_hue(const char *path, enum hue hue)
{
    static const int colours[2][3] = {{0, 115, 179}, {214, 94, 0}};
    struct image im;
    struct err e = {""};
    size_t count = 0;
    if (image_read(&im, path, 3, &e))
        fail_msg("%s", e.text);
    for (size_t i = 0; i < (size_t)im.width * (size_t)im.height; i++) {
        int distance = 0;
        for (int k = 0; k < 3; k++)
            distance += abs(im.pixels[3 * i + (size_t)k] - colours[hue][k]);
        count += distance <= 3 ? 1 : 0;
    }
    image_release(&im);
    return count;
}

static void test_bars_are_as_high_as_the_accuracies(void **state)
{
    (void)state;
    struct finetune_report r = make_report();
    struct err e = {""};
    char path[256];
    strcpy(path, scratch_file("a.png"));
    assert_int_equal(plot_tuning(&r, &names, path, &e), 0);
    const size_t blue = count_hue(path, BLUE), red = count_hue(path, VERMILION);
    assert_true(red > blue && blue > 1000);
    r.user_after.accuracy = 0.5;
    assert_int_equal(plot_tuning(&r, &names, path, &e), 0);
    assert_true(count_hue(path, VERMILION) < red);
    assert_int_equal(count_hue(path, BLUE), blue);
}

static void test_what_was_not_measured_has_no_bars(void **state)
{
    (void)state;
    struct finetune_report r = make_report();
    struct finetune_class none[3] = {{.pictures = 1}, {.pictures = 1}, {.pictures = 1}};
    struct err e = {""};
    char path[256];
    strcpy(path, scratch_file("b.png"));
    r.classes = none;
    memset(&r.user_before, 0, sizeof(r.user_before));
    memset(&r.user_after, 0, sizeof(r.user_after));
    memset(&r.general_after, 0, sizeof(r.general_after));
    assert_int_equal(plot_tuning(&r, &names, path, &e), 0);
    /* What is left is the key. */
    assert_in_range(count_hue(path, BLUE), 24 * 14, 24 * 14);
    assert_in_range(count_hue(path, VERMILION), 24 * 14, 24 * 14);
}

static void test_a_picture_that_cannot_be_written_is_named(void **state)
{
    (void)state;
    const struct finetune_report r = make_report();
    struct err e = {""};
    assert_int_equal(plot_tuning(&r, &names, scratch_file("no/a.png"), &e), -1);
    assert_non_null(strstr(e.text, "no/a.png"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bars_are_as_high_as_the_accuracies),
        cmocka_unit_test(test_what_was_not_measured_has_no_bars),
        cmocka_unit_test(test_a_picture_that_cannot_be_written_is_named),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
