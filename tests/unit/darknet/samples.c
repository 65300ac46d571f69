/* The cfgs that come with Debian's darknet: those of classifiers load, run and round-trip with
 * weights that libdarknet made and wrote; others are refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "darknet_net.h"

#include <cmocka.h>
#include <math.h>

#include "base/file.h"
#include "netpair.h"
#include "nn.h"

#define SAMPLES "/usr/share/darknet/cfg/"
#define TOLERANCE 1e-4 /* a hundred layers, each within 1e-5 */
#define MAX_WEIGHTS ((size_t)1 << 30)

struct sample {
    const char *name;
    int side; /* of the pictures; 0: the cfg's. Small where its own would take seconds */
};

static const struct sample samples[] = {
    {"alexnet.cfg", 0},
    {"cifar.cfg", 0},
    {"cifar.test.cfg", 0},
    {"darknet.cfg", 0},
    {"darknet19.cfg", 64},
    {"darknet53.cfg", 64},
    {"densenet201.cfg", 64},
    {"extraction.cfg", 64},
    {"extraction.conv.cfg", 64},
    {"extraction22k.cfg", 64},
    {"jnet-conv.cfg", 0},
    {"resnet152.cfg", 64},
    {"resnet18.cfg", 64},
    {"resnet34.cfg", 64},
    {"resnet50.cfg", 64},
    {"resnext101-32x4d.cfg", 64},
    {"resnext152-32x4d.cfg", 64},
    {"resnext50.cfg", 64},
    {"tiny.cfg", 0},
    {"vgg-conv.cfg", 64},
    {"writing.cfg", 64},
};
#define SAMPLE_COUNT (sizeof(samples) / sizeof(*samples))

/* The same layers as one of these, more of them or larger: minutes, and nothing new. */
static const char *const larger_samples[] = {
    "darknet19_448.cfg", "darknet53_448.cfg", "extraction22k.cfg",
    "resnet101.cfg",     "resnet152.cfg",     "resnext152-32x4d.cfg",
};

/* Does the line set one of the keys that the copy sets itself? */
static bool is_replaced(const char *line, bool side)
{
    static const char *const keys[] = {"batch", "subdivisions", "height", "width"};
    line += strspn(line, " ");
    size_t length = strcspn(line, " =\n");
    for (size_t i = 0; i < (side ? 4u : 2u); i++)
        if (length == strlen(keys[i]) && strncmp(line, keys[i], length) == 0)
            return true;
    return false;
}

/* The sample with a batch of one, in a file of its own. */
static const char *copy_sample(const struct sample *s)
{
    char path[256], *text, *copy = NULL;
    struct err e = {0};
    size_t length, size;
    snprintf(path, sizeof(path), SAMPLES "%s", s->name);
    if (file_read(path, 1 << 20, &text, &length, &e))
        fail_msg("%s", e.text);
    FILE *out = open_memstream(&copy, &size);
    for (const char *line = text; *line;) {
        size_t n = strcspn(line, "\n");
        if (!is_replaced(line, s->side > 0))
            fprintf(out, "%.*s\n", (int)n, line);
        if (strncmp(line, "[net]", 5) == 0)
            fputs("batch=1\nsubdivisions=1\n", out);
        if (strncmp(line, "[net]", 5) == 0 && s->side)
            fprintf(out, "height=%d\nwidth=%d\n", s->side, s->side);
        line += n + (line[n] == '\n');
    }
    fclose(out);
    const char *result = scratch_write("sample.cfg", copy, size);
    free(copy);
    free(text);
    return result;
}

/* Takes a picture's own statistics for the rolling ones, which begin at 0: so the values keep their
 * size through a hundred layers. Scales and biases become random. */
static void settle(network *net, struct rng *r)
{
    net->train = 1;
    forward_network(net);
    net->train = 0;
    for (int i = 0; i < net->n; i++) {
        layer *l = &net->layers[i];
        int channels = l->type == CONVOLUTIONAL ? l->n : l->outputs;
        if (l->type != CONVOLUTIONAL && l->type != CONNECTED)
            continue;
        for (int k = 0; k < channels; k++)
            l->biases[k] = .1f * rng_normal(r);
        for (int k = 0; k < channels && l->batch_normalize; k++) {
            /* Not below .1: small ones would magnify what the two round differently. */
            bool counts = isfinite(l->variance[k]);
            l->scales[k] = 1 + .1f * rng_normal(r);
            l->rolling_mean[k] = counts ? l->mean[k] : 0;
            l->rolling_variance[k] = counts ? fmaxf(l->variance[k], .1f) : 1;
        }
    }
}

static void compare_outputs(const struct nn_net *ours, network *theirs, float *input)
{
    size_t count = (size_t)nn_net_outputs(ours);
    const float *their_output = network_predict(theirs, input);
    float *output = malloc(count * sizeof(*output));
    double *want = malloc(count * sizeof(*want));
    struct nn_predictor *p = predictor_of(ours, 0, nn_net_layers(ours), 1);
    nn_predictor_run(p, input, 1, output);
    for (size_t i = 0; i < count; i++)
        want[i] = (double)their_output[i];
    double worst = worst_difference(output, want, count);
    if (!(worst < TOLERANCE))
        fail_msg("differs by %g", worst);
    nn_predictor_free(p);
    free(want);
    free(output);
}

static void compare_files(const char *theirs, const char *ours)
{
    struct err e = {0};
    char *bytes[2];
    size_t size[2];
    assert_int_equal(file_read(theirs, MAX_WEIGHTS, &bytes[0], &size[0], &e), 0);
    assert_int_equal(file_read(ours, MAX_WEIGHTS, &bytes[1], &size[1], &e), 0);
    assert_int_equal(size[0], size[1]);
    assert_true(memcmp(bytes[0], bytes[1], size[0]) == 0);
    free(bytes[0]);
    free(bytes[1]);
}

static void test_darknet_s_weights_load_run_and_come_back(void **state)
{
    struct err e = {0};
    struct rng r;
    const char *path = copy_sample(*state);
    const char *weights = scratch_file("sample.weights"), *again = scratch_file("again.weights");
    network *theirs = darknet_open(path);
    rng_init(&r, 44, 5, 0);
    float *input = random_values(&r, (size_t)theirs->inputs, 1);
    memcpy(theirs->input, input, (size_t)theirs->inputs * sizeof(*input));
    settle(theirs, &r);
    darknet_save(theirs, weights);

    struct nn_net *ours = nn_net_new(path, NN_UNDRAWN, &e);
    if (!ours || nn_net_load_weights(ours, weights, &e))
        fail_msg("%s", e.text);
    assert_int_equal(nn_net_outputs(ours), theirs->outputs);
    compare_outputs(ours, theirs, input);
    assert_int_equal(nn_net_save_weights(ours, again, &e), 0);
    compare_files(weights, again);
    nn_net_free(ours);
    free_network(theirs);
    free(input);
}

static void test_larger_samples_are_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(larger_samples) / sizeof(*larger_samples); i++) {
        struct err e = {0};
        const struct sample s = {larger_samples[i], 0};
        struct nn_net *net = nn_net_new(copy_sample(&s), NN_UNDRAWN, &e);
        if (!net)
            fail_msg("%s", e.text);
        nn_net_free(net);
    }
}

static void test_samples_of_other_kinds_are_refused_by_name(void **state)
{
    (void)state;
    static const char *const others[][2] = {
        {"yolov2-tiny.cfg", "[region]"}, {"yolov1-tiny.cfg", "[detection]"},
        {"go.cfg", "[reorg]"},           {"vgg-16.cfg", "[crop]"},
        {"yolov3-tiny.cfg", "[yolo]"},   {"yolov1.cfg", "[local]"},
        {"darknet9000.cfg", "tree"},
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        struct err e = {0};
        char path[256];
        snprintf(path, sizeof(path), SAMPLES "%s", others[i][0]);
        struct nn_net *net = nn_net_new(path, 1, &e);
        if (net)
            fail_msg("%s is accepted", path);
        if (strncmp(e.text, path, strlen(path)) != 0 || e.text[strlen(path)] != ':')
            fail_msg("'%s' does not begin with file and line", e.text);
        if (!strstr(e.text, others[i][1]))
            fail_msg("'%s' does not name %s", e.text, others[i][1]);
    }
}

int main(void)
{
    static struct CMUnitTest tests[SAMPLE_COUNT + 2];
    static char names[SAMPLE_COUNT][96];
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        snprintf(names[i], sizeof(*names), "test_darknet_s_weights_load_run_and_come_back %s",
                 samples[i].name);
        tests[i] = (struct CMUnitTest){.name = names[i],
                                       .test_func = test_darknet_s_weights_load_run_and_come_back,
                                       .initial_state = (void *)(uintptr_t)&samples[i]};
    }
    tests[SAMPLE_COUNT] = (struct CMUnitTest)cmocka_unit_test(test_larger_samples_are_accepted);
    tests[SAMPLE_COUNT + 1] =
        (struct CMUnitTest)cmocka_unit_test(test_samples_of_other_kinds_are_refused_by_name);
    nn_set_threads(1);
    return _cmocka_run_group_tests("samples", tests, SAMPLE_COUNT + 2, scratch_setup,
                                   scratch_teardown);
}
