/* The learning rate of every update under every policy, against darknet's formulas (network.c:
 * get_current_rate; sgdr from AlexeyAB's fork). darknet counts a batch before it asks for the rate,
 * so update number 1, 2, ... uses batch number 1, 2, ... */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "netpair.h"
#include "network_cases.h"
#include "nn.h"

#define TINY                                                                                       \
    "[net]\nbatch=1\nchannels=1\nheight=1\nwidth=2\n[connected]\noutput=2\nactivation=linear\n["   \
    "softmax]\n"
#define PI 3.14159265358979323846

/* The rates of the first `count` updates. */
static void rates_of(const char *rules, int count, double *rates)
{
    char *cfg = cfg_with(TINY, rules);
    struct nn_net *net = net_of(cfg);
    struct nn_trainer *t = trainer_of(net, &(struct nn_trainer_options){.seed = 5});
    const float input[] = {.5f, -.25f}, target[] = {1, 0};
    for (int i = 0; i < count; i++) {
        assert_int_equal(nn_trainer_steps(t), i);
        rates[i] = nn_trainer_rate(t);
        nn_trainer_step(t, input, target, NULL);
    }
    nn_trainer_free(t);
    nn_net_free(net);
    free(cfg);
}

typedef double rate_formula(double batch);

static void compare_rates(const char *rules, int count, rate_formula *formula)
{
    double *rates = malloc((size_t)count * sizeof(*rates));
    rates_of(rules, count, rates);
    for (int i = 0; i < count; i++)
        if (!(fabs(rates[i] - formula(i + 1)) < 1e-6 * fabs(formula(i + 1)) + 1e-12))
            fail_msg("update %d has rate %g, not %g", i + 1, rates[i], formula(i + 1));
    free(rates);
}

static double constant(double batch)
{
    (void)batch;
    return .25;
}

static void test_constant(void **state)
{
    (void)state;
    compare_rates("learning_rate=.25\n", 5, constant);
    compare_rates("learning_rate=.25\npolicy=constant\n", 5, constant);
}

static double burning_in(double batch)
{
    return batch < 4 ? .5 * pow(batch / 4, 2) : .5;
}

static void test_burn_in(void **state)
{
    (void)state;
    compare_rates("learning_rate=.5\nburn_in=4\npower=2\n", 8, burning_in);
}

static double burning_in_by_default(double batch)
{
    return batch < 5 ? pow(batch / 5, 4) : 1;
}

static void test_burn_in_rises_with_the_fourth_power(void **state)
{
    (void)state;
    compare_rates("learning_rate=1\nburn_in=5\n", 8, burning_in_by_default);
}

static double step(double batch)
{
    return .5 * pow(.3, floor(batch / 3));
}

static void test_step(void **state)
{
    (void)state;
    compare_rates("learning_rate=.5\npolicy=step\nstep=3\nscale=.3\n", 12, step);
}

static double steps(double batch)
{
    return .5 * (batch >= 3 ? .1 : 1) * (batch >= 5 ? .5 : 1) * (batch >= 8 ? 4 : 1);
}

static void test_steps(void **state)
{
    (void)state;
    compare_rates("learning_rate=.5\npolicy=steps\nsteps=3,5,8\nscales=.1,.5,4\n", 12, steps);
    compare_rates("learning_rate=.5\npolicy=steps\nsteps= 3, 5, 8\nscales = .1, .5, 4\n", 12,
                  steps);
}

static double steps_after_burn_in(double batch)
{
    return batch < 4 ? .5 * pow(batch / 4, 4) : .5 * (batch >= 5 ? .5 : 1);
}

static void test_steps_count_from_the_first_update_also_with_burn_in(void **state)
{
    (void)state;
    compare_rates("learning_rate=.5\npolicy=steps\nsteps=5\nscales=.5\nburn_in=4\n", 12,
                  steps_after_burn_in);
}

static double exponential(double batch)
{
    return .5 * pow(.9, batch);
}

static void test_exp(void **state)
{
    (void)state;
    compare_rates("learning_rate=.5\npolicy=exp\ngamma=.9\n", 12, exponential);
}

static double polynomial(double batch)
{
    return .5 * pow(1 - batch / 10, 4);
}

static double parabola(double batch)
{
    return .5 * pow(1 - batch / 10, 2);
}

static void test_poly(void **state)
{
    (void)state;
    compare_rates("learning_rate=.5\npolicy=poly\nmax_batches=10\n", 10, polynomial);
    compare_rates("learning_rate=.5\npolicy=poly\nmax_batches=10\npower=2\n", 10, parabola);
}

static void test_poly_stays_at_zero_past_the_end(void **state)
{
    (void)state;
    double rates[14];
    rates_of("learning_rate=.5\npolicy=poly\nmax_batches=10\npower=2\n", 14, rates);
    for (int i = 9; i < 14; i++)
        assert_true(rates[i] == 0);
}

static double sigmoid(double batch)
{
    return .5 / (1 + exp(.7 * (batch - 6)));
}

static void test_sigmoid(void **state)
{
    (void)state;
    compare_rates("learning_rate=.5\npolicy=sigmoid\ngamma=.7\nstep=6\n", 12, sigmoid);
}

static void test_random_stays_within_bounds_and_follows_the_seed(void **state)
{
    (void)state;
    double rates[2][300], sum = 0;
    for (int k = 0; k < 2; k++)
        rates_of("learning_rate=.5\npolicy=random\npower=2\n", 300, rates[k]);
    for (int i = 0; i < 300; i++) {
        assert_true(rates[0][i] >= 0 && rates[0][i] <= .5);
        sum += rates[0][i] / 300;
    }
    assert_memory_equal(rates[0], rates[1], sizeof(rates[0]));
    assert_true(fabs(sum - .5 / 3) < .04); /* the mean of a uniform number's square, 4 deviations */
}

static double cosine(double batch)
{
    return 1e-5 + .5 * (.5 - 1e-5) * (1 + cos(PI * batch / 20));
}

static void test_sgdr_falls_as_a_cosine_over_max_batches(void **state)
{
    (void)state;
    compare_rates("learning_rate=.5\npolicy=sgdr\nmax_batches=20\n", 20, cosine);
}

/* Cycles of 4, 8, 16, ... (sgdr_mult is 2): a cycle's last batch has the lowest rate. */
static double doubling_cosine(double batch)
{
    double start = 0, length = 4;
    for (; start + length < batch; length *= 2)
        start += length;
    return .01 + .5 * (.5 - .01) * (1 + cos(PI * (batch - start) / length));
}

static void test_sgdr_restarts(void **state)
{
    (void)state;
    compare_rates(
        "learning_rate=.5\nlearning_rate_min=.01\npolicy=sgdr\nmax_batches=40\nsgdr_cycle=4\n", 40,
        doubling_cosine);
}

static double even_cosine(double batch)
{
    double at = fmod(batch - 1, 6) + 1;
    return .01 + .5 * (.5 - .01) * (1 + cos(PI * at / 6));
}

static void test_sgdr_with_cycles_of_one_length(void **state)
{
    (void)state;
    compare_rates(
        "learning_rate=.5\nlearning_rate_min=.01\npolicy=sgdr\nmax_batches=40\nsgdr_cycle=6\n"
        "sgdr_mult=1\n",
        30, even_cosine);
}

static double cosine_after_burn_in(double batch)
{
    return batch < 5 ? .5 * pow(batch / 5, 4) : cosine(batch);
}

static void test_sgdr_with_burn_in(void **state)
{
    (void)state;
    compare_rates("learning_rate=.5\npolicy=sgdr\nmax_batches=20\nburn_in=5\n", 20,
                  cosine_after_burn_in);
}

static void test_set_max_batches_moves_the_end(void **state)
{
    (void)state;
    char *cfg = cfg_with(TINY, "learning_rate=.5\npolicy=poly\npower=1\nmax_batches=7\n");
    struct nn_net *net = net_of(cfg);
    assert_int_equal(nn_net_max_batches(net), 7);
    nn_net_set_max_batches(net, 20);
    assert_int_equal(nn_net_max_batches(net), 20);
    struct nn_trainer *t = trainer_of(net, &(struct nn_trainer_options){0});
    assert_true(fabs(nn_trainer_rate(t) - .5 * (1 - 1 / 20.)) < 1e-7);
    nn_trainer_free(t);
    nn_net_free(net);
    free(cfg);
}

static void test_rate_is_the_one_applied(void **state)
{
    (void)state;
    char *cfg = cfg_with(TINY, "learning_rate=8\nmomentum=0\ndecay=0\npolicy=exp\ngamma=.5\n");
    struct nn_net *net = net_of(cfg);
    const float zero[6] = {0}, input[] = {1, 0}, target[] = {1, 0};
    nn_net_set_values(net, zero); /* probabilities one half: the first bias moves by rate/2 */
    struct nn_trainer *t = trainer_of(net, &(struct nn_trainer_options){0});
    double rate = nn_trainer_rate(t);
    nn_trainer_step(t, input, target, NULL);
    assert_true(fabs((double)nn_net_values(net)[0] - rate / 2) < 1e-6);
    nn_trainer_free(t);
    nn_net_free(net);
    free(cfg);
}

/* ---- overrides ---- */

static void test_overrides_win_over_the_cfg_for_one_trainer(void **state)
{
    (void)state;
    char *cfg = cfg_with(TINY, "learning_rate=.5\npolicy=exp\ngamma=.9\nburn_in=3\n");
    struct nn_net *net = net_of(cfg);
    const struct nn_trainer_options over = {.overrides =
                                                "learning_rate=.25\npolicy=constant\nburn_in=0\n"};
    struct nn_trainer *plain = trainer_of(net, &(struct nn_trainer_options){0});
    struct nn_trainer *t = trainer_of(net, &over);
    struct nn_trainer *after = trainer_of(net, &(struct nn_trainer_options){0});
    assert_true(nn_trainer_rate(t) == .25);
    assert_true(fabs(nn_trainer_rate(plain) - .5 * pow(1 / 3., 4)) < 1e-9);
    assert_true(nn_trainer_rate(after) == nn_trainer_rate(plain));
    nn_trainer_free(plain);
    nn_trainer_free(t);
    nn_trainer_free(after);
    nn_net_free(net);
    free(cfg);
}

static void test_wrong_overrides_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "learning_rat=.1\n",
        "learning_rate=fast\n",
        "policy=\n",
        "learning_rate\n",
        "width=9\n",
        "policy=steps\n",
        "learning_rate=.1\n[net]\nlearning_rate=.2\n",
    };
    struct nn_net *net = net_of(TINY);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct err e = {0};
        struct nn_trainer *t =
            nn_trainer_new(net, &(struct nn_trainer_options){.overrides = wrong[i]}, &e);
        if (t)
            fail_msg("'%s' is accepted", wrong[i]);
        assert_true(strlen(e.text) > 0);
    }
    nn_net_free(net);
}

int main(void)
{
    nn_set_threads(1); /* the networks are tiny */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constant),
        cmocka_unit_test(test_burn_in),
        cmocka_unit_test(test_burn_in_rises_with_the_fourth_power),
        cmocka_unit_test(test_step),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_steps_count_from_the_first_update_also_with_burn_in),
        cmocka_unit_test(test_exp),
        cmocka_unit_test(test_poly),
        cmocka_unit_test(test_poly_stays_at_zero_past_the_end),
        cmocka_unit_test(test_sigmoid),
        cmocka_unit_test(test_random_stays_within_bounds_and_follows_the_seed),
        cmocka_unit_test(test_sgdr_falls_as_a_cosine_over_max_batches),
        cmocka_unit_test(test_sgdr_restarts),
        cmocka_unit_test(test_sgdr_with_cycles_of_one_length),
        cmocka_unit_test(test_sgdr_with_burn_in),
        cmocka_unit_test(test_set_max_batches_moves_the_end),
        cmocka_unit_test(test_rate_is_the_one_applied),
        cmocka_unit_test(test_overrides_win_over_the_cfg_for_one_trainer),
        cmocka_unit_test(test_wrong_overrides_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
