/* Identical pictures: what an audit counts, what is left out of training, and what an evaluation on
 * unseen pictures keeps. Pictures of two by two pixels, told by one letter each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fer.h"

enum { MOST = 64, BYTES = 4 };

/* Rows as words of three characters: the picture, the label, and the split T, V (PublicTest) or P.
 * Capital letters are blank pictures. */
struct rows {
    unsigned char pixels[MOST * BYTES], label[MOST], split[MOST];
    struct dataset data;
};

static void rows_init(struct rows *r, const char *text)
{
    size_t n = 0;
    for (; *text; text += text[3] ? 4 : 3, n++) {
        memset(r->pixels + n * BYTES, text[0], BYTES);
        if (text[0] >= 'a')
            r->pixels[n * BYTES + 3] = 0;
        r->label[n] = (unsigned char)(text[1] - '0');
        r->split[n] = text[2] == 'T'   ? SPLIT_TRAINING
                      : text[2] == 'V' ? SPLIT_PUBLIC_TEST
                                       : SPLIT_PRIVATE_TEST;
    }
    r->data = (struct dataset){.count = n,
                               .width = 2,
                               .height = 2,
                               .pixels = r->pixels,
                               .label = r->label,
                               .split = r->split};
}

/* The rows as the words that rows_init reads. */
static const char *rows_text(const struct rows *r)
{
    static char text[4 * MOST + 1];
    char *at = text;
    for (size_t i = 0; i < r->data.count; i++) {
        *at++ = (char)r->pixels[i * BYTES];
        *at++ = (char)('0' + r->label[i]);
        *at++ = r->split[i] == SPLIT_TRAINING ? 'T' : r->split[i] == SPLIT_PUBLIC_TEST ? 'V' : 'P';
        *at++ = ' ';
    }
    at[at > text ? -1 : 0] = '\0';
    return text;
}

/* ---- the audit ---- */

static void test_groups_inside_and_across_splits_are_counted(void **state)
{
    (void)state;
    struct rows r;
    struct audit a;
    struct err e;
    /* a: three in Training, one label; b: two in Training that differ; c: one in each split; d: two
     * in PublicTest; e: alone. */
    rows_init(&r, "a0T b1T c2T a0T b3T e6T a0T d4V c2V d4V c5P");
    assert_int_equal(audit_init(&a, &r.data, &e), 0);
    const struct audit_split training = {.n = 7,
                                         .of_class = {3, 1, 1, 1, 0, 0, 1},
                                         .distinct = 4,
                                         .groups = 2,
                                         .members = 5,
                                         .surplus = 3,
                                         .conflicts = 1,
                                         .conflicting = 2};
    const struct audit_split public = {.n = 3,
                                       .of_class = {0, 0, 1, 0, 2, 0, 0},
                                       .distinct = 2,
                                       .groups = 1,
                                       .members = 2,
                                       .surplus = 1};
    const struct audit_split private = {.n = 1, .of_class = {0, 0, 0, 0, 0, 1, 0}, .distinct = 1};
    const struct audit_split all = {.n = 11,
                                    .of_class = {3, 1, 2, 1, 2, 1, 1},
                                    .distinct = 5,
                                    .groups = 4,
                                    .members = 10,
                                    .surplus = 6,
                                    .conflicts = 2,
                                    .conflicting = 5};
    assert_memory_equal(&a.split[0], &training, sizeof(training));
    assert_memory_equal(&a.split[1], &public, sizeof(public));
    assert_memory_equal(&a.split[2], &private, sizeof(private));
    assert_memory_equal(&a.all, &all, sizeof(all));
    audit_release(&a);
}

static void test_copies_of_another_split_are_counted_with_their_labels(void **state)
{
    (void)state;
    struct rows r;
    struct audit a;
    struct err e;
    rows_init(&r, "a0T b1T b2T c3T a0V a1V b1V x4V c3P b2P a1P");
    assert_int_equal(audit_init(&a, &r.data, &e), 0);
    const struct audit_copies in_training = {
        .n = 3, .of_class = {1, 2, 0, 0, 0, 0, 0}, .relabelled = 2};
    const struct audit_copies private_in_training = {
        .n = 3, .of_class = {0, 1, 1, 1, 0, 0, 0}, .relabelled = 2};
    const struct audit_copies private_in_public = {
        .n = 2, .of_class = {0, 1, 1, 0, 0, 0, 0}, .relabelled = 2};
    assert_memory_equal(&a.copies[1][0], &in_training, sizeof(in_training));
    assert_memory_equal(&a.copies[2][0], &private_in_training, sizeof(private_in_training));
    assert_memory_equal(&a.copies[2][1], &private_in_public, sizeof(private_in_public));
    audit_release(&a);
}

static void test_blank_pictures_are_listed_by_row(void **state)
{
    (void)state;
    struct rows r;
    struct audit a;
    struct err e;
    rows_init(&r, "a0T A0T b1T B1T A2V");
    assert_int_equal(audit_init(&a, &r.data, &e), 0);
    assert_int_equal(a.split[0].blank, 2);
    assert_int_equal(a.split[1].blank, 1);
    assert_int_equal(a.all.blank, 3);
    assert_int_equal(a.blank_row[0], 1);
    assert_int_equal(a.blank_row[1], 3);
    assert_int_equal(a.blank_row[2], 4);
    audit_release(&a);
}

static void test_nothing_and_foreign_labels_are_told_apart(void **state)
{
    (void)state;
    struct rows r;
    struct audit a;
    struct err e;
    rows_init(&r, "");
    assert_int_equal(audit_init(&a, &r.data, &e), 0);
    assert_int_equal(a.all.n + a.all.distinct + a.all.groups, 0);
    audit_release(&a);
    rows_init(&r, "a0T b7T");
    assert_int_equal(audit_init(&a, &r.data, &e), -1);
    assert_string_equal(e.text, "picture 1 has label 7 of 7 classes");
}

/* ---- leaving out ---- */

static void check_left(const char *before, const char *reasons, const char *after,
                       const size_t expected[LEAVE_OUT_REASONS])
{
    struct rows r;
    struct err e = {""};
    size_t left_out[LEAVE_OUT_REASONS];
    rows_init(&r, before);
    const unsigned bits = leave_out_parse(reasons, &e);
    if (!bits)
        fail_msg("%s", e.text);
    assert_int_equal(dataset_leave_out(&r.data, bits, left_out, &e), 0);
    assert_string_equal(rows_text(&r), after);
    assert_memory_equal(left_out, expected, sizeof(left_out));
}

/* Blank twice, once as a copy of a test picture; copies of test pictures; conflicts; surplus. */
#define MIXED "A0T a0T v1T a0T b1T b2T c3T B4T v6V w2V B4P"

static void test_each_reason_takes_its_own_rows(void **state)
{
    (void)state;
    check_left(MIXED, "blank", "a0T v1T a0T b1T b2T c3T", (size_t[]){2, 0, 0, 0});
    check_left(MIXED, "test-copies", "A0T a0T a0T b1T b2T c3T", (size_t[]){0, 2, 0, 0});
    check_left(MIXED, "conflicts", "A0T a0T v1T a0T c3T B4T", (size_t[]){0, 0, 2, 0});
    check_left(MIXED, "surplus", "A0T a0T v1T b1T c3T B4T", (size_t[]){0, 0, 0, 2});
}

static void test_reasons_add_up_and_each_row_has_one(void **state)
{
    (void)state;
    check_left(MIXED, "surplus,conflicts,test-copies,blank", "a0T c3T", (size_t[]){2, 1, 2, 1});
    check_left(MIXED, "conflicts,surplus", "A0T a0T v1T c3T B4T", (size_t[]){0, 0, 2, 1});
    check_left("v1T v1T v1V", "test-copies,surplus", "", (size_t[]){0, 2, 0, 0});
}

static void test_label_of_a_test_picture_is_no_conflict(void **state)
{
    (void)state;
    check_left("a0T a0T a1V a2P", "conflicts", "a0T a0T", (size_t[]){0, 0, 0, 0});
}

static void test_list_of_reasons_is_read_or_refused(void **state)
{
    (void)state;
    struct err e = {""};
    assert_int_equal(leave_out_parse("blank", &e), 1 << LEAVE_OUT_BLANK);
    assert_int_equal(leave_out_parse("surplus,test-copies", &e),
                     1 << LEAVE_OUT_SURPLUS | 1 << LEAVE_OUT_TEST_COPIES);
    static const char *const bad[] = {"",
                                      ",",
                                      "blank,",
                                      ",blank",
                                      "blanks",
                                      "Blank",
                                      "blan",
                                      "blank surplus",
                                      " blank",
                                      "all",
                                      "blank,surplus,blank"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        e.text[0] = '\0';
        assert_int_equal(leave_out_parse(bad[i], &e), 0);
        assert_string_not_equal(e.text, "");
    }
    assert_non_null(strstr(e.text, "'blank' is named twice"));
    leave_out_parse("blank,black", &e);
    assert_string_equal(e.text, "'black' is none of blank, test-copies, conflicts, surplus");
}

/* ---- unseen pictures ---- */

static void test_test_rows_that_are_in_training_are_dropped(void **state)
{
    (void)state;
    struct rows r;
    struct err e;
    size_t dropped;
    rows_init(&r, "a0T b1T a5V c2V c3V b1P d4P");
    assert_int_equal(dataset_drop_seen(&r.data, &dropped, &e), 0);
    assert_string_equal(rows_text(&r), "c2V c3V d4P");
    assert_int_equal(dropped, 2);
}

static void test_paths_go_with_their_pictures(void **state)
{
    (void)state;
    struct rows r;
    struct err e;
    char *path[3] = {strdup("x"), strdup("y"), strdup("z")};
    size_t left_out[LEAVE_OUT_REASONS];
    rows_init(&r, "a0T a0T b1T");
    r.data.path = path;
    assert_int_equal(dataset_leave_out(&r.data, 1 << LEAVE_OUT_SURPLUS, left_out, &e), 0);
    assert_int_equal(r.data.count, 2);
    assert_string_equal(path[0], "x");
    assert_string_equal(path[1], "z");
    free(path[0]);
    free(path[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups_inside_and_across_splits_are_counted),
        cmocka_unit_test(test_copies_of_another_split_are_counted_with_their_labels),
        cmocka_unit_test(test_blank_pictures_are_listed_by_row),
        cmocka_unit_test(test_nothing_and_foreign_labels_are_told_apart),
        cmocka_unit_test(test_each_reason_takes_its_own_rows),
        cmocka_unit_test(test_reasons_add_up_and_each_row_has_one),
        cmocka_unit_test(test_label_of_a_test_picture_is_no_conflict),
        cmocka_unit_test(test_list_of_reasons_is_read_or_refused),
        cmocka_unit_test(test_test_rows_that_are_in_training_are_dropped),
        cmocka_unit_test(test_paths_go_with_their_pictures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
