/* `nn_darknet`, the network in darknet's own library: it gives what libdarknet itself gives and
 * what the engine gives, and refuses what would crash it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "darknet_net.h"

#include <cmocka.h>
#include <sys/stat.h>

#include "netpair.h"
#include "network_cases.h"
#include "nn.h"

#define LIBRARY "libdarknet.so" /* this program is linked with it, so the name finds it */
#define TOLERANCE 1e-5
#define PICTURES 3

#define NET "[net]\nbatch=64\nsubdivisions=16\nchannels=3\nheight=8\nwidth=7\n"
#define END "[connected]\noutput=5\nactivation=linear\n[softmax]\n"

static struct nn_darknet *in_darknet(const struct nn_net *net)
{
    struct err e = {0};
    struct nn_darknet *d = nn_darknet_new(net, LIBRARY, &e);
    if (!d)
        fail_msg("%s", e.text);
    return d;
}

static size_t count_inputs(const struct nn_net *net)
{
    return nn_shape_values(nn_net_input(net));
}

/* Some pictures in darknet's library and in the engine. */
static void compare(const struct nn_net *net, uint64_t seed)
{
    struct rng r;
    rng_init(&r, seed, 8, 0);
    size_t count = PICTURES * (size_t)nn_net_outputs(net);
    float *input = random_values(&r, PICTURES * count_inputs(net), 1);
    float *got = calloc(count, sizeof(*got)), *ours = calloc(count, sizeof(*ours));
    double *want = calloc(count, sizeof(*want));
    struct nn_darknet *d = in_darknet(net);
    struct nn_predictor *predictor = predictor_of(net, 0, nn_net_layers(net), PICTURES);
    nn_darknet_run(d, input, PICTURES, got);
    nn_predictor_run(predictor, input, PICTURES, ours);
    for (size_t i = 0; i < count; i++)
        want[i] = (double)ours[i];
    double difference = worst_difference(got, want, count);
    if (!(difference < TOLERANCE))
        fail_msg("differs by %g", difference);
    nn_predictor_free(predictor);
    nn_darknet_free(d);
    free(want);
    free(ours);
    free(got);
    free(input);
}

static void test_outputs_equal_the_engine_s(void **state)
{
    const struct network_case *c = *state;
    struct netpair p;
    netpair_init(&p, c->cfg, 61);
    compare(p.net, 61);
    netpair_release(&p);
}

static void test_outputs_are_libdarknet_s_to_the_last_bit(void **state)
{
    (void)state;
    struct netpair p;
    struct rng r;
    struct err e = {0};
    const char *cfg = "[net]\nchannels=3\nheight=8\nwidth=7\n"
                      "[convolutional]\nfilters=6\nsize=3\npad=1\nbatch_normalize=1\n"
                      "activation=leaky\n[maxpool]\nsize=2\nstride=2\n" END;
    netpair_init(&p, cfg, 62);
    rng_init(&r, 62, 8, 0);
    float *input = random_values(&r, p.inputs, 1), *got = calloc(p.outputs, sizeof(*got));
    network *theirs = darknet_of(cfg);
    assert_int_equal(nn_net_save_weights(p.net, scratch_file("same.weights"), &e), 0);
    darknet_load(theirs, scratch_file("same.weights"));
    struct nn_darknet *d = in_darknet(p.net);
    nn_darknet_run(d, input, 1, got);
    assert_memory_equal(got, network_predict(theirs, input), p.outputs * sizeof(*got));
    nn_darknet_free(d);
    free_network(theirs);
    free(got);
    free(input);
    netpair_release(&p);
}

/* Line ends of another system end libdarknet's program, and an unknown key can change its sizes. */
static void test_the_cfg_is_cleaned(void **state)
{
    (void)state;
    struct nn_net *net =
        net_of("[net]\r\n; a comment\r\nbatch = 128\r\nsubdivisions=4\r\ninputs=5\r\n"
               "channels=2\r\nheight=3\r\nwidth=4\r\npolicy=sgdr\r\nmax_batches=9\r\n\r\n"
               "[connected]\r\noutput = 6\r\nactivation=tanh\r\n[softmax]\r\n");
    compare(net, 63);
    nn_net_free(net);
}

/* Weights whose connected layers lie the other way round are handed on as they lie. */
static void test_an_old_file_s_weights_mean_the_same(void **state)
{
    (void)state;
    static const int32_t version[3] = {1001, 0, 0};
    struct rng r;
    struct err e = {0};
    struct nn_net *net =
        net_of("[net]\nchannels=2\nheight=3\nwidth=2\n[connected]\noutput=7\n" END);
    rng_init(&r, 64, 8, 0);
    float *values = random_values(&r, nn_net_parameters(net), .5f);
    write_weights(scratch_file("old.weights"), version, 9, 0, values, nn_net_parameters(net));
    assert_int_equal(nn_net_load_weights(net, scratch_file("old.weights"), &e), 0);
    compare(net, 64);
    free(values);
    nn_net_free(net);
}

/* Some steps in darknet, its rolling averages from their very beginning, and its file read here. */
static void test_a_model_that_darknet_trained_runs_here(void **state)
{
    (void)state;
    const char *cfg = "[net]\nbatch=4\nchannels=3\nheight=8\nwidth=7\nlearning_rate=.05\n"
                      "[convolutional]\nfilters=6\nsize=3\npad=1\nbatch_normalize=1\n"
                      "activation=leaky\n[maxpool]\nsize=2\nstride=2\n"
                      "[connected]\noutput=9\nbatch_normalize=1\nactivation=relu\n" END;
    struct rng r;
    struct err e = {0};
    struct nn_net *net = net_of(cfg);
    network *theirs = darknet_of(cfg);
    rng_init(&r, 67, 8, 0);
    for (int step = 0; step < 20; step++) {
        float *input = random_values(&r, 4 * count_inputs(net), 1),
              *target = random_labels(&r, 4, 5);
        memcpy(theirs->input, input, 4 * count_inputs(net) * sizeof(*input));
        memcpy(theirs->truth, target, 4 * 5 * sizeof(*target));
        train_network_datum(theirs);
        free(target);
        free(input);
    }
    darknet_save(theirs, scratch_file("trained.weights"));
    if (nn_net_load_weights(net, scratch_file("trained.weights"), &e))
        fail_msg("%s", e.text);
    assert_int_equal(nn_net_seen(net), 20 * 4);
    compare(net, 67);
    free_network(theirs);
    nn_net_free(net);
}

static void test_a_prediction_does_not_depend_on_the_last_one(void **state)
{
    (void)state;
    struct netpair p;
    struct rng r;
    netpair_init(&p, NET "[convolutional]\nfilters=4\nsize=3\nactivation=relu\n" END, 65);
    rng_init(&r, 65, 8, 0);
    float *input = random_values(&r, 2 * p.inputs, 1), got[3][5];
    struct nn_darknet *d = in_darknet(p.net);
    nn_darknet_run(d, input, 2, got[0]);
    nn_darknet_run(d, input, 1, got[2]);
    assert_memory_equal(got[0], got[2], sizeof(got[0]));
    assert_memory_not_equal(got[0], got[1], sizeof(got[0]));
    nn_darknet_free(d);
    free(input);
    netpair_release(&p);
}

/* Where descriptors 1 and 2 lead: device and inode. */
static void find_streams(struct stat place[2])
{
    assert_int_equal(fstat(1, &place[0]), 0);
    assert_int_equal(fstat(2, &place[1]), 0);
}

static void test_it_is_silent_and_gives_the_streams_back(void **state)
{
    (void)state;
    struct stat before[2], after[2], file;
    struct netpair p;
    netpair_init(&p, NET END, 66);
    struct silence s = silence_begin();
    int fd = open(scratch_file("said"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    find_streams(before);
    nn_darknet_free(nn_darknet_new(p.net, LIBRARY, NULL));
    fflush(NULL);
    find_streams(after);
    fstat(fd, &file);
    close(fd);
    silence_end(s);
    assert_int_equal(file.st_size, 0);
    for (int i = 0; i < 2; i++)
        assert_true(before[i].st_ino == after[i].st_ino && before[i].st_dev == after[i].st_dev);
    netpair_release(&p);
}

static void refuse(const char *cfg, const char *library, const char *text)
{
    struct err e = {0};
    struct nn_net *net = net_of(cfg);
    struct nn_darknet *d = nn_darknet_new(net, library, &e);
    if (d)
        fail_msg("accepted: %s", cfg);
    if (!strstr(e.text, text))
        fail_msg("'%s' does not say '%s'", e.text, text);
    nn_net_free(net);
}

static void test_a_library_that_is_missing_or_another_is_refused(void **state)
{
    (void)state;
    refuse(NET END, "no/libdarknet.so", "package darknet");
    refuse(NET END, "no/libdarknet.so", "no/libdarknet.so");
    refuse(NET END, "libz.so.1", "cannot use darknet's library");
}

static void test_networks_that_would_crash_it_are_refused(void **state)
{
    (void)state;
    refuse(NET "[batchnorm]\n" END, LIBRARY, "test.cfg:7: darknet's library crashes");
    refuse(NET "[convolutional]\nsize=1\npadding=1\n" END, LIBRARY,
           "test.cfg:7: darknet's library");
    refuse(NET "[connected]\noutput=3\ndontload=1\n" END, LIBRARY, "test.cfg:7: the weights");
    refuse(NET "[connected]\noutput=3\ndontsave=1\n" END, LIBRARY, "test.cfg:7: the weights");
}

int main(void)
{
    static struct CMUnitTest tests[256];
    static char names[256][128];
    size_t count = 0;
    nn_set_threads(1);
    for (size_t i = 0; i < NETWORK_CASE_COUNT && count < 240; i++) {
        const struct network_case *c = &NETWORK_CASES[i];
        if (c->darknet == DARKNET_DIFFERS)
            continue;
        snprintf(names[count], sizeof(*names), "test_outputs_equal_the_engine_s %s", c->name);
        tests[count] = (struct CMUnitTest){.name = names[count],
                                           .test_func = test_outputs_equal_the_engine_s,
                                           .initial_state = (void *)(uintptr_t)c};
        count++;
    }
    const struct CMUnitTest others[] = {
        cmocka_unit_test(test_outputs_are_libdarknet_s_to_the_last_bit),
        cmocka_unit_test(test_the_cfg_is_cleaned),
        cmocka_unit_test(test_an_old_file_s_weights_mean_the_same),
        cmocka_unit_test(test_a_model_that_darknet_trained_runs_here),
        cmocka_unit_test(test_a_prediction_does_not_depend_on_the_last_one),
        cmocka_unit_test(test_it_is_silent_and_gives_the_streams_back),
        cmocka_unit_test(test_a_library_that_is_missing_or_another_is_refused),
        cmocka_unit_test(test_networks_that_would_crash_it_are_refused),
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        tests[count++] = others[i];
    return _cmocka_run_group_tests("engine", tests, count, scratch_setup, scratch_teardown);
}
