/* Which pictures of a person belong together: near-identical ones, numbers, names, folders. */
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
#define MOST 25

/* Pictures of noise, which are like no other, with these paths (NULL for none). */
static struct dataset make_noise(size_t count, const char *const *path)
{
    struct dataset d = {.count = count, .width = SIZE, .height = SIZE};
    struct rng r;
    d.pixels = malloc(count * PIXELS);
    d.path = path ? calloc(count, sizeof(*d.path)) : NULL;
    assert_true(d.pixels && (d.path || !path));
    rng_init(&r, 7, 0, 0);
    for (size_t i = 0; i < count * PIXELS; i++)
        d.pixels[i] = (unsigned char)rng_below(&r, 256);
    for (size_t i = 0; path && i < count; i++) {
        d.path[i] = strdup(path[i]);
        assert_non_null(d.path[i]);
    }
    return d;
}

/* Makes picture `copy` picture `original` with a little noise. */
static void make_twin(struct dataset *d, size_t original, size_t copy)
{
    for (size_t i = 0; i < PIXELS; i++)
        d->pixels[copy * PIXELS + i] = (unsigned char)(d->pixels[original * PIXELS + i] ^ (i % 7));
}

static void expect(const struct dataset *d, enum finetune_grouping by, const size_t *expected)
{
    size_t group[MOST];
    struct err e = {""};
    assert_int_equal(finetune_groups(d, by, group, &e), 0);
    for (size_t i = 0; i < d->count; i++)
        assert_int_equal(group[i], expected[i]);
}

static void test_noise_is_not_near_identical_and_twins_are(void **state)
{
    (void)state;
    struct dataset d = make_noise(6, NULL);
    make_twin(&d, 1, 4);
    make_twin(&d, 4, 5);
    memset(d.pixels, 9, PIXELS); /* of one grey: has no correlation */
    expect(&d, FINETUNE_BY_NUMBER, (size_t[]){0, 1, 2, 3, 1, 1});
    expect(&d, FINETUNE_BY_FOLDER, (size_t[]){0, 1, 2, 3, 1, 1});
    expect(&d, FINETUNE_BY_NONE, (size_t[]){0, 1, 2, 3, 4, 5});
    dataset_release(&d);
}

static void test_neighbours_by_number_belong_together(void **state)
{
    (void)state;
    static const char *const path[] = {"d/a_9.jpg",     "d/a_10.jpg",
                                       "d/a_15.png",    "d/a_21.jpg",
                                       "d/b_22.jpg",    "d/plain.jpg",
                                       "d/plainer.jpg", "d/b_0023_class=1.jpg",
                                       "d/c_023.jpg",   "d/a_99999999999999999999.jpg",
                                       "9/z.jpg",       "10/y.jpg"};
    struct dataset d = make_noise(12, path);
    expect(&d, FINETUNE_BY_NUMBER, (size_t[]){0, 0, 0, 3, 4, 5, 6, 4, 8, 9, 10, 11});
    expect(&d, FINETUNE_BY_NONE, (size_t[]){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
    dataset_release(&d);
}

/* The numbers count the frames of a film, whatever class each frame is of. */
static void test_neighbours_lie_in_folders_of_different_classes(void **state)
{
    (void)state;
    static const char *const path[] = {"u/happy/f_1.jpg", "u/happy/f_3.jpg", "u/sad/f_2.jpg",
                                       "u/sad/f_40.jpg"};
    struct dataset d = make_noise(4, path);
    expect(&d, FINETUNE_BY_NUMBER, (size_t[]){0, 0, 0, 3});
    dataset_release(&d);
}

static void test_where_a_number_comes_twice_each_folder_counts_for_itself(void **state)
{
    (void)state;
    static const char *const path[] = {"u/happy/1.jpg", "u/happy/2.jpg", "u/sad/1.jpg",
                                       "u/sad/20.jpg"};
    struct dataset d = make_noise(4, path);
    expect(&d, FINETUNE_BY_NUMBER, (size_t[]){0, 0, 2, 3});
    dataset_release(&d);
}

static void test_a_run_of_numbers_ends_after_ten(void **state)
{
    (void)state;
    char name[MOST][16];
    const char *path[MOST];
    size_t expected[MOST];
    for (size_t i = 0; i < MOST; i++) {
        snprintf(name[i], sizeof(name[i]), "%zu.jpg", i + 95);
        path[i] = name[i];
        expected[i] = i / 10 * 10;
    }
    struct dataset d = make_noise(MOST, path);
    expect(&d, FINETUNE_BY_NUMBER, expected);
    dataset_release(&d);
}

static void test_names_and_folders_group_when_asked_for(void **state)
{
    (void)state;
    static const char *const path[] = {"u/sad/one/clip_1.jpg", "u/sad/one/clip_90.jpg",
                                       "u/sad/two/clip_200.jpg", "u/sad/two/other_1.jpg",
                                       "u/sad/other_500.jpg"};
    struct dataset d = make_noise(5, path);
    expect(&d, FINETUNE_BY_NAME, (size_t[]){0, 0, 0, 3, 3});
    expect(&d, FINETUNE_BY_FOLDER, (size_t[]){0, 0, 2, 2, 4});
    make_twin(&d, 0, 4);
    expect(&d, FINETUNE_BY_FOLDER, (size_t[]){0, 0, 2, 2, 0});
    dataset_release(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_noise_is_not_near_identical_and_twins_are),
        cmocka_unit_test(test_neighbours_by_number_belong_together),
        cmocka_unit_test(test_neighbours_lie_in_folders_of_different_classes),
        cmocka_unit_test(test_where_a_number_comes_twice_each_folder_counts_for_itself),
        cmocka_unit_test(test_a_run_of_numbers_ends_after_ten),
        cmocka_unit_test(test_names_and_folders_group_when_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
