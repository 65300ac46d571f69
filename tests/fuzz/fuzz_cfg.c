/* Feeds the reader of cfgs. What it takes, when it is small, is run and trained for a step, so that
 * shapes the layers did not expect show up as wrong accesses. Sizes that are legal but large meet
 * an allocator that has little. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "network_cases.h"
#include "nn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t fuzz_seed(int i, uint8_t *buffer, size_t capacity);

enum { SMALL_FLOPS = 200000, SMALL_VALUES = 20000, SMALL_LAYERS = 40, SMALL_BATCH = 8 };

#ifdef __SANITIZE_ADDRESS__
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1:max_allocation_size_mb=32";
}

static void limit_memory(void)
{
}
#else
static void limit_memory(void)
{
    const struct rlimit little = {.rlim_cur = 1 << 28, .rlim_max = 1 << 28};
    setrlimit(RLIMIT_DATA, &little);
}
#endif

static bool is_small(const struct nn_net *net)
{
    size_t values = nn_shape_values(nn_net_input(net));
    if (nn_net_layers(net) > SMALL_LAYERS || nn_net_batch(net) > SMALL_BATCH ||
        nn_net_parameters(net) > SMALL_VALUES || nn_net_flops(net) > SMALL_FLOPS)
        return false;
    for (int i = 0; i < nn_net_layers(net) && values <= SMALL_VALUES; i++)
        values += nn_shape_values(nn_net_shape(net, i));
    return values <= SMALL_VALUES;
}

static void predict(struct nn_net *net)
{
    struct err e = {""};
    float *input = calloc(3 * nn_shape_values(nn_net_input(net)), sizeof(*input));
    float *output = calloc(3 * (size_t)nn_net_outputs(net), sizeof(*output));
    struct nn_predictor *p = nn_predictor_new(net, 0, nn_net_layers(net), 2, &e);
    if (p && input && output)
        nn_predictor_run(p, input, 3, output);
    if (!p && !e.text[0])
        abort();
    nn_predictor_free(p);
    free(input);
    free(output);
}

static void train(struct nn_net *net)
{
    struct err e = {""};
    struct nn_trainer *t = nn_trainer_new(net, &(struct nn_trainer_options){.seed = 1}, &e);
    if (!t) {
        if (!e.text[0])
            abort();
        return;
    }
    size_t batch = (size_t)nn_trainer_batch(t);
    float *input = calloc(batch * nn_shape_values(nn_net_input(net)), sizeof(*input));
    float *target = calloc(batch * (size_t)nn_net_outputs(net), sizeof(*target));
    if (input && target)
        nn_trainer_step(t, input, target, NULL);
    nn_trainer_free(t);
    free(input);
    free(target);
}

/* A temperature goes in and out again without a trace, and the text stays a cfg. */
static void edit(const char *text)
{
    struct err e = {""};
    char *plain = nn_cfg_with_temperature("x.cfg", text, 0, &e);
    char *warm = plain ? nn_cfg_with_temperature("x.cfg", plain, 2.5, &e) : NULL;
    char *again = warm ? nn_cfg_with_temperature("x.cfg", warm, 0, &e) : NULL;
    struct nn_net *net = warm ? nn_net_parse("x.cfg", warm, strlen(warm), 1, &e) : NULL;
    if ((!plain || (warm && !again)) && !strstr(e.text, "memory"))
        abort();
    if (again && strcmp(plain, again) != 0)
        abort();
    if (net && nn_net_temperature(net) > 0 && nn_net_temperature(net) != 2.5)
        abort();
    nn_net_free(net);
    free(plain);
    free(warm);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = {""};
    limit_memory();
    nn_set_threads(1);
    struct nn_net *net = nn_net_parse("x.cfg", (const char *)data, size, 1, &e);
    if (!net) {
        if (!e.text[0] || strchr(e.text, '\n'))
            abort();
        return 0;
    }
    if (strlen(nn_net_cfg_text(net)) != size)
        abort();
    for (int i = 0; nn_net_warning(net, i); i++)
        if (strncmp(nn_net_warning(net, i), "x.cfg:", 6) != 0)
            abort();
    edit(nn_net_cfg_text(net));
    if (is_small(net)) {
        predict(net);
        train(net);
    }
    nn_net_free(net);
    return 0;
}

size_t fuzz_seed(int i, uint8_t *buffer, size_t capacity)
{
    if (i >= (int)NETWORK_CASE_COUNT)
        return 0;
    char *text =
        cfg_with(NETWORK_CASES[i].cfg, "learning_rate=.1\nmomentum=.9\npolicy=steps\nsteps=3,5\n"
                                       "scales=.1,.2\nburn_in=2\nmax_batches=9\n");
    size_t length = strlen(text) < capacity ? strlen(text) : capacity;
    memcpy(buffer, text, length);
    free(text);
    return length;
}
