/* What the tests of general training share: drawn pictures (a bright bar whose place tells the
 * class, and noise), small networks, runs that are stopped or killed, and their files. */
#ifndef FERCLI_TESTS_TRAIN_SETUP_H
#define FERCLI_TESTS_TRAIN_SETUP_H

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/rng.h"
#include "fer.h"

#define SIDE 14
#define VALUES (SIDE * SIDE)
#define TRAIN 33 /* four updates of a batch of 8, and a rest */
#define VALID 70 /* more than one run of a predictor */
#define UPDATES 4
#define EPOCHS 3

#define NET "[net]\nbatch=8\nsubdivisions=1\nheight=14\nwidth=14\nchannels=1\n"
#define LAYERS                                                                                     \
    "[convolutional]\nbatch_normalize=1\nfilters=4\nsize=3\nstride=1\npad=1\nactivation=relu\n"    \
    "[maxpool]\nsize=2\nstride=2\npadding=0\n"                                                     \
    "[dropout]\nprobability=.1\n"                                                                  \
    "[connected]\noutput=7\nactivation=linear\n"                                                   \
    "[softmax]\n"

static const char CFG[] = NET "momentum=.9\ndecay=.0005\nlearning_rate=.05\npolicy=poly\npower=1\n"
                              "flip=0\nshift=1\nerase=.2\nexposure=1.1\n" LAYERS;
static const char CFG_ADAM[] = NET "adam=1\nlearning_rate=.005\npolicy=sgdr\nburn_in=3\n"
                                   "label_smooth_eps=.1\nema_alpha=.9\nshift=1\nmixup=.5\n" LAYERS;

static const char *const SUFFIXES[] = {".cfg",         ".names",       ".weights",
                                       ".history.csv", ".history.png", ".state"};
#define FILES (int)(sizeof(SUFFIXES) / sizeof(*SUFFIXES))

static char dir[256];
static unsigned char train_pixels[TRAIN * VALUES], train_labels[TRAIN];
static unsigned char valid_pixels[VALID * VALUES], valid_labels[VALID];
static const struct dataset TRAIN_DATA = {
    .count = TRAIN, .width = SIDE, .height = SIDE, .pixels = train_pixels, .label = train_labels};
static const struct dataset VALID_DATA = {
    .count = VALID, .width = SIDE, .height = SIDE, .pixels = valid_pixels, .label = valid_labels};

static inline void draw(unsigned char *pixels, unsigned char *labels, int count, uint64_t seed)
{
    struct rng r;
    rng_init(&r, seed, 0, 0);
    for (int i = 0; i < count; i++) {
        labels[i] = (unsigned char)(i % 7);
        for (int p = 0; p < VALUES; p++) {
            int bar = p / SIDE / 2 == labels[i];
            pixels[i * VALUES + p] = (unsigned char)((bar ? 190 : 20) + (int)rng_below(&r, 40));
        }
    }
}

/* ---- a run ---- */

/* What a run is made of, and what was heard of it. */
struct setup {
    const char *name; /* of the prefix, in `dir` */
    const char *cfg;
    const struct dataset *train, *valid;
    struct training_options options;
    int stop_at; /* updates heard of after which it is stopped, 0 for never */
    int kill_at; /* likewise, without a word */
    bool kill_in_epoch;
    int updates, epochs, best;
    struct epoch last;
    struct training_progress progress;
    char note[1024];
    struct err e;
};

static inline struct setup setup_of(const char *name)
{
    return (struct setup){.name = name,
                          .cfg = CFG,
                          .train = &TRAIN_DATA,
                          .valid = &VALID_DATA,
                          .options = {.epochs = EPOCHS, .seed = 5}};
}

static inline bool on_step(const struct training_progress *progress, void *context)
{
    struct setup *s = context;
    s->updates++;
    s->progress = *progress;
    if (s->updates == s->kill_at)
        _exit(77);
    return s->updates == s->stop_at;
}

static inline void on_epoch(const struct epoch *epoch, bool best, void *context)
{
    struct setup *s = context;
    s->epochs++;
    s->last = *epoch;
    if (best)
        s->best = epoch->number;
    if (s->kill_in_epoch)
        _exit(77);
}

static inline void on_note(const char *text, void *context)
{
    struct setup *s = context;
    strncat(s->note, text, sizeof(s->note) - strlen(s->note) - 1);
}

static inline char *path_of(const char *name, const char *suffix)
{
    char *prefix = path_join(dir, name);
    char *path = path_with_suffix(prefix, suffix);
    assert_non_null(path);
    free(prefix);
    return path;
}

static inline enum training_result train(struct setup *s)
{
    struct names names;
    char *prefix = path_of(s->name, "");
    struct nn_net *net = nn_net_parse("test.cfg", s->cfg, strlen(s->cfg), s->options.seed, &s->e);
    if (!net)
        fail_msg("%s", s->e.text);
    assert_int_equal(names_init_fer(&names, &s->e), 0);
    s->options.prefix = prefix;
    s->options.on_step = on_step;
    s->options.on_epoch = on_epoch;
    s->options.on_note = on_note;
    s->options.context = s;
    s->updates = 0;
    s->note[0] = '\0';
    s->e.text[0] = '\0';
    enum training_result result =
        train_general(net, &names, s->train, s->valid, &s->options, &s->e);
    names_release(&names);
    nn_net_free(net);
    free(prefix);
    return result;
}

static inline void train_well(struct setup *s, enum training_result expected)
{
    enum training_result result = train(s);
    if (result != expected)
        fail_msg("'%s': result %d, not %d: %s", s->name, result, expected, s->e.text);
}

/* Trains in a process of its own that the setup kills. */
static inline void train_and_die(struct setup *s)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        train(s);
        _exit(1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 77);
}

/* ---- files ---- */

static inline char *slurp(const char *name, const char *suffix, size_t *count)
{
    struct err e;
    char *bytes = NULL, *path = path_of(name, suffix);
    int failed = file_read(path, 1 << 24, &bytes, count, &e);
    free(path);
    if (failed)
        fail_msg("%s", e.text);
    return bytes;
}

/* Without file_write's syncs, of which a test has no use. */
static inline void spill(const char *name, const char *suffix, const void *bytes, size_t count)
{
    char *path = path_of(name, suffix);
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, count, stream), count);
    assert_int_equal(fclose(stream), 0);
    free(path);
}

static inline void remove_file(const char *name, const char *suffix)
{
    char *path = path_of(name, suffix);
    unlink(path);
    free(path);
}

static inline void remove_run(const char *name)
{
    for (int i = 0; i < FILES; i++)
        remove_file(name, SUFFIXES[i]);
}

static inline bool is_there(const char *name, const char *suffix)
{
    char *path = path_of(name, suffix);
    bool there = access(path, F_OK) == 0;
    free(path);
    return there;
}

static inline bool same_file(const char *a, const char *b, const char *suffix)
{
    size_t na, nb;
    char *x = slurp(a, suffix, &na), *y = slurp(b, suffix, &nb);
    bool same = na == nb && memcmp(x, y, na) == 0;
    free(x);
    free(y);
    return same;
}

static inline void assert_same_run(const char *a, const char *b)
{
    for (int i = 0; i < FILES; i++)
        if (!same_file(a, b, SUFFIXES[i]))
            fail_msg("%s%s and %s%s differ", a, SUFFIXES[i], b, SUFFIXES[i]);
}

static inline void copy_run(const char *from, const char *to)
{
    for (int i = 0; i < FILES; i++) {
        size_t count;
        if (!is_there(from, SUFFIXES[i])) {
            remove_file(to, SUFFIXES[i]);
            continue;
        }
        char *bytes = slurp(from, SUFFIXES[i], &count);
        spill(to, SUFFIXES[i], bytes, count);
        free(bytes);
    }
}

static inline void assert_says(const struct setup *s, const char *text)
{
    if (!text || !strstr(s->e.text, text))
        fail_msg("'%s' does not say '%s'", s->e.text, text ? text : "");
}

/* Is what a run wrote this cfg, but for the temperature? */
static inline void assert_cfg(const char *name, const char *cfg)
{
    struct err e;
    size_t count;
    char *written = slurp(name, ".cfg", &count);
    char *plain = nn_cfg_with_temperature(name, written, 0, &e);
    assert_non_null(plain);
    assert_string_equal(plain, cfg);
    free(plain);
    free(written);
}

/* Runs the files `name` wrote as a model on the validation pictures. */
static inline double accuracy_of_files(const char *name)
{
    struct model model;
    struct err e;
    float probabilities[VALID * 7];
    struct metrics metrics;
    char *prefix = path_of(name, "");
    if (model_open(&model, prefix, &e))
        fail_msg("%s", e.text);
    struct classifier *classifier = classifier_new(&model, TTA_NONE, &e);
    assert_non_null(classifier);
    classifier_run(classifier, valid_pixels, VALID, probabilities);
    assert_int_equal(metrics_compute(&metrics, valid_labels, probabilities, VALID, 7, &e), 0);
    double accuracy = metrics.accuracy;
    metrics_release(&metrics);
    classifier_free(classifier);
    model_close(&model);
    free(prefix);
    return accuracy;
}

static inline int make_data(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof(dir), "%s/train.XXXXXX", tmp ? tmp : "/tmp");
    draw(train_pixels, train_labels, TRAIN, 1);
    draw(valid_pixels, valid_labels, VALID, 2);
    /* One thread: the same bytes everywhere, and a fork has no pool to lose. */
    nn_set_threads(1);
    return mkdtemp(dir) ? 0 : -1;
}

/* Fails when a test left something behind, such as a file beside a target. */
static inline int remove_dir(void **state)
{
    (void)state;
    DIR *stream = opendir(dir);
    struct dirent *entry;
    int count = 0;
    while (stream && (entry = readdir(stream))) {
        char *path = path_join(dir, entry->d_name);
        if (entry->d_name[0] != '.' && unlink(path) == 0 && ++count)
            print_error("left behind: %s\n", path);
        free(path);
    }
    closedir(stream);
    return rmdir(dir) || count ? -1 : 0;
}

#endif
