/* The trainer's rules against formulas written out here: optimisers, label smoothing, clipping,
 * subdivisions. Rates by step are in schedule.c, dropout in dropout.c, frozen layers in frozen.c,
 * saving in resume.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "body.h"
#include "netpair.h"
#include "network_cases.h"
#include "nn.h"
#include "reference.h"

#define BATCH 6
#define SMALL                                                                                      \
    "[net]\nbatch=6\nchannels=2\nheight=7\nwidth=5\n"                                              \
    "[convolutional]\nfilters=5\nsize=3\npad=1\nbatch_normalize=1\nactivation=leaky\n"             \
    "[maxpool]\nsize=2\nstride=2\n"                                                                \
    "[connected]\noutput=9\nactivation=tanh\n"                                                     \
    "[connected]\noutput=4\nactivation=linear\n[softmax]\n"

/* One update rule, in darknet's arithmetic with mean gradients. */
struct rule {
    double rate, momentum, decay, clip;
    bool nesterov, adam;
    double b1, b2, eps;
    double layer_scale[8]; /* 0 stands for 1 */
};

static double length_of(const struct reference *ref, const double *gradient)
{
    double sum = 0;
    for (size_t i = 0; i < reference_count(ref); i++)
        sum += gradient[i] * gradient[i];
    return sqrt(sum);
}

/* Moves the reference's parameters; `first` and `second` are the optimiser's memory, `step` counts
 * from 1. */
static void apply_rule(struct reference *ref, const struct rule *k, const double *gradient,
                       double *first, double *second, int step)
{
    double *value = reference_parameters(ref), shrink = 1, length = length_of(ref, gradient);
    if (k->clip > 0 && length > k->clip)
        shrink = k->clip / length;
    for (size_t i = 0; i < reference_count(ref); i++) {
        enum reference_role role = reference_role(ref, i);
        if (role == REF_MEAN || role == REF_VARIANCE)
            continue;
        double scale = k->layer_scale[reference_layer_of(ref, i)];
        double rate = k->rate * (scale > 0 ? scale : 1);
        double g = shrink * gradient[i] + (role == REF_WEIGHT ? k->decay * value[i] : 0);
        if (k->adam) {
            first[i] = k->b1 * first[i] + (1 - k->b1) * g;
            second[i] = k->b2 * second[i] + (1 - k->b2) * g * g;
            value[i] -= rate * first[i] / (1 - pow(k->b1, step)) /
                        (sqrt(second[i] / (1 - pow(k->b2, step))) + k->eps);
        } else {
            first[i] = k->momentum * first[i] + g;
            value[i] -= rate * (k->nesterov ? g + k->momentum * first[i] : first[i]);
        }
    }
}

/* The distance of the engine's parameters from the reference's over the way these have gone. */
static double distance(const struct netpair *p, const double *start)
{
    const double *want = reference_parameters(p->ref);
    double miss = 0, way = 0;
    for (size_t i = 0; i < reference_count(p->ref); i++) {
        miss += pow((double)nn_net_values(p->net)[i] - want[i], 2);
        way += pow(want[i] - start[i], 2);
    }
    return sqrt(miss / way);
}

static void compare_steps(const char *cfg, const struct rule *rule, int steps)
{
    struct netpair p;
    struct rng r;
    netpair_init(&p, cfg, 21);
    rng_init(&r, 21, 2, 0);
    size_t count = reference_count(p.ref);
    double *start = malloc(count * sizeof(*start));
    double *first = calloc(count, sizeof(*first)), *second = calloc(count, sizeof(*second));
    memcpy(start, reference_parameters(p.ref), count * sizeof(*start));
    struct nn_trainer *t = trainer_of(p.net, &(struct nn_trainer_options){.seed = 1});
    for (int step = 1; step <= steps; step++) {
        float *input = random_values(&r, BATCH * p.inputs, 1);
        float *target = random_targets(&r, BATCH, p.outputs);
        nn_trainer_step(t, input, target, NULL);
        reference_forward(p.ref, input, BATCH, true);
        apply_rule(p.ref, rule, reference_backward(p.ref, target), first, second, step);
        reference_roll(p.ref);
        free(input);
        free(target);
        double miss = distance(&p, start);
        if (!(miss < 1e-4))
            fail_msg("after %d steps the parameters differ by %g of their way", step, miss);
    }
    assert_int_equal(nn_trainer_steps(t), steps);
    assert_int_equal(nn_net_seen(p.net), steps * BATCH);
    nn_trainer_free(t);
    free(start);
    free(first);
    free(second);
    netpair_release(&p);
}

static void compare_rules(const char *rules, struct rule rule)
{
    char *cfg = cfg_with(SMALL, rules);
    compare_steps(cfg, &rule, 6);
    free(cfg);
}

static void test_plain_descent(void **state)
{
    (void)state;
    compare_rules("learning_rate=.5\nmomentum=0\ndecay=0\n", (struct rule){.rate = .5});
}

static void test_momentum(void **state)
{
    (void)state;
    compare_rules("learning_rate=.2\nmomentum=.8\ndecay=0\n",
                  (struct rule){.rate = .2, .momentum = .8});
}

static void test_decay_pulls_weights_but_no_biases_or_scales(void **state)
{
    (void)state;
    compare_rules("learning_rate=.2\nmomentum=.9\ndecay=.3\n",
                  (struct rule){.rate = .2, .momentum = .9, .decay = .3});
}

static void test_defaults_are_darknet_s(void **state)
{
    (void)state;
    compare_rules("", (struct rule){.rate = .001, .momentum = .9, .decay = .0001});
}

static void test_nesterov(void **state)
{
    (void)state;
    compare_rules("learning_rate=.2\nmomentum=.8\ndecay=.05\nnesterov=1\n",
                  (struct rule){.rate = .2, .momentum = .8, .decay = .05, .nesterov = true});
}

static void test_adam(void **state)
{
    (void)state;
    compare_rules("learning_rate=.02\ndecay=0\nadam=1\nB1=.7\nB2=.95\neps=.001\n",
                  (struct rule){.rate = .02, .adam = true, .b1 = .7, .b2 = .95, .eps = .001});
}

static void test_adam_with_decay(void **state)
{
    (void)state;
    compare_rules(
        "learning_rate=.02\ndecay=.1\nadam=1\nB1=.8\nB2=.9\neps=.01\n",
        (struct rule){.rate = .02, .decay = .1, .adam = true, .b1 = .8, .b2 = .9, .eps = .01});
}

static void test_adam_defaults(void **state)
{
    (void)state;
    compare_rules("learning_rate=.01\ndecay=0\nadam=1\n",
                  (struct rule){.rate = .01, .adam = true, .b1 = .9, .b2 = .999, .eps = 1e-7});
}

static void test_rate_of_a_layer_scales_its_update(void **state)
{
    (void)state;
    const char *cfg =
        "[net]\nbatch=6\nchannels=2\nheight=5\nwidth=4\nlearning_rate=.2\nmomentum=.5\ndecay=.1\n"
        "[convolutional]\nfilters=4\nsize=3\nbatch_normalize=1\nactivation=leaky\nlearning_rate=."
        "25\n"
        "[connected]\noutput=4\nactivation=linear\nlearning_rate=3\n[softmax]\n";
    compare_steps(
        cfg, &(struct rule){.rate = .2, .momentum = .5, .decay = .1, .layer_scale = {.25, 3}}, 4);
}

static void test_uniform_rate_passes_over_the_rates_of_layers(void **state)
{
    (void)state;
    static const char *const RATES[] = {"", "learning_rate=.25\n"};
    float *values[2];
    size_t count = 0;
    for (int k = 0; k < 2; k++) {
        char cfg[512];
        snprintf(cfg, sizeof(cfg),
                 "[net]\nbatch=8\nchannels=2\nheight=9\nwidth=8\nlearning_rate=.2\n"
                 "[connected]\noutput=4\nactivation=linear\n%s[softmax]\n",
                 RATES[k]);
        struct nn_net *net = net_of(cfg);
        struct nn_trainer *t = trainer_of(net, &(struct nn_trainer_options){.uniform_rate = true});
        for (uint64_t step = 0; step < 3; step++)
            train_step(t, step, BODY_INPUTS);
        values[k] = copy_values(net);
        count = nn_net_parameters(net);
        nn_trainer_free(t);
        nn_net_free(net);
    }
    assert_memory_equal(values[0], values[1], count * sizeof(float));
    free(values[0]);
    free(values[1]);
}

static void test_long_gradient_is_shortened(void **state)
{
    (void)state;
    compare_rules("learning_rate=.5\nmomentum=.5\ndecay=.1\nmax_grad_norm=.05\n",
                  (struct rule){.rate = .5, .momentum = .5, .decay = .1, .clip = .05});
}

static void test_short_gradient_is_left_alone(void **state)
{
    (void)state;
    compare_rules("learning_rate=.2\nmomentum=0\ndecay=0\nmax_grad_norm=1000\n",
                  (struct rule){.rate = .2});
}

/* ---- loss ---- */

static double smoothed(double t, double eps, size_t classes)
{
    return t * (1 - eps) + (1 - t) * eps / (double)(classes - 1);
}

static void test_label_smoothing_moves_the_target(void **state)
{
    (void)state;
    char *cfg = cfg_with(SMALL, "learning_rate=16\nmomentum=0\ndecay=0\nlabel_smooth_eps=.2\n");
    struct netpair p;
    struct rng r;
    netpair_init(&p, cfg, 22);
    rng_init(&r, 22, 2, 0);
    double *start = malloc(reference_count(p.ref) * sizeof(*start));
    memcpy(start, reference_parameters(p.ref), reference_count(p.ref) * sizeof(*start));
    float *input = random_values(&r, BATCH * p.inputs, 1),
          *target = random_labels(&r, BATCH, p.outputs);
    target[0] = target[1] = target[2] = target[3] = .25f; /* a soft row too */
    float *soft = malloc(BATCH * p.outputs * sizeof(*soft));
    for (size_t i = 0; i < BATCH * p.outputs; i++)
        soft[i] = (float)smoothed((double)target[i], .2, p.outputs);
    struct nn_trainer *t = trainer_of(p.net, &(struct nn_trainer_options){0});
    double loss = nn_trainer_step(t, input, target, NULL);
    reference_forward(p.ref, input, BATCH, true);
    assert_true(fabs(loss - reference_loss(p.ref, soft)) < 1e-5);
    double *first = calloc(reference_count(p.ref), sizeof(*first));
    apply_rule(p.ref, &(struct rule){.rate = 16}, reference_backward(p.ref, soft), first, first, 1);
    reference_roll(p.ref);
    assert_true(distance(&p, start) < 1e-5);
    nn_trainer_free(t);
    free(first);
    free(soft);
    free(input);
    free(target);
    free(start);
    netpair_release(&p);
    free(cfg);
}

static void test_loss_of_hard_labels_is_the_mean_negative_log_probability(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 23, 0, 0);
    struct nn_net *net = net_of(SMALL);
    struct nn_trainer *t = trainer_of(net, &(struct nn_trainer_options){0});
    float *input = random_values(&r, BATCH * 70, 1), *target = random_labels(&r, BATCH, 4);
    float output[BATCH * 4];
    double loss = nn_trainer_step(t, input, target, output), want = 0;
    for (size_t i = 0; i < BATCH * 4; i++)
        want -= target[i] > 0 ? log((double)output[i]) / BATCH : 0;
    assert_true(fabs(loss - want) < 1e-5);
    free(input);
    free(target);
    nn_trainer_free(t);
    nn_net_free(net);
}

static void test_probability_of_zero_gives_a_finite_loss(void **state)
{
    (void)state;
    struct nn_net *net = net_of("[net]\nbatch=1\nchannels=1\nheight=1\nwidth=1\nlearning_rate=.1\n"
                                "[connected]\noutput=2\nactivation=linear\n[softmax]\n");
    const float values[] = {0, 0, 2000, -2000}, input[] = {1}, target[] = {0, 1};
    nn_net_set_values(net, values);
    struct nn_trainer *t = trainer_of(net, &(struct nn_trainer_options){0});
    double loss = nn_trainer_step(t, input, target, NULL);
    assert_true(isfinite(loss) && loss > 10);
    for (size_t i = 0; i < nn_net_parameters(net); i++)
        assert_true(isfinite((double)nn_net_values(net)[i]));
    nn_trainer_free(t);
    nn_net_free(net);
}

static void test_network_that_gives_no_loss_cannot_be_trained(void **state)
{
    (void)state;
    struct err e = {0};
    struct nn_net *net =
        net_of("[net]\nbatch=1\nchannels=1\nheight=4\nwidth=4\n"
               "[convolutional]\nfilters=2\nsize=3\nactivation=relu\n[maxpool]\nsize=2\n");
    assert_null(nn_trainer_new(net, &(struct nn_trainer_options){0}, &e));
    assert_true(strlen(e.text) > 0);
    nn_net_free(net);
}

static void test_batch_of_too_many_channels_is_refused(void **state)
{
    (void)state;
    struct err e = {0};
    struct nn_net *net = net_of("[net]\nbatch=65536\nchannels=1\nheight=1\nwidth=1\n"
                                "[convolutional]\nfilters=65536\nsize=1\n"
                                "[convolutional]\nfilters=1\nsize=1\n[softmax]\n");
    assert_null(nn_trainer_new(net, &(struct nn_trainer_options){0}, &e));
    assert_non_null(strstr(e.text, "65536"));
    nn_net_free(net);
}

/* ---- subdivisions ---- */

/* Two steps of a cfg on the same data; the parameters belong to the caller. */
static float *parameters_after_two_steps(const char *cfg, size_t batch)
{
    struct rng r;
    rng_init(&r, 24, 2, 0);
    struct nn_net *net = net_of(cfg);
    struct nn_shape s = nn_net_input(net);
    size_t inputs = (size_t)(s.channels * s.height * s.width),
           outputs = (size_t)nn_net_outputs(net);
    struct nn_trainer *t = trainer_of(net, &(struct nn_trainer_options){0});
    assert_int_equal(nn_trainer_batch(t), batch);
    for (int i = 0; i < 2; i++) {
        float *input = random_values(&r, batch * inputs, 1),
              *target = random_labels(&r, batch, outputs);
        nn_trainer_step(t, input, target, NULL);
        free(input);
        free(target);
    }
    assert_int_equal(nn_net_seen(net), 2 * batch);
    float *values = malloc(nn_net_parameters(net) * sizeof(*values));
    memcpy(values, nn_net_values(net), nn_net_parameters(net) * sizeof(*values));
    nn_trainer_free(t);
    nn_net_free(net);
    return values;
}

static void test_subdivisions_without_norms_change_nothing(void **state)
{
    (void)state;
    const char *rest = "channels=2\nheight=5\nwidth=5\nlearning_rate=.2\ndecay=.1\n"
                       "[convolutional]\nfilters=4\nsize=3\nactivation=leaky\n"
                       "[connected]\noutput=3\nactivation=linear\n[softmax]\n";
    char cfg[2][512];
    snprintf(cfg[0], sizeof(cfg[0]), "[net]\nbatch=8\n%s", rest);
    snprintf(cfg[1], sizeof(cfg[1]), "[net]\nbatch=8\nsubdivisions=2\n%s", rest);
    struct nn_net *net = net_of(cfg[1]);
    assert_int_equal(nn_net_batch(net), 8);
    size_t count = nn_net_parameters(net);
    nn_net_free(net);
    float *whole = parameters_after_two_steps(cfg[0], 8),
          *parts = parameters_after_two_steps(cfg[1], 8);
    for (size_t i = 0; i < count; i++)
        if (!(fabsf(whole[i] - parts[i]) < 1e-6f * (1 + fabsf(whole[i]))))
            fail_msg("parameter %zu: %g and %g", i, (double)whole[i], (double)parts[i]);
    free(whole);
    free(parts);
}

/* Batch norms see one subdivision at a time: gradients are averaged, rolling statistics move twice.
 */
static void test_subdivisions_with_norms_accumulate(void **state)
{
    (void)state;
    const char *cfg =
        "[net]\nbatch=8\nsubdivisions=2\nchannels=2\nheight=4\nwidth=3\nlearning_rate=32\nmomentum="
        "0\n"
        "decay=0\n[convolutional]\nfilters=4\nsize=3\npad=1\nbatch_normalize=1\nactivation=leaky\n"
        "[connected]\noutput=3\nactivation=linear\n[softmax]\n";
    struct netpair p;
    struct rng r;
    netpair_init(&p, cfg, 25);
    rng_init(&r, 25, 2, 0);
    size_t count = reference_count(p.ref);
    double *start = malloc(count * sizeof(*start)), *sum = calloc(count, sizeof(*sum));
    memcpy(start, reference_parameters(p.ref), count * sizeof(*start));
    float *input = random_values(&r, 8 * p.inputs, 1), *target = random_targets(&r, 8, p.outputs);
    struct nn_trainer *t = trainer_of(p.net, &(struct nn_trainer_options){0});
    double loss = nn_trainer_step(t, input, target, NULL), want = 0;
    for (size_t part = 0; part < 2; part++) {
        reference_forward(p.ref, input + part * 4 * p.inputs, 4, true);
        want += reference_loss(p.ref, target + part * 4 * p.outputs) / 2;
        const double *gradient = reference_backward(p.ref, target + part * 4 * p.outputs);
        for (size_t i = 0; i < count; i++)
            sum[i] += gradient[i] / 2;
        reference_roll(p.ref);
    }
    double *memory = calloc(count, sizeof(*memory));
    apply_rule(p.ref, &(struct rule){.rate = 32}, sum, memory, memory, 1);
    assert_true(fabs(loss - want) < 1e-5);
    double miss = distance(&p, start);
    if (!(miss < 1e-5))
        fail_msg("the parameters differ by %g of their way", miss);
    nn_trainer_free(t);
    free(memory);
    free(input);
    free(target);
    free(sum);
    free(start);
    netpair_release(&p);
}

int main(void)
{
    nn_set_threads(1); /* the networks are tiny */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_descent),
        cmocka_unit_test(test_momentum),
        cmocka_unit_test(test_decay_pulls_weights_but_no_biases_or_scales),
        cmocka_unit_test(test_defaults_are_darknet_s),
        cmocka_unit_test(test_nesterov),
        cmocka_unit_test(test_adam),
        cmocka_unit_test(test_adam_with_decay),
        cmocka_unit_test(test_adam_defaults),
        cmocka_unit_test(test_rate_of_a_layer_scales_its_update),
        cmocka_unit_test(test_uniform_rate_passes_over_the_rates_of_layers),
        cmocka_unit_test(test_long_gradient_is_shortened),
        cmocka_unit_test(test_short_gradient_is_left_alone),
        cmocka_unit_test(test_label_smoothing_moves_the_target),
        cmocka_unit_test(test_loss_of_hard_labels_is_the_mean_negative_log_probability),
        cmocka_unit_test(test_probability_of_zero_gives_a_finite_loss),
        cmocka_unit_test(test_network_that_gives_no_loss_cannot_be_trained),
        cmocka_unit_test(test_batch_of_too_many_channels_is_refused),
        cmocka_unit_test(test_subdivisions_without_norms_change_nothing),
        cmocka_unit_test(test_subdivisions_with_norms_accumulate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
