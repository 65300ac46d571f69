/* Frozen layers: not one byte of them changes, and they are run as in inference. */
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

static void check_frozen(struct nn_net *net, const struct nn_trainer_options *options, int frozen)
{
    size_t cut = nn_net_parameters_upto(net, frozen), all = nn_net_parameters(net);
    float *before = copy_values(net);
    struct nn_trainer *t = trainer_of(net, options);
    for (uint64_t i = 0; i < 3; i++)
        train_step(t, i, BODY_INPUTS);
    if (!same_values(net, before, 0, cut))
        fail_msg("frozen below %d: parameters of a frozen layer moved", frozen);
    for (int layer = frozen; layer < BODY_LAYERS; layer++) {
        size_t low = nn_net_parameters_upto(net, layer),
               high = nn_net_parameters_upto(net, layer + 1);
        if (low < high && low < all && same_values(net, before, low, high))
            fail_msg("frozen below %d: layer %d did not learn", frozen, layer);
    }
    nn_trainer_free(t);
    free(before);
}

static void test_frozen_layers_keep_every_byte(void **state)
{
    (void)state;
    for (int frozen = 0; frozen < 6; frozen++) {
        struct nn_net *net = body_with("learning_rate=.05\ndecay=.1\n");
        check_frozen(net, &(struct nn_trainer_options){.frozen = frozen, .seed = 1}, frozen);
        nn_net_free(net);
    }
}

static void test_stopbackward_freezes_its_layer_and_those_below(void **state)
{
    (void)state;
    char *cfg = cfg_with(BODY, "learning_rate=.05\ndecay=.1\n");
    char *mark = strstr(cfg, "filters=6"), stopped[1024];
    snprintf(stopped, sizeof(stopped), "%.*sstopbackward=1\n%s", (int)(mark - cfg), cfg, mark);
    struct nn_net *net = net_of(stopped);
    check_frozen(net, &(struct nn_trainer_options){.seed = 1}, 3);
    nn_net_free(net);
    free(cfg);
}

/* A frozen layer is run as in inference: with everything but the top frozen, the outputs of a step
 * are those of a predictor. */
static void test_frozen_layers_are_run_as_in_inference(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 32, 0, 0);
    struct nn_net *net = body_with("learning_rate=.05\n");
    float *input = random_values(&r, BODY_BATCH * BODY_INPUTS, 1),
          *target = random_labels(&r, BODY_BATCH, BODY_CLASSES);
    float got[BODY_BATCH * BODY_CLASSES], want[BODY_BATCH * BODY_CLASSES];
    struct nn_predictor *p = predictor_of(net, 0, BODY_LAYERS, BODY_BATCH);
    nn_predictor_run(p, input, BODY_BATCH, want);
    struct nn_trainer *t = trainer_of(net, &(struct nn_trainer_options){.frozen = 5, .seed = 1});
    nn_trainer_step(t, input, target, got);
    for (size_t i = 0; i < BODY_BATCH * BODY_CLASSES; i++)
        assert_true(fabsf(got[i] - want[i]) < 1e-5f);
    nn_predictor_free(p);
    nn_trainer_free(t);
    free(input);
    free(target);
    nn_net_free(net);
}

/* Training layers 3.. on the outputs of layers 0..2 is training the network with these frozen. */
static void test_training_the_top_on_features_is_training_with_the_rest_frozen(void **state)
{
    (void)state;
    const int cut = 3; /* before the dropout */
    struct nn_net *whole = body_with("learning_rate=.1\n"), *top = body_with("learning_rate=.1\n");
    struct nn_trainer *a =
        trainer_of(whole, &(struct nn_trainer_options){.frozen = cut, .seed = 4});
    struct nn_trainer *b =
        trainer_of(top, &(struct nn_trainer_options){.first = cut, .frozen = cut, .seed = 4});
    struct nn_predictor *p = predictor_of(top, 0, cut, BODY_BATCH);
    struct nn_shape s = nn_net_shape(top, cut - 1);
    size_t values = (size_t)(s.channels * s.height * s.width);
    float *features = malloc(BODY_BATCH * values * sizeof(*features));
    for (uint64_t step = 0; step < 3; step++) {
        struct rng r;
        rng_init(&r, 33, 0, step);
        float *input = random_values(&r, BODY_BATCH * BODY_INPUTS, 1),
              *target = random_labels(&r, BODY_BATCH, BODY_CLASSES);
        nn_predictor_run(p, input, BODY_BATCH, features);
        double one = nn_trainer_step(a, input, target, NULL),
               two = nn_trainer_step(b, features, target, NULL);
        assert_true(fabs(one - two) < 1e-5);
        free(input);
        free(target);
    }
    for (size_t i = 0; i < nn_net_parameters(top); i++)
        assert_true(fabsf(nn_net_values(top)[i] - nn_net_values(whole)[i]) < 1e-4f);
    free(features);
    nn_predictor_free(p);
    nn_trainer_free(a);
    nn_trainer_free(b);
    nn_net_free(whole);
    nn_net_free(top);
}

/* A part of a network may read its own input again, but nothing that lies below it. */
static void test_part_that_reads_below_itself_is_refused(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 37, 0, 0);
    struct err e = {0};
    struct nn_net *net =
        net_of("[net]\nbatch=2\nchannels=3\nheight=4\nwidth=4\n"
               "[convolutional]\nfilters=5\nsize=3\npad=1\nactivation=leaky\n"
               "[convolutional]\nfilters=5\nsize=3\npad=1\nactivation=leaky\n"
               "[shortcut]\nfrom=0\n[connected]\noutput=3\nactivation=linear\n[softmax]\n");
    float *input = random_values(&r, 2 * 48, 1), below[2 * 80], whole[6], part[6];
    struct nn_predictor *all = predictor_of(net, 0, 5, 2), *bottom = predictor_of(net, 0, 1, 2);
    struct nn_predictor *top = predictor_of(net, 1, 5, 2);
    nn_predictor_run(all, input, 2, whole);
    nn_predictor_run(bottom, input, 2, below);
    nn_predictor_run(top, below, 2, part);
    for (int i = 0; i < 6; i++)
        assert_true(fabsf(whole[i] - part[i]) < 1e-6f);
    assert_null(nn_predictor_new(net, 2, 5, 2, &e));
    assert_non_null(strstr(e.text, "test.cfg:16: "));
    memset(&e, 0, sizeof(e));
    assert_null(nn_trainer_new(net, &(struct nn_trainer_options){.first = 2, .frozen = 2}, &e));
    assert_non_null(strstr(e.text, "test.cfg:16: "));
    nn_predictor_free(all);
    nn_predictor_free(bottom);
    nn_predictor_free(top);
    free(input);
    nn_net_free(net);
}

static void test_layers_that_a_dense_head_freezes(void **state)
{
    (void)state;
    struct nn_net *net = body_with("");
    assert_int_equal(nn_net_frozen_layers(net),
                     3); /* up to the second convolution; the dropout is head */
    nn_net_free(net);
    net = net_of("[net]\nchannels=1\nheight=6\nwidth=6\n[convolutional]\nfilters=3\nsize="
                 "3\nactivation=relu\n"
                 "[avgpool]\n[connected]\noutput=2\nactivation=linear\n[softmax]\n");
    assert_int_equal(nn_net_frozen_layers(net), 2);
    nn_net_free(net);
}

int main(void)
{
    nn_set_threads(1); /* the networks are tiny */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frozen_layers_keep_every_byte),
        cmocka_unit_test(test_stopbackward_freezes_its_layer_and_those_below),
        cmocka_unit_test(test_frozen_layers_are_run_as_in_inference),
        cmocka_unit_test(test_training_the_top_on_features_is_training_with_the_rest_frozen),
        cmocka_unit_test(test_part_that_reads_below_itself_is_refused),
        cmocka_unit_test(test_layers_that_a_dense_head_freezes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
