/* The picture of a training run: drawn for short and long runs, the same every time, and whole when
 * numbers are not finite. What stands where is found by colour. */
#include "fer.h"

#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "scratch.h"

enum { MOST = 300 };

static void fill(struct epoch *epochs, int count)
{
    for (int i = 0; i < count; i++)
        epochs[i] = (struct epoch){.number = i + 1,
                                   .rate = 0.1,
                                   .train_loss = 2 * exp(-3.0 * i / count),
                                   .train_accuracy = 0.9 - 0.6 * exp(-3.0 * i / count),
                                   .valid_loss = 1.2 + exp(-3.0 * i / count),
                                   .valid_accuracy = 0.65 - 0.3 * exp(-3.0 * i / count)};
}

static struct image plot(const struct epoch *epochs, int count)
{
    struct err e;
    struct image im;
    const char *path = scratch_file("plot.png");
    if (plot_history(epochs, (size_t)count, path, &e) || image_read(&im, path, 3, &e))
        fail_msg("%s", e.text);
    return im;
}

/* ---- what is in the picture ------------------------------------------------------------------ */

struct colour {
    unsigned char red, green, blue;
};
static const struct colour TRAINING = {0, 115, 179}, VALIDATION = {214, 94, 0},
                           BEST = {102, 102, 102};

static bool has_colour(const struct image *im, int x, int y, struct colour c)
{
    const unsigned char *p = im->pixels + ((size_t)y * (size_t)im->width + (size_t)x) * 3;
    return abs(p[0] - c.red) < 3 && abs(p[1] - c.green) < 3 && abs(p[2] - c.blue) < 3;
}

/* Pixels of that colour in the left (0) or right (1) half below the legend. */
static int count_colour(const struct image *im, int half, struct colour c)
{
    int count = 0, middle = im->width / 2;
    for (int y = 80; y < im->height; y++)
        for (int x = half * middle; x < (half + 1) * middle; x++)
            count += has_colour(im, x, y, c);
    return count;
}

/* The column of the left half that has most of that colour. */
static int main_column(const struct image *im, struct colour c)
{
    int best = -1, most = 20;
    for (int x = 0; x < im->width / 2; x++) {
        int count = 0;
        for (int y = 80; y < im->height; y++)
            count += has_colour(im, x, y, c);
        if (count > most) {
            most = count;
            best = x;
        }
    }
    return best;
}

static int count_ink(const struct image *im, int top, int bottom)
{
    int count = 0;
    for (int y = top; y < bottom; y++)
        for (int x = 0; x < im->width; x++)
            count += im->pixels[((size_t)y * (size_t)im->width + (size_t)x) * 3 + 1] < 60;
    return count;
}

/* ---- the tests ------------------------------------------------------------------------------- */

static void test_curves_of_any_length_are_in_both_panels(void **state)
{
    (void)state;
    static const int COUNTS[] = {1, 2, 3, 30, 40, 41, 300};
    struct epoch epochs[MOST];
    for (size_t i = 0; i < sizeof(COUNTS) / sizeof(COUNTS[0]); i++) {
        fill(epochs, COUNTS[i]);
        struct image im = plot(epochs, COUNTS[i]);
        assert_true(im.width >= 800 && im.height >= 400);
        for (int half = 0; half < 2; half++) {
            int least = COUNTS[i] == 1 ? 10 : 300;
            assert_true(count_colour(&im, half, TRAINING) > least);
            assert_true(count_colour(&im, half, VALIDATION) > least);
        }
        image_release(&im);
    }
}

static void test_title_legend_and_ticks_are_written(void **state)
{
    (void)state;
    struct epoch epochs[30];
    fill(epochs, 30);
    struct image im = plot(epochs, 30);
    assert_true(count_ink(&im, 10, 45) > 100);
    assert_true(count_ink(&im, 50, 80) > 300);
    assert_true(count_ink(&im, 465, im.height) > 200);
    image_release(&im);
}

static void test_same_history_gives_the_same_bytes(void **state)
{
    (void)state;
    struct err e;
    struct epoch epochs[30];
    char *bytes[3];
    size_t size[3];
    for (int i = 0; i < 3; i++) {
        fill(epochs, 30);
        epochs[20].valid_loss += i == 2 ? 0.2 : 0;
        assert_int_equal(plot_history(epochs, 30, scratch_file("a.png"), &e), 0);
        assert_int_equal(file_read(scratch_file("a.png"), 1 << 24, &bytes[i], &size[i], &e), 0);
    }
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(bytes[0], bytes[1], size[0]);
    assert_true(size[0] != size[2] || memcmp(bytes[0], bytes[2], size[0]) != 0);
    for (int i = 0; i < 3; i++)
        free(bytes[i]);
}

static int best_column(const double accuracy[3])
{
    struct epoch epochs[3];
    fill(epochs, 3);
    for (int i = 0; i < 3; i++)
        epochs[i].valid_accuracy = accuracy[i];
    struct image im = plot(epochs, 3);
    int column = main_column(&im, BEST);
    image_release(&im);
    return column;
}

static void test_best_validation_epoch_is_marked(void **state)
{
    (void)state;
    int first = best_column((double[]){0.6, 0.5, 0.4});
    int second = best_column((double[]){0.5, 0.6, 0.4});
    int third = best_column((double[]){0.4, 0.5, 0.6});
    assert_true(first > 0 && first < second && second < third);
    assert_in_range(2 * second, first + third - 2, first + third + 2);
    /* The first of equals; what is no number is not best. */
    assert_int_equal(best_column((double[]){0.4, 0.5, 0.5}), second);
    assert_int_equal(best_column((double[]){0.4, 0.5, NAN}), second);
    assert_int_equal(best_column((double[]){INFINITY, 0.5, 0.5}), second);
    assert_int_equal(best_column((double[]){NAN, NAN, NAN}), -1);
}

static void test_number_that_is_not_finite_leaves_a_gap(void **state)
{
    (void)state;
    struct epoch epochs[100];
    fill(epochs, 100);
    struct image whole = plot(epochs, 100);
    for (int i = 30; i < 60; i++)
        epochs[i].train_loss = i % 3 == 0 ? NAN : i % 3 == 1 ? INFINITY : -INFINITY;
    struct image gap = plot(epochs, 100);
    int before = count_colour(&whole, 0, TRAINING), after = count_colour(&gap, 0, TRAINING);
    assert_true(after < before * 85 / 100 && after > before / 2);
    assert_int_equal(count_colour(&gap, 1, TRAINING), count_colour(&whole, 1, TRAINING));
    image_release(&whole);
    image_release(&gap);
}

static void test_point_between_gaps_is_seen(void **state)
{
    (void)state;
    struct epoch epochs[100];
    fill(epochs, 100);
    for (int i = 0; i < 100; i++)
        epochs[i].valid_loss = i == 50 ? 1.5 : NAN;
    struct image im = plot(epochs, 100);
    assert_true(count_colour(&im, 0, VALIDATION) > 10);
    image_release(&im);
}

static void test_odd_histories_are_drawn(void **state)
{
    (void)state;
    static const double VALUES[] = {NAN,   INFINITY, 0,      -3,    1,      1e29,
                                    -1e29, 1e300,    1e-300, 1e-12, 123456, 0.3333333333};
    enum { COUNT = sizeof(VALUES) / sizeof(VALUES[0]) };
    for (int a = 0; a < COUNT; a++) {
        for (int b = 0; b < COUNT; b += 5) {
            struct epoch epochs[3];
            fill(epochs, 3);
            for (int i = 0; i < 3; i++) {
                epochs[i].train_loss = VALUES[a];
                epochs[i].valid_loss = VALUES[b];
                epochs[i].train_accuracy = VALUES[b];
                epochs[i].valid_accuracy = VALUES[(a + i) % COUNT];
            }
            struct image im = plot(epochs, 3);
            image_release(&im);
        }
    }
}

static void test_epoch_numbers_may_be_anything(void **state)
{
    (void)state;
    static const int NUMBERS[][3] = {
        {100, 101, 102}, {5, 5, 5}, {3, 2, 1}, {INT_MIN, 0, INT_MAX}, {0, 0, 1000000}};
    for (size_t i = 0; i < sizeof(NUMBERS) / sizeof(NUMBERS[0]); i++) {
        struct epoch epochs[3];
        fill(epochs, 3);
        for (int k = 0; k < 3; k++)
            epochs[k].number = NUMBERS[i][k];
        struct image im = plot(epochs, 3);
        assert_true(count_colour(&im, 0, TRAINING) > 10);
        image_release(&im);
    }
}

static void test_plot_that_cannot_be_made_is_refused(void **state)
{
    (void)state;
    struct err e = {""};
    struct epoch epochs[2];
    fill(epochs, 2);
    assert_int_equal(plot_history(epochs, 0, scratch_file("none.png"), &e), -1);
    assert_non_null(strstr(e.text, "none.png': there is no epoch"));
    assert_int_equal(access(scratch_file("none.png"), F_OK), -1);
    assert_int_equal(plot_history(epochs, 2, "/no/such/folder/x.png", &e), -1);
    assert_non_null(strstr(e.text, "'/no/such/folder/x.png'"));
}

/* Run in a process of its own, because fontconfig looks for fonts once. Returns an exit status. */
static int run_without_fonts(const char *path)
{
    struct err e;
    struct image im;
    struct epoch epochs[30];
    fill(epochs, 30);
    if (plot_history(epochs, 30, path, &e) || image_read(&im, path, 3, &e))
        return 1;
    bool curves = count_colour(&im, 0, TRAINING) > 300 && count_colour(&im, 1, VALIDATION) > 300;
    image_release(&im);
    return curves ? 0 : 2;
}

static void test_system_without_fonts_still_gets_curves(void **state)
{
    (void)state;
    static const char CONFIG[] = "<?xml version=\"1.0\"?><fontconfig></fontconfig>";
    const char *config = scratch_write("fonts.conf", CONFIG, sizeof(CONFIG) - 1);
    const char *path = scratch_file("bare.png");
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int null = open("/dev/null", O_WRONLY); /* fontconfig complains */
        dup2(null, STDERR_FILENO);
        setenv("FONTCONFIG_FILE", config, 1);
        execl("/proc/self/exe", "plot", "without-fonts", path, (char *)NULL);
        _exit(3);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_curves_of_any_length_are_in_both_panels),
        cmocka_unit_test(test_title_legend_and_ticks_are_written),
        cmocka_unit_test(test_same_history_gives_the_same_bytes),
        cmocka_unit_test(test_best_validation_epoch_is_marked),
        cmocka_unit_test(test_number_that_is_not_finite_leaves_a_gap),
        cmocka_unit_test(test_point_between_gaps_is_seen),
        cmocka_unit_test(test_odd_histories_are_drawn),
        cmocka_unit_test(test_epoch_numbers_may_be_anything),
        cmocka_unit_test(test_plot_that_cannot_be_made_is_refused),
        cmocka_unit_test(test_system_without_fonts_still_gets_curves),
    };
    if (argc > 2 && strcmp(argv[1], "without-fonts") == 0)
        return run_without_fonts(argv[2]);
    return cmocka_run_group_tests_name("plot", tests, scratch_setup, scratch_teardown);
}
