/* PNM, plain and raw, of every depth, and refusals. */
#include "decoding.h"
#include "plain_pictures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void pnm_colour(const void *recipe, int x, int y, double rgb[3])
{
    const struct pnm_recipe *r = recipe;
    const bool bits = r->kind % 3 == 1;
    for (int c = 0; c < 3; c++) {
        const unsigned sample = pnm_sample(r, x, y, r->kind % 3 == 0 ? c : 0);
        rgb[c] = bits ? (sample ? 0 : 255) : 255.0 * sample / r->most;
    }
}

static void check(const struct pnm_recipe *recipe)
{
    const struct picture_bytes file = make_pnm(recipe);
    /* Each colour is rounded before its part in the grey. */
    assert_picture(&file, recipe->width, recipe->height, pnm_colour, recipe, 0.5);
    assert_limited(&file, recipe->width, recipe->height);
    free(file.data);
}

static void test_every_kind_and_depth_decodes(void **state)
{
    (void)state;
    static const int MOST[] = {255, 1, 15, 100, 256, 1023, 65535};
    for (int kind = 1; kind <= 6; kind++)
        for (size_t i = 0; i < sizeof(MOST) / sizeof(MOST[0]); i++)
            for (int width = 7; width <= 9; width++)
                check(&(struct pnm_recipe){
                    .kind = kind, .width = width, .height = 4, .most = MOST[i]});
}

static void test_comments_and_blanks_are_passed_over(void **state)
{
    (void)state;
    static const char *const HEADERS[] = {"P5 9 4 255\n", "P5#one\n9\t\v\f\r4 # two\n#\n255 ",
                                          "P5\n0009\n4\n255\n"};
    for (size_t i = 0; i < sizeof(HEADERS) / sizeof(HEADERS[0]); i++)
        check(&(struct pnm_recipe){
            .kind = 5, .width = 9, .height = 4, .most = 255, .header = HEADERS[i]});
    check(&(struct pnm_recipe){
        .kind = 2, .width = 3, .height = 4, .most = 99, .header = "P2 #\n 3 4 99#x\n"});
}

static void test_what_follows_the_picture_is_passed_over(void **state)
{
    (void)state;
    const struct pnm_recipe recipe = {.kind = 6, .width = 3, .height = 2, .most = 255};
    struct picture_bytes file = make_pnm(&recipe);
    file.data = realloc(file.data, file.size + 10);
    memset(file.data + file.size, 'P', 10);
    file.size += 10;
    assert_picture(&file, 3, 2, pnm_colour, &recipe, 0.5);
    free(file.data);
}

static void test_a_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    for (int kind = 1; kind <= 6; kind++) {
        const struct picture_bytes file =
            make_pnm(&(struct pnm_recipe){.kind = kind, .width = 9, .height = 3, .most = 200});
        /* A plain number may end with the file, and the first digits of one are one. */
        const size_t spare = kind == 2 || kind == 3 ? 3 : 0;
        assert_refused_when_cut(&file, 0, spare);
        assert_refused(file.data, file.size / 2, "the PNM ends too early");
        free(file.data);
    }
}

static void assert_text_refused(const char *text, const char *reason)
{
    assert_refused((const unsigned char *)text, strlen(text), reason);
}

static void test_headers_without_sense_are_refused(void **state)
{
    (void)state;
    assert_text_refused("P5 0 4 255 xxxx", "0x4 pixels are no picture");
    assert_text_refused("P5 100000 100000 255 x", "100000x100000 pixels are more than the limit");
    assert_text_refused("P5 99999999999 1 255 x", "a number in the PNM is too large");
    assert_text_refused("P5 -1 1 255 x", "there is '-' in the PNM where a number belongs");
    assert_text_refused("P5 1 1 0 x", "the PNM's largest sample is 0, not 1 to 65535");
    assert_text_refused("P5 1 1 65536 x", "the PNM's largest sample is 65536");
    assert_text_refused("P5 1 1 255x", "no blank between the PNM's header and its samples");
    assert_text_refused("P5 16000 16000 255 x", "the PNM ends too early");
    assert_text_refused("P1 16000 16000 1", "the PNM ends too early");
    assert_text_refused("P7 1 1 255 x", "its content is none of");
    assert_text_refused("P5x", "its content is none of");
}

static void test_samples_that_are_none_are_refused(void **state)
{
    (void)state;
    assert_text_refused("P2 2 1 9 3 10", "a sample of the PNM is 10, more than its 9");
    assert_text_refused("P5 2 1 9 \3\12", "a sample of the PNM is 10, more than its 9");
    assert_text_refused("P1 2 1 12", "there is '2' among the PNM's bits");
    assert_text_refused("P2 2 1 9 3 x", "there is 'x' in the PNM where a number belongs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_and_depth_decodes),
        cmocka_unit_test(test_comments_and_blanks_are_passed_over),
        cmocka_unit_test(test_what_follows_the_picture_is_passed_over),
        cmocka_unit_test(test_a_file_cut_anywhere_is_refused),
        cmocka_unit_test(test_headers_without_sense_are_refused),
        cmocka_unit_test(test_samples_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
