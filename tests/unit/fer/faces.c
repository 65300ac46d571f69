/* The detector on drawn faces. */
#include "fer.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "assert_contains.h"

#include "draw_face.h"

struct found {
    struct face *faces;
    size_t count;
};

static struct found find(const struct image *im, const struct detector_options *options)
{
    struct err e;
    struct found f = {NULL, 0};
    struct detector *d = detector_new(options, &e);
    if (!d || detector_find(d, im, &f.faces, &f.count, &e))
        fail_msg("%s", e.text);
    detector_free(d);
    return f;
}

static void test_drawn_face_is_found_where_it_was_drawn(void **state)
{
    (void)state;
    static const int SIZES[] = {40, 64, 150};
    for (size_t i = 0; i < 3; i++) {
        int size = SIZES[i], near = size / 8;
        struct image im = draw_ground(2 * size + 30, 2 * size);
        draw_face(&im, size / 2 + 20, size / 2, size, 1);
        struct found f = find(&im, &DETECTOR_DEFAULTS);
        assert_int_equal(f.count, 1);
        assert_in_range(f.faces[0].x, size / 2 + 20 - near, size / 2 + 20 + near);
        assert_in_range(f.faces[0].y, size / 2 - near, size / 2 + near);
        assert_in_range(f.faces[0].width, size - near, size + near);
        assert_int_equal(f.faces[0].width, f.faces[0].height);
        free(f.faces);
        image_release(&im);
    }
}

static void assert_in_order(const struct face *a, const struct face *b)
{
    long area_a = (long)a->width * a->height, area_b = (long)b->width * b->height;
    assert_true(area_a >= area_b);
    if (area_a == area_b)
        assert_true(a->y < b->y || (a->y == b->y && a->x <= b->x));
}

static struct image group_picture(void)
{
    struct image im = draw_ground(420, 260);
    draw_face(&im, 20, 40, 60, 0);
    draw_face(&im, 120, 60, 90, 1);
    draw_face(&im, 240, 170, 60, -1);
    draw_face(&im, 320, 30, 70, 1);
    return im;
}

static void test_faces_come_sorted_and_inside_the_picture(void **state)
{
    (void)state;
    struct image im = group_picture();
    struct found f = find(&im, &DETECTOR_DEFAULTS);
    assert_int_equal(f.count, 4);
    assert_in_range(f.faces[0].x, 110, 130);
    free(f.faces);

    /* All that any look took for a face, some of it at the border. */
    struct detector_options options = DETECTOR_DEFAULTS;
    options.min_neighbors = 0;
    f = find(&im, &options);
    assert_true(f.count >= 4);
    for (size_t i = 0; i < f.count; i++) {
        const struct face *face = &f.faces[i];
        assert_true(face->x >= 0 && face->y >= 0 && face->width >= 24 && face->height >= 24);
        assert_true(face->x + face->width <= im.width && face->y + face->height <= im.height);
        if (i > 0)
            assert_in_order(&f.faces[i - 1], face);
    }
    free(f.faces);
    image_release(&im);
}

static void test_largest_keeps_the_first_face_only(void **state)
{
    (void)state;
    struct detector_options options = DETECTOR_DEFAULTS;
    struct image im = group_picture();
    struct found all = find(&im, &options);
    options.largest = true;
    struct found one = find(&im, &options);
    assert_int_equal(one.count, 1);
    assert_memory_equal(&one.faces[0], &all.faces[0], sizeof(struct face));
    free(all.faces);
    free(one.faces);
    image_release(&im);
}

static void test_a_face_has_at_least_the_score_asked_for(void **state)
{
    (void)state;
    struct detector_options options = DETECTOR_DEFAULTS;
    struct image im = draw_ground(140, 140);
    draw_face(&im, 40, 40, 64, 0);
    struct found f = find(&im, &options);
    assert_int_equal(f.count, 1);
    const double score = f.faces[0].score;
    assert_true(score >= 4 && 2 * score == floor(2 * score)); /* a mean of two counts */
    free(f.faces);

    options.min_neighbors = (int)floor(score);
    f = find(&im, &options);
    assert_int_equal(f.count, 1);
    assert_true(f.faces[0].score == score);
    free(f.faces);
    options.min_neighbors = (int)floor(score) + 1;
    f = find(&im, &options);
    assert_int_equal(f.count, 0);
    image_release(&im);
}

static void test_picture_without_a_face_gives_none(void **state)
{
    (void)state;
    struct image im = draw_ground(200, 150);
    for (int i = 0; i < im.width * im.height; i++)
        im.pixels[i] = (unsigned char)(i % im.width + i / im.width);
    struct found f = find(&im, &DETECTOR_DEFAULTS);
    assert_int_equal(f.count, 0);
    assert_null(f.faces);
    image_release(&im);
}

static void test_picture_below_the_window_gives_none(void **state)
{
    (void)state;
    static const int SIZES[][2] = {{1, 1}, {19, 19}, {20, 20}, {21, 300}, {300, 12}, {24, 24}};
    for (size_t i = 0; i < sizeof(SIZES) / sizeof(SIZES[0]); i++) {
        struct image im = draw_ground(SIZES[i][0], SIZES[i][1]);
        struct found f = find(&im, &DETECTOR_DEFAULTS);
        assert_int_equal(f.count, 0);
        image_release(&im);
    }
}

static void test_no_face_is_smaller_than_asked(void **state)
{
    (void)state;
    struct detector_options options = DETECTOR_DEFAULTS;
    struct image im = draw_ground(90, 90);
    draw_face(&im, 2, 2, 86, 0);
    options.min_neighbors = 0;
    options.min_size = 60;
    struct found f = find(&im, &options);
    assert_true(f.count > 0);
    free(f.faces);
    /* Where no scale fits between this size and the picture's, OpenCV takes the nearest one. */
    for (options.min_size = 80; options.min_size < 120; options.min_size++) {
        f = find(&im, &options);
        for (size_t i = 0; i < f.count; i++)
            assert_true(f.faces[i].width >= options.min_size);
        free(f.faces);
    }
    image_release(&im);
}

static void test_colour_picture_is_refused(void **state)
{
    (void)state;
    struct err e = {""};
    struct image im;
    struct face *faces = NULL;
    size_t count = 1;
    struct detector *d = detector_new(&DETECTOR_DEFAULTS, &e);
    assert_non_null(d);
    assert_int_equal(image_init(&im, 30, 30, 3, &e), 0);
    assert_int_equal(detector_find(d, &im, &faces, &count, &e), -1);
    assert_contains(e.text, "3 channels");
    assert_null(faces);
    image_release(&im);
    detector_free(d);
}

static void *find_in_thread(void *context)
{
    struct err e;
    struct image im = group_picture();
    struct found *f = context;
    struct detector *d = detector_new(&DETECTOR_DEFAULTS, &e);
    for (int i = 0; d && i < 3; i++) {
        free(f->faces);
        if (detector_find(d, &im, &f->faces, &f->count, &e))
            f->count = 0;
    }
    detector_free(d);
    image_release(&im);
    return NULL;
}

static void test_detectors_of_two_threads_agree(void **state)
{
    (void)state;
    pthread_t thread[2];
    struct found f[2] = {{NULL, 0}, {NULL, 0}};
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, find_in_thread, &f[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(f[0].count, 4);
    assert_int_equal(f[1].count, 4);
    assert_memory_equal(f[0].faces, f[1].faces, 4 * sizeof(struct face));
    free(f[0].faces);
    free(f[1].faces);
}

static void test_options_out_of_range_are_refused(void **state)
{
    (void)state;
    static const struct {
        struct detector_options options;
        const char *part;
    } CASES[] = {{{NULL, 1.0, 4, 24, false}, "scale factor 1 "},
                 {{NULL, NAN, 4, 24, false}, "scale factor nan"},
                 {{NULL, INFINITY, 4, 24, false}, "scale factor inf"},
                 {{NULL, 1.1, -1, 24, false}, "neighbours -1"},
                 {{NULL, 1.1, 4, -1, false}, "-1 pixels"}};
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct err e = {""};
        assert_null(detector_new(&CASES[i].options, &e));
        assert_contains(e.text, CASES[i].part);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_drawn_face_is_found_where_it_was_drawn),
        cmocka_unit_test(test_faces_come_sorted_and_inside_the_picture),
        cmocka_unit_test(test_largest_keeps_the_first_face_only),
        cmocka_unit_test(test_a_face_has_at_least_the_score_asked_for),
        cmocka_unit_test(test_picture_without_a_face_gives_none),
        cmocka_unit_test(test_picture_below_the_window_gives_none),
        cmocka_unit_test(test_no_face_is_smaller_than_asked),
        cmocka_unit_test(test_colour_picture_is_refused),
        cmocka_unit_test(test_detectors_of_two_threads_agree),
        cmocka_unit_test(test_options_out_of_range_are_refused),
    };
    return cmocka_run_group_tests_name("faces", tests, NULL, NULL);
}
