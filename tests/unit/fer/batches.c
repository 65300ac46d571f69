/* The batches of a training run: order, augmentation keys, targets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fer/batches.h"

#define SIDE 8
#define VALUES (SIDE * SIDE)
#define COUNT 22

/* Picture i is all of the value i + 1, so that a row of input tells which it is. */
static unsigned char pixels[COUNT * VALUES], labels[COUNT];
static const struct dataset data = {
    .count = COUNT, .width = SIDE, .height = SIDE, .pixels = pixels, .label = labels};

static const struct augmentation none = {.min_scale = 1, .max_scale = 1, .exposure = 1};

static int fill_data(void **state)
{
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        memset(pixels + i * VALUES, i + 1, VALUES);
        labels[i] = (unsigned char)(i % 7);
    }
    return 0;
}

static struct batches begin(int size, const struct augmentation *a, uint64_t seed)
{
    struct batches b = {.data = &data, .augmentation = a, .seed = seed, .size = size, .classes = 7};
    struct err e;
    assert_int_equal(batches_init(&b, &e), 0);
    return b;
}

static int picture_of(const float *input)
{
    return (int)(input[0] * 255 + 0.5f) - 1;
}

/* The pictures of an epoch in the order in which they come. */
static void epoch_order(struct batches *b, int epoch, int *picture)
{
    float input[COUNT * VALUES], target[COUNT * 7];
    unsigned char label[COUNT];
    batches_shuffle(b, epoch);
    for (long step = 0; step < b->count; step++) {
        batches_fill(b, step, input, target, label);
        for (int i = 0; i < b->size; i++)
            picture[step * b->size + i] = picture_of(input + i * VALUES);
    }
}

static void test_epoch_has_only_full_batches_of_different_pictures(void **state)
{
    (void)state;
    struct batches b = begin(5, &none, 1);
    int picture[COUNT], seen[COUNT] = {0};
    assert_int_equal(b.count, 4);
    epoch_order(&b, 1, picture);
    for (int i = 0; i < 20; i++)
        assert_int_equal(seen[picture[i]]++, 0);
    batches_release(&b);
}

static void test_order_follows_from_seed_and_epoch(void **state)
{
    (void)state;
    struct batches b = begin(11, &none, 1), other = begin(11, &none, 2);
    int first[COUNT], second[COUNT], again[COUNT], seeded[COUNT];
    epoch_order(&b, 1, first);
    epoch_order(&b, 2, second);
    epoch_order(&b, 1, again);
    epoch_order(&other, 1, seeded);
    assert_memory_equal(first, again, sizeof(first));
    assert_memory_not_equal(first, second, sizeof(first));
    assert_memory_not_equal(first, seeded, sizeof(first));
    batches_release(&b);
    batches_release(&other);
}

static void test_targets_are_one_hot_rows_of_the_labels(void **state)
{
    (void)state;
    struct batches b = begin(11, &none, 1);
    float input[11 * VALUES], target[11 * 7];
    unsigned char label[11];
    memset(target, 0x55, sizeof(target));
    batches_shuffle(&b, 1);
    batches_fill(&b, 1, input, target, label);
    for (int i = 0; i < 11; i++) {
        assert_int_equal(label[i], picture_of(input + i * VALUES) % 7);
        for (int k = 0; k < 7; k++)
            assert_true(target[i * 7 + k] == (k == label[i] ? 1.0f : 0.0f));
    }
    batches_release(&b);
}

static void test_fewer_pictures_than_a_batch_go_round(void **state)
{
    (void)state;
    struct augmentation exposed = none;
    exposed.exposure = 2;
    struct batches b = begin(2 * COUNT, &exposed, 1);
    static float input[2 * COUNT * VALUES], target[2 * COUNT * 7];
    unsigned char label[2 * COUNT];
    assert_int_equal(b.count, 1);
    batches_shuffle(&b, 1);
    batches_fill(&b, 0, input, target, label);
    int differing = 0;
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(label[i], label[i + COUNT]);
        differing +=
            memcmp(input + i * VALUES, input + (i + COUNT) * VALUES, VALUES * sizeof(float)) != 0;
    }
    /* The second time round is not the first one again. */
    assert_true(differing > COUNT / 2);
    batches_release(&b);
}

static void test_changes_follow_from_seed_epoch_and_picture(void **state)
{
    (void)state;
    struct augmentation exposed = none;
    exposed.exposure = 2;
    struct batches b = begin(COUNT, &exposed, 1);
    static float first[COUNT * VALUES], again[COUNT * VALUES];
    float target[COUNT * 7];
    unsigned char label[COUNT];
    batches_shuffle(&b, 3);
    batches_fill(&b, 0, first, target, label);
    batches_fill(&b, 0, again, target, label);
    assert_memory_equal(first, again, sizeof(first));
    /* The same picture in another epoch. */
    uint32_t row = b.order[0];
    batches_shuffle(&b, 4);
    batches_fill(&b, 0, again, target, label);
    int place = 0;
    while (b.order[place] != row)
        place++;
    assert_memory_not_equal(first, again + place * VALUES, VALUES * sizeof(float));
    batches_release(&b);
}

static void test_no_pictures_are_refused(void **state)
{
    (void)state;
    struct dataset empty = {.width = SIDE, .height = SIDE};
    struct batches b = {.data = &empty, .size = 4, .classes = 7};
    struct err e;
    assert_int_equal(batches_init(&b, &e), -1);
    assert_non_null(strstr(e.text, "0 pictures"));
    batches_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_epoch_has_only_full_batches_of_different_pictures),
        cmocka_unit_test(test_order_follows_from_seed_and_epoch),
        cmocka_unit_test(test_targets_are_one_hot_rows_of_the_labels),
        cmocka_unit_test(test_fewer_pictures_than_a_batch_go_round),
        cmocka_unit_test(test_changes_follow_from_seed_epoch_and_picture),
        cmocka_unit_test(test_no_pictures_are_refused),
    };
    return cmocka_run_group_tests(tests, fill_data, NULL);
}
