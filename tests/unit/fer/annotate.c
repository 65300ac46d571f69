/* Boxes and texts in pictures of all sizes, and without any font. */
#include "fer.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"

static struct image ground(int width, int height)
{
    struct image im;
    struct err e;
    if (image_init(&im, width, height, 3, &e))
        fail_msg("%s", e.text);
    memset(im.pixels, 100, (size_t)width * (size_t)height * 3);
    return im;
}

static void draw(struct image *im, struct face face, const char *text)
{
    struct err e;
    if (annotate(im, &face, &text, 1, &e))
        fail_msg("%s", e.text);
}

static bool is_ground(const struct image *im, int x, int y)
{
    const unsigned char *p = im->pixels + ((size_t)y * (size_t)im->width + (size_t)x) * 3;
    return p[0] == 100 && p[1] == 100 && p[2] == 100;
}

/* The bright colour of boxes and of the ground of texts. */
static bool is_bright(const struct image *im, int x, int y)
{
    const unsigned char *p = im->pixels + ((size_t)y * (size_t)im->width + (size_t)x) * 3;
    return p[0] > 200 && p[1] > 160 && p[2] < 80;
}

static bool is_inside(const struct face *f, int x, int y)
{
    return x >= f->x && x < f->x + f->width && y >= f->y && y < f->y + f->height;
}

/* Drawn pixels outside the box: the label's. */
struct extent {
    int left, top, right, bottom, count;
};

static struct extent drawn_outside(const struct image *im, const struct face *f)
{
    struct extent e = {im->width, im->height, -1, -1, 0};
    for (int y = 0; y < im->height; y++) {
        for (int x = 0; x < im->width; x++) {
            if (is_inside(f, x, y) || is_ground(im, x, y))
                continue;
            e.left = x < e.left ? x : e.left;
            e.right = x > e.right ? x : e.right;
            e.top = y < e.top ? y : e.top;
            e.bottom = y > e.bottom ? y : e.bottom;
            e.count++;
        }
    }
    return e;
}

static void test_box_without_text_changes_its_border_only(void **state)
{
    (void)state;
    const struct face face = {.x = 40, .y = 30, .width = 80, .height = 60};
    struct image im = ground(200, 150);
    draw(&im, face, NULL);
    assert_int_equal(drawn_outside(&im, &face).count, 0);
    int bright = 0;
    for (int y = 0; y < im.height; y++) {
        for (int x = 0; x < im.width; x++) {
            bool deep = x >= 48 && x < 112 && y >= 38 && y < 82;
            assert_true(!deep || is_ground(&im, x, y));
            bright += is_bright(&im, x, y);
        }
    }
    assert_true(bright >= 2 * (80 + 60) - 4);
    assert_false(is_ground(&im, 40, 60));
    assert_false(is_ground(&im, 119, 60));
    assert_false(is_ground(&im, 80, 30));
    assert_false(is_ground(&im, 80, 89));
    image_release(&im);
}

static void test_text_stands_above_its_box(void **state)
{
    (void)state;
    const struct face face = {.x = 60, .y = 80, .width = 80, .height = 80};
    struct image im = ground(400, 300);
    draw(&im, face, "happy 0.97");
    struct extent e = drawn_outside(&im, &face);
    assert_true(e.count > 300);
    assert_int_equal(e.left, 60);
    assert_int_equal(e.bottom, 79);
    assert_true(e.top > 50 && e.right < 220);
    image_release(&im);
}

static void test_text_without_room_above_stands_below(void **state)
{
    (void)state;
    const struct face face = {.x = 60, .y = 3, .width = 80, .height = 80};
    struct image im = ground(400, 300);
    draw(&im, face, "happy 0.97");
    struct extent e = drawn_outside(&im, &face);
    assert_int_equal(e.top, 83);
    assert_true(e.count > 300 && e.bottom < 120);
    image_release(&im);
}

static void test_text_at_the_right_border_is_whole(void **state)
{
    (void)state;
    const struct face middle = {.x = 60, .y = 80, .width = 40, .height = 40};
    const struct face right = {.x = 360, .y = 80, .width = 40, .height = 40};
    struct image im = ground(400, 300), other = ground(400, 300);
    draw(&im, middle, "surprise 0.43");
    draw(&other, right, "surprise 0.43");
    struct extent a = drawn_outside(&im, &middle), b = drawn_outside(&other, &right);
    assert_int_equal(b.count, a.count);
    assert_int_equal(b.right, 399);
    image_release(&im);
    image_release(&other);
}

static int text_height(int width, int height, int face_size)
{
    const struct face face = {
        .x = width / 2 - face_size / 2, .y = height / 2, .width = face_size, .height = face_size};
    struct image im = ground(width, height);
    draw(&im, face, "sad");
    struct extent e = drawn_outside(&im, &face);
    image_release(&im);
    assert_true(e.count > 0);
    return e.bottom - e.top + 1;
}

static void test_text_grows_with_picture_and_face(void **state)
{
    (void)state;
    int small = text_height(300, 200, 50), large = text_height(3000, 2000, 500);
    assert_in_range(small, 10, 20);
    assert_in_range(large, 60, 120);
    assert_true(text_height(3000, 2000, 100) < large);
    assert_true(text_height(3000, 2000, 100) > small);
}

static void test_text_wider_than_the_picture_shrinks_or_is_cut(void **state)
{
    (void)state;
    static const int SIZES[][2] = {{1, 1}, {2, 9}, {9, 2}, {16, 16}, {48, 48}, {200, 5}, {5, 200}};
    static char text[2000];
    memset(text, 'W', sizeof(text) - 1);
    for (size_t i = 0; i < sizeof(SIZES) / sizeof(SIZES[0]); i++) {
        struct image im = ground(SIZES[i][0], SIZES[i][1]);
        const struct face whole = {.width = im.width, .height = im.height};
        const struct face corner = {.x = im.width - 1, .y = im.height - 1, .width = 1, .height = 1};
        draw(&im, whole, text);
        draw(&im, corner, "surprise 0.4321");
        draw(&im, corner, text);
        assert_false(is_ground(&im, 0, 0));
        image_release(&im);
    }
}

static void test_texts_lie_over_all_boxes(void **state)
{
    (void)state;
    const struct face faces[] = {{.x = 50, .y = 60, .width = 80, .height = 80},
                                 {.x = 40, .y = 20, .width = 100, .height = 38}};
    const char *const texts[] = {"neutral", NULL};
    struct image both = ground(300, 200), first = ground(300, 200);
    struct err e;
    assert_int_equal(annotate(&both, faces, texts, 2, &e), 0);
    assert_int_equal(annotate(&first, faces, texts, 1, &e), 0);
    int label = 0;
    for (int y = 48; y < 60; y++) {
        for (int x = 50; x < 80; x++) {
            size_t at = ((size_t)y * 300 + (size_t)x) * 3;
            assert_memory_equal(both.pixels + at, first.pixels + at, 3);
            label += !is_ground(&first, x, y);
        }
    }
    assert_int_equal(label, 12 * 30);
    image_release(&both);
    image_release(&first);
}

static void test_text_that_is_not_utf8_is_drawn_all_the_same(void **state)
{
    (void)state;
    const struct face face = {.x = 60, .y = 80, .width = 80, .height = 80};
    struct image bad = ground(400, 300), good = ground(400, 300);
    draw(&bad, face, "fr\xf6hlich");
    draw(&good, face, "fr?hlich");
    assert_true(drawn_outside(&bad, &face).count > 100);
    assert_memory_equal(bad.pixels, good.pixels, 400 * 300 * 3);
    draw(&good, face, "fr\xc3\xb6hlich");
    assert_memory_not_equal(bad.pixels, good.pixels, 400 * 300 * 3);
    image_release(&bad);
    image_release(&good);
}

static void test_no_faces_and_no_texts_are_legal(void **state)
{
    (void)state;
    const struct face face = {.x = 5, .y = 5, .width = 10, .height = 10};
    struct image im = ground(30, 30);
    struct err e;
    assert_int_equal(annotate(&im, NULL, NULL, 0, &e), 0);
    assert_int_equal(drawn_outside(&im, &face).count, 0);
    assert_int_equal(annotate(&im, &face, NULL, 1, &e), 0);
    assert_int_equal(drawn_outside(&im, &face).count, 0);
    assert_false(is_ground(&im, 5, 5));
    draw(&im, face, "");
    assert_int_equal(drawn_outside(&im, &face).count, 0);
    image_release(&im);
}

static void test_grey_picture_is_refused(void **state)
{
    (void)state;
    struct image im;
    struct err e = {""};
    assert_int_equal(image_init(&im, 10, 10, 1, &e), 0);
    assert_int_equal(annotate(&im, NULL, NULL, 0, &e), -1);
    assert_non_null(strstr(e.text, "1 channels"));
    image_release(&im);
}

/* Run in a process of its own, because fontconfig looks for fonts once. Returns an exit status. */
static int run_without_fonts(void)
{
    struct err e;
    struct image im;
    const struct face face = {.x = 60, .y = 80, .width = 80, .height = 80};
    const char *const text = "happy 0.97";
    if (image_init(&im, 400, 300, 3, &e) || annotate(&im, &face, &text, 1, &e))
        return 1;
    const unsigned char *line = im.pixels + ((size_t)120 * 400 + 62) * 3;
    bool box = im.pixels[((size_t)120 * 400 + 60) * 3] || line[0];
    image_release(&im);
    return box ? 0 : 2;
}

static void test_system_without_fonts_still_gets_boxes(void **state)
{
    (void)state;
    static const char CONFIG[] = "<?xml version=\"1.0\"?><fontconfig></fontconfig>";
    const char *path = scratch_write("fonts.conf", CONFIG, sizeof(CONFIG) - 1);
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int null = open("/dev/null", O_WRONLY); /* fontconfig complains */
        dup2(null, STDERR_FILENO);
        setenv("FONTCONFIG_FILE", path, 1);
        execl("/proc/self/exe", "annotate", "without-fonts", (char *)NULL);
        _exit(3);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_box_without_text_changes_its_border_only),
        cmocka_unit_test(test_text_stands_above_its_box),
        cmocka_unit_test(test_text_without_room_above_stands_below),
        cmocka_unit_test(test_text_at_the_right_border_is_whole),
        cmocka_unit_test(test_text_grows_with_picture_and_face),
        cmocka_unit_test(test_text_wider_than_the_picture_shrinks_or_is_cut),
        cmocka_unit_test(test_texts_lie_over_all_boxes),
        cmocka_unit_test(test_text_that_is_not_utf8_is_drawn_all_the_same),
        cmocka_unit_test(test_no_faces_and_no_texts_are_legal),
        cmocka_unit_test(test_grey_picture_is_refused),
        cmocka_unit_test(test_system_without_fonts_still_gets_boxes),
    };
    if (argc > 1 && strcmp(argv[1], "without-fonts") == 0)
        return run_without_fonts();
    return cmocka_run_group_tests_name("annotate", tests, scratch_setup, scratch_teardown);
}
