/* What the tests of personal tuning share: drawn pictures, a model of them, and runs.
 *
 * The general pictures have a bright bar on dark noise, wide or narrow, high or low: four classes.
 * The user's have a dark bar on bright noise, which a model of the general ones gets wrong. */
#ifndef FERCLI_TESTS_TUNING_SETUP_H
#define FERCLI_TESTS_TUNING_SETUP_H

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/rng.h"
#include "fer/finetune.h"
#include "scratch.h"

#define SIZE 16
#define PIXELS (SIZE * SIZE)
#define CLASSES 4
#define FROZEN 4  /* layers of CFG */
#define HEADER 20 /* bytes of a weights file before the floats */

#define CONVOLUTION                                                                                \
    "[convolutional]\nbatch_normalize=1\nfilters=16\nsize=3\nstride=1\npad=1\nactivation=leaky\n"
#define POOLING "[maxpool]\nsize=2\nstride=2\n"

static const char CFG[] = "[net]\nwidth=16\nheight=16\nchannels=1\nbatch=32\nlearning_rate=0.002\n"
                          "adam=1\nmax_batches=1000\n" CONVOLUTION POOLING CONVOLUTION POOLING
                          "[connected]\noutput=24\nactivation=relu\n"
                          "[dropout]\nprobability=.1\n"
                          "[connected]\noutput=4\nactivation=linear\n[softmax]\n";
static const char NAMES[] = "wide\nnarrow\nlow\ndeep\n";

/* ---- pictures ---- */

static inline void draw(unsigned char *pixels, int label, bool inverted, struct rng *r)
{
    const int wide = label % 2 == 0, width = wide ? 12 : 5, height = wide ? 3 : 7;
    const int x0 = (SIZE - width) / 2 + (int)rng_below(r, 5) - 2;
    const int y0 = (label / 2 ? 8 : 1) + (int)rng_below(r, 2);
    for (int y = 0; y < SIZE; y++)
        for (int x = 0; x < SIZE; x++) {
            const bool inside = x >= x0 && x < x0 + width && y >= y0 && y < y0 + height;
            const int value = (inside ? 150 : 60) + (int)rng_below(r, 100) - 50;
            pixels[y * SIZE + x] = (unsigned char)(inverted ? 255 - value : value);
        }
}

/* Pictures of classes first..first+classes-1 in turn; dataset_release is the caller's. */
static inline struct dataset make_classes(size_t count, int first, int classes, bool inverted,
                                          uint64_t seed)
{
    struct dataset d = {.count = count, .width = SIZE, .height = SIZE};
    struct rng r;
    d.pixels = malloc(count * PIXELS);
    d.label = malloc(count);
    d.split = malloc(count);
    assert_true(d.pixels && d.label && d.split);
    rng_init(&r, seed, 0, 0);
    for (size_t i = 0; i < count; i++) {
        d.label[i] = (unsigned char)((size_t)first + i % (size_t)classes);
        d.split[i] = SPLIT_TRAINING;
        draw(d.pixels + i * PIXELS, d.label[i], inverted, &r);
    }
    return d;
}

static inline struct dataset make_pictures(size_t count, bool inverted, uint64_t seed)
{
    return make_classes(count, 0, CLASSES, inverted, seed);
}

/* 256 Training and 200 PublicTest pictures. */
static inline struct dataset make_general(void)
{
    struct dataset d = make_pictures(456, false, 11);
    memset(d.split + 256, SPLIT_PUBLIC_TEST, 200);
    return d;
}

/* ---- models ---- */

/* Writes one file of the model `name`. */
static inline void write_part(const char *name, const char *suffix, const char *text)
{
    char whole[64];
    snprintf(whole, sizeof(whole), "%s%s", name, suffix);
    scratch_write(whole, text, strlen(text));
}

static inline void write_model(const char *name, const char *cfg, const struct nn_net *net)
{
    struct err e = {""};
    char *weights = path_with_suffix(scratch_file(name), ".weights");
    write_part(name, ".cfg", cfg);
    write_part(name, ".names", NAMES);
    if (nn_net_save_weights(net, weights, &e))
        fail_msg("%s", e.text);
    free(weights);
}

/* The model of the general pictures that all tests tune: `general`. */
static inline int make_model(void **state)
{
    struct err e = {""};
    float input[32 * PIXELS], target[32 * CLASSES];
    const struct nn_trainer_options options = {.batch = 32, .seed = 1};
    if (scratch_setup(state))
        return -1;
    nn_set_threads(1);
    struct nn_net *net = nn_net_parse("test.cfg", CFG, strlen(CFG), 3, &e);
    struct nn_trainer *trainer = net ? nn_trainer_new(net, &options, &e) : NULL;
    if (!trainer)
        fail_msg("%s", e.text);
    struct dataset d = make_pictures(32 * 60, false, 5);
    for (size_t step = 0; step < 120; step++) {
        memset(target, 0, sizeof(target));
        for (size_t i = 0; i < 32; i++) {
            const size_t row = (step * 32 + i) % d.count;
            augmentation_apply(NULL, 0, d.pixels + row * PIXELS, SIZE, SIZE, input + i * PIXELS);
            target[i * CLASSES + d.label[row]] = 1;
        }
        nn_trainer_step(trainer, input, target, NULL);
    }
    write_model("general", CFG, net);
    dataset_release(&d);
    nn_trainer_free(trainer);
    nn_net_free(net);
    return 0;
}

/* Accuracy of the model `name` on pictures. */
static inline double accuracy(const char *name, const struct dataset *d)
{
    struct model m;
    struct metrics metrics;
    struct err e = {""};
    if (model_open(&m, scratch_file(name), &e))
        fail_msg("%s", e.text);
    struct classifier *c = classifier_new(&m, TTA_NONE, &e);
    float *p = calloc(d->count, CLASSES * sizeof(float));
    assert_true(c && p);
    classifier_run(c, d->pixels, d->count, p);
    assert_int_equal(metrics_compute(&metrics, d->label, p, d->count, CLASSES, &e), 0);
    const double result = metrics.accuracy;
    metrics_release(&metrics);
    free(p);
    classifier_free(c);
    model_close(&m);
    return result;
}

/* ---- files ---- */

/* A file of the model `name`, to be freed; NULL when there is none. */
static inline char *read_part(const char *name, const char *suffix, size_t *count)
{
    char *path = path_with_suffix(scratch_file(name), suffix), *bytes = NULL;
    assert_non_null(path);
    if (file_read(path, 1 << 24, &bytes, count, NULL))
        bytes = NULL;
    free(path);
    return bytes;
}

static inline bool same_part(const char *a, const char *b, const char *suffix)
{
    size_t n, m;
    char *x = read_part(a, suffix, &n), *y = read_part(b, suffix, &m);
    const bool same = x && y && n == m && memcmp(x, y, n) == 0;
    free(x);
    free(y);
    return same;
}

/* ---- runs ---- */

struct run {
    struct finetune_data data;
    struct finetune_options options;
    struct finetune_report report; /* without what it owns, which is below */
    struct finetune_class classes[CLASSES];
    struct finetune_suspect suspects[4];
    struct err e;
    char notes[2048];
    size_t stop_after; /* calls of on_step; 0: never */
    size_t steps;
};

static inline bool on_step(const struct finetune_progress *progress, void *context)
{
    struct run *run = context;
    assert_in_range(progress->done, 1, progress->total);
    return ++run->steps == run->stop_after;
}

static inline void on_note(const char *text, void *context)
{
    struct run *run = context;
    strncat(run->notes, text, sizeof(run->notes) - strlen(run->notes) - 1);
}

static inline struct run make_run(const struct dataset *user, const struct dataset *general)
{
    return (struct run){
        .data = {.user = user, .general = general},
        .options = {
            .holdout = 0.25, .max_forget = -1, .seed = 1, .on_step = on_step, .on_note = on_note}};
}

/* Tunes the model `from` to the model `to`. */
static inline enum finetune_result tune(struct run *run, const char *from, const char *to)
{
    struct model m;
    char prefix[PATH_MAX];
    snprintf(prefix, sizeof(prefix), "%s", scratch_file(to));
    run->options.prefix = prefix;
    run->options.context = run;
    run->steps = 0;
    run->notes[0] = '\0';
    run->e.text[0] = '\0';
    if (model_open(&m, scratch_file(from), &run->e))
        fail_msg("%s", run->e.text);
    const enum finetune_result result =
        finetune(&m, &run->data, &run->options, &run->report, &run->e);
    model_close(&m);
    struct finetune_report *r = &run->report;
    memset(run->classes, 0, sizeof(run->classes));
    for (int k = 0; r->classes && k < CLASSES; k++)
        run->classes[k] = r->classes[k];
    for (size_t i = 0; i < r->n_suspects && i < 4; i++)
        run->suspects[i] = r->suspects[i];
    free(r->classes);
    free(r->suspects);
    r->classes = NULL;
    r->suspects = NULL;
    return result;
}

static inline void tune_well(struct run *run, const char *to)
{
    const enum finetune_result result = tune(run, "general", to);
    if (result != FINETUNE_DONE)
        fail_msg("%d: %s", (int)result, run->e.text);
}

#endif
