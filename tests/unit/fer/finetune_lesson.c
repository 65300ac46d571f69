/* How a head learns from features: the length of its steps, and what it is shown. */
#include "tuning_setup.h"

#include <malloc.h>
#include <math.h>

#define WIDTH 256 /* floats of a feature of CFG's: 16 filters of 4 x 4 */
#define ROWS (2 * CLASSES)

static const struct recipe ONE_STEP = {.step = 1, .momentum = true, .batch = 16, .epochs = 1};

/* Features of 0, but for a few of `value`: two pictures of each class, which share one place and
 * differ in another. */
static struct pool make_pool(float value)
{
    struct pool p = {.count = ROWS, .variants = 1, .width = WIDTH};
    p.feature = calloc((size_t)ROWS * WIDTH, sizeof(float));
    p.prior = calloc((size_t)ROWS * CLASSES, sizeof(float));
    p.label = calloc(ROWS, 1);
    assert_true(p.feature && p.prior && p.label);
    for (size_t i = 0; i < ROWS; i++) {
        p.label[i] = (unsigned char)(i % CLASSES);
        p.feature[i * WIDTH + i % CLASSES] = value;
        p.feature[i * WIDTH + CLASSES + i] = value;
    }
    return p;
}

struct lesson_run {
    struct recipe recipe;
    struct pool user;
    size_t count; /* rows that are learnt */
    struct head head;
};

/* lesson_release is the caller's. */
static void learn(struct lesson_run *run, uint64_t number)
{
    static const uint32_t row[ROWS] = {0, 1, 2, 3, 4, 5, 6, 7};
    struct model m;
    struct err e = {""};
    const struct finetune_options options = {.seed = 1};
    struct finetune_reporter reporter = {.options = &options};
    const struct head_lessons lessons = {.recipe = &run->recipe,
                                         .user = &run->user,
                                         .norm = pool_norm(&run->user),
                                         .square = pool_square(&run->user),
                                         .epochs = run->recipe.epochs,
                                         .seed = 1,
                                         .report = &reporter};
    if (model_open(&m, scratch_file("general"), &e) ||
        head_init(&run->head, m.net, FROZEN, "test.cfg", &e))
        fail_msg("%s", e.text);
    model_close(&m);
    if (head_train(&run->head, &lessons, row, run->count, number, &e) != FINETUNE_DONE)
        fail_msg("%s", e.text);
}

static void release(struct lesson_run *run)
{
    head_release(&run->head);
    pool_release(&run->user);
}

/* How far the head has moved. */
static double distance(const struct head *h)
{
    double sum = 0;
    for (size_t i = h->frozen_values; i < h->values; i++)
        sum += pow((double)h->tuned[i] - (double)h->old[i], 2);
    return sqrt(sum);
}

/* Memory that malloc gives out is NaN throughout here. */
static void test_a_head_that_has_learnt_nothing_is_the_old_one(void **state)
{
    (void)state;
    struct model m;
    struct head h;
    struct err e = {""};
    mallopt(M_PERTURB, 0x100);
    if (model_open(&m, scratch_file("general"), &e) || head_init(&h, m.net, FROZEN, "test.cfg", &e))
        fail_msg("%s", e.text);
    mallopt(M_PERTURB, 0);
    for (int blend = 0; blend <= 1; blend++) {
        head_blend(&h, blend);
        assert_memory_equal(nn_net_values(h.net), nn_net_values(m.net), h.values * sizeof(float));
    }
    head_release(&h);
    model_close(&m);
}

static void test_a_pools_size_is_the_mean_over_its_pictures(void **state)
{
    (void)state;
    struct pool p = make_pool(-3);
    assert_true(pool_norm(&p) == 6);
    assert_true(pool_square(&p) == 18);
    p.count = ROWS / 2;
    p.variants = 2;
    assert_true(pool_norm(&p) == 6);
    pool_release(&p);
}

/* Whatever the pictures say, an update moves the head no farther than the rate. */
static void test_an_update_is_no_longer_than_the_rate(void **state)
{
    (void)state;
    struct lesson_run run = {.recipe = ONE_STEP, .user = make_pool(100), .count = ROWS};
    const double rate = run.recipe.step / pool_square(&run.user);
    learn(&run, 0);
    const double most = distance(&run.head);
    assert_true(most > 0.98 * rate && most < 1.02 * rate);
    release(&run);
}

/* A rate of the step over the squares of the features, so features of any size learn alike. */
static void test_the_rate_follows_from_the_size_of_the_features(void **state)
{
    (void)state;
    double moved[2];
    for (int i = 0; i < 2; i++) {
        struct lesson_run run = {
            .recipe = ONE_STEP, .user = make_pool(i ? 200 : 100), .count = ROWS};
        learn(&run, 0);
        moved[i] = distance(&run.head);
        release(&run);
    }
    assert_true(fabs(moved[0] / moved[1] - 4) < 0.2);
}

/* A class of one picture has nothing between, whatever other classes have. */
static void test_pictures_move_towards_others_of_their_class_alone(void **state)
{
    (void)state;
    for (size_t count = CLASSES; count <= ROWS; count += CLASSES) {
        struct lesson_run run[2];
        for (int between = 0; between < 2; between++) {
            run[between] =
                (struct lesson_run){.recipe = ONE_STEP, .user = make_pool(1), .count = count};
            run[between].recipe.between = between == 1;
            learn(&run[between], 0);
        }
        const bool same =
            memcmp(run[0].head.tuned, run[1].head.tuned, run[0].head.values * sizeof(float)) == 0;
        assert_int_equal(same, count == CLASSES);
        release(&run[0]);
        release(&run[1]);
    }
}

static void test_heads_of_a_run_see_different_orders_of_the_pictures(void **state)
{
    (void)state;
    struct lesson_run run[3];
    for (int i = 0; i < 3; i++) {
        run[i] = (struct lesson_run){.recipe = ONE_STEP, .user = make_pool(1), .count = ROWS};
        learn(&run[i], i == 2);
    }
    const size_t bytes = run[0].head.values * sizeof(float);
    assert_memory_equal(run[0].head.tuned, run[1].head.tuned, bytes);
    assert_memory_not_equal(run[0].head.tuned, run[2].head.tuned, bytes);
    for (int i = 0; i < 3; i++)
        release(&run[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_head_that_has_learnt_nothing_is_the_old_one),
        cmocka_unit_test(test_a_pools_size_is_the_mean_over_its_pictures),
        cmocka_unit_test(test_an_update_is_no_longer_than_the_rate),
        cmocka_unit_test(test_the_rate_follows_from_the_size_of_the_features),
        cmocka_unit_test(test_pictures_move_towards_others_of_their_class_alone),
        cmocka_unit_test(test_heads_of_a_run_see_different_orders_of_the_pictures),
    };
    return cmocka_run_group_tests(tests, make_model, scratch_teardown);
}
