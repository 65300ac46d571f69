/* Labelled folders: where labels come from, what becomes of photographs and crops, what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "draw_face.h"
#include "fer.h"
#include "scratch.h"

#define SIZE 48

/* Where a test's folder is; every test has its own. */
static const char *folder(const char *test)
{
    return scratch_file(test);
}

static void write_picture(const char *name, const struct image *im)
{
    struct err e = {""};
    scratch_write(name, "", 0); /* makes the folders */
    if (image_write_png(im, scratch_file(name), &e))
        fail_msg("%s", e.text);
}

/* A photograph of 200x160 with `faces` faces, the larger one at the right. */
static void write_photo(const char *name, int faces)
{
    struct image im;
    struct err e;
    assert_int_equal(image_init(&im, 200, 160, 1, &e), 0);
    draw_background(&im, 128);
    if (faces > 1)
        draw_face(&im, 15, 50, 50, 1);
    if (faces > 0)
        draw_face(&im, 95, 30, 80, 0);
    write_picture(name, &im);
    image_release(&im);
}

/* A square picture of one grey, with a darker corner. */
static void write_square(const char *name, int size, int grey)
{
    struct image im;
    struct err e;
    assert_int_equal(image_init(&im, size, size, 1, &e), 0);
    draw_background(&im, (unsigned char)grey);
    im.pixels[0] = (unsigned char)(grey / 2);
    write_picture(name, &im);
    image_release(&im);
}

static int read_folder(const char *test, enum face_mode mode, struct dataset *d,
                       struct folder_report *report, struct err *e)
{
    const struct folder_options options = {
        .mode = mode, .detector = &DETECTOR_DEFAULTS, .margin = 0.1, .size = SIZE};
    struct names names;
    assert_int_equal(names_init_fer(&names, e), 0);
    int result = dataset_read_folder(d, folder(test), &names, &options, report, e);
    names_release(&names);
    return result;
}

static void assert_reads(const char *test, enum face_mode mode, struct dataset *d,
                         struct folder_report *report)
{
    struct err e = {""};
    if (read_folder(test, mode, d, report, &e))
        fail_msg("%s", e.text);
    assert_int_equal(d->width, SIZE);
    assert_int_equal(d->height, SIZE);
}

static void release(struct dataset *d, struct folder_report *report)
{
    dataset_release(d);
    folder_report_release(report);
}

static void assert_picture(const struct dataset *d, size_t i, const char *path, int label)
{
    assert_string_equal(d->path[i], scratch_file(path));
    assert_int_equal(d->label[i], label);
    assert_int_equal(d->split[i], SPLIT_TRAINING);
}

/* ---- labels
 * -------------------------------------------------------------------------------------- */

static void test_folders_name_the_class_whatever_their_case(void **state)
{
    (void)state;
    struct dataset d;
    struct folder_report report;
    write_square("case/Happy/b.png", SIZE, 10);
    write_square("case/Happy/deep/er/a.png", SIZE, 20);
    write_square("case/SAD/z.PNG", SIZE, 30);
    write_square("case/angry/c.png", SIZE, 40);
    scratch_write("case/angry/notes.txt", "x", 1);
    scratch_write("case/README", "x", 1);
    assert_reads("case", FACE_AUTO, &d, &report);
    assert_int_equal(d.count, 4);
    assert_picture(&d, 0, "case/Happy/b.png", 3);
    assert_picture(&d, 1, "case/Happy/deep/er/a.png", 3);
    assert_picture(&d, 2, "case/SAD/z.PNG", 4);
    assert_picture(&d, 3, "case/angry/c.png", 0);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(d.pixels[i * SIZE * SIZE], 5 * (i + 1));
        assert_int_equal(d.pixels[i * SIZE * SIZE + 1], 10 * (i + 1));
    }
    assert_int_equal(report.without_face + report.unreadable, 0);
    release(&d, &report);
}

static void test_file_names_name_the_class(void **state)
{
    (void)state;
    struct dataset d;
    struct folder_report report;
    write_square("flat/a_class=3.png", SIZE, 1);
    write_square("flat/b_class=Neutral.png", SIZE, 1);
    write_square("flat/c_class=0_class=5.png", SIZE, 1);
    write_square("flat/fear/d_class=3.png", SIZE, 1);
    assert_reads("flat", FACE_AUTO, &d, &report);
    assert_int_equal(d.count, 4);
    assert_picture(&d, 0, "flat/a_class=3.png", 3);
    assert_picture(&d, 1, "flat/b_class=Neutral.png", 6);
    assert_picture(&d, 2, "flat/c_class=0_class=5.png", 5);
    assert_picture(&d, 3, "flat/fear/d_class=3.png", 2);
    release(&d, &report);
}

static void test_numbers_are_fers_whatever_the_order_of_the_names(void **state)
{
    (void)state;
    static const char text[] = "surprise\nneutral\nhappy\n";
    const struct folder_options options = {.mode = FACE_WHOLE, .size = SIZE};
    struct dataset d;
    struct folder_report report;
    struct names names;
    struct err e = {""};
    write_square("order/a_class=3.png", SIZE, 1);
    write_square("order/b_class=6.png", SIZE, 1);
    assert_int_equal(names_read(&names, scratch_write("x.names", text, strlen(text)), &e), 0);
    assert_int_equal(dataset_read_folder(&d, folder("order"), &names, &options, &report, &e), 0);
    assert_int_equal(d.label[0], 2);
    assert_int_equal(d.label[1], 1);
    release(&d, &report);
    write_square("order/c_class=0.png", SIZE, 1);
    assert_int_equal(dataset_read_folder(&d, folder("order"), &names, &options, &report, &e), -1);
    assert_non_null(
        strstr(e.text, "c_class=0.png' does not name a class: surprise, neutral, happy"));
    release(&d, &report);
    names_release(&names);
}

static void assert_refused(const char *test, enum face_mode mode, const char *expected)
{
    struct dataset d;
    struct folder_report report;
    struct err e = {""};
    assert_int_equal(read_folder(test, mode, &d, &report, &e), -1);
    if (!strstr(e.text, expected))
        fail_msg("the message is: %s; expected: %s", e.text, expected);
    assert_int_equal(d.count, 0);
    assert_null(d.pixels);
    folder_report_release(&report);
}

static void test_folder_of_another_name_is_refused(void **state)
{
    (void)state;
    write_square("other/happy/a.png", SIZE, 1);
    mkdir(scratch_file("other/hapy"), 0777);
    mkdir(scratch_file("other/sadd"), 0777);
    assert_refused("other", FACE_AUTO,
                   "other/hapy' is not named like a class: angry, disgust, fear, happy, sad, "
                   "surprise, neutral");
}

static void test_picture_without_a_label_is_refused(void **state)
{
    (void)state;
    write_square("bare/happy/a.png", SIZE, 1);
    write_square("bare/b.png", SIZE, 1);
    assert_refused("bare", FACE_AUTO,
                   "bare/b.png' is neither in the folder of a class nor named ..._class=K: angry");
    write_square("unknown/a_class=7.png", SIZE, 1);
    assert_refused("unknown", FACE_AUTO, "unknown/a_class=7.png' does not name a class: angry");
    write_square("nothing/a_class=.png", SIZE, 1);
    assert_refused("nothing", FACE_AUTO, "nothing/a_class=.png' does not name a class: angry");
}

static void test_folder_without_pictures_is_refused(void **state)
{
    (void)state;
    scratch_write("empty/happy/notes.txt", "x", 1);
    assert_refused("empty", FACE_AUTO, "empty' holds no picture, neither in the folder of a class");
    assert_refused("absent", FACE_AUTO, "absent': No such file or directory");
    assert_refused("empty/happy/notes.txt", FACE_AUTO, "notes.txt': Not a directory");
}

/* A link to a name that no file system takes, so that root cannot follow it either. */
static void test_what_cannot_be_walked_is_an_error(void **state)
{
    (void)state;
    char name[301];
    memset(name, 'n', 300);
    name[300] = '\0';
    write_square("walk/happy/a.png", SIZE, 1);
    assert_int_equal(symlink(name, scratch_file("walk/happy/b")), 0);
    assert_refused("walk", FACE_AUTO, "walk/happy/b': File name too long");
}

/* ---- photographs and crops
 * ----------------------------------------------------------------------- */

/* What the whole of `name`, or its largest face, is as the network's input. */
static void expected_crop(const char *name, bool whole, unsigned char *pixels)
{
    struct image im;
    struct face *faces = NULL;
    size_t count = 0;
    struct err e;
    assert_int_equal(image_read(&im, scratch_file(name), 1, &e), 0);
    struct face face = {.width = im.width, .height = im.height};
    if (!whole) {
        struct detector *detector = detector_new(&DETECTOR_DEFAULTS, &e);
        assert_int_equal(detector_find(detector, &im, &faces, &count, &e), 0);
        assert_true(count > 0);
        face = faces[0];
        assert_true(face.x > 80 && face.width > 60); /* the larger one, drawn at the right */
        detector_free(detector);
    }
    assert_int_equal(face_crop(&im, &face, whole ? 0 : 0.1, SIZE, pixels, &e), 0);
    free(faces);
    image_release(&im);
}

static void assert_crop(const struct dataset *d, size_t i, const char *name, bool whole)
{
    unsigned char expected[SIZE * SIZE];
    assert_picture(d, i, name, d->label[i]);
    expected_crop(name, whole, expected);
    assert_memory_equal(d->pixels + i * sizeof(expected), expected, sizeof(expected));
}

static void test_detection_takes_the_largest_face_and_lists_pictures_without(void **state)
{
    (void)state;
    struct dataset d;
    struct folder_report report;
    write_photo("detect/happy/1.png", 1);
    write_photo("detect/happy/2.png", 0);
    write_photo("detect/happy/3.png", 2);
    write_photo("detect/happy/4.png", 0);
    write_photo("detect/happy/5.png", 0);
    assert_reads("detect", FACE_DETECT, &d, &report);
    assert_int_equal(report.mode, FACE_DETECT);
    assert_int_equal(d.count, 2);
    assert_crop(&d, 0, "detect/happy/1.png", false);
    assert_crop(&d, 1, "detect/happy/3.png", false);
    assert_int_equal(report.without_face, 3);
    assert_int_equal(report.unreadable, 0);
    assert_non_null(strstr(report.message[1].text, "no face found in '"));
    assert_false(report.message[1].unreadable);
    assert_non_null(strstr(report.message[1].text, "detect/happy/4.png'"));
    release(&d, &report);
}

static void test_whole_pictures_need_no_detector(void **state)
{
    (void)state;
    struct detector_options broken = DETECTOR_DEFAULTS;
    broken.cascade = "/nowhere/cascade.xml";
    struct folder_options options = {.mode = FACE_WHOLE, .detector = &broken, .size = SIZE};
    struct dataset d;
    struct folder_report report;
    struct names names;
    struct err e = {""};
    write_photo("whole/happy/1.png", 1);
    names_init_fer(&names, &e);
    assert_int_equal(dataset_read_folder(&d, folder("whole"), &names, &options, &report, &e), 0);
    assert_int_equal(report.mode, FACE_WHOLE);
    assert_crop(&d, 0, "whole/happy/1.png", true);
    release(&d, &report);
    options.mode = FACE_AUTO;
    assert_int_equal(dataset_read_folder(&d, folder("whole"), &names, &options, &report, &e), -1);
    assert_non_null(strstr(e.text, "/nowhere/cascade.xml"));
    release(&d, &report);
    names_release(&names);
}

static void test_faces_in_half_of_the_pictures_are_photographs(void **state)
{
    (void)state;
    struct dataset d;
    struct folder_report report;
    write_photo("half/happy/1.png", 0);
    write_photo("half/happy/2.png", 1);
    write_photo("half/sad/3.png", 0);
    write_photo("half/sad/4.png", 2);
    assert_reads("half", FACE_AUTO, &d, &report);
    assert_int_equal(report.mode, FACE_DETECT);
    assert_int_equal(d.count, 2);
    assert_crop(&d, 0, "half/happy/2.png", false);
    assert_crop(&d, 1, "half/sad/4.png", false);
    assert_int_equal(report.without_face, 2);
    release(&d, &report);
}

static void test_faces_in_under_half_of_the_pictures_are_crops(void **state)
{
    (void)state;
    struct dataset d;
    struct folder_report report;
    write_photo("under/happy/1.png", 1);
    write_photo("under/happy/2.png", 0);
    write_photo("under/sad/3.png", 0);
    write_photo("under/sad/4.png", 0);
    write_photo("under/sad/5.png", 1);
    assert_reads("under", FACE_AUTO, &d, &report);
    assert_int_equal(report.mode, FACE_WHOLE);
    assert_int_equal(d.count, 5);
    assert_int_equal(report.without_face, 0);
    assert_crop(&d, 0, "under/happy/1.png", true);
    assert_crop(&d, 3, "under/sad/4.png", true);
    assert_crop(&d, 4, "under/sad/5.png", true);
    release(&d, &report);
}

static void test_pictures_of_the_networks_size_are_crops(void **state)
{
    (void)state;
    struct dataset d;
    struct folder_report report;
    struct image im;
    struct err e;
    /* Faces that the detector would find, at the network's size. */
    assert_int_equal(image_init(&im, SIZE, SIZE, 1, &e), 0);
    draw_background(&im, 128);
    draw_face(&im, 8, 8, 32, 0);
    write_picture("sized/happy/1.png", &im);
    write_picture("sized/happy/2.png", &im);
    assert_reads("sized", FACE_AUTO, &d, &report);
    assert_int_equal(report.mode, FACE_WHOLE);
    assert_memory_equal(d.pixels, im.pixels, SIZE * SIZE);
    release(&d, &report);

    write_photo("sized/happy/3.png", 1);
    write_photo("sized/happy/4.png", 1);
    assert_reads("sized", FACE_AUTO, &d, &report);
    assert_int_equal(report.mode, FACE_DETECT);
    assert_int_equal(d.count, 4);
    assert_memory_equal(d.pixels, im.pixels, SIZE * SIZE);
    assert_crop(&d, 3, "sized/happy/4.png", false);
    release(&d, &report);

    assert_reads("sized", FACE_DETECT, &d, &report);
    assert_int_equal(d.count, 4);
    assert_true(memcmp(d.pixels, im.pixels, SIZE * SIZE) != 0);
    release(&d, &report);
    image_release(&im);
}

static void test_unreadable_pictures_are_listed_and_do_not_count(void **state)
{
    (void)state;
    struct dataset d;
    struct folder_report report;
    write_photo("broken/happy/1.png", 1);
    scratch_write("broken/happy/2.jpg", "no picture", 10);
    scratch_write("broken/sad/3.png", "", 0);
    write_photo("broken/sad/4.png", 0);
    assert_reads("broken", FACE_AUTO, &d, &report);
    assert_int_equal(report.mode, FACE_DETECT); /* one of two */
    assert_int_equal(d.count, 1);
    assert_int_equal(report.unreadable, 2);
    assert_int_equal(report.without_face, 1);
    assert_non_null(strstr(report.message[0].text, "broken/happy/2.jpg'"));
    assert_true(report.message[0].unreadable);
    assert_non_null(strstr(report.message[1].text, "broken/sad/3.png'"));
    assert_non_null(strstr(report.message[2].text, "broken/sad/4.png'"));
    release(&d, &report);
}

static void test_folder_without_a_usable_picture_is_refused_with_its_list(void **state)
{
    (void)state;
    struct dataset d;
    struct folder_report report;
    struct err e;
    scratch_write("useless/happy/1.png", "no picture", 10);
    write_photo("useless/happy/2.png", 0);
    write_photo("useless/happy/3.png", 0);
    assert_int_equal(read_folder("useless", FACE_DETECT, &d, &report, &e), -1);
    assert_non_null(
        strstr(e.text, "useless' holds no usable picture: 2 without a face, 1 unreadable"));
    assert_null(d.pixels);
    assert_int_equal(report.without_face, 2);
    assert_int_equal(report.unreadable, 1);
    assert_non_null(strstr(report.message[0].text, "useless/happy/1.png'"));
    folder_report_release(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folders_name_the_class_whatever_their_case),
        cmocka_unit_test(test_file_names_name_the_class),
        cmocka_unit_test(test_numbers_are_fers_whatever_the_order_of_the_names),
        cmocka_unit_test(test_folder_of_another_name_is_refused),
        cmocka_unit_test(test_picture_without_a_label_is_refused),
        cmocka_unit_test(test_folder_without_pictures_is_refused),
        cmocka_unit_test(test_what_cannot_be_walked_is_an_error),
        cmocka_unit_test(test_detection_takes_the_largest_face_and_lists_pictures_without),
        cmocka_unit_test(test_whole_pictures_need_no_detector),
        cmocka_unit_test(test_faces_in_half_of_the_pictures_are_photographs),
        cmocka_unit_test(test_faces_in_under_half_of_the_pictures_are_crops),
        cmocka_unit_test(test_pictures_of_the_networks_size_are_crops),
        cmocka_unit_test(test_unreadable_pictures_are_listed_and_do_not_count),
        cmocka_unit_test(test_folder_without_a_usable_picture_is_refused_with_its_list),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
