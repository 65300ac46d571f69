/* Times the engine on random pictures.
 *
 * usage: bench [--seconds S] [--threads N] [--workload W]
 *
 * With a workload it prints one number, pictures a second; without, a table of all. A workload is
 * train-NET or infer-NET for a file cfg/NET.cfg (batch 64; training in the cfg's own batch), or
 * latency-NET: one picture at a time. Run from the project's root. The first batch does not count.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/parse.h"
#include "base/rng.h"
#include "nn.h"

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

static void print_table(double seconds)
{
    printf("%s, %d threads\n%-18s %6s %12s %10s\n", nn_engine_name(), nn_threads(), "workload",
           "batch", "pictures/s", "GFLOP/s");
    for (size_t i = 0; i < sizeof(ALL) / sizeof(ALL[0]); i++) {
        struct workload w = prepare(ALL[i]);
        double rate = measure(&w, seconds);
        /* a training step is about three forward passes */
        double flops = nn_net_flops(w.net) * (w.trainer ? 3 : 1);
        printf("%-18s %6d %12.1f %10.1f\n", ALL[i], w.batch, rate, rate * flops / 1e9);
        fflush(stdout);
        release(&w);
    }
}

int main(int argc, char **argv)
{
    const char *workload = NULL;
    double seconds = 5;
    long threads = 0;
    for (int i = 1; i < argc; i += 2) {
        bool last = i + 1 == argc;
        if (!last && strcmp(argv[i], "--workload") == 0)
            workload = argv[i + 1];
        else if (last || !((strcmp(argv[i], "--seconds") == 0 &&
                            !parse_double(argv[i + 1], 0, 1e6, &seconds)) ||
                           (strcmp(argv[i], "--threads") == 0 &&
                            !parse_long(argv[i + 1], 0, 4096, &threads))))
            fail("usage: bench [--seconds S] [--threads N] [--workload W]");
    }
    nn_set_threads((int)threads);
    if (!workload) {
        print_table(seconds);
        return 0;
    }
    struct workload w = prepare(workload);
    printf("%.3f\n", measure(&w, seconds));
    release(&w);
    return 0;
}
