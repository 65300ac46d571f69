/* Inference and files against libdarknet: the same cfg, weights and input give the same outputs in
 * every layer, and each reads what the other writes. Training is in oracle_training.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "darknet_net.h"

#include <cmocka.h>
#include <math.h>

#include "base/file.h"
#include "netpair.h"
#include "network_cases.h"
#include "nn.h"
#include "random_cfg.h"

#define TOLERANCE 1e-5
#define RANDOM_NETWORKS 15
#define WIDE_NETWORKS 6

struct both {
    struct nn_net *ours;
    network *theirs;
    size_t inputs, outputs, batch;
    float *input; /* (batch, inputs) */
};

/* The same random parameters in both, through a file that ours writes. */
static void both_init(struct both *b, const char *cfg, uint64_t seed)
{
    struct netpair p;
    struct rng r;
    struct err e = {0};
    netpair_init(&p, cfg, seed);
    rng_init(&r, seed, 3, 0);
    b->ours = p.net;
    b->theirs = darknet_of(cfg);
    b->inputs = p.inputs;
    b->outputs = p.outputs;
    b->batch = (size_t)b->theirs->batch;
    b->input = random_values(&r, b->batch * b->inputs, 1);
    const char *path = scratch_file("shared.weights");
    assert_int_equal(nn_net_save_weights(b->ours, path, &e), 0);
    darknet_load(b->theirs, path);
    p.net = NULL;
    netpair_release(&p);
}

static void both_release(struct both *b)
{
    nn_net_free(b->ours);
    free_network(b->theirs);
    free(b->input);
}

static double worst_of(const float *ours, const float *theirs, size_t count)
{
    double *want = malloc(count * sizeof(*want));
    for (size_t i = 0; i < count; i++)
        want[i] = (double)theirs[i];
    double worst = worst_difference(ours, want, count);
    free(want);
    return worst;
}

/* ---- outputs ---- */

static void compare_layer(const struct both *b, int index)
{
    layer l = b->theirs->layers[index];
    size_t count = b->batch * (size_t)l.outputs;
    float *output = malloc(count * sizeof(*output));
    struct nn_predictor *p = predictor_of(b->ours, 0, index + 1, (int)b->batch);
    nn_predictor_run(p, b->input, b->batch, output);
    double worst = worst_of(output, l.output, count);
    nn_predictor_free(p);
    free(output);
    if (!(worst < TOLERANCE))
        fail_msg("layer %d [%s] differs by %g", index, nn_net_layer_name(b->ours, index), worst);
}

static void test_layers_equal_darknet_s(void **state)
{
    const struct network_case *c = *state;
    struct both b;
    both_init(&b, c->cfg, 41);
    assert_int_equal(b.theirs->n, nn_net_layers(b.ours));
    assert_int_equal(b.theirs->outputs, nn_net_outputs(b.ours));
    network_predict(b.theirs, b.input);
    for (int i = 0; i < b.theirs->n; i++)
        if (b.theirs->layers[i].type != COST) /* holds the losses there */
            compare_layer(&b, i);
    both_release(&b);
}

/* As train-general writes it. */
static void test_temperature_written_into_a_cfg_is_darknet_s(void **state)
{
    (void)state;
    static const char plain[] = "[net]\nbatch=3\nheight=4\nwidth=4\nchannels=1\n"
                                "[connected]\noutput=7\nactivation=linear\n[softmax]\n";
    static const double VALUES[] = {0.6543, 1.8};
    struct err e = {0};
    for (int i = 0; i < 2; i++) {
        struct both b;
        char *cfg = nn_cfg_with_temperature("test.cfg", plain, VALUES[i], &e);
        assert_non_null(cfg);
        both_init(&b, cfg, 43);
        assert_true(fabs((double)b.theirs->layers[1].temperature - VALUES[i]) < 1e-6);
        network_predict(b.theirs, b.input);
        compare_layer(&b, 1);
        both_release(&b);
        free(cfg);
    }
}

/* ---- files ---- */

static void test_each_reads_the_other_s_file(void **state)
{
    const struct network_case *c = *state;
    struct both b;
    struct err e = {0};
    both_init(&b, c->cfg, 42);
    *b.theirs->seen = 0x123456789u;
    char *bytes[2];
    size_t size[2];
    darknet_save(b.theirs, scratch_file("theirs.weights"));

    /* What darknet wrote comes back byte for byte. */
    struct nn_net *other = net_of(c->cfg);
    if (nn_net_load_weights(other, scratch_file("theirs.weights"), &e))
        fail_msg("%s", e.text);
    assert_true(nn_net_seen(other) == 0x123456789u);
    assert_int_equal(nn_net_save_weights(other, scratch_file("ours.weights"), &e), 0);
    assert_int_equal(file_read(scratch_file("theirs.weights"), 1 << 26, &bytes[0], &size[0], &e),
                     0);
    assert_int_equal(file_read(scratch_file("ours.weights"), 1 << 26, &bytes[1], &size[1], &e), 0);
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(bytes[0], bytes[1], size[0]);

    /* What we wrote gives darknet the outputs it had. */
    size_t count = b.batch * b.outputs;
    float *before = malloc(count * sizeof(*before));
    memcpy(before, network_predict(b.theirs, b.input), count * sizeof(*before));
    network *reader = darknet_of(c->cfg);
    darknet_load(reader, scratch_file("ours.weights"));
    assert_true(*reader->seen == 0x123456789u);
    assert_memory_equal(network_predict(reader, b.input), before, count * sizeof(*before));
    free_network(reader);
    free(before);
    free(bytes[0]);
    free(bytes[1]);
    nn_net_free(other);
    both_release(&b);
}

/* Connected weights of old files lie the other way round. */
static void test_transposed_file_means_the_same_to_both(void **state)
{
    (void)state;
    const char *cfg =
        "[net]\nbatch=1\nchannels=2\nheight=3\nwidth=2\n[convolutional]\nfilters=3\nsize=3\npad=1\n"
        "activation=leaky\n[connected]\noutput=7\nactivation=tanh\n[connected]\noutput=4\n"
        "activation=linear\n[softmax]\n";
    static const int32_t version[3] = {1001, 0, 0};
    struct both b;
    struct rng r;
    struct err e = {0};
    both_init(&b, cfg, 43);
    rng_init(&r, 43, 4, 0);
    float *values = random_values(&r, nn_net_parameters(b.ours), .5f), got[4];
    write_weights(scratch_file("old.weights"), version, 9, 0, values, nn_net_parameters(b.ours));
    assert_int_equal(nn_net_load_weights(b.ours, scratch_file("old.weights"), &e), 0);
    darknet_load(b.theirs, scratch_file("old.weights"));
    struct nn_predictor *p = predictor_of(b.ours, 0, 4, 1);
    nn_predictor_run(p, b.input, 1, got);
    assert_true(worst_of(got, network_predict(b.theirs, b.input), 4) < TOLERANCE);
    nn_predictor_free(p);
    free(values);
    both_release(&b);
}

/* ---- the list of tests ---- */

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
    for (size_t i = 0; i < NETWORK_CASE_COUNT; i++) {
        const struct network_case *c = &NETWORK_CASES[i];
        if (c->darknet == DARKNET_DIFFERS)
            continue;
        add_test("test_layers_equal_darknet_s", c->name, c->cfg, test_layers_equal_darknet_s);
        add_test("test_each_reads_the_other_s_file", c->name, c->cfg,
                 test_each_reads_the_other_s_file);
    }
    for (unsigned i = 0; i < RANDOM_NETWORKS; i++)
        add_test("test_layers_equal_darknet_s", "random_network",
                 random_cfg(i, RANDOM_NORM | RANDOM_DARKNET, ""), test_layers_equal_darknet_s);
    add_test("test_temperature_written_into_a_cfg_is_darknet_s", "", NULL,
             test_temperature_written_into_a_cfg_is_darknet_s);
    for (unsigned i = 0; i < WIDE_NETWORKS; i++)
        add_test("test_layers_equal_darknet_s", "wide_network",
                 random_cfg(i, RANDOM_NORM | RANDOM_DARKNET | RANDOM_WIDE, ""),
                 test_layers_equal_darknet_s);
    add_test("test_transposed_file_means_the_same_to_both", "", NULL,
             test_transposed_file_means_the_same_to_both);
    return _cmocka_run_group_tests("oracle", tests, test_count, scratch_setup, scratch_teardown);
}
