/* The moving average of the parameters (`ema_alpha`) and the model that a trainer hands out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "body.h"
#include "netpair.h"
#include "nn.h"

#define STEPS 12

static struct nn_net *empty_like(const struct nn_net *net)
{
    const char *cfg = nn_net_cfg_text(net);
    struct err e = {""};
    struct nn_net *copy = nn_net_parse("copy.cfg", cfg, strlen(cfg), NN_UNDRAWN, &e);
    assert_non_null(copy);
    return copy;
}

static void test_average_keeps_its_part_of_every_step(void **state)
{
    (void)state;
    struct nn_net *net = body_with("learning_rate=.1\nema_alpha=.6\n"), *model = empty_like(net);
    struct nn_trainer *t = trainer_of(net, &(struct nn_trainer_options){.seed = 4});
    size_t count = nn_net_parameters(net);
    double *want = malloc(count * sizeof(*want));
    for (size_t i = 0; i < count; i++)
        want[i] = (double)nn_net_values(net)[i];
    for (int step = 0; step < STEPS; step++) {
        train_step(t, (uint64_t)step, BODY_INPUTS);
        double keep = fmin(.6, (step + 1.0) / (step + 10.0));
        for (size_t i = 0; i < count; i++)
            want[i] = keep * want[i] + (1 - keep) * (double)nn_net_values(net)[i];
    }
    nn_trainer_export(t, model);
    assert_true(worst_difference(nn_net_values(model), want, count) < 1e-6);
    assert_false(same_values(net, nn_net_values(model), 0, count));
    assert_int_equal(nn_net_seen(model), STEPS * BODY_BATCH);
    free(want);
    nn_trainer_free(t);
    nn_net_free(model);
    nn_net_free(net);
}

static void test_average_does_not_change_the_training(void **state)
{
    (void)state;
    struct nn_net *with = body_with("learning_rate=.1\nema_alpha=.9\n"),
                  *without = body_with("learning_rate=.1\n");
    struct nn_trainer *a = trainer_of(with, &(struct nn_trainer_options){.seed = 4}),
                      *b = trainer_of(without, &(struct nn_trainer_options){.seed = 4});
    for (uint64_t step = 0; step < STEPS; step++)
        assert_true(train_step(a, step, BODY_INPUTS) == train_step(b, step, BODY_INPUTS));
    assert_true(same_values(with, nn_net_values(without), 0, nn_net_parameters(with)));
    nn_trainer_free(a);
    nn_trainer_free(b);
    nn_net_free(with);
    nn_net_free(without);
}

static void test_without_average_the_parameters_are_the_model(void **state)
{
    (void)state;
    struct nn_net *net = body_with("learning_rate=.1\n"), *model = empty_like(net);
    struct nn_trainer *t = trainer_of(net, &(struct nn_trainer_options){.seed = 4});
    train_step(t, 0, BODY_INPUTS);
    nn_trainer_export(t, model);
    assert_true(same_values(model, nn_net_values(net), 0, nn_net_parameters(net)));
    nn_trainer_free(t);
    nn_net_free(model);
    nn_net_free(net);
}

static void test_frozen_layers_stay_in_the_average(void **state)
{
    (void)state;
    struct nn_net *net = body_with("learning_rate=.1\nema_alpha=.9\n"), *model = empty_like(net);
    int frozen = nn_net_frozen_layers(net);
    size_t count = nn_net_parameters_upto(net, frozen);
    struct nn_trainer *t =
        trainer_of(net, &(struct nn_trainer_options){.seed = 4, .frozen = frozen});
    float *before = copy_values(net);
    for (uint64_t step = 0; step < STEPS; step++)
        train_step(t, step, BODY_INPUTS);
    nn_trainer_export(t, model);
    assert_true(same_values(model, before, 0, count));
    assert_false(same_values(model, before, count, nn_net_parameters(net)));
    free(before);
    nn_trainer_free(t);
    nn_net_free(model);
    nn_net_free(net);
}

int main(void)
{
    nn_set_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_average_keeps_its_part_of_every_step),
        cmocka_unit_test(test_average_does_not_change_the_training),
        cmocka_unit_test(test_without_average_the_parameters_are_the_model),
        cmocka_unit_test(test_frozen_layers_stay_in_the_average),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
