/* Times the engine on random pictures.
 *
 * usage: bench [--seconds S] [--threads N] [--workload W] [--layers NET]
 *
 * With a workload it prints one number, pictures a second. A workload is train-NET or infer-NET for
 * a file cfg/NET.cfg (batch 64; training in the cfg's own batch), or latency-NET: one picture at a
 * time. With --layers it prints where a training step of a network goes, layer by layer. Without
 * either, a table of all workloads. Run from the project's root. The first batch does not count.
 *
 * GFLOP/s count convolutions and products as if computed directly, two for a multiply-add;
 * Winograd's kernels do with fewer, so that more than the peak is possible. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/parse.h"
#include "base/rng.h"
#include "nn.h"
#include "nn/engine.h"
#include "nn/plan.h"

static const char *const ALL[] = {"train-atulapra", "train-general",    "infer-atulapra",
                                  "infer-general",  "latency-atulapra", "latency-general"};
#define INFER_BATCH 64

struct workload {
    struct nn_net *net;
    struct nn_trainer *trainer;     /* of train-NET */
    struct nn_predictor *predictor; /* of the others */
    int batch;
    float *input, *target, *output;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fail(const char *text)
{
    fprintf(stderr, "bench: %s\n", text);
    exit(1);
}

static void make_pictures(struct workload *w)
{
    struct nn_shape in = nn_net_input(w->net);
    size_t values = (size_t)(in.channels * in.height * in.width),
           classes = (size_t)nn_net_outputs(w->net);
    size_t batch = (size_t)w->batch;
    w->input = malloc(batch * values * sizeof(float));
    w->target = calloc(batch * classes, sizeof(float));
    w->output = malloc(batch * classes * sizeof(float));
    if (!w->input || !w->target || !w->output)
        fail("out of memory");
    struct rng r;
    rng_init(&r, 1, 0, 0);
    for (size_t i = 0; i < batch * values; i++)
        w->input[i] = rng_uniform(&r);
    for (size_t i = 0; i < batch; i++)
        w->target[i * classes + rng_below(&r, classes)] = 1;
}

static struct workload prepare(const char *name)
{
    struct workload w = {0};
    struct err e = {""};
    char path[256];
    const char *dash = strchr(name, '-');
    if (!dash)
        fail("a workload is train-NET, infer-NET or latency-NET");
    snprintf(path, sizeof(path), "cfg/%s.cfg", dash + 1);
    if (!(w.net = nn_net_new(path, 1, &e)))
        fail(e.text);
    if (strncmp(name, "train-", 6) == 0) {
        w.trainer = nn_trainer_new(w.net, &(struct nn_trainer_options){.seed = 1}, &e);
        w.batch = w.trainer ? nn_trainer_batch(w.trainer) : 0;
    } else {
        w.batch = strncmp(name, "latency-", 8) == 0 ? 1 : INFER_BATCH;
        w.predictor = nn_predictor_new(w.net, 0, nn_net_layers(w.net), w.batch, &e);
    }
    if (!w.trainer && !w.predictor)
        fail(e.text);
    make_pictures(&w);
    return w;
}

static void run_batch(struct workload *w)
{
    if (w->trainer)
        nn_trainer_step(w->trainer, w->input, w->target, w->output);
    else
        nn_predictor_run(w->predictor, w->input, (size_t)w->batch, w->output);
}

/* Pictures a second over at least `seconds`. */
static double measure(struct workload *w, double seconds)
{
    run_batch(w);
    double start = now(), elapsed;
    long batches = 0;
    do {
        run_batch(w);
        batches++;
        elapsed = now() - start;
    } while (elapsed < seconds);
    return (double)batches * w->batch / elapsed;
}

static void release(struct workload *w)
{
    nn_trainer_free(w->trainer);
    nn_predictor_free(w->predictor);
    nn_net_free(w->net);
    free(w->input);
    free(w->target);
    free(w->output);
}

/* ---- the processor's peak ---- */

#define CHAINS 12 /* independent sums: enough to keep the multipliers of every CPU busy */

#define PEAK_FUNCTION(name, bytes, attribute)                                                      \
    attribute static float name(long rounds)                                                       \
    {                                                                                              \
        typedef float vec __attribute__((vector_size(bytes)));                                     \
        vec sum[CHAINS], factor = {0}, term = {0};                                                 \
        factor += 0.999f;                                                                          \
        term += 0.001f;                                                                            \
        for (int c = 0; c < CHAINS; c++)                                                           \
            sum[c] = factor * (float)c;                                                            \
        for (long r = 0; r < rounds; r++)                                                          \
            for (int c = 0; c < CHAINS; c++)                                                       \
                sum[c] = sum[c] * factor + term;                                                   \
        float total = 0;                                                                           \
        for (int c = 0; c < CHAINS; c++)                                                           \
            total += sum[c][0];                                                                    \
        return total;                                                                              \
    }

#ifdef __x86_64__
#define FMA(set) __attribute__((target(set), optimize("O3", "fp-contract=fast")))
PEAK_FUNCTION(peak_512, 64, FMA("avx512f,prefer-vector-width=512"))
PEAK_FUNCTION(peak_256, 32, FMA("avx2,fma"))
#else
PEAK_FUNCTION(peak_256, 32, __attribute__((optimize("O3", "fp-contract=fast"))))
#define peak_512 peak_256
#endif

/* GFLOP/s of multiply-adds on values that never leave the registers, with all threads. */
static double measure_peak(void)
{
    bool wide = engine_isa() == ISA_AVX512;
    const long rounds = 20000000;
    double start = now();
    float sink = 0;
#pragma omp parallel reduction(+ : sink)
    sink += (wide ? peak_512 : peak_256)(rounds);
    double elapsed = now() - start;
    if (sink == 1) /* never: only keeps the sums from being optimised away */
        puts("");
    return 2.0 * (wide ? 16 : 8) * CHAINS * (double)rounds * nn_threads() / elapsed / 1e9;
}

static void print_table(double seconds)
{
    double peak = measure_peak();
    printf("%s, %d threads, multiply-add peak %.0f GFLOP/s\n", nn_engine_name(), nn_threads(),
           peak);
    printf("%-18s %6s %12s %10s %8s\n", "workload", "batch", "pictures/s", "GFLOP/s", "of peak");
    for (size_t i = 0; i < sizeof(ALL) / sizeof(ALL[0]); i++) {
        struct workload w = prepare(ALL[i]);
        double rate = measure(&w, seconds);
        /* a training step is about three forward passes */
        double flops = rate * nn_net_flops(w.net) * (w.trainer ? 3 : 1) / 1e9;
        printf("%-18s %6d %12.1f %10.1f %7.0f%%\n", ALL[i], w.batch, rate, flops,
               100 * flops / peak);
        fflush(stdout);
        release(&w);
    }
}

/* ---- layer by layer ---- */

static void print_layers(const char *name, double seconds)
{
    struct err e = {""};
    char path[256];
    snprintf(path, sizeof(path), "cfg/%s.cfg", name);
    struct nn_net *net = nn_net_new(path, 1, &e);
    if (!net)
        fail(e.text);
    struct plan *p = plan_new(net, net->params,
                              &(struct plan_options){.last = net->layers, .batch = net->batch}, &e);
    double *forward = calloc((size_t)net->layers, sizeof(double)), *backward = NULL, start = now();
    backward = calloc((size_t)net->layers, sizeof(double));
    float *target = calloc((size_t)net->batch * (size_t)nn_net_outputs(net), sizeof(float));
    if (!p || !forward || !backward || !target)
        fail(p ? "out of memory" : e.text);
    struct rng r;
    rng_init(&r, 1, 0, 0);
    for (size_t i = 0; i < tensor_values(&p->input); i++)
        p->input.value[i] = rng_uniform(&r);
    p->target = target;
    long passes = -1; /* the first does not count */
    for (; passes < 1 || now() - start < seconds; passes++) {
        if (passes == 0) {
            memset(forward, 0, (size_t)net->layers * sizeof(double));
            memset(backward, 0, (size_t)net->layers * sizeof(double));
        }
        for (int i = 0; i < net->layers; i++) {
            double t = now();
            p->op[i]->layer->kind->forward(p->op[i]);
            forward[i] += now() - t;
        }
        memset(p->gradient_written, 0, (size_t)net->layers * sizeof(bool));
        for (int i = net->layers - 1; i >= 0; i--) {
            double t = now();
            if (p->gradient_written[i] || layer_gives_loss(p->op[i]->layer))
                p->op[i]->layer->kind->backward(p->op[i]);
            backward[i] += now() - t;
        }
    }
    double total = 0;
    for (int i = 0; i < net->layers; i++)
        total += forward[i] + backward[i];
    printf("%s, batch %d: %.1f ms a pass without the update\n", name, net->batch,
           1e3 * total / (double)passes);
    printf("%5s %-14s %14s %11s %11s %7s %9s %9s\n", "layer", "kind", "output", "forward ms",
           "backward ms", "share", "GFLOP/s f", "GFLOP/s b");
    for (int i = 0; i < net->layers; i++) {
        const struct layer *l = net->layer[i];
        double f = forward[i] / (double)passes, b = backward[i] / (double)passes;
        double flops = l->flops * net->batch / 1e9;
        char shape[32];
        snprintf(shape, sizeof(shape), "%dx%dx%d", l->out.channels, l->out.height, l->out.width);
        printf("%5d %-14s %14s %11.2f %11.2f %6.1f%% %9.0f %9.0f\n", i, l->kind->names[0], shape,
               1e3 * f, 1e3 * b, 100 * (forward[i] + backward[i]) / total, flops / f,
               (l->source[0] < 0 ? 1 : 2) * flops / b);
    }
    plan_free(p);
    nn_net_free(net);
    free(forward);
    free(backward);
    free(target);
}

int main(int argc, char **argv)
{
    const char *workload = NULL, *layers = NULL;
    double seconds = 5;
    long threads = 0;
    for (int i = 1; i < argc; i += 2) {
        bool last = i + 1 == argc;
        if (!last && strcmp(argv[i], "--workload") == 0)
            workload = argv[i + 1];
        else if (!last && strcmp(argv[i], "--layers") == 0)
            layers = argv[i + 1];
        else if (last || !((strcmp(argv[i], "--seconds") == 0 &&
                            !parse_double(argv[i + 1], 0, 1e6, &seconds)) ||
                           (strcmp(argv[i], "--threads") == 0 &&
                            !parse_long(argv[i + 1], 0, 4096, &threads))))
            fail("usage: bench [--seconds S] [--threads N] [--workload W] [--layers NET]");
    }
    nn_set_threads((int)threads);
    if (layers) {
        print_layers(layers, seconds);
        return 0;
    }
    if (!workload) {
        print_table(seconds);
        return 0;
    }
    struct workload w = prepare(workload);
    printf("%.3f\n", measure(&w, seconds));
    release(&w);
    return 0;
}
