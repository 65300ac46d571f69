/* Personal tuning on drawn data. The general pictures have a bright square in one of four quadrants
 * on dark noise; the user's have a dark one on bright noise, which a model of the general ones gets
 * wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/rng.h"
#include "fer/finetune.h"

#define SIZE 16
#define PIXELS (SIZE * SIZE)
#define CLASSES 4
#define HEADER 20 /* bytes of a weights file before the floats */

static const char CFG[] =
    "[net]\nwidth=16\nheight=16\nchannels=1\nbatch=32\nlearning_rate=0.002\n"
    "adam=1\nflip=1\nmax_batches=1000\n"
    "[convolutional]\nbatch_normalize=1\nfilters=16\nsize=3\nstride=1\npad=1\n"
    "activation=leaky\n"
    "[maxpool]\nsize=2\nstride=2\n"
    "[convolutional]\nbatch_normalize=1\nfilters=16\nsize=3\nstride=1\npad=1\n"
    "activation=leaky\n"
    "[maxpool]\nsize=2\nstride=2\n"
    "[connected]\noutput=24\nactivation=relu\n"
    "[connected]\noutput=4\nactivation=linear\n"
    "[softmax]\n";

static char folder[] = "/tmp/fercli-finetune-XXXXXX";
static char general_prefix[64]; /* of the model that all tests tune */

/* ---- pictures ---- */

/* Quadrants are top left, top right, bottom left, bottom right. Mirroring would change the class,
 * so both tops count as the same side: 0 top wide, 1 top narrow, 2 bottom wide, 3 bottom narrow. */
static void draw(unsigned char *pixels, int label, bool inverted, struct rng *r)
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

/* `classes` of them in turn. */
static struct dataset make_pictures(size_t count, int classes, bool inverted, uint64_t seed)
{
    struct dataset d = {.count = count, .width = SIZE, .height = SIZE};
    struct rng r;
    d.pixels = malloc(count * PIXELS);
    d.label = malloc(count);
    d.split = malloc(count);
    assert_true(d.pixels && d.label && d.split);
    rng_init(&r, seed, 0, 0);
    for (size_t i = 0; i < count; i++) {
        d.label[i] = (unsigned char)(i % (size_t)classes);
        d.split[i] = SPLIT_TRAINING;
        draw(d.pixels + i * PIXELS, d.label[i], inverted, &r);
    }
    return d;
}

/* 256 Training and 200 PublicTest pictures. */
static struct dataset make_general(void)
{
    struct dataset d = make_pictures(456, CLASSES, false, 11);
    memset(d.split + 256, SPLIT_PUBLIC_TEST, 200);
    return d;
}

/* ---- files ---- */

static char *in_folder(const char *name)
{
    char *path = path_join(folder, name);
    assert_non_null(path);
    return path;
}

static char *read_part(const char *prefix, const char *suffix, size_t *count)
{
    char *path = path_with_suffix(prefix, suffix), *bytes = NULL;
    assert_non_null(path);
    if (file_read(path, 1 << 24, &bytes, count, NULL))
        bytes = NULL;
    free(path);
    return bytes;
}

static void write_part(const char *prefix, const char *suffix, const char *text)
{
    char *path = path_with_suffix(prefix, suffix);
    assert_non_null(path);
    assert_int_equal(file_write(path, text, strlen(text), NULL), 0);
    free(path);
}

static bool same_part(const char *a, const char *b, const char *suffix)
{
    size_t n, m;
    char *x = read_part(a, suffix, &n), *y = read_part(b, suffix, &m);
    const bool same = x && y && n == m && memcmp(x, y, n) == 0;
    free(x);
    free(y);
    return same;
}

/* Trains a model of the general pictures and writes its triple. */
static int make_model(void **state)
{
    (void)state;
    struct err e = {""};
    assert_non_null(mkdtemp(folder));
    snprintf(general_prefix, sizeof(general_prefix), "%s/general", folder);
    nn_set_threads(1);
    struct nn_net *net = nn_net_parse("test.cfg", CFG, strlen(CFG), 3, &e);
    struct nn_trainer_options options = {.batch = 32, .seed = 1};
    struct nn_trainer *trainer = net ? nn_trainer_new(net, &options, &e) : NULL;
    if (!trainer)
        fail_msg("%s", e.text);
    struct dataset d = make_pictures(32 * 60, CLASSES, false, 5);
    float input[32 * PIXELS], target[32 * CLASSES];
    for (size_t step = 0; step < 120; step++) {
        memset(target, 0, sizeof(target));
        for (size_t i = 0; i < 32; i++) {
            const size_t row = (step * 32 + i) % d.count;
            augmentation_apply(NULL, 0, d.pixels + row * PIXELS, SIZE, SIZE, input + i * PIXELS);
            target[i * CLASSES + d.label[row]] = 1;
        }
        nn_trainer_step(trainer, input, target, NULL);
    }
    write_part(general_prefix, ".cfg", CFG);
    write_part(general_prefix, ".names", "wide\nnarrow\nlow\ndeep\n");
    char *weights = path_with_suffix(general_prefix, ".weights");
    assert_int_equal(nn_net_save_weights(net, weights, &e), 0);
    free(weights);
    dataset_release(&d);
    nn_trainer_free(trainer);
    nn_net_free(net);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "rm -r '%s'", folder);
    return system(command);
}

/* ---- runs ---- */

struct run {
    struct finetune_data data;
    struct finetune_options options;
    struct finetune_report report;
    struct err e;
    char notes[2048];
    size_t stop_after; /* calls of on_step; 0: never */
    size_t steps;
};

static bool on_step(const struct finetune_progress *progress, void *context)
{
    struct run *run = context;
    assert_in_range(progress->done, 1, progress->total);
    return ++run->steps == run->stop_after;
}

static void on_note(const char *text, void *context)
{
    struct run *run = context;
    strncat(run->notes, text, sizeof(run->notes) - strlen(run->notes) - 1);
}

static struct run make_run(const struct dataset *user, const struct dataset *general,
                           const char *prefix)
{
    return (struct run){.data = {.user = user, .general = general},
                        .options = {.prefix = prefix,
                                    .holdout = 0.25,
                                    .max_forget = -1,
                                    .seed = 1,
                                    .on_step = on_step,
                                    .on_note = on_note}};
}

/* Tunes the model `from`. */
static enum finetune_result tune(struct run *run, const char *from)
{
    struct model m;
    run->options.context = run;
    run->e.text[0] = '\0';
    if (model_open(&m, from, &run->e))
        fail_msg("%s", run->e.text);
    const enum finetune_result result =
        finetune(&m, &run->data, &run->options, &run->report, &run->e);
    model_close(&m);
    return result;
}

static void tune_well(struct run *run)
{
    const enum finetune_result result = tune(run, general_prefix);
    if (result != FINETUNE_DONE)
        fail_msg("%d: %s", (int)result, run->e.text);
}

/* Accuracy of the model PREFIX on pictures. */
static double accuracy(const char *prefix, const struct dataset *d)
{
    struct model m;
    struct metrics metrics;
    struct err e = {""};
    if (model_open(&m, prefix, &e))
        fail_msg("%s", e.text);
    struct classifier *c = classifier_new(&m, false, &e);
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

/* ---- accuracy ---- */

static void test_the_users_accuracy_rises_and_the_general_one_stays(void **state)
{
    (void)state;
    struct dataset user = make_pictures(80, CLASSES, true, 21), general = make_general();
    struct dataset unseen = make_pictures(200, CLASSES, true, 22);
    char *prefix = in_folder("joint");
    struct run run = make_run(&user, &general, prefix);
    tune_well(&run);
    fprintf(stderr, "DBG user %zu %g %g general %g %g blend %g\n", run.report.user_after.n, run.report.user_before.accuracy, run.report.user_after.accuracy, run.report.general_before.accuracy, run.report.general_after.accuracy, run.report.blend);
    const struct finetune_report *r = &run.report;
    assert_int_equal(r->n_user, 80);
    assert_int_equal(r->n_replay, 256);
    assert_int_equal(r->user_after.n, 20);
    assert_int_equal(r->general_after.n, 200);
    assert_true(r->blend == 1);
    assert_true(r->user_before.accuracy < 0.6);
    assert_true(r->user_after.accuracy > 0.8);
    assert_true(r->user_after.low < r->user_after.accuracy);
    assert_true(r->general_before.accuracy > 0.9);
    assert_true(r->general_after.accuracy > r->general_before.accuracy - 0.05);
    /* What is written is what was measured. */
    assert_true(accuracy(prefix, &unseen) > 0.8);
    assert_true(accuracy(general_prefix, &unseen) < 0.6);
    free(prefix);
    dataset_release(&unseen);
    dataset_release(&user);
    dataset_release(&general);
}

static void test_the_users_pictures_alone_are_learnt_too(void **state)
{
    (void)state;
    struct dataset user = make_pictures(80, CLASSES, true, 21);
    char *prefix = in_folder("alone");
    struct run run = make_run(&user, NULL, prefix);
    run.options.folds = 4;
    tune_well(&run);
    fprintf(stderr, "DBG user %zu %g %g general %g %g blend %g\n", run.report.user_after.n, run.report.user_before.accuracy, run.report.user_after.accuracy, run.report.general_before.accuracy, run.report.general_after.accuracy, run.report.blend);
    assert_int_equal(run.report.user_after.n, 80);
    assert_int_equal(run.report.folds, 4);
    assert_int_equal(run.report.general_after.n, 0);
    assert_true(run.report.user_after.accuracy > run.report.user_before.accuracy + 0.2);
    free(prefix);
    dataset_release(&user);
}

static void test_classes_without_pictures_keep_working(void **state)
{
    (void)state;
    struct dataset user = make_pictures(40, 2, true, 21), general = make_general();
    struct dataset other = make_pictures(200, CLASSES, false, 31);
    for (size_t i = 0; i < other.count; i++) { /* classes 2 and 3 only */
        struct rng r;
        rng_init(&r, i, 0, 0);
        other.label[i] = (unsigned char)(2 + i % 2);
        draw(other.pixels + i * PIXELS, other.label[i], false, &r);
    }
    char *prefix = in_folder("classes");
    struct run run = make_run(&user, &general, prefix);
    tune_well(&run);
    fprintf(stderr, "DBG user %zu %g %g general %g %g blend %g\n", run.report.user_after.n, run.report.user_before.accuracy, run.report.user_after.accuracy, run.report.general_before.accuracy, run.report.general_after.accuracy, run.report.blend);
    assert_true(accuracy(prefix, &other) > 0.85);
    run.data.general = NULL;
    tune_well(&run);
    fprintf(stderr, "DBG user %zu %g %g general %g %g blend %g\n", run.report.user_after.n, run.report.user_before.accuracy, run.report.user_after.accuracy, run.report.general_before.accuracy, run.report.general_after.accuracy, run.report.blend);
    assert_true(accuracy(prefix, &other) > 0.5);
    free(prefix);
    dataset_release(&user);
    dataset_release(&general);
    dataset_release(&other);
}

static void test_one_picture_a_class_is_enough(void **state)
{
    (void)state;
    struct dataset user = make_pictures(CLASSES, CLASSES, true, 21);
    char *prefix = in_folder("few");
    struct run run = make_run(&user, NULL, prefix);
    tune_well(&run);
    fprintf(stderr, "DBG user %zu %g %g general %g %g blend %g\n", run.report.user_after.n, run.report.user_before.accuracy, run.report.user_after.accuracy, run.report.general_before.accuracy, run.report.general_after.accuracy, run.report.blend);
    assert_int_equal(run.report.n_user, CLASSES);
    assert_int_equal(run.report.user_before.n, 0);
    assert_int_equal(run.report.user_after.n, 0);
    assert_non_null(strstr(run.notes, "'deep' has one picture"));
    assert_non_null(strstr(run.notes, "not measured"));
    assert_true(accuracy(prefix, &user) == 1);
    free(prefix);
    dataset_release(&user);
}

/* A leak of held-out pictures into training would show here as an accuracy far above chance. */
static void test_the_estimate_on_random_labels_is_chance(void **state)
{
    (void)state;
    struct dataset user = make_pictures(96, CLASSES, true, 21);
    struct rng r;
    char *prefix = in_folder("random");
    rng_init(&r, 41, 0, 0);
    for (size_t i = 0; i < user.count * PIXELS; i++)
        user.pixels[i] = (unsigned char)rng_below(&r, 256);
    struct run run = make_run(&user, NULL, prefix);
    run.options.folds = 4;
    tune_well(&run);
    fprintf(stderr, "DBG user %zu %g %g general %g %g blend %g\n", run.report.user_after.n, run.report.user_before.accuracy, run.report.user_after.accuracy, run.report.general_before.accuracy, run.report.general_after.accuracy, run.report.blend);
    assert_int_equal(run.report.user_after.n, 96);
    assert_true(run.report.user_after.accuracy < 0.45);
    assert_true(accuracy(prefix, &user) > 0.6);
    free(prefix);
    dataset_release(&user);
}

/* ---- files ---- */

static void test_frozen_bytes_stay_and_the_head_changes(void **state)
{
    (void)state;
    struct dataset user = make_pictures(40, CLASSES, true, 21);
    struct err e = {""};
    size_t n, m;
    char *prefix = in_folder("frozen");
    struct run run = make_run(&user, NULL, prefix);
    tune_well(&run);
    fprintf(stderr, "DBG user %zu %g %g general %g %g blend %g\n", run.report.user_after.n, run.report.user_before.accuracy, run.report.user_after.accuracy, run.report.general_before.accuracy, run.report.general_after.accuracy, run.report.blend);
    struct nn_net *net = nn_net_parse("test.cfg", CFG, strlen(CFG), 3, &e);
    const size_t same = HEADER + 4 * nn_net_parameters_upto(net, 4);
    char *old = read_part(general_prefix, ".weights", &n), *new = read_part(prefix, ".weights", &m);
    assert_int_equal(run.report.frozen, 4);
    assert_int_equal(n, m);
    assert_in_range(same, HEADER + 4, n - 4);
    assert_memory_equal(old, new, same);
    assert_memory_not_equal(old + same, new + same, n - same);
    assert_true(same_part(general_prefix, prefix, ".cfg"));
    assert_true(same_part(general_prefix, prefix, ".names"));
    free(old);
    free(new);
    nn_net_free(net);
    free(prefix);
    dataset_release(&user);
}

static void test_a_difference_in_frozen_bytes_is_found(void **state)
{
    (void)state;
    size_t n;
    struct err e = {""};
    char *old_path = path_with_suffix(general_prefix, ".weights"), *copy = in_folder("copy");
    char *bytes = read_part(general_prefix, ".weights", &n);
    const struct {
        size_t at;
        int result;
        const char *words;
    } cases[] = {
        {HEADER + 39, -1, "frozen layers"}, {HEADER - 1, -1, "header"}, {HEADER + 40, 0, ""}};
    for (size_t i = 0; i < 3; i++) {
        bytes[cases[i].at] ^= 1;
        assert_int_equal(file_write(copy, bytes, n, &e), 0);
        bytes[cases[i].at] ^= 1;
        assert_int_equal(tuned_compare(old_path, copy, 10, &e), cases[i].result);
        assert_non_null(strstr(e.text, cases[i].words));
    }
    assert_int_equal(file_write(copy, bytes, n - 4, &e), 0);
    assert_int_equal(tuned_compare(old_path, copy, 10, &e), -1);
    assert_int_equal(file_write(copy, bytes, 10, &e), 0);
    assert_int_equal(tuned_compare(copy, copy, 10, &e), -1);
    free(bytes);
    free(copy);
    free(old_path);
}

static void test_the_same_seed_gives_the_same_bytes(void **state)
{
    (void)state;
    struct dataset user = make_pictures(40, CLASSES, true, 21), general = make_general();
    char *a = in_folder("seed-a"), *b = in_folder("seed-b"), *c = in_folder("seed-c");
    char *const prefix[] = {a, b, c};
    for (size_t i = 0; i < 3; i++) {
        struct run run = make_run(&user, &general, prefix[i]);
        run.options.seed = i < 2 ? 5 : 6;
        run.options.epochs = 3;
        tune_well(&run);
    fprintf(stderr, "DBG user %zu %g %g general %g %g blend %g\n", run.report.user_after.n, run.report.user_before.accuracy, run.report.user_after.accuracy, run.report.general_before.accuracy, run.report.general_after.accuracy, run.report.blend);
    }
    assert_true(same_part(a, b, ".weights"));
    assert_false(same_part(a, c, ".weights"));
    free(a);
    free(b);
    free(c);
    dataset_release(&user);
    dataset_release(&general);
}

static void test_the_estimate_does_not_change_what_is_written(void **state)
{
    (void)state;
    struct dataset user = make_pictures(40, CLASSES, true, 21);
    char *a = in_folder("with"), *b = in_folder("without");
    struct run run = make_run(&user, NULL, a);
    run.options.folds = 3;
    run.options.epochs = 3;
    tune_well(&run);
    fprintf(stderr, "DBG user %zu %g %g general %g %g blend %g\n", run.report.user_after.n, run.report.user_before.accuracy, run.report.user_after.accuracy, run.report.general_before.accuracy, run.report.general_after.accuracy, run.report.blend);
    run.options.prefix = b;
    run.options.folds = 0;
    run.options.holdout = 0;
    tune_well(&run);
    fprintf(stderr, "DBG user %zu %g %g general %g %g blend %g\n", run.report.user_after.n, run.report.user_before.accuracy, run.report.user_after.accuracy, run.report.general_before.accuracy, run.report.general_after.accuracy, run.report.blend);
    assert_int_equal(run.report.user_after.n, 0);
    assert_true(same_part(a, b, ".weights"));
    free(a);
    free(b);
    dataset_release(&user);
}

static void test_a_model_can_be_tuned_in_place(void **state)
{
    (void)state;
    struct dataset user = make_pictures(40, CLASSES, true, 21);
    char *apart = in_folder("apart"), *place = in_folder("place");
    struct run run = make_run(&user, NULL, place);
    run.options.epochs = 1;
    tune_well(&run);
    fprintf(stderr, "DBG user %zu %g %g general %g %g blend %g\n", run.report.user_after.n, run.report.user_before.accuracy, run.report.user_after.accuracy, run.report.general_before.accuracy, run.report.general_after.accuracy, run.report.blend);
    run.options.prefix = apart;
    assert_int_equal(tune(&run, place), FINETUNE_DONE);
    run.options.prefix = place;
    assert_int_equal(tune(&run, place), FINETUNE_DONE);
    assert_true(same_part(apart, place, ".weights"));
    free(apart);
    free(place);
    dataset_release(&user);
}

static void test_an_output_that_cannot_be_written_leaves_the_old_triple(void **state)
{
    (void)state;
    struct dataset user = make_pictures(8, CLASSES, true, 21);
    char *prefix = in_folder("blocked"), *nowhere = in_folder("no/such"), *empty = in_folder("");
    char *weights = path_with_suffix(prefix, ".weights");
    struct run run = make_run(&user, NULL, prefix);
    write_part(prefix, ".cfg", "old cfg");
    write_part(prefix, ".names", "old names");
    assert_int_equal(mkdir(weights, 0777), 0);
    assert_int_equal(tune(&run, general_prefix), FINETUNE_NOT_WRITTEN);
    assert_non_null(strstr(run.e.text, "blocked.weights'"));
    size_t n;
    char *cfg = read_part(prefix, ".cfg", &n), *names = read_part(prefix, ".names", &n);
    assert_string_equal(cfg, "old cfg");
    assert_string_equal(names, "old names");
    run.options.prefix = nowhere;
    assert_int_equal(tune(&run, general_prefix), FINETUNE_NOT_WRITTEN);
    assert_non_null(strstr(run.e.text, "no/such"));
    run.options.prefix = empty;
    assert_int_equal(tune(&run, general_prefix), FINETUNE_NOT_WRITTEN);
    assert_int_equal(run.steps, 0);
    free(cfg);
    free(names);
    free(weights);
    free(prefix);
    free(nowhere);
    free(empty);
    dataset_release(&user);
}

static void test_another_model_at_the_prefix_is_replaced_whole(void **state)
{
    (void)state;
    struct dataset user = make_pictures(8, CLASSES, true, 21);
    char *prefix = in_folder("replaced");
    struct run run = make_run(&user, NULL, prefix);
    write_part(prefix, ".cfg", "[net]\n");
    write_part(prefix, ".names", "a\nb\n");
    write_part(prefix, ".weights", "weights of another model");
    run.options.epochs = 1;
    tune_well(&run);
    fprintf(stderr, "DBG user %zu %g %g general %g %g blend %g\n", run.report.user_after.n, run.report.user_before.accuracy, run.report.user_after.accuracy, run.report.general_before.accuracy, run.report.general_after.accuracy, run.report.blend);
    assert_true(same_part(general_prefix, prefix, ".cfg"));
    assert_true(same_part(general_prefix, prefix, ".names"));
    assert_true(accuracy(prefix, &user) >= 0);
    free(prefix);
    dataset_release(&user);
}

/* ---- stops and refusals ---- */

static void test_stopping_writes_nothing_and_leaves_the_model(void **state)
{
    (void)state;
    struct dataset user = make_pictures(40, CLASSES, true, 21);
    char *prefix = in_folder("stopped");
    const size_t after[] = {1, 3, 10, 90};
    for (size_t i = 0; i < 4; i++) {
        size_t n;
        struct run run = make_run(&user, NULL, prefix);
        run.stop_after = after[i];
        assert_int_equal(tune(&run, general_prefix), FINETUNE_STOPPED);
        assert_int_equal(run.steps, after[i]);
        assert_null(read_part(prefix, ".cfg", &n));
        assert_null(read_part(prefix, ".names", &n));
        assert_null(read_part(prefix, ".weights", &n));
    }
    free(prefix);
    dataset_release(&user);
}

/* The user calls the general pictures by other names, so every gain is a loss elsewhere. */
static void test_a_limit_on_forgetting_moves_the_head_back(void **state)
{
    (void)state;
    struct dataset user = make_pictures(160, CLASSES, false, 51), general = make_general();
    for (size_t i = 0; i < user.count; i++)
        user.label[i] = (unsigned char)((user.label[i] + 1) % CLASSES);
    char *prefix = in_folder("limited");
    struct run run = make_run(&user, &general, prefix);
    run.options.epochs = 60;
    tune_well(&run);
    fprintf(stderr, "DBG user %zu %g %g general %g %g blend %g\n", run.report.user_after.n, run.report.user_before.accuracy, run.report.user_after.accuracy, run.report.general_before.accuracy, run.report.general_after.accuracy, run.report.blend);
    const double free_loss = run.report.general_before.accuracy - run.report.general_after.accuracy;
    run.options.max_forget = 1;
    tune_well(&run);
    fprintf(stderr, "DBG user %zu %g %g general %g %g blend %g\n", run.report.user_after.n, run.report.user_before.accuracy, run.report.user_after.accuracy, run.report.general_before.accuracy, run.report.general_after.accuracy, run.report.blend);
    const struct finetune_report *r = &run.report;
    assert_int_equal(r->general_after.n, 100);
    assert_true(free_loss > 0.1);
    assert_true(r->blend < 1);
    assert_true(r->general_before.accuracy - r->general_after.accuracy < 0.05);
    if (r->blend == 0)
        assert_non_null(strstr(run.notes, "old head"));
    free(prefix);
    dataset_release(&user);
    dataset_release(&general);
}

static void test_bad_data_and_options_are_refused(void **state)
{
    (void)state;
    struct dataset user = make_pictures(8, CLASSES, true, 21), general = make_general();
    struct dataset none = {.width = SIZE, .height = SIZE}, wide = user, other = user;
    unsigned char labels[8] = {0, 1, 2, 3, 4, 0, 1, 2};
    char *prefix = in_folder("bad");
    wide.width = SIZE / 2;
    other.label = labels;
    const struct {
        const struct dataset *user;
        double holdout, max_forget;
        int folds;
        const char *words;
    } cases[] = {{&none, 0.25, -1, 0, "no picture"},
                 {&wide, 0.25, -1, 0, "the network takes"},
                 {&other, 0.25, -1, 0, "label 4"},
                 {&user, 0.95, -1, 0, "0 to 0.9"},
                 {&user, -0.1, -1, 0, "0 to 0.9"},
                 {&user, 0, -1, 1, "1 folds"},
                 {&user, 0, -1, FINETUNE_MAX_FOLDS + 1, "folds"},
                 {&user, 0, 2, 0, "needs general data"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct run run = make_run(cases[i].user, NULL, prefix);
        run.options.holdout = cases[i].holdout;
        run.options.max_forget = cases[i].max_forget;
        run.options.folds = cases[i].folds;
        assert_int_equal(tune(&run, general_prefix), FINETUNE_FAILED);
        assert_non_null(strstr(run.e.text, cases[i].words));
    }
    memset(general.split, SPLIT_PUBLIC_TEST, general.count);
    struct run run = make_run(&user, &general, prefix);
    assert_int_equal(tune(&run, general_prefix), FINETUNE_FAILED);
    assert_non_null(strstr(run.e.text, "no Training picture"));
    free(prefix);
    dataset_release(&user);
    dataset_release(&general);
}

static void test_a_network_without_a_head_or_without_a_body_is_refused(void **state)
{
    (void)state;
    static const char *const cfg[] = {
        "[net]\nwidth=16\nheight=16\nchannels=1\nbatch=1\n"
        "[convolutional]\nfilters=4\nsize=1\nstride=1\nactivation=linear\n[avgpool]\n[softmax]\n",
        "[net]\nwidth=16\nheight=16\nchannels=1\nbatch=1\n"
        "[connected]\noutput=4\nactivation=linear\n[softmax]\n"};
    static const char *const words[] = {"nothing to tune", "nothing would stay"};
    struct dataset user = make_pictures(8, CLASSES, true, 21);
    char *from = in_folder("odd"), *prefix = in_folder("odd-out");
    char *weights = path_with_suffix(from, ".weights");
    for (size_t i = 0; i < 2; i++) {
        struct err e = {""};
        struct run run = make_run(&user, NULL, prefix);
        write_part(from, ".cfg", cfg[i]);
        write_part(from, ".names", "wide\nnarrow\nlow\ndeep\n");
        struct nn_net *net = nn_net_parse("odd.cfg", cfg[i], strlen(cfg[i]), 1, &e);
        if (!net)
            fail_msg("%s", e.text);
        assert_int_equal(nn_net_save_weights(net, weights, &e), 0);
        nn_net_free(net);
        assert_int_equal(tune(&run, from), FINETUNE_FAILED);
        assert_non_null(strstr(run.e.text, words[i]));
    }
    free(weights);
    free(from);
    free(prefix);
    dataset_release(&user);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_users_accuracy_rises_and_the_general_one_stays),
        cmocka_unit_test(test_the_users_pictures_alone_are_learnt_too),
        cmocka_unit_test(test_classes_without_pictures_keep_working),
        cmocka_unit_test(test_one_picture_a_class_is_enough),
        cmocka_unit_test(test_the_estimate_on_random_labels_is_chance),
        cmocka_unit_test(test_frozen_bytes_stay_and_the_head_changes),
        cmocka_unit_test(test_a_difference_in_frozen_bytes_is_found),
        cmocka_unit_test(test_the_same_seed_gives_the_same_bytes),
        cmocka_unit_test(test_the_estimate_does_not_change_what_is_written),
        cmocka_unit_test(test_a_model_can_be_tuned_in_place),
        cmocka_unit_test(test_an_output_that_cannot_be_written_leaves_the_old_triple),
        cmocka_unit_test(test_another_model_at_the_prefix_is_replaced_whole),
        cmocka_unit_test(test_stopping_writes_nothing_and_leaves_the_model),
        cmocka_unit_test(test_a_limit_on_forgetting_moves_the_head_back),
        cmocka_unit_test(test_bad_data_and_options_are_refused),
        cmocka_unit_test(test_a_network_without_a_head_or_without_a_body_is_refused),
    };
    return cmocka_run_group_tests(tests, make_model, remove_folder);
}
