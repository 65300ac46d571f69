/* Joining windows into faces. */
#include "fer/face_groups.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct haar_hit WINDOWS[] = {{100, 100, 50, 50}, {104, 98, 50, 50},
                                          {100, 102, 54, 54},                     /* one face */
                                          {300, 100, 50, 50}, {302, 100, 50, 50}, /* another */
                                          {108, 100, 54, 54},  /* the first one's, by a chain */
                                          {100, 100, 90, 90}}; /* too large to be the same */
#define COUNT (sizeof(WINDOWS) / sizeof(WINDOWS[0]))

static size_t form(const struct haar_hit *windows, size_t count, struct face_group **groups)
{
    struct haar_hit copy[COUNT];
    struct err e = {""};
    size_t formed;
    memcpy(copy, windows, count * sizeof(*windows));
    assert_int_equal(face_groups_form(copy, count, .2, groups, &formed, &e), 0);
    return formed;
}

static const struct face_group *with_votes(const struct face_group *groups, size_t count,
                                           size_t votes)
{
    for (size_t i = 0; i < count; i++)
        if (groups[i].votes == votes)
            return &groups[i];
    fail_msg("no group of %zu windows", votes);
    return NULL;
}

static void test_near_windows_of_about_one_size_are_one_group(void **state)
{
    (void)state;
    struct face_group *groups;
    assert_int_equal(form(WINDOWS, COUNT, &groups), 3);
    const struct face_group *g = with_votes(groups, 3, 4);
    assert_true(fabs(g->x - 103) < 1e-9 && fabs(g->y - 100) < 1e-9);
    assert_true(fabs(g->width - 52) < 1e-9 && fabs(g->height - 52) < 1e-9);
    assert_int_equal(g->left, 100);
    assert_int_equal(g->top, 98);
    assert_int_equal(g->right, 162);
    assert_int_equal(g->bottom, 156);
    assert_int_equal(g->smallest, 50);
    assert_int_equal(g->largest, 54);
    assert_true(fabs(with_votes(groups, 3, 2)->x - 301) < 1e-9);
    assert_int_equal(with_votes(groups, 3, 1)->largest, 90);
    free(groups);
}

static void test_the_order_of_windows_does_not_matter(void **state)
{
    (void)state;
    struct haar_hit turned[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        turned[i] = WINDOWS[COUNT - 1 - i];
    struct face_group *one, *other;
    const size_t count = form(WINDOWS, COUNT, &one);
    assert_int_equal(form(turned, COUNT, &other), count);
    assert_memory_equal(one, other, count * sizeof(*one));
    free(one);
    free(other);
}

static void test_no_windows_make_no_groups(void **state)
{
    (void)state;
    struct face_group some, *groups = &some;
    assert_int_equal(form(WINDOWS, 0, &groups), 0);
    assert_null(groups);
    assert_int_equal(face_groups_merge(NULL, 0, .3), 0);
}

static void test_of_overlapping_groups_the_one_with_most_votes_stays(void **state)
{
    (void)state;
    struct face_group groups[] = {
        {.x = 20, .y = 20, .width = 20, .height = 20, .votes = 4}, /* inside the next one */
        {.x = 0, .y = 0, .width = 100, .height = 100, .votes = 9},
        {.x = 90, .y = 0, .width = 100, .height = 100, .votes = 12}, /* a tenth in common */
        {.x = 300, .y = 0, .width = 50, .height = 50, .votes = 1}};
    assert_int_equal(face_groups_merge(groups, 4, .3), 3);
    assert_int_equal(groups[0].votes, 12);
    assert_int_equal(groups[1].votes, 9);
    assert_int_equal(groups[2].votes, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_near_windows_of_about_one_size_are_one_group),
        cmocka_unit_test(test_the_order_of_windows_does_not_matter),
        cmocka_unit_test(test_no_windows_make_no_groups),
        cmocka_unit_test(test_of_overlapping_groups_the_one_with_most_votes_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
