/* Pictures read as detect and classify do: a large JPEG is searched at a smaller scale, and neither
 * its boxes nor its crops show it. */
#include "cli/picture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "draw_face.h"
#include "pictures.h"
#include "scratch.h"

enum { WIDTH = 1001, HEIGHT = 801, SIZE = 48 };

static const char *draw(int x, int y, int size)
{
    struct image im;
    struct err e;
    if (image_init(&im, WIDTH, HEIGHT, 1, &e))
        fail_msg("%s", e.text);
    draw_background(&im, 128);
    draw_face(&im, x, y, size, 1);
    const struct picture_bytes file = make_grey_jpeg(im.pixels, WIDTH, HEIGHT);
    image_release(&im);
    const char *path = scratch_write("large.jpg", file.data, file.size);
    free(file.data);
    return path;
}

static struct picture read_picture(const char *path, int min_size, int size, unsigned max_pixels)
{
    struct face_options options = {.detector = DETECTOR_DEFAULTS};
    options.detector.min_size = min_size;
    struct picture_reader reader = {.options = &options,
                                    .max_pixels = max_pixels,
                                    .mode = FACE_DETECT,
                                    .size = size,
                                    .crop = {SIZE, 0}};
    struct picture p = {.input = {.path = strdup(path)}};
    struct err e;
    assert_int_equal(picture_reader_init(&reader, 2, &e), 0);
    picture_read(&reader, 1, &p);
    picture_reader_release(&reader);
    return p;
}

/* The face cut out of the picture in its full size. */
static void crop_of_file(const char *path, const struct face *face, unsigned char *crop)
{
    struct image full;
    struct err e;
    assert_int_equal(image_read(&full, path, 1, &e), 0);
    assert_int_equal(face_crop(&full, face, 0, SIZE, crop, &e), 0);
    image_release(&full);
}

static void assert_near(int got, int expected, int by)
{
    if (abs(got - expected) > by)
        fail_msg("%d is not within %d of %d", got, by, expected);
}

/* From the full size and from a half, a quarter or an eighth of it. */
static void test_boxes_and_crops_are_those_of_the_full_picture(void **state)
{
    (void)state;
    const char *path = draw(240, 160, 400);
    struct picture whole = read_picture(path, 30, SIZE, 0);
    assert_int_equal(whole.outcome, PICTURE_DONE);
    assert_int_equal(whole.count, 1);
    for (int min_size = 48; min_size <= 192; min_size *= 2) {
        /* Of 400 pixels; at an eighth one stands for 8. */
        const bool coarse = min_size == 192;
        const int place = coarse ? 40 : 24, size = coarse ? 48 : 40;
        struct picture p = read_picture(path, min_size, SIZE, 0);
        assert_int_equal(p.count, 1);
        assert_near(p.faces[0].x, whole.faces[0].x, place);
        assert_near(p.faces[0].y, whole.faces[0].y, place);
        assert_near(p.faces[0].width, whole.faces[0].width, size);
        unsigned char crop[SIZE * SIZE];
        int difference = 0;
        crop_of_file(path, &p.faces[0], crop);
        for (int i = 0; i < SIZE * SIZE; i++)
            difference += abs(p.pixels[i] - crop[i]);
        assert_true(difference < 3 * SIZE * SIZE);
        picture_release(&p);
    }
    picture_release(&whole);
}

/* A face of 120 pixels is 15 at an eighth of the size: its crop comes from the full picture then.
 */
static void test_a_crop_is_never_enlarged_from_a_reduced_picture(void **state)
{
    (void)state;
    const char *path = draw(240, 160, 160);
    struct picture p = read_picture(path, 100, SIZE, 0);
    assert_int_equal(p.outcome, PICTURE_DONE);
    assert_int_equal(p.count, 1);
    unsigned char crop[SIZE * SIZE];
    crop_of_file(path, &p.faces[0], crop);
    assert_memory_equal(p.pixels, crop, sizeof(crop));
    picture_release(&p);
}

static void test_boxes_stay_inside_the_full_picture(void **state)
{
    (void)state;
    const char *path = draw(WIDTH - 400, HEIGHT - 400, 400);
    struct picture p = read_picture(path, 192, 0, 0);
    assert_int_equal(p.count, 1);
    assert_true(p.faces[0].x + p.faces[0].width <= WIDTH);
    assert_true(p.faces[0].y + p.faces[0].height <= HEIGHT);
    assert_null(p.pixels);
    picture_release(&p);
}

static void test_a_picture_beyond_the_limit_is_unreadable(void **state)
{
    (void)state;
    struct picture p = read_picture(draw(240, 160, 400), 30, 0, 1000);
    assert_int_equal(p.outcome, PICTURE_UNREADABLE);
    assert_string_equal(picture_status(&p), "unreadable");
    assert_non_null(strstr(p.trouble.text, "1001x801 pixels are more than the limit of 1000"));
    picture_release(&p);
}

/* Reduced it is within the limit, but its face is too small there: nothing is left of the face when
 * the whole picture, which its crop needs, is refused. */
static void test_an_unreadable_picture_has_no_faces(void **state)
{
    (void)state;
    struct picture p = read_picture(draw(240, 160, 160), 100, SIZE, 100000);
    assert_int_equal(p.outcome, PICTURE_UNREADABLE);
    assert_int_equal(p.count, 0);
    assert_null(p.faces);
    picture_release(&p);
}

static void test_a_picture_in_memory_is_that_of_its_file(void **state)
{
    (void)state;
    struct face_options options = {.detector = DETECTOR_DEFAULTS};
    struct picture_reader reader = {
        .options = &options, .mode = FACE_DETECT, .size = SIZE, .crop = {SIZE, 0}};
    const char *path = draw(240, 160, 160);
    struct picture file = {.input = {.path = strdup(path)}},
                   memory = {.input = {.path = strdup("frame")}};
    struct err e;
    assert_int_equal(file_read(path, 1 << 20, (char **)&memory.input.bytes, &memory.input.size, &e),
                     0);
    assert_int_equal(picture_reader_init(&reader, 1, &e), 0);
    picture_read(&reader, 0, &file);
    picture_read(&reader, 0, &memory);
    picture_drop_bytes(&memory);
    assert_int_equal(memory.count, 1);
    assert_memory_equal(memory.faces, file.faces, sizeof(struct face));
    assert_memory_equal(memory.pixels, file.pixels, SIZE * SIZE);
    picture_release(&file);
    picture_release(&memory);
    picture_reader_release(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_boxes_and_crops_are_those_of_the_full_picture),
        cmocka_unit_test(test_a_crop_is_never_enlarged_from_a_reduced_picture),
        cmocka_unit_test(test_boxes_stay_inside_the_full_picture),
        cmocka_unit_test(test_a_picture_beyond_the_limit_is_unreadable),
        cmocka_unit_test(test_an_unreadable_picture_has_no_faces),
        cmocka_unit_test(test_a_picture_in_memory_is_that_of_its_file),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
