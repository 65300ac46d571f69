/* Dropout: its mean, its masks, its gradient; nothing in inference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "netpair.h"
#include "nn.h"

#define DROP_VALUES 50

static const char *const DROP_NET =
    "[net]\nbatch=2\nchannels=50\nheight=1\nwidth=1\nlearning_rate=1\nmomentum=0\n"
    "decay=0\n[dropout]\nprobability=.4\n"
    "[connected]\noutput=50\nactivation=linear\n[softmax]\n";

/* Two pictures of ones through dropout and an identity: kept values have e^(1/.6) times the
 * probability of dropped ones. Writes which were kept, and checks the scale. */
static void read_masks(struct nn_trainer *t, struct nn_net *net, bool kept[2 * DROP_VALUES])
{
    float values[DROP_VALUES + DROP_VALUES * DROP_VALUES] = {0}, input[2 * DROP_VALUES];
    float target[2 * DROP_VALUES], output[2 * DROP_VALUES];
    for (size_t i = 0; i < DROP_VALUES; i++)
        values[DROP_VALUES + i * DROP_VALUES + i] = 1;
    for (size_t i = 0; i < 2 * DROP_VALUES; i++) {
        input[i] = 1;
        target[i] = 1.f / DROP_VALUES;
    }
    nn_net_set_values(net, values);
    nn_trainer_step(t, input, target, output);
    for (size_t row = 0; row < 2; row++) {
        const float *p = output + row * DROP_VALUES;
        float low = 1, high = 0;
        for (size_t i = 0; i < DROP_VALUES; i++) {
            low = fminf(low, p[i]);
            high = fmaxf(high, p[i]);
        }
        assert_true(fabs((double)(high / low) - exp(1 / .6)) < 1e-3);
        for (size_t i = 0; i < DROP_VALUES; i++) {
            kept[row * DROP_VALUES + i] = p[i] > 2 * low;
            assert_true(fabsf(p[i] - low) < 1e-4f * low || fabsf(p[i] - high) < 1e-4f * high);
        }
    }
}

static void test_dropout_keeps_the_mean(void **state)
{
    (void)state;
    struct nn_net *net = net_of(DROP_NET);
    struct nn_trainer *t = trainer_of(net, &(struct nn_trainer_options){.seed = 9});
    bool kept[2 * DROP_VALUES];
    int sum = 0, steps = 100, of_value[2 * DROP_VALUES] = {0};
    for (int k = 0; k < steps; k++) {
        read_masks(t, net, kept);
        for (size_t i = 0; i < 2 * DROP_VALUES; i++) {
            sum += kept[i];
            of_value[i] += kept[i];
        }
    }
    double n = 2. * DROP_VALUES * steps;
    assert_true(fabs(sum - .6 * n) < 4 * sqrt(.6 * .4 * n));
    for (size_t i = 0; i < 2 * DROP_VALUES; i++) /* no value is favoured: 5 deviations */
        assert_true(fabs(of_value[i] - .6 * steps) < 5 * sqrt(.6 * .4 * steps));
    nn_trainer_free(t);
    nn_net_free(net);
}

static void test_dropout_s_masks_differ_by_step_and_picture(void **state)
{
    (void)state;
    struct nn_net *net = net_of(DROP_NET);
    struct nn_trainer *t = trainer_of(net, &(struct nn_trainer_options){.seed = 9});
    bool one[2 * DROP_VALUES], two[2 * DROP_VALUES];
    read_masks(t, net, one);
    read_masks(t, net, two);
    assert_memory_not_equal(one, two, DROP_VALUES);
    assert_memory_not_equal(one, one + DROP_VALUES, DROP_VALUES);
    nn_trainer_free(t);
    nn_net_free(net);
}

static void test_dropout_s_masks_follow_the_seed(void **state)
{
    (void)state;
    bool mask[3][2 * DROP_VALUES];
    const uint64_t seed[] = {7, 7, 8};
    for (size_t i = 0; i < 3; i++) {
        struct nn_net *net = net_of(DROP_NET);
        struct nn_trainer *t = trainer_of(net, &(struct nn_trainer_options){.seed = seed[i]});
        read_masks(t, net, mask[i]);
        nn_trainer_free(t);
        nn_net_free(net);
    }
    assert_memory_equal(mask[0], mask[1], sizeof(mask[0]));
    assert_memory_not_equal(mask[0], mask[2], sizeof(mask[0]));
}

static void test_dropped_values_pass_no_gradient(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 26, 0, 0);
    struct nn_net *net = net_of(
        "[net]\nbatch=1\nchannels=30\nheight=1\nwidth=1\nlearning_rate=8\nmomentum=0\ndecay=0\n"
        "[connected]\noutput=40\nactivation=linear\n[dropout]\nprobability=.5\n"
        "[connected]\noutput=3\nactivation=linear\n[softmax]\n");
    size_t count = nn_net_parameters(net), upto = nn_net_parameters_upto(net, 1);
    float *before = malloc(count * sizeof(*before)), *input = random_values(&r, 30, 1);
    memcpy(before, nn_net_values(net), count * sizeof(*before));
    struct nn_trainer *t = trainer_of(net, &(struct nn_trainer_options){.seed = 9});
    nn_trainer_step(t, input, (const float[]){0, 1, 0}, NULL);
    const float *after = nn_net_values(net);
    int dropped = 0;
    for (size_t i = 0; i < 40; i++) { /* bias, row of weights below; column of weights above */
        const float *above = before + upto + 3, *now = after + upto + 3;
        bool unused =
            above[i] == now[i] && above[40 + i] == now[40 + i] && above[80 + i] == now[80 + i];
        bool still = before[i] == after[i];
        for (size_t k = 0; k < 30; k++)
            still = still && before[40 + i * 30 + k] == after[40 + i * 30 + k];
        assert_int_equal(unused, still);
        dropped += unused;
    }
    assert_in_range(dropped, 8, 32);
    free(before);
    free(input);
    nn_trainer_free(t);
    nn_net_free(net);
}

static void test_dropout_does_nothing_in_inference(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 27, 0, 0);
    struct nn_net *net =
        net_of("[net]\nchannels=3\nheight=4\nwidth=4\n[convolutional]\nfilters=3\nsize=1\n"
               "activation=relu\n[dropout]\nprobability=.7\n[connected]\noutput=2\n"
               "activation=linear\n[softmax]\n");
    float *input = random_values(&r, 48, 1), one[48], two[48];
    struct nn_predictor *below = predictor_of(net, 0, 1, 1), *above = predictor_of(net, 0, 2, 1);
    nn_predictor_run(below, input, 1, one);
    nn_predictor_run(above, input, 1, two);
    assert_memory_equal(one, two, sizeof(one));
    nn_predictor_free(below);
    nn_predictor_free(above);
    free(input);
    nn_net_free(net);
}

int main(void)
{
    nn_set_threads(1); /* the networks are tiny */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dropout_keeps_the_mean),
        cmocka_unit_test(test_dropout_s_masks_differ_by_step_and_picture),
        cmocka_unit_test(test_dropout_s_masks_follow_the_seed),
        cmocka_unit_test(test_dropped_values_pass_no_gradient),
        cmocka_unit_test(test_dropout_does_nothing_in_inference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
