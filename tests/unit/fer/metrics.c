/* Measures, against values computed by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fer.h"

#define assert_near(value, expected) assert_true(fabs((value) - (expected)) < 1e-6)

/* Five pictures of four classes; class 2 never occurs and is predicted once. */
static const unsigned char LABEL[5] = {0, 0, 1, 1, 3};
static const float PROBABILITY[5][4] = {{.7f, .1f, .1f, .1f},
                                        {.3f, .5f, .1f, .1f},
                                        {.1f, .8f, .05f, .05f},
                                        {.2f, .2f, .5f, .1f},
                                        {.1f, .1f, .2f, .6f}};

static struct metrics measure(const unsigned char *label, const float *probability, size_t n,
                              int classes)
{
    struct metrics m;
    struct err e;
    assert_int_equal(metrics_compute(&m, label, probability, n, classes, &e), 0);
    return m;
}

static void test_confusion_has_truths_in_rows(void **state)
{
    (void)state;
    static const size_t expected[16] = {1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    struct metrics m = measure(LABEL, PROBABILITY[0], 5, 4);
    assert_int_equal(m.n, 5);
    assert_int_equal(m.classes, 4);
    assert_memory_equal(m.confusion, expected, sizeof(expected));
    metrics_release(&m);
    assert_null(m.confusion);
}

static void test_classes_that_do_not_occur_are_left_out_of_the_means(void **state)
{
    (void)state;
    static const double precision[4] = {1, 0.5, 0, 1}, recall[4] = {0.5, 0.5, 0, 1};
    static const double f1[4] = {2 / 3.0, 0.5, 0, 1};
    struct metrics m = measure(LABEL, PROBABILITY[0], 5, 4);
    for (int k = 0; k < 4; k++) {
        assert_near(m.precision[k], precision[k]);
        assert_near(m.recall[k], recall[k]);
        assert_near(m.f1[k], f1[k]);
    }
    assert_near(m.accuracy, 0.6);
    assert_near(m.balanced_accuracy, (0.5 + 0.5 + 1) / 3);
    assert_near(m.macro_f1, (2 / 3.0 + 0.5 + 1) / 3);
    metrics_release(&m);
}

static void test_log_loss_is_the_mean_over_the_truths(void **state)
{
    (void)state;
    struct metrics m = measure(LABEL, PROBABILITY[0], 5, 4);
    assert_near(m.log_loss, 0.780811);
    metrics_release(&m);
}

static void test_log_loss_of_a_zero_is_finite(void **state)
{
    (void)state;
    static const unsigned char label[1] = {1};
    static const float probability[2] = {1, 0};
    struct metrics m = measure(label, probability, 1, 2);
    assert_true(m.log_loss > 10 && m.log_loss < 100);
    metrics_release(&m);
}

static void test_calibration_error_weighs_each_bin(void **state)
{
    (void)state;
    /* Bins of .7 (hit), .5 twice (missed), .8 and .6 (hits): (.3 + 1.0 + .2 + .4) / 5. */
    struct metrics m = measure(LABEL, PROBABILITY[0], 5, 4);
    assert_near(m.ece, 0.38);
    assert_int_equal(m.bin[7].n, 2);
    assert_int_equal(m.bin[7].hits, 0);
    assert_near(m.bin[7].confidence, 1.0);
    metrics_release(&m);
}

static void test_calibration_error_averages_inside_a_bin(void **state)
{
    (void)state;
    /* .95 and .99 lie in the last of 15 bins, .9 in the one before it. */
    static const unsigned char label[3] = {0, 1, 0};
    static const float probability[6] = {.95f, .05f, .99f, .01f, .9f, .1f};
    struct metrics m = measure(label, probability, 3, 2);
    assert_near(m.ece, (fabs(1 - 1.94) + fabs(1 - 0.9)) / 3);
    metrics_release(&m);
}

static void test_certainty_is_in_the_last_bin(void **state)
{
    (void)state;
    /* A probability of 1 belongs to the last bin, not to one behind it. */
    static const unsigned char label[2] = {0, 1};
    static const float probability[4] = {1, 0, 0.97f, 0.03f};
    struct metrics m = measure(label, probability, 2, 2);
    assert_near(m.ece, fabs(1 - 1.97) / 2);
    metrics_release(&m);
}

static void test_first_of_equal_probabilities_is_predicted(void **state)
{
    (void)state;
    static const unsigned char label[1] = {1};
    static const float probability[3] = {.2f, .4f, .4f};
    struct metrics m = measure(label, probability, 1, 3);
    assert_near(m.accuracy, 1);
    metrics_release(&m);
}

static void test_wilson_interval_matches_newcombe_1998(void **state)
{
    (void)state;
    /* Newcombe, "Two-sided confidence intervals for the single proportion", table I, method 3. */
    static const struct {
        size_t hits, n;
        double low, high;
    } known[] = {{81, 263, 0.2553, 0.3662},
                 {15, 148, 0.0624, 0.1605},
                 {0, 20, 0, 0.1611},
                 {1, 29, 0.0061, 0.1718}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        double low, high;
        wilson_interval(known[i].hits, known[i].n, &low, &high);
        assert_true(fabs(low - known[i].low) < 5.1e-5);
        assert_true(fabs(high - known[i].high) < 5.1e-5);
    }
}

static void test_wilson_interval_stays_inside_zero_and_one(void **state)
{
    (void)state;
    double low, high;
    wilson_interval(7, 7, &low, &high);
    assert_true(high == 1 && low > 0.6 && low < 0.7);
    wilson_interval(0, 7, &low, &high);
    assert_true(low == 0 && high > 0.3 && high < 0.4);
    wilson_interval(0, 0, &low, &high);
    assert_true(low == 0 && high == 1);
}

static void test_interval_belongs_to_the_accuracy(void **state)
{
    (void)state;
    double low, high;
    struct metrics m = measure(LABEL, PROBABILITY[0], 5, 4);
    wilson_interval(3, 5, &low, &high);
    assert_true(m.low == low && m.high == high);
    metrics_release(&m);
}

static void test_nothing_to_measure_is_refused(void **state)
{
    (void)state;
    struct metrics m;
    struct err e;
    assert_int_equal(metrics_compute(&m, LABEL, PROBABILITY[0], 0, 4, &e), -1);
    assert_string_equal(e.text, "nothing to measure: 0 pictures, 4 classes");
    metrics_release(&m);
}

static void test_label_outside_the_classes_is_refused(void **state)
{
    (void)state;
    static const float probability[6] = {.5f, .2f, .3f, .5f, .2f, .3f};
    static const unsigned char label[2] = {2, 3};
    struct metrics m;
    struct err e;
    assert_int_equal(metrics_compute(&m, label, probability, 2, 3, &e), -1);
    assert_string_equal(e.text, "picture 1 has the label 3, the classes are 3");
    metrics_release(&m);
}

static void test_what_is_no_probability_is_refused(void **state)
{
    (void)state;
    static const unsigned char label[1] = {0};
    const float wrong[3] = {NAN, -0.1f, 1.5f};
    for (int i = 0; i < 3; i++) {
        const float probability[2] = {.5f, wrong[i]};
        struct metrics m;
        struct err e;
        assert_int_equal(metrics_compute(&m, label, probability, 1, 2, &e), -1);
        assert_non_null(strstr(e.text, "of class 1"));
        metrics_release(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_confusion_has_truths_in_rows),
        cmocka_unit_test(test_classes_that_do_not_occur_are_left_out_of_the_means),
        cmocka_unit_test(test_log_loss_is_the_mean_over_the_truths),
        cmocka_unit_test(test_log_loss_of_a_zero_is_finite),
        cmocka_unit_test(test_calibration_error_weighs_each_bin),
        cmocka_unit_test(test_calibration_error_averages_inside_a_bin),
        cmocka_unit_test(test_certainty_is_in_the_last_bin),
        cmocka_unit_test(test_first_of_equal_probabilities_is_predicted),
        cmocka_unit_test(test_wilson_interval_matches_newcombe_1998),
        cmocka_unit_test(test_wilson_interval_stays_inside_zero_and_one),
        cmocka_unit_test(test_interval_belongs_to_the_accuracy),
        cmocka_unit_test(test_nothing_to_measure_is_refused),
        cmocka_unit_test(test_label_outside_the_classes_is_refused),
        cmocka_unit_test(test_what_is_no_probability_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
