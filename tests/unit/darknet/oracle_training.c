/* Training against libdarknet: ten steps of SGD with the same cfg, weights and batches end with the
 * same weights. libdarknet's own mistakes on the CPU (docs/darknet.md) are left out: those layers
 * are held against the scalar reference network in nn/layers.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "darknet_net.h"

#include <cmocka.h>
#include <math.h>

#include "netpair.h"
#include "network_cases.h"
#include "nn.h"
#include "random_cfg.h"

#define TOLERANCE 1e-4
#define RANDOM_NETWORKS 25
#define WIDE_NETWORKS 6
#define STEPS 10

static float *copy_parameters(const struct nn_net *net)
{
    size_t bytes = nn_net_parameters(net) * sizeof(float);
    return memcpy(malloc(bytes + 1), nn_net_values(net), bytes);
}

/* One update of darknet from all pictures of a batch; returns its cost, a sum over the pictures. */
static double darknet_step(network *net, const float *input, const float *target)
{
    double cost = 0;
    size_t inputs = (size_t)net->inputs * (size_t)net->batch;
    size_t truths = (size_t)net->truths * (size_t)net->batch;
    struct silence s = silence_begin();
    for (size_t part = 0; part < (size_t)net->subdivisions; part++) {
        memcpy(net->input, input + part * inputs, inputs * sizeof(*input));
        memcpy(net->truth, target + part * truths, truths * sizeof(*target));
        cost += (double)train_network_datum(net);
    }
    silence_end(s);
    return cost;
}

/* The distance of our parameters from darknet's, over their length and over the way they went. */
static void compare_parameters(const struct nn_net *ours, network *theirs, const char *cfg,
                               const float *start)
{
    struct err e = {0};
    struct nn_net *read = net_of(cfg);
    double miss = 0, length = 0, way = 0;
    darknet_save(theirs, scratch_file("trained.weights"));
    if (nn_net_load_weights(read, scratch_file("trained.weights"), &e))
        fail_msg("%s", e.text);
    for (size_t i = 0; i < nn_net_parameters(ours); i++) {
        double want = (double)nn_net_values(read)[i];
        miss += pow((double)nn_net_values(ours)[i] - want, 2);
        way += pow(want - (double)start[i], 2);
        length += want * want;
    }
    assert_true(nn_net_seen(ours) == nn_net_seen(read));
    nn_net_free(read);
    if (!(sqrt(miss / length) < TOLERANCE) || !(sqrt(miss / way) < 10 * TOLERANCE))
        fail_msg("differs by %g of the length, %g of the way", sqrt(miss / length),
                 sqrt(miss / way));
}

static void test_ten_steps_end_with_darknet_s_weights(void **state)
{
    const struct network_case *c = *state;
    struct netpair p;
    struct rng r;
    struct err e = {0};
    netpair_init(&p, c->cfg, 51);
    rng_init(&r, 51, 6, 0);
    network *theirs = darknet_of(c->cfg);
    assert_int_equal(nn_net_save_weights(p.net, scratch_file("start.weights"), &e), 0);
    darknet_load(theirs, scratch_file("start.weights"));
    float *start = copy_parameters(p.net);
    struct nn_trainer *t = trainer_of(p.net, &(struct nn_trainer_options){.seed = 1});
    size_t batch = (size_t)nn_trainer_batch(t);
    for (int step = 0; step < STEPS; step++) {
        float *input = random_values(&r, batch * p.inputs, 1),
              *target = random_labels(&r, batch, p.outputs);
        double loss = nn_trainer_step(t, input, target, NULL);
        double cost = darknet_step(theirs, input, target) / (double)batch;
        free(input);
        free(target);
        if (!(fabs(loss - cost) < 1e-3 * fmax(1, cost)))
            fail_msg("step %d: loss %g, darknet's %g", step, loss, cost);
    }
    compare_parameters(p.net, theirs, c->cfg, start);
    nn_trainer_free(t);
    free(start);
    free_network(theirs);
    netpair_release(&p);
}

/* The rate of every update, as darknet itself says it right after the update. */
static void test_rates_equal_darknet_s(void **state)
{
    const struct network_case *c = *state;
    struct nn_net *net = net_of(c->cfg);
    network *theirs = darknet_of(c->cfg);
    struct nn_trainer *t = trainer_of(net, &(struct nn_trainer_options){0});
    const float input[] = {1, 2}, target[] = {0, 1};
    for (int i = 0; i < 12; i++) {
        double rate = nn_trainer_rate(t);
        nn_trainer_step(t, input, target, NULL);
        darknet_step(theirs, input, target);
        double want = (double)get_current_rate(theirs);
        if (!(fabs(rate - want) < 1e-5 * want + 1e-9))
            fail_msg("update %d: %g, darknet's %g", i + 1, rate, want);
    }
    nn_trainer_free(t);
    free_network(theirs);
    nn_net_free(net);
}

#define RULES "learning_rate=.01\nmomentum=.9\ndecay=.01\n"
#define SMALL                                                                                      \
    "batch=8\nchannels=2\nheight=7\nwidth=5\n"                                                     \
    "[convolutional]\nfilters=5\nsize=3\npad=1\nbatch_normalize=1\nactivation=leaky\n"             \
    "[maxpool]\nsize=2\nstride=2\n[connected]\noutput=9\nactivation=tanh\n"                        \
    "[connected]\noutput=4\nactivation=linear\n[softmax]\n"
#define TINY                                                                                       \
    "batch=1\nchannels=1\nheight=1\nwidth=2\n[connected]\noutput=2\nactivation=linear\n[softmax]"  \
    "\n"

static const struct network_case rule_cases[] = {
    {"defaults", "[net]\n" SMALL, DARKNET_AGREES},
    {"subdivisions", "[net]\nsubdivisions=4\n" RULES SMALL, DARKNET_AGREES},
    {"strong_decay", "[net]\nlearning_rate=.02\nmomentum=.5\ndecay=1\n" SMALL, DARKNET_AGREES},
    {"burn_in", "[net]\nburn_in=6\npower=2\n" RULES SMALL, DARKNET_AGREES},
    {"steps", "[net]\npolicy=steps\nsteps=3,7\nscales=.3,.5\n" RULES SMALL, DARKNET_AGREES},
    {"poly", "[net]\npolicy=poly\nmax_batches=12\n" RULES SMALL, DARKNET_AGREES},
    {"rates_of_layers",
     "[net]\nbatch=6\nchannels=2\nheight=5\nwidth=4\n" RULES "[convolutional]\nfilters=4\nsize=3\n"
     "batch_normalize=1\nactivation=leaky\nlearning_rate=.25\n[connected]\noutput=4\nactivation="
     "linear\n"
     "learning_rate=3\n[softmax]\n",
     DARKNET_AGREES},
    /* Without decay and norms below, darknet's stopped layers stand still too. */
    {"stopbackward",
     "[net]\nbatch=6\nchannels=2\nheight=5\nwidth=4\nlearning_rate=.05\ndecay=0\n"
     "[convolutional]\nfilters=4\nsize=3\nactivation=leaky\n"
     "[convolutional]\nfilters=4\nsize=1\nactivation=leaky\nstopbackward=1\n"
     "[connected]\noutput=4\nactivation=linear\n[softmax]\n",
     DARKNET_AGREES},
};

static const struct network_case rate_cases[] = {
    {"constant", "[net]\nlearning_rate=.5\n" TINY, DARKNET_AGREES},
    {"step", "[net]\nlearning_rate=.5\npolicy=step\nstep=3\nscale=.3\n" TINY, DARKNET_AGREES},
    {"steps", "[net]\nlearning_rate=.5\npolicy=steps\nsteps=3,7\nscales=.3,4\n" TINY,
     DARKNET_AGREES},
    {"exp", "[net]\nlearning_rate=.5\npolicy=exp\ngamma=.8\n" TINY, DARKNET_AGREES},
    {"poly", "[net]\nlearning_rate=.5\npolicy=poly\nmax_batches=12\n" TINY, DARKNET_AGREES},
    {"poly_power", "[net]\nlearning_rate=.5\npolicy=poly\nmax_batches=12\npower=1\n" TINY,
     DARKNET_AGREES},
    {"burn_in", "[net]\nlearning_rate=.5\nburn_in=5\n" TINY, DARKNET_AGREES},
    {"burn_in_and_steps",
     "[net]\nlearning_rate=.5\nburn_in=5\npower=2\npolicy=steps\nsteps=6\nscales=.1\n" TINY,
     DARKNET_AGREES},
};

#define MAX_TESTS 512

static struct CMUnitTest tests[MAX_TESTS];
static struct network_case cases[MAX_TESTS];
static char names[MAX_TESTS][128];
static size_t test_count;

static void add_test(const char *what, const char *name, const char *cfg, CMUnitTestFunction run)
{
    if (test_count == MAX_TESTS)
        return;
    snprintf(names[test_count], sizeof(*names), "%s %s", what, name);
    cases[test_count] = (struct network_case){.name = name, .cfg = cfg};
    tests[test_count] = (struct CMUnitTest){
        .name = names[test_count], .test_func = run, .initial_state = &cases[test_count]};
    test_count++;
}

int main(void)
{
    nn_set_threads(1);
    const char *what = "test_ten_steps_end_with_darknet_s_weights";
    for (size_t i = 0; i < NETWORK_CASE_COUNT; i++)
        if (NETWORK_CASES[i].darknet == DARKNET_AGREES)
            add_test(what, NETWORK_CASES[i].name, cfg_with(NETWORK_CASES[i].cfg, RULES),
                     test_ten_steps_end_with_darknet_s_weights);
    for (unsigned i = 0; i < RANDOM_NETWORKS; i++)
        add_test(what, "random_network", random_cfg(i, RANDOM_NORM | RANDOM_DARKNET, RULES),
                 test_ten_steps_end_with_darknet_s_weights);
    for (unsigned i = 0; i < WIDE_NETWORKS; i++)
        add_test(what, "wide_network",
                 random_cfg(i, RANDOM_NORM | RANDOM_DARKNET | RANDOM_WIDE, RULES),
                 test_ten_steps_end_with_darknet_s_weights);
    for (size_t i = 0; i < sizeof(rule_cases) / sizeof(*rule_cases); i++)
        add_test(what, rule_cases[i].name, rule_cases[i].cfg,
                 test_ten_steps_end_with_darknet_s_weights);
    for (size_t i = 0; i < sizeof(rate_cases) / sizeof(*rate_cases); i++)
        add_test("test_rates_equal_darknet_s", rate_cases[i].name, rate_cases[i].cfg,
                 test_rates_equal_darknet_s);
    return _cmocka_run_group_tests("oracle_training", tests, test_count, scratch_setup,
                                   scratch_teardown);
}
