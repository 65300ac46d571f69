/* The pictures of an evaluation: what stands where is found by colour. */
#include "fer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"

enum { N = 100, MOST_CLASSES = 60 };

/* N pictures of `classes` classes; in class k the first k of ten are taken for the class before. */
static void measure(struct metrics *m, int classes, float confidence)
{
    struct err e;
    static unsigned char label[N];
    static float probability[N * MOST_CLASSES];
    for (int i = 0; i < N; i++) {
        label[i] = (unsigned char)(i % classes);
        const int wrong = i / classes % 10 < label[i] && label[i] > 0;
        for (int k = 0; k < classes; k++)
            probability[i * classes + k] = (1 - confidence) / (float)(classes - 1);
        probability[i * classes + label[i] - wrong] = confidence;
    }
    assert_int_equal(metrics_compute(m, label, probability, N, classes, &e), 0);
}

static struct image read_back(const char *path)
{
    struct err e;
    struct image im;
    if (image_read(&im, path, 3, &e))
        fail_msg("%s", e.text);
    return im;
}

static struct image draw_confusion(const struct metrics *m, const struct names *names)
{
    struct err e;
    const char *path = scratch_file("confusion.png");
    if (plot_confusion(m, names, path, &e))
        fail_msg("%s", e.text);
    return read_back(path);
}

static struct image draw_reliability(const struct metrics *m)
{
    struct err e;
    const char *path = scratch_file("reliability.png");
    if (plot_reliability(m, path, &e))
        fail_msg("%s", e.text);
    return read_back(path);
}

static const unsigned char *pixel(const struct image *im, int x, int y)
{
    return im->pixels + ((size_t)y * (size_t)im->width + (size_t)x) * 3;
}

static int count_colour(const struct image *im, int red, int green, int blue)
{
    int count = 0;
    for (int y = 0; y < im->height; y++)
        for (int x = 0; x < im->width; x++) {
            const unsigned char *p = pixel(im, x, y);
            count += abs(p[0] - red) < 3 && abs(p[1] - green) < 3 && abs(p[2] - blue) < 3;
        }
    return count;
}

/* The corner of a cell, where no text stands. */
static int cell_shade(const struct image *im, int row, int column)
{
    return pixel(im, 150 + 92 * column + 6, 130 + 92 * row + 6)[0];
}

static void test_cells_are_shaded_by_their_share_of_the_row(void **state)
{
    (void)state;
    struct metrics m;
    struct names names;
    struct err e;
    measure(&m, 7, 0.6f);
    assert_int_equal(names_init_fer(&names, &e), 0);
    struct image im = draw_confusion(&m, &names);
    for (int row = 0; row < 7; row++)
        for (int column = 0; column < 7; column++) {
            size_t whole = 0, part = m.confusion[row * 7 + column];
            for (int k = 0; k < 7; k++)
                whole += m.confusion[row * 7 + k];
            const double expected = 255 * (1 - 0.97 * (double)part / (double)whole);
            assert_true(abs(cell_shade(&im, row, column) - (int)expected) < 3);
        }
    assert_true(cell_shade(&im, 0, 0) < 10);
    assert_true(cell_shade(&im, 0, 1) == 255);
    image_release(&im);
    names_release(&names);
    metrics_release(&m);
}

static void test_other_numbers_of_classes_and_long_names_fit(void **state)
{
    (void)state;
    static const int CLASSES[] = {2, 12, MOST_CLASSES};
    static char *name[MOST_CLASSES];
    for (int k = 0; k < MOST_CLASSES; k++)
        name[k] = "a name that is much longer than its place in the picture";
    for (int i = 0; i < 3; i++) {
        struct metrics m;
        const struct names names = {CLASSES[i], name};
        measure(&m, CLASSES[i], 0.6f);
        struct image im = draw_confusion(&m, &names);
        assert_true(im.width > 600 && im.height > 600);
        assert_true(pixel(&im, im.width - 2, im.height - 2)[0] == 255);
        image_release(&im);
        metrics_release(&m);
    }
}

/* Rows of the picture in which the column through the middle of a bin has the colour. */
static int bar_height(const struct image *im, int bin, int red, int green, int blue)
{
    int count = 0;
    const int x = 84 + 570 * (2 * bin + 1) / 30 + 7; /* beside the dashes */
    for (int y = 120; y < 640; y++) {
        const unsigned char *p = pixel(im, x, y);
        count += abs(p[0] - red) < 3 && abs(p[1] - green) < 3 && abs(p[2] - blue) < 3;
    }
    return count;
}

static void test_bar_is_as_high_as_the_accuracy_of_its_bin(void **state)
{
    (void)state;
    struct metrics m;
    /* All in bin 13, (13/15, 14/15]: too sure. */
    measure(&m, 7, 0.9f);
    assert_int_equal(m.bin[13].n, N);
    struct image im = draw_reliability(&m);
    const double accuracy = m.accuracy;
    assert_true(accuracy < 0.85);
    assert_true(abs(bar_height(&im, 13, 0, 115, 179) - (int)(480 * accuracy)) < 5);
    assert_true(abs(bar_height(&im, 13, 245, 194, 158) - (int)(480 * (0.9 - accuracy))) < 7);
    assert_int_equal(bar_height(&im, 12, 0, 115, 179), 0);
    image_release(&im);
    metrics_release(&m);
}

static void test_gap_lies_inside_the_bar_of_a_model_that_is_too_unsure(void **state)
{
    (void)state;
    struct metrics m;
    measure(&m, 7, 0.3f);
    struct image im = draw_reliability(&m);
    assert_true(abs(bar_height(&im, 4, 245, 194, 158) - (int)(480 * (m.accuracy - 0.3))) < 9);
    /* 0.3 of it stays blue, and the line on top. */
    assert_true(abs(bar_height(&im, 4, 0, 115, 179) - (int)(480 * 0.3)) < 9);
    image_release(&im);
    metrics_release(&m);
}

static void test_titles_and_axes_are_written(void **state)
{
    (void)state;
    struct metrics m;
    struct names names;
    struct err e;
    measure(&m, 7, 0.6f);
    assert_int_equal(names_init_fer(&names, &e), 0);
    struct image matrix = draw_confusion(&m, &names), diagram = draw_reliability(&m);
    assert_true(count_colour(&matrix, 33, 33, 33) > 1000);
    assert_true(count_colour(&diagram, 33, 33, 33) > 1500);
    image_release(&matrix);
    image_release(&diagram);
    names_release(&names);
    metrics_release(&m);
}

static void test_picture_that_cannot_be_written_is_named(void **state)
{
    (void)state;
    struct metrics m;
    struct names names;
    struct err e = {""};
    measure(&m, 7, 0.6f);
    assert_int_equal(names_init_fer(&names, &e), 0);
    assert_int_equal(plot_confusion(&m, &names, "/no/such/folder/c.png", &e), -1);
    assert_non_null(strstr(e.text, "'/no/such/folder/c.png'"));
    assert_int_equal(plot_reliability(&m, "/no/such/folder/r.png", &e), -1);
    assert_non_null(strstr(e.text, "'/no/such/folder/r.png'"));
    names_release(&names);
    metrics_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells_are_shaded_by_their_share_of_the_row),
        cmocka_unit_test(test_other_numbers_of_classes_and_long_names_fit),
        cmocka_unit_test(test_bar_is_as_high_as_the_accuracy_of_its_bin),
        cmocka_unit_test(test_gap_lies_inside_the_bar_of_a_model_that_is_too_unsure),
        cmocka_unit_test(test_titles_and_axes_are_written),
        cmocka_unit_test(test_picture_that_cannot_be_written_is_named),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
