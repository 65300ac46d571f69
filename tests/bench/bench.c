/* Times the engine on random pictures.
 *
 * usage: bench [--seconds S] [--threads N] [--batch N] [--layers | --rate] [WORKLOAD...]
 *
 * A workload is train-NET, infer-NET or latency-NET for a file cfg/NET.cfg; without any, those in
 * ALL. Training and inference take batches of --batch pictures (64, train-general 128; both where
 * no workload is named), whatever the cfg says, and all threads; latency takes one picture at a
 * time and one thread, if --threads says nothing else. Prints a table; with --layers each
 * workload's row is followed by where its time goes, layer by layer; with --rate there are only the
 * pictures a second, a number for each workload. Run from the project's root.
 *
 * Each batch has other pictures and labels, so that training never gets to the end of what there is
 * to learn; making them is not part of the time, nor is the first batch.
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

static const int BATCHES[] = {64, 128};

struct settings {
    double seconds; /* how long each workload is timed, at least */
    long threads;   /* 0: as the workload has it */
    long batch;     /* 0: as the workload has it */
    bool layers, rate;
};

struct workload {
    struct nn_net *net;
    struct nn_trainer *trainer;     /* of train-NET */
    struct nn_predictor *predictor; /* of the others */
    int batch;
    size_t values, classes; /* a picture */
    float *input, *target, *output;
    struct rng rng;
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

static bool begins(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static struct workload prepare(const char *name, const struct settings *s)
{
    struct workload w = {0};
    struct err e = {""};
    char path[256];
    bool train = begins(name, "train-"), latency = begins(name, "latency-");
    if (!train && !latency && !begins(name, "infer-"))
        fail("a workload is train-NET, infer-NET or latency-NET");
    nn_set_threads(s->threads ? (int)s->threads : latency);
    snprintf(path, sizeof(path), "cfg/%s.cfg", strchr(name, '-') + 1);
    if (!(w.net = nn_net_new(path, 1, &e)))
        fail(e.text);
    w.batch = latency ? 1 : s->batch ? (int)s->batch : strcmp(name, "train-general") ? 64 : 128;
    if (train)
        w.trainer =
            nn_trainer_new(w.net, &(struct nn_trainer_options){.batch = w.batch, .seed = 1}, &e);
    else
        w.predictor = nn_predictor_new(w.net, 0, nn_net_layers(w.net), w.batch, &e);
    if (!w.trainer && !w.predictor)
        fail(e.text);
    w.values = nn_shape_values(nn_net_input(w.net));
    w.classes = (size_t)nn_net_outputs(w.net);
    w.input = floats_new((size_t)w.batch * w.values);
    w.target = floats_new((size_t)w.batch * w.classes);
    w.output = floats_new((size_t)w.batch * w.classes);
    if (!w.input || !w.target || !w.output)
        fail("out of memory");
    rng_init(&w.rng, 1, 0, 0);
    return w;
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

/* Seconds of one batch. */
static double time_batch(struct workload *w)
{
    size_t batch = (size_t)w->batch;
    for (size_t i = 0; i < batch * w->values; i++)
        w->input[i] = rng_uniform(&w->rng);
    memset(w->target, 0, batch * w->classes * sizeof(float));
    for (size_t i = 0; i < batch; i++)
        w->target[i * w->classes + rng_below(&w->rng, w->classes)] = 1;
    double start = now();
    if (w->trainer)
        nn_trainer_step(w->trainer, w->input, w->target, w->output);
    else
        nn_predictor_run(w->predictor, w->input, batch, w->output);
    return now() - start;
}

/* Pictures a second over at least `seconds`. */
static double measure(struct workload *w, double seconds)
{
    double spent = 0;
    long batches = 0;
    time_batch(w);
    do {
        spent += time_batch(w);
        batches++;
    } while (spent < seconds);
    return (double)batches * w->batch / spent;
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

/* GFLOP/s of multiply-adds on values that never leave the registers, with all threads: the best of
 * several short runs, for nothing but other work can make one slower. */
static double measure_peak(void)
{
    bool wide = engine_isa() == ISA_AVX512;
    const long rounds = 1000000;
    double best = 1e9;
    float sink = 0;
    for (int run = 0; run < 50; run++) {
        double start = now();
#pragma omp parallel reduction(+ : sink)
        sink += (wide ? peak_512 : peak_256)(rounds);
        double elapsed = now() - start;
        best = elapsed < best ? elapsed : best;
    }
    if (sink == 1) /* never: only keeps the sums from being optimised away */
        puts("");
    return 2.0 * (wide ? 16 : 8) * CHAINS * (double)rounds * nn_threads() / best / 1e9;
}

/* ---- layer by layer ---- */

struct layer_work {
    double forward, backward;             /* seconds, summed over the passes */
    double forward_gflop, backward_gflop; /* of a batch */
};

/* The backward pass multiplies as often as the forward pass by the weights, and again by the input
 * unless that is the pictures. */
static void count_work(const struct workload *w, struct layer_work *work)
{
    for (int i = 0; i < w->net->layers; i++) {
        const struct layer *l = w->net->layer[i];
        work[i] = (struct layer_work){.forward_gflop = l->flops * w->batch / 1e9};
        if (w->trainer)
            work[i].backward_gflop = work[i].forward_gflop * (l->source[0] < 0 ? 1 : 2);
    }
}

static double total_gflop(const struct workload *w, const struct layer_work *work)
{
    double sum = 0;
    for (int i = 0; i < w->net->layers; i++)
        sum += work[i].forward_gflop + work[i].backward_gflop;
    return sum;
}

/* What plan_forward and plan_backward do, with a clock beside it. */
static void time_layers(struct plan *p, struct layer_work *work)
{
    for (int i = 0; i < p->last; i++) {
        double start = now();
        if (!p->op[i]->layer->kind->passes_through || plan_trains(p, p->op[i]->layer))
            p->op[i]->layer->kind->forward(p->op[i]);
        work[i].forward += now() - start;
    }
    if (p->learn == p->last)
        return;
    memset(p->gradient_written, 0, (size_t)p->last * sizeof(*p->gradient_written));
    for (int i = p->last - 1; i >= 0; i--) {
        double start = now();
        if (p->gradient_written[i] || layer_gives_loss(p->op[i]->layer))
            p->op[i]->layer->kind->backward(p->op[i]);
        work[i].backward += now() - start;
    }
}

static void print_number(int width, int decimals, double value)
{
    if (value > 0)
        printf(" %*.*f", width, decimals, value);
    else
        printf(" %*s", width, "-");
}

static void print_layer(const struct layer *l, const struct layer_work *work, long passes,
                        double whole, double peak)
{
    double forward = work->forward / (double)passes, backward = work->backward / (double)passes,
           gflop = work->forward_gflop + work->backward_gflop;
    char shape[48];
    snprintf(shape, sizeof(shape), "%dx%dx%d", l->out.channels, l->out.height, l->out.width);
    printf("%4d %-13s %11s", l->index, l->kind->names[0], shape);
    print_number(10, 3, 1e3 * forward);
    print_number(10, 3, 1e3 * backward);
    printf(" %6.1f%%", 100 * (forward + backward) / whole);
    if (gflop > 0) {
        print_number(8, 0, work->forward_gflop / forward);
        print_number(8, 0, backward > 0 ? work->backward_gflop / backward : 0);
        printf(" %6.0f%%", 100 * gflop / (forward + backward) / peak);
    }
    putchar('\n');
}

/* Whole batches and passes with a clock at each layer take turns; what the layers' times lack of
 * the whole is the last row. */
static void print_layers(struct workload *w, double seconds, double peak)
{
    struct err e = {""};
    const struct nn_net *net = w->net;
    int layers = net->layers;
    struct plan *p = plan_new(
        net, net->params,
        &(struct plan_options){
            .last = layers, .learn = w->trainer ? 0 : layers, .batch = w->batch, .seed = 1},
        &e);
    struct layer_work *work = calloc((size_t)layers, sizeof(*work));
    if (!p || !work)
        fail(p ? "out of memory" : e.text);
    p->target = w->target;
    p->loss_scale = 1 / (float)w->batch;
    double whole = 0, rest;
    long passes = -1; /* the first does not count */
    for (; passes < 1 || whole < seconds; passes++) {
        if (passes == 0) {
            count_work(w, work);
            whole = 0;
        }
        whole += time_batch(w);
        tensor_from_plain(&p->input, w->input);
        if (w->trainer)
            memset(p->param_gradients, 0, net->param_count * sizeof(float));
        p->pass = (uint64_t)passes;
        time_layers(p, work);
    }
    rest = whole /= (double)passes;
    printf("\n%4s %-13s %11s %10s %10s %7s %8s %8s %7s\n", "", "layer", "output", "forward ms",
           "backward", "share", "GFLOP/s", "backward", "of peak");
    for (int i = 0; i < layers; i++) {
        print_layer(net->layer[i], &work[i], passes, whole, peak);
        rest -= (work[i].forward + work[i].backward) / (double)passes;
    }
    printf("%4s %-25s %10.3f %10s %6.1f%%\n", "", w->trainer ? "input, update" : "input, output",
           1e3 * rest, "", 100 * rest / whole);
    printf("%4s %-25s %10.3f\n\n", "", "a batch", 1e3 * whole);
    plan_free(p);
    free(work);
}

/* ---- the command ---- */

static void print_row(const char *name, struct workload *w, const struct settings *s)
{
    struct layer_work *work = calloc((size_t)w->net->layers, sizeof(*work));
    if (!work)
        fail("out of memory");
    count_work(w, work);
    double peak = measure_peak(), rate = measure(w, s->seconds),
           gflops = rate / w->batch * total_gflop(w, work);
    printf("%-17s %5d %7d %11.1f %8.1f %9.1f %6.0f%%\n", name, w->batch, nn_threads(), rate, gflops,
           peak, 100 * gflops / peak);
    if (s->layers)
        print_layers(w, s->seconds, peak);
    fflush(stdout);
    free(work);
}

static void run(const char *name, const struct settings *s)
{
    struct workload w = prepare(name, s);
    if (s->rate)
        printf("%.3f\n", measure(&w, s->seconds));
    else
        print_row(name, &w, s);
    release(&w);
}

static int parse_setting(const char *option, const char *value, struct settings *s)
{
    if (strcmp(option, "--seconds") == 0)
        return parse_double(value, 0, 1e6, &s->seconds);
    if (strcmp(option, "--threads") == 0)
        return parse_long(value, 1, 4096, &s->threads);
    if (strcmp(option, "--batch") == 0)
        return parse_long(value, 1, 65536, &s->batch);
    return -1;
}

int main(int argc, char **argv)
{
    struct settings s = {.seconds = 5};
    int i = 1;
    for (; i < argc && begins(argv[i], "--"); i++) {
        if (strcmp(argv[i], "--layers") == 0)
            s.layers = true;
        else if (strcmp(argv[i], "--rate") == 0)
            s.rate = true;
        else if (i + 1 == argc || parse_setting(argv[i], argv[i + 1], &s))
            fail("usage: bench [--seconds S] [--threads N] [--batch N] [--layers | --rate] "
                 "[WORKLOAD...]");
        else
            i++;
    }
    if (!s.rate)
        printf("%s\n%-17s %5s %7s %11s %8s %9s %7s\n", nn_engine_name(), "workload", "batch",
               "threads", "pictures/s", "GFLOP/s", "FMA peak", "of peak");
    const char *const *name = i < argc ? (const char *const *)argv + i : ALL;
    int count = i < argc ? argc - i : (int)(sizeof(ALL) / sizeof(ALL[0]));
    bool both = i == argc && s.batch == 0;
    for (i = 0; i < count; i++)
        for (int k = 0; k < (both && !begins(name[i], "latency-") ? 2 : 1); k++) {
            s.batch = both ? BATCHES[k] : s.batch;
            run(name[i], &s);
        }
    return 0;
}
