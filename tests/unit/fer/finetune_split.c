/* Which of the user's pictures are held out: shares, folds, groups that stay whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "fer/finetune.h"

#define SIZE 24
#define PIXELS (SIZE * SIZE)
#define CLASSES 3

/* Pictures of noise, which are like no other; `count[k]` of class k, classes mixed. */
static struct dataset make_noise(const size_t count[CLASSES])
{
    const size_t n = count[0] + count[1] + count[2];
    struct dataset d = {.count = n, .width = SIZE, .height = SIZE};
    struct rng r;
    size_t left[CLASSES];
    d.pixels = malloc(n * PIXELS);
    d.label = malloc(n);
    assert_non_null(d.pixels);
    assert_non_null(d.label);
    memcpy(left, count, sizeof(left));
    rng_init(&r, 7, 0, 0);
    for (size_t i = 0; i < n * PIXELS; i++)
        d.pixels[i] = (unsigned char)rng_below(&r, 256);
    for (size_t i = 0; i < n; i++) {
        size_t k = rng_below(&r, CLASSES);
        while (left[k] == 0)
            k = (k + 1) % CLASSES;
        left[k]--;
        d.label[i] = (unsigned char)k;
    }
    return d;
}

/* Makes picture `copy` picture `original` with a little noise. */
static void make_twin(struct dataset *d, size_t original, size_t copy)
{
    for (size_t i = 0; i < PIXELS; i++)
        d->pixels[copy * PIXELS + i] = (unsigned char)(d->pixels[original * PIXELS + i] ^ (i % 7));
    d->label[copy] = d->label[original];
}

static struct split_plan make_plan(const struct dataset *d, double holdout, int folds,
                                   uint64_t seed)
{
    struct split_plan plan;
    struct err e = {""};
    const struct split_options o = {.holdout = holdout,
                                    .folds = folds,
                                    .by = FINETUNE_BY_NUMBER,
                                    .classes = CLASSES,
                                    .seed = seed};
    assert_int_equal(split_plan_init(&plan, d, &o, &e), 0);
    return plan;
}

static size_t count_fold(const struct split_plan *plan, const struct dataset *d, int fold,
                         int label)
{
    size_t count = 0;
    for (size_t i = 0; i < d->count; i++)
        count += plan->fold[i] == fold && d->label[i] == label;
    return count;
}

static void test_holdout_takes_its_share_of_each_class(void **state)
{
    (void)state;
    struct dataset d = make_noise((size_t[]){40, 9, 2});
    struct split_plan plan = make_plan(&d, 0.25, 0, 1);
    assert_int_equal(plan.folds, 1);
    assert_int_equal(count_fold(&plan, &d, 0, 0), 10);
    assert_int_equal(count_fold(&plan, &d, 0, 1), 2);
    assert_int_equal(count_fold(&plan, &d, 0, 2), 1);
    assert_int_equal(plan.held, 13);
    assert_int_equal(plan.units, 51);
    assert_int_equal(plan.groups[1], 9);
    split_plan_release(&plan);
    dataset_release(&d);
}

static void test_holdout_never_takes_all_of_a_class(void **state)
{
    (void)state;
    struct dataset d = make_noise((size_t[]){2, 3, 5});
    struct split_plan plan = make_plan(&d, 0.9, 0, 1);
    assert_int_equal(count_fold(&plan, &d, 0, 0), 1);
    assert_int_equal(count_fold(&plan, &d, 0, 1), 2);
    assert_int_equal(count_fold(&plan, &d, 0, 2), 4);
    split_plan_release(&plan);
    dataset_release(&d);
}

static void test_a_holdout_leaves_the_only_picture_of_a_class_and_folds_do_not(void **state)
{
    (void)state;
    for (int folds = 0; folds <= 5; folds += 5) {
        struct dataset d = make_noise((size_t[]){1, 8, 0});
        struct split_plan plan = make_plan(&d, 0.5, folds, 1);
        assert_int_equal(count_fold(&plan, &d, -1, 0), folds ? 0 : 1);
        assert_int_equal(plan.held, folds ? 9 : 4);
        split_plan_release(&plan);
        dataset_release(&d);
    }
}

static void test_one_picture_a_class_leaves_nothing_to_estimate(void **state)
{
    (void)state;
    struct dataset d = make_noise((size_t[]){1, 1, 1});
    struct split_plan plan = make_plan(&d, 0.25, 0, 1);
    assert_int_equal(plan.folds, 0);
    assert_int_equal(plan.held, 0);
    split_plan_release(&plan);
    dataset_release(&d);
}

static void test_a_share_of_0_holds_nothing_out(void **state)
{
    (void)state;
    struct dataset d = make_noise((size_t[]){10, 10, 10});
    struct split_plan plan = make_plan(&d, 0, 0, 1);
    assert_int_equal(plan.folds, 0);
    assert_int_equal(plan.held, 0);
    split_plan_release(&plan);
    dataset_release(&d);
}

static void test_folds_hold_every_picture_out_once_and_differ_by_one(void **state)
{
    (void)state;
    struct dataset d = make_noise((size_t[]){23, 10, 3});
    struct split_plan plan = make_plan(&d, 0, 5, 1);
    assert_int_equal(plan.folds, 5);
    assert_int_equal(plan.held, d.count);
    for (int label = 0; label < CLASSES; label++) {
        size_t low = d.count, high = 0;
        for (int fold = 0; fold < 5; fold++) {
            const size_t count = count_fold(&plan, &d, fold, label);
            low = count < low ? count : low;
            high = count > high ? count : high;
        }
        assert_in_range(high - low, 0, 1);
    }
    split_plan_release(&plan);
    dataset_release(&d);
}

static void test_the_seed_decides(void **state)
{
    (void)state;
    struct dataset d = make_noise((size_t[]){20, 20, 20});
    struct split_plan a = make_plan(&d, 0.25, 0, 1), b = make_plan(&d, 0.25, 0, 1),
                      c = make_plan(&d, 0.25, 0, 2);
    assert_memory_equal(a.fold, b.fold, d.count * sizeof(*a.fold));
    assert_memory_not_equal(a.fold, c.fold, d.count * sizeof(*a.fold));
    split_plan_release(&a);
    split_plan_release(&b);
    split_plan_release(&c);
    dataset_release(&d);
}

static void test_twins_stay_on_one_side(void **state)
{
    (void)state;
    struct dataset d = make_noise((size_t[]){60, 0, 0});
    for (size_t i = 0; i < 60; i += 3) {
        make_twin(&d, i, i + 1);
        make_twin(&d, i, i + 2);
    }
    for (uint64_t seed = 1; seed <= 5; seed++)
        for (int folds = 0; folds <= 4; folds += 4) {
            struct split_plan plan = make_plan(&d, 0.25, folds, seed);
            assert_int_equal(plan.held, folds ? 60 : 15);
            assert_int_equal(plan.units, 20);
            for (size_t i = 0; i < 60; i++)
                assert_int_equal(plan.fold[i], plan.fold[i - i % 3]);
            split_plan_release(&plan);
        }
    dataset_release(&d);
}

/* A group may hold pictures of several classes, as neighbouring frames do. */
static void test_groups_of_mixed_classes_stay_whole_and_classes_even(void **state)
{
    (void)state;
    struct dataset d = make_noise((size_t[]){40, 20, 0});
    size_t have[4][2] = {{0}};
    for (size_t i = 0; i < 60; i += 3) {
        make_twin(&d, i, i + 1);
        make_twin(&d, i, i + 2);
        d.label[i] = d.label[i + 1] = 0;
        d.label[i + 2] = 1;
    }
    struct split_plan plan = make_plan(&d, 0, 4, 3);
    for (size_t i = 0; i < 60; i++) {
        assert_int_equal(plan.fold[i], plan.fold[i - i % 3]);
        have[plan.fold[i]][d.label[i]]++;
    }
    for (int fold = 0; fold < 4; fold++) {
        assert_int_equal(have[fold][0], 10);
        assert_int_equal(have[fold][1], 5);
    }
    assert_int_equal(plan.groups[0], 20);
    assert_int_equal(plan.groups[1], 20);
    split_plan_release(&plan);
    dataset_release(&d);
}

static void test_a_class_in_one_group_is_not_held_out_alone(void **state)
{
    (void)state;
    struct dataset d = make_noise((size_t[]){12, 4, 0});
    size_t first = 0;
    while (d.label[first] != 0)
        first++;
    for (size_t i = first + 1; i < d.count; i++)
        if (d.label[i] == 0)
            make_twin(&d, first, i);
    struct split_plan plan = make_plan(&d, 0.25, 0, 1);
    assert_int_equal(plan.groups[0], 1);
    assert_int_equal(count_fold(&plan, &d, 0, 0), 0);
    assert_int_equal(count_fold(&plan, &d, 0, 1), 1);
    split_plan_release(&plan);
    plan = make_plan(&d, 0, 3, 1);
    assert_int_equal(plan.held, d.count);
    for (size_t i = 0; i < d.count; i++)
        if (d.label[i] == 0)
            assert_int_equal(plan.fold[i], plan.fold[first]);
    split_plan_release(&plan);
    dataset_release(&d);
}

static void test_one_group_alone_leaves_nothing_to_estimate(void **state)
{
    (void)state;
    struct dataset d = make_noise((size_t[]){6, 0, 0});
    for (size_t i = 1; i < d.count; i++)
        make_twin(&d, 0, i);
    for (int folds = 0; folds <= 3; folds += 3) {
        struct split_plan plan = make_plan(&d, 0.25, folds, 1);
        assert_int_equal(plan.folds, 0);
        assert_int_equal(plan.held, 0);
        assert_int_equal(plan.units, 1);
        split_plan_release(&plan);
    }
    dataset_release(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holdout_takes_its_share_of_each_class),
        cmocka_unit_test(test_holdout_never_takes_all_of_a_class),
        cmocka_unit_test(test_a_holdout_leaves_the_only_picture_of_a_class_and_folds_do_not),
        cmocka_unit_test(test_one_picture_a_class_leaves_nothing_to_estimate),
        cmocka_unit_test(test_a_share_of_0_holds_nothing_out),
        cmocka_unit_test(test_folds_hold_every_picture_out_once_and_differ_by_one),
        cmocka_unit_test(test_the_seed_decides),
        cmocka_unit_test(test_twins_stay_on_one_side),
        cmocka_unit_test(test_groups_of_mixed_classes_stay_whole_and_classes_even),
        cmocka_unit_test(test_a_class_in_one_group_is_not_held_out_alone),
        cmocka_unit_test(test_one_group_alone_leaves_nothing_to_estimate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
