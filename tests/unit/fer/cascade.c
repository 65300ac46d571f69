/* What the detector refuses as a cascade, and that it does so quietly. */
#include "fer.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "assert_contains.h"

#include "draw_face.h"
#include "scratch.h"
#include "small_cascade.h"

/* The cascade with the first `from` in it replaced. */
static const char *cascade_with(const char *from, const char *to)
{
    static char text[8192];
    const char *at = strstr(SMALL_CASCADE, from);
    if (!at)
        fail_msg("the cascade has no '%s'", from);
    snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - SMALL_CASCADE), SMALL_CASCADE, to,
             at + strlen(from));
    return text;
}

static struct detector *open_cascade(const char *path, struct err *e)
{
    struct detector_options options = DETECTOR_DEFAULTS;
    options.cascade = path;
    return detector_new(&options, e);
}

static void assert_refused(const char *text, size_t length, const char *part)
{
    struct err e = {""};
    const char *path = scratch_write("c.xml", text, length);
    struct detector *d = open_cascade(path, &e);
    if (d)
        fail_msg("accepted, for want of: %s", part);
    assert_contains(e.text, "c.xml'");
    assert_contains(e.text, part);
    assert_null(strchr(e.text, '\n'));
}

static void test_small_cascade_is_accepted(void **state)
{
    (void)state;
    struct err e = {""};
    struct image im = draw_ground(60, 50);
    struct face *faces = NULL;
    size_t count = 0;
    draw_face(&im, 5, 5, 40, 0);
    struct detector *d =
        open_cascade(scratch_write("c.xml", SMALL_CASCADE, strlen(SMALL_CASCADE)), &e);
    if (!d)
        fail_msg("%s", e.text);
    assert_int_equal(detector_find(d, &im, &faces, &count, &e), 0);
    free(faces);
    detector_free(d);
    image_release(&im);
}

static void test_missing_cascade_is_refused_with_its_path(void **state)
{
    (void)state;
    struct err e = {""};
    assert_null(open_cascade("/no/such/cascade.xml", &e));
    assert_contains(e.text, "'/no/such/cascade.xml': No such file");
    assert_null(strstr(e.text, "opencv-data"));
    assert_null(open_cascade("/", &e));
    assert_contains(e.text, "'/': it is a directory");
}

static void test_file_that_is_no_cascade_is_refused(void **state)
{
    (void)state;
    static const char OTHER[] = "<?xml version=\"1.0\"?><opencv_storage><a>1</a></opencv_storage>";
    static const char OLD[] = "<?xml version=\"1.0\"?>\n<opencv_storage><faces "
                              "type_id=\"opencv-haar-classifier\"><size>20 20</size>"
                              "<stages><_>1</_></stages></faces></opencv_storage>";
    assert_refused("", 0, "no XML");
    assert_refused("hello\n", 6, "no XML");
    assert_refused("\0\0\0\0\0\0\0\0", 8, "no XML");
    assert_refused("<?xml ?>\n\nx", 11, "line 3: there is no <opencv_storage>");
    assert_refused("<?xml version=\"1.0\"?><html></html>", 34, "opencv_storage");
    assert_refused(OTHER, strlen(OTHER), "it holds no cascade");
    assert_refused(OLD, strlen(OLD), "OpenCV 1");
}

static void test_cut_cascade_is_refused(void **state)
{
    (void)state;
    size_t end = strlen(SMALL_CASCADE) - strlen("</opencv_storage>\n");
    for (size_t length = 0; length < end; length += 7)
        assert_refused(SMALL_CASCADE, length, length < 5 ? "no XML" : "line ");
}

static void test_damaged_xml_is_refused_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *part;
    } CASES[] = {
        {"<?xml version=\"1.0\"?>", "<?xml version=", "line 1: an attribute has no value"},
        {"<?xml version=\"1.0\"?>", "<?xml version=\"1.0\">", "line 1: a tag is not closed"},
        {"<cascade>", "<cascade type_id= \"a\">", "line 2: an attribute has no value"},
        {"<cascade>", "<cascade type_id=\"a>", "line 2: an attribute's value is not closed"},
        {"<cascade>", "< cascade>", "line 2: '<' begins no tag"},
        {"<cascade>", "<cascade", "line 2: a tag is not closed"},
        {"<cascade>", "<cascade/>", "line 2: a tag is not closed"},
        {"<cascade>", "<cascade><!-- </cascade></opencv_storage>", "does not end"},
        {"</height>", "</heigt>", "line 3: a closing tag does not fit"},
        {"</height>", "</height", "line 3: a tag is not closed"},
        {">20<", ">\"20<", "line 3: there is a character"},
        {">20<", ">&#48;<", "line 3: there is a character"},
        {"</cascade>", "", "line 11: a closing tag does not fit"},
        {"</opencv_storage>", "", "line 12: the file ends inside"},
        {"</opencv_storage>", "</opencv_storage>x", "line 11: something follows"},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        const char *text = cascade_with(CASES[i].from, CASES[i].to);
        assert_refused(text, strlen(text), CASES[i].part);
    }
}

static void test_comments_and_attributes_are_accepted(void **state)
{
    (void)state;
    const char *text =
        cascade_with("<cascade>", "<!-- a <b> -- \"c\" --><cascade type_id=\"x-y\" >");
    struct err e = {""};
    struct detector *d = open_cascade(scratch_write("c.xml", text, strlen(text)), &e);
    if (!d)
        fail_msg("%s", e.text);
    detector_free(d);
}

static void test_cascade_that_points_astray_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *part;
    } CASES[] = {
        {"1 -2 0 0.01", "0 -3 0 0.01", "child is -3"},
        {"1 -2 0 0.01", "2 -2 0 0.01", "child is 2"},
        {"0 -1 1 0.02", "1 -1 1 0.02", "ring"},
        {"0 -1 1 0.02", "0 -1 2 0.02", "feature is 2"},
        {"0 -1 1 0.02", "0 -1 -1 0.02", "feature is -1"},
        {"0 -1 1 0.02", "0 -1 1", "4 values"},
        {"0.1 0.2 0.3", "0.1 0.2", "leaves"},
        {"2 7 16 4", "5 7 16 4", "window"},
        {"2 7 16 4", "2 17 16 4", "window"},
        {"2 7 16 4", "-1 7 16 4", "coordinate is -1"},
        {"2 7 16 4", "2 7 x 4", "whole number"},
        {"2 7 16 4 -1.", "2 7 16 4", "5 values"},
        {"8 4 4 6", "5 4 4 6", "window"}, /* tilted */
        {"<width>20", "<width>2", "width is 2"},
        {"<height>20", "<height>99999999", "height is 99999999"},
        {"HAAR", "HOG", "HOG"},
        {"HAAR", "LBP", "maxCatCount"},
        {"maxCatCount>0", "maxCatCount>64", "maxCatCount"},
        {"BOOST", "OTHER", "accept"},
        {"0.01", "1e", "line 7: Bad format"}, /* says OpenCV's parser */
        {"0.01", "..5", "threshold is not a number"},
        {"0.1 0.2 0.3", "0.1 0.2 x", "leaf is not a number"},
        {"<stageThreshold>0.5", "<stageThreshold>x", "stage's threshold is not a number"},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        const char *text = cascade_with(CASES[i].from, CASES[i].to);
        assert_refused(text, strlen(text), CASES[i].part);
    }
}

static void test_deeply_nested_file_is_refused(void **state)
{
    (void)state;
    const size_t levels = 200000;
    char *text = malloc(100 + 3 * levels);
    assert_non_null(text);
    size_t length = (size_t)sprintf(text, "<?xml version=\"1.0\"?>\n<opencv_storage>");
    for (size_t i = 0; i < levels; i++, length += 3)
        memcpy(text + length, "<a>", 3);
    length += (size_t)sprintf(text + length, "</opencv_storage>");
    assert_refused(text, length, "deep");
    free(text);
}

/* OpenCV prints what it throws where its build or OPENCV_DUMP_ERRORS says so: see main. */
static void test_refusals_print_nothing(void **state)
{
    (void)state;
    struct stat status;
    int saved = dup(STDERR_FILENO);
    int file = open(scratch_file("stderr"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(saved >= 0 && file >= 0);
    dup2(file, STDERR_FILENO);
    struct err e;
    const char *text = cascade_with("0.01", "1e");
    bool good = !open_cascade(scratch_write("c.xml", text, strlen(text)), &e) &&
                !open_cascade(scratch_write("c.xml", "<?xml x?>", 9), &e) &&
                !open_cascade("/no/such", &e);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    assert_int_equal(fstat(file, &status), 0);
    close(saved);
    close(file);
    assert_true(good);
    assert_int_equal(status.st_size, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_cascade_is_accepted),
        cmocka_unit_test(test_missing_cascade_is_refused_with_its_path),
        cmocka_unit_test(test_file_that_is_no_cascade_is_refused),
        cmocka_unit_test(test_cut_cascade_is_refused),
        cmocka_unit_test(test_damaged_xml_is_refused_with_its_line),
        cmocka_unit_test(test_comments_and_attributes_are_accepted),
        cmocka_unit_test(test_cascade_that_points_astray_is_refused),
        cmocka_unit_test(test_deeply_nested_file_is_refused),
        cmocka_unit_test(test_refusals_print_nothing),
    };
    /* OpenCV reads the variable when it is loaded. */
    if (argc == 1 && setenv("OPENCV_DUMP_ERRORS", "1", 1) == 0)
        execl("/proc/self/exe", argv[0], "again", (char *)NULL);
    return cmocka_run_group_tests_name("cascade", tests, scratch_setup, scratch_teardown);
}
