/* Every layer and option of the engine against the scalar reference network: shapes, inference, one
 * training step (all gradients and rolling statistics), and finite differences of the loss. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "netpair.h"
#include "network_cases.h"
#include "nn.h"
#include "random_cfg.h"
#include "reference.h"

#define TOLERANCE 1e-5
#define RATE 64. /* large: an update of one float shows the gradient in full */
#define RULES "learning_rate=64\nmomentum=0\ndecay=0\n"
#define RANDOM_NETWORKS 40
#define WIDE_NETWORKS 8

static int has_softmax(const char *cfg)
{
    return strstr(cfg, "[soft") != NULL;
}

static int count_batch(const char *cfg)
{
    return atoi(strstr(cfg, "batch=") + strlen("batch="));
}

/* ---- shapes and inference ---- */

static void test_shapes_and_counts(void **state)
{
    const struct network_case *c = *state;
    struct netpair p;
    netpair_init(&p, c->cfg, 11);
    int layers = reference_layers(p.ref);
    assert_int_equal(nn_net_layers(p.net), layers);
    assert_int_equal(nn_net_outputs(p.net), p.outputs);
    for (int i = 0; i < layers; i++) {
        struct nn_shape s = nn_net_shape(p.net, i);
        assert_int_equal(s.channels * s.height * s.width, reference_values(p.ref, i));
        assert_int_equal(nn_net_parameters_upto(p.net, i), reference_upto(p.ref, i));
    }
    assert_int_equal(nn_net_parameters_upto(p.net, layers), reference_count(p.ref));
    netpair_release(&p);
}

static void compare_layer(const struct netpair *p, int layer, const float *input, size_t count)
{
    size_t values = reference_values(p->ref, layer);
    float *output = calloc(count * values, sizeof(*output));
    struct nn_predictor *predictor = predictor_of(p->net, 0, layer + 1, 3);
    nn_predictor_run(predictor, input, count, output);
    double difference = worst_difference(output, reference_output(p->ref, layer), count * values);
    nn_predictor_free(predictor);
    free(output);
    if (!(difference < TOLERANCE))
        fail_msg("layer %d [%s] differs by %g", layer, nn_net_layer_name(p->net, layer),
                 difference);
}

/* Five pictures in batches of three: the last batch is padded. */
static void test_inference_equals_reference(void **state)
{
    const struct network_case *c = *state;
    struct netpair p;
    struct rng r;
    netpair_init(&p, c->cfg, 12);
    rng_init(&r, 12, 2, 0);
    float *input = random_values(&r, 5 * p.inputs, 1);
    reference_forward(p.ref, input, 5, false);
    for (int i = 0; i < reference_layers(p.ref); i++)
        compare_layer(&p, i, input, 5);
    free(input);
    netpair_release(&p);
}

/* ---- one training step ---- */

/* (before - after)/rate against the gradient, relative to the largest gradient of the layer;
 * rolling statistics against the reference's. */
static void compare_parameters(struct netpair *p, const float *before, const double *gradient)
{
    const float *after = nn_net_values(p->net);
    const double *rolled = reference_parameters(p->ref);
    for (int layer = 0; layer < reference_layers(p->ref); layer++) {
        double largest = 1e-30;
        for (size_t i = reference_upto(p->ref, layer); i < reference_upto(p->ref, layer + 1); i++)
            largest = fmax(largest, fabs(gradient[i]));
        for (size_t i = reference_upto(p->ref, layer); i < reference_upto(p->ref, layer + 1); i++) {
            enum reference_role role = reference_role(p->ref, i);
            size_t at = i - reference_upto(p->ref, layer);
            double got = ((double)before[i] - (double)after[i]) / RATE;
            if (role == REF_MEAN || role == REF_VARIANCE) {
                if (!(fabs((double)after[i] - rolled[i]) < TOLERANCE * fmax(1, fabs(rolled[i]))))
                    fail_msg("layer %d [%s], parameter %zu: rolling statistic %g, not %g", layer,
                             nn_net_layer_name(p->net, layer), at, (double)after[i], rolled[i]);
            } else if (!(fabs(got - gradient[i]) < 2 * TOLERANCE * largest)) {
                fail_msg("layer %d [%s], parameter %zu (role %d): gradient %g, not %g (largest %g)",
                         layer, nn_net_layer_name(p->net, layer), at, (int)role, got, gradient[i],
                         largest);
            }
        }
    }
}

static void compare_step(const struct network_case *c, int frozen)
{
    struct netpair p;
    struct rng r;
    netpair_init(&p, c->cfg, 13);
    rng_init(&r, 13, 2, 0);
    size_t batch = (size_t)count_batch(c->cfg), count = reference_count(p.ref);
    float *input = random_values(&r, batch * p.inputs, 1);
    float *target = random_targets(&r, batch, p.outputs);
    float *before = malloc((count + 1) * sizeof(*before));
    float *output = malloc(batch * p.outputs * sizeof(*output));
    memcpy(before, nn_net_values(p.net), count * sizeof(*before));
    struct nn_trainer *t =
        trainer_of(p.net, &(struct nn_trainer_options){.seed = 3, .frozen = frozen});
    reference_freeze(p.ref, frozen);
    assert_int_equal(nn_trainer_batch(t), batch);

    double loss = nn_trainer_step(t, input, target, output);
    reference_forward(p.ref, input, batch, true);
    int top = reference_layers(p.ref) - 1;
    while (top && strcmp(nn_net_layer_name(p.net, top), "cost") == 0)
        top--;
    double difference = worst_difference(output, reference_output(p.ref, top), batch * p.outputs);
    if (!(difference < TOLERANCE))
        fail_msg("the outputs of the step differ by %g", difference);
    double want = reference_loss(p.ref, target);
    if (!(fabs(loss - want) < TOLERANCE * fmax(1, fabs(want))))
        fail_msg("loss %g, not %g", loss, want);
    const double *gradient = reference_backward(p.ref, target);
    reference_roll(p.ref);
    compare_parameters(&p, before, gradient);

    nn_trainer_free(t);
    free(output);
    free(before);
    free(target);
    free(input);
    netpair_release(&p);
}

static void test_training_step_equals_reference(void **state)
{
    compare_step(*state, 0);
}

static void test_training_step_on_two_threads_equals_reference(void **state)
{
    nn_set_threads(2);
    compare_step(*state, 0);
    nn_set_threads(1);
}

/* Wherever the network is cut, what is read across the cut included. */
static void test_training_step_with_frozen_layers_equals_reference(void **state)
{
    const struct network_case *c = *state;
    struct nn_net *net = net_of(c->cfg);
    int layers = nn_net_layers(net);
    nn_net_free(net);
    for (int frozen = 1; frozen < layers - 1; frozen++)
        compare_step(c, frozen);
}

/* ---- finite differences ---- */

static double reference_loss_at(struct netpair *p, const float *input, const float *target,
                                size_t batch)
{
    reference_forward(p->ref, input, batch, true);
    return reference_loss(p->ref, target);
}

/* The reference's own gradients, in double precision with the exact derivative of the batch norm.
 */
static void test_reference_gradient_is_the_derivative(void **state)
{
    const struct network_case *c = *state;
    if (!has_softmax(c->cfg)) /* darknet's sum of squares has half the derivative */
        return;
    struct netpair p;
    struct rng r;
    netpair_init(&p, c->cfg, 14);
    rng_init(&r, 14, 2, 0);
    size_t batch = (size_t)count_batch(c->cfg), count = reference_count(p.ref);
    float *input = random_values(&r, batch * p.inputs, 1);
    float *target = random_targets(&r, batch, p.outputs);
    double *value = reference_parameters(p.ref), largest = 1e-9;
    reference_set_darknet_norm(p.ref, false);
    reference_forward(p.ref, input, batch, true);
    double *gradient = malloc((count + 1) * sizeof(*gradient));
    memcpy(gradient, reference_backward(p.ref, target), count * sizeof(*gradient));
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(gradient[i]));
    for (int k = 0; k < 8; k++) {
        size_t i = (size_t)rng_below(&r, count);
        double kept = value[i], h = 1e-6;
        value[i] = kept + h;
        double above = reference_loss_at(&p, input, target, batch);
        value[i] = kept - h;
        double slope = (above - reference_loss_at(&p, input, target, batch)) / (2 * h);
        value[i] = kept;
        if (!(fabs(slope - gradient[i]) < 1e-6 * fmax(largest, 1)))
            fail_msg("parameter %zu: gradient %g, finite difference %g", i, gradient[i], slope);
    }
    free(gradient);
    free(target);
    free(input);
    netpair_release(&p);
}

static double engine_loss_at(struct nn_net *net, const float *values, const float *input,
                             const float *target)
{
    nn_net_set_values(net, values);
    struct nn_trainer *t = trainer_of(net, &(struct nn_trainer_options){.seed = 3});
    double loss = nn_trainer_step(t, input, target, NULL);
    nn_trainer_free(t);
    return loss;
}

/* Layer by layer, the slope of the engine's loss along its own update is the length of the update
 * over the rate. */
static void compare_slopes(struct netpair *p, const float *before, const double *update,
                           const float *input, const float *target)
{
    size_t count = reference_count(p->ref);
    float *moved = malloc(count * sizeof(*moved));
    for (int layer = 0; layer < reference_layers(p->ref); layer++) {
        size_t low = reference_upto(p->ref, layer), high = reference_upto(p->ref, layer + 1);
        double length = 0, loss[2];
        for (size_t i = low; i < high; i++)
            length += update[i] * update[i];
        length = sqrt(length);
        if (low == high || length < 1e-3)
            continue;
        double h = fmin(.02, .02 / length);
        for (int side = 0; side < 2; side++) {
            for (size_t i = 0; i < count; i++)
                moved[i] = before[i];
            for (size_t i = low; i < high; i++)
                moved[i] += (float)((side ? h : -h) * update[i] / length);
            loss[side] = engine_loss_at(p->net, moved, input, target);
        }
        double slope = (loss[1] - loss[0]) / (2 * h);
        if (!(fabs(slope - length) < .01 * length))
            fail_msg("layer %d [%s]: slope %g, gradient %g", layer,
                     nn_net_layer_name(p->net, layer), slope, length);
    }
    free(moved);
}

static void test_engine_gradient_is_the_derivative(void **state)
{
    const struct network_case *c = *state;
    struct netpair p;
    struct rng r;
    netpair_init(&p, c->cfg, 15);
    rng_init(&r, 15, 2, 0);
    size_t batch = (size_t)count_batch(c->cfg), count = reference_count(p.ref);
    float *input = random_values(&r, batch * p.inputs, 1);
    float *target = random_targets(&r, batch, p.outputs);
    float *before = malloc(count * sizeof(*before));
    double *update = malloc(count * sizeof(*update));
    memcpy(before, nn_net_values(p.net), count * sizeof(*before));
    engine_loss_at(p.net, before, input, target);
    for (size_t i = 0; i < count; i++)
        update[i] = ((double)before[i] - (double)nn_net_values(p.net)[i]) / RATE;
    compare_slopes(&p, before, update, input, target);
    free(update);
    free(before);
    free(target);
    free(input);
    netpair_release(&p);
}

/* ---- the list of tests ---- */

static const char *join(const char *what, const char *name)
{
    size_t size = strlen(what) + strlen(name) + 2;
    char *text = malloc(size);
    snprintf(text, size, "%s %s", what, name);
    return text;
}

#define MAX_TESTS 1024

static struct CMUnitTest tests[MAX_TESTS];
static size_t test_count;

static void add_test(const char *what, const char *name, const char *cfg, CMUnitTestFunction run)
{
    struct network_case *c = malloc(sizeof(*c));
    *c = (struct network_case){.name = join(what, name), .cfg = cfg};
    if (test_count < MAX_TESTS)
        tests[test_count++] =
            (struct CMUnitTest){.name = c->name, .test_func = run, .initial_state = c};
}

static void add_tests(const char *name, const char *cfg)
{
    add_test("test_shapes_and_counts_of", name, cfg, test_shapes_and_counts);
    add_test("test_inference_equals_reference", name, cfg, test_inference_equals_reference);
    add_test("test_training_step_equals_reference", name, cfg, test_training_step_equals_reference);
}

int main(void)
{
    nn_set_threads(1); /* the networks are tiny; some random ones are trained on two threads too */
    for (size_t i = 0; i < NETWORK_CASE_COUNT; i++) {
        const char *name = NETWORK_CASES[i].name, *cfg = cfg_with(NETWORK_CASES[i].cfg, RULES);
        add_tests(name, cfg);
        add_test("test_reference_gradient_is_the_derivative", name, cfg,
                 test_reference_gradient_is_the_derivative);
    }
    for (unsigned i = 0; i < RANDOM_NETWORKS; i++) {
        char name[32];
        snprintf(name, sizeof(name), "random_network_%u", i);
        const char *cfg = random_cfg(i, RANDOM_NORM, RULES);
        add_tests(name, cfg);
        if (i % 8 == 0)
            add_test("test_training_step_on_two_threads_equals_reference", name, cfg,
                     test_training_step_on_two_threads_equals_reference);
        add_test("test_training_step_with_frozen_layers_equals_reference", name, cfg,
                 test_training_step_with_frozen_layers_equals_reference);
        snprintf(name, sizeof(name), "smooth_network_%u", i);
        add_test("test_engine_gradient_is_the_derivative", name,
                 random_cfg(i, RANDOM_SMOOTH, RULES), test_engine_gradient_is_the_derivative);
    }
    for (unsigned i = 0; i < WIDE_NETWORKS; i++) {
        char name[32];
        snprintf(name, sizeof(name), "wide_network_%u", i);
        const char *cfg = random_cfg(i, RANDOM_NORM | RANDOM_WIDE, RULES);
        add_tests(name, cfg);
        add_test("test_training_step_on_two_threads_equals_reference", name, cfg,
                 test_training_step_on_two_threads_equals_reference);
    }
    return _cmocka_run_group_tests("layers", tests, test_count, NULL, NULL);
}
