/* General training: epochs of updates, each measured on the validation pictures.
 *
 *     shuffled batch -> augment -> forward -> loss -> backward -> update -> validate -> checkpoint
 *
 * The softmax runs at temperature 1 throughout, whatever the cfg has; the temperature fitted to the
 * best weights is in the cfg that is written beside them, and nowhere else.
 *
 * Files are written in an order that leaves something usable whenever the program is killed: the
 * model (its weights last), the history, and then the state, from which the same files are made
 * again. */
#include "fer.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "fer/batches.h"
#include "fer/checkpoint.h"
#include "fer/history.h"
#include "fer/teachers.h"
#include "fer/train_files.h"
#include "fer/trained_model.h"
#include "fer/validation.h"

/* A run. The first five are borrowed. */
struct training {
    struct nn_net *net;
    const struct names *names;
    const struct dataset *train, *valid;
    const struct training_options *options;
    struct training_files files; /* owned */
    int epochs;
    uint64_t key[KEY_COUNT];
    struct augmentation augmentation;
    struct batches batches;         /* owned */
    struct nn_trainer *trainer;     /* owned */
    struct nn_net *exported;        /* what is measured and written: nn_trainer_export's; owned */
    struct validation validation;   /* owned */
    struct teachers teachers;       /* owned */
    struct trained_model model;     /* what is kept */
    float *input, *target, *output; /* a batch's; owned */
    unsigned char *label;           /* a batch's; owned */
    struct checkpoint at;           /* where the run stands; owned */
};

static int save_state(const struct training *t, struct err *e)
{
    return checkpoint_write(&t->at, t->trainer, t->files.state, e);
}

/* ---- preparation ---- */

static int check_pictures(const struct training *t, const struct dataset *d, const char *what,
                          struct err *e)
{
    struct nn_shape shape = nn_net_input(t->net);
    if (d->count == 0)
        return err_set(e, "there is no %s picture", what);
    if (shape.channels != 1 || d->width != shape.width || d->height != shape.height)
        return err_set(e,
                       "the %s pictures are 1 x %d x %d (channels, height, width), the network "
                       "takes %d x %d x %d",
                       what, d->height, d->width, shape.channels, shape.height, shape.width);
    for (size_t i = 0; i < d->count; i++)
        if (d->label[i] >= t->names->count)
            return err_set(e, "%s picture %zu has label %d of %d classes", what, i, d->label[i],
                           t->names->count);
    return 0;
}

static int check_inputs(const struct training *t, struct err *e)
{
    if (t->names->count != nn_net_outputs(t->net))
        return err_set(e, "there are %d names for the %d outputs of the network", t->names->count,
                       nn_net_outputs(t->net));
    if (check_pictures(t, t->train, "training", e))
        return -1;
    return check_pictures(t, t->valid, "validation", e);
}

/* Settles the batch, the number of epochs and with it the end that the rate's policy has. */
static int plan_length(struct training *t, struct err *e)
{
    const struct training_options *o = t->options;
    long max_batches = nn_net_max_batches(t->net);
    t->batches = (struct batches){.data = t->train,
                                  .augmentation = &t->augmentation,
                                  .seed = o->seed,
                                  .size = o->batch ? o->batch : nn_net_batch(t->net),
                                  .classes = t->names->count};
    if (t->batches.size < 1)
        return err_set(e, "neither the options nor the cfg's [net] give a batch");
    if (batches_init(&t->batches, e))
        return -1;
    long updates = t->batches.count, epochs = o->epochs;
    if (epochs == 0)
        epochs = max_batches / updates + (max_batches % updates != 0);
    if (epochs < 1)
        return err_set(
            e, "neither the options nor the cfg's [net] (max_batches) say how long to train");
    if (epochs >= INT_MAX || epochs > LONG_MAX / updates)
        return err_set(e, "%ld epochs of %ld updates are too many", epochs, updates);
    t->epochs = (int)epochs;
    nn_net_set_max_batches(t->net, epochs * updates);
    return 0;
}

static uint64_t data_checksum(const struct dataset *d)
{
    size_t values = (size_t)d->width * (size_t)d->height;
    return crc32_z(crc32_z(0, d->pixels, d->count * values), d->label, d->count);
}

static int make_key(struct training *t, struct err *e)
{
    uLong names = 0;
    for (int i = 0; i < t->names->count; i++)
        names = crc32_z(names, (const Bytef *)t->names->name[i], strlen(t->names->name[i]) + 1);
    t->key[KEY_NAMES] = names;
    t->key[KEY_EPOCHS] = (uint64_t)t->epochs;
    t->key[KEY_BATCH] = (uint64_t)t->batches.size;
    t->key[KEY_SEED] = t->options->seed;
    t->key[KEY_TRAIN_COUNT] = t->train->count;
    t->key[KEY_TRAIN_DATA] = data_checksum(t->train);
    t->key[KEY_VALID_COUNT] = t->valid->count;
    t->key[KEY_VALID_DATA] = data_checksum(t->valid);
    t->key[KEY_TEACHERS] =
        teachers_key(t->options->teachers, t->options->teacher_count, t->options->teacher_weight);
    return trained_cfg_checksum(t->net, &t->key[KEY_CFG], e);
}

static int make_engine(struct training *t, struct err *e)
{
    struct nn_trainer_options engine = {.batch = t->batches.size, .seed = t->options->seed};
    size_t values = (size_t)t->train->width * (size_t)t->train->height;
    size_t batch = (size_t)t->batches.size, classes = (size_t)t->names->count;
    t->trainer = nn_trainer_new(t->net, &engine, e);
    if (!t->trainer)
        return -1;
    const char *cfg = nn_net_cfg_text(t->net);
    t->exported = nn_net_parse(t->options->prefix, cfg, strlen(cfg), NN_UNDRAWN, e);
    if (!t->exported || validation_init(&t->validation, t->exported, t->valid, e))
        return -1;
    nn_net_set_temperature(t->exported, 1);
    t->model.net = t->exported;
    if (teachers_init(&t->teachers, t->options->teachers, t->options->teacher_count,
                      t->options->teacher_weight, batch, t->net, t->names, e))
        return -1;
    t->input = calloc(batch, values * sizeof(float));
    t->target = calloc(batch, classes * sizeof(float));
    t->output = calloc(batch, classes * sizeof(float));
    t->label = calloc(batch, 1);
    return t->input && t->target && t->output && t->label ? 0 : err_memory(e);
}

static void note_threads(const struct training *t)
{
    char text[160];
    if (t->at.threads == nn_threads() || !t->options->on_note)
        return;
    snprintf(text, sizeof(text),
             "the state was written with %d threads, now there are %d: the results can differ in "
             "the last digits",
             t->at.threads, nn_threads());
    t->options->on_note(text, t->options->context);
}

static void note_place(const struct training *t)
{
    char text[160];
    if (!t->options->on_note)
        return;
    if (t->at.epoch > t->epochs)
        snprintf(text, sizeof(text), "all %d epochs are done already", t->epochs);
    else
        snprintf(text, sizeof(text), "going on in epoch %d of %d after %ld of %ld updates",
                 t->at.epoch, t->epochs, t->at.step, t->batches.count);
    t->options->on_note(text, t->options->context);
}

/* Reads the state and makes sure that it is this run's; the engine is not touched yet. */
static int read_state(struct training *t, struct err *e)
{
    const char *path = t->files.state;
    struct err reason = {""};
    if (checkpoint_read(&t->at, path, &reason))
        return err_set(e, "cannot resume: %s", reason.text);
    if (checkpoint_fits(&t->at, t->key, path, e))
        return -1;
    if (t->at.epoch > t->epochs + 1 || t->at.step > t->batches.count ||
        t->at.hits > (uint64_t)t->at.step * (uint64_t)t->batches.size)
        return err_set(
            e, "cannot resume from '%s': epoch %d, update %ld is beyond %d epochs of %ld updates",
            path, t->at.epoch, t->at.step, t->epochs, t->batches.count);
    /* Later epochs may all be worse, so without the best weights so far there would be no model in
     * the end. */
    if (t->at.best_epoch > 0 && nn_net_load_weights(t->net, t->files.model.weights, &reason))
        return err_set(e, "cannot resume without the best weights so far (epoch %d): %s",
                       t->at.best_epoch, reason.text);
    return 0;
}

static int resume(struct training *t, struct err *e)
{
    if (checkpoint_restore(&t->at, t->trainer, t->files.state, e))
        return -1;
    note_threads(t);
    note_place(t);
    t->at.threads = nn_threads();
    return 0;
}

/* ---- an epoch ---- */

static size_t count_hits(const struct training *t)
{
    size_t hits = 0;
    const int classes = t->names->count;
    for (int i = 0; i < t->batches.size; i++)
        hits += top_class(t->output + (size_t)i * (size_t)classes, classes) == t->label[i];
    return hits;
}

static enum training_result give_up(const struct training *t, const char *what, struct err *e)
{
    char kept[64] = "no weights were kept yet";
    if (t->at.best_epoch > 0)
        snprintf(kept, sizeof(kept), "the weights of epoch %d are kept", t->at.best_epoch);
    err_set(e, "training failed: %s in epoch %d, update %ld of %ld (learning rate %.7g); %s", what,
            t->at.epoch, t->at.step, t->batches.count, t->at.rate, kept);
    return TRAINING_FAILED;
}

static double mean_loss(const struct training *t)
{
    return t->at.loss / (double)t->at.step;
}

static double train_accuracy(const struct training *t)
{
    return (double)t->at.hits / ((double)t->at.step * t->batches.size);
}

/* Tells the caller how far the run is; true when it asks to stop. */
static bool report_step(const struct training *t)
{
    if (!t->options->on_step)
        return false;
    struct training_progress progress = {
        .epoch = t->at.epoch,
        .epochs = t->epochs,
        .done = (size_t)t->at.step * (size_t)t->batches.size,
        .total = (size_t)t->batches.count * (size_t)t->batches.size,
        .loss = mean_loss(t),
        .accuracy = train_accuracy(t),
    };
    return t->options->on_step(&progress, t->options->context);
}

/* The updates of an epoch that are still to be made. */
static enum training_result train_epoch(struct training *t, struct err *e)
{
    batches_shuffle(&t->batches, t->at.epoch);
    while (t->at.step < t->batches.count) {
        batches_fill(&t->batches, t->at.step, t->input, t->target, t->label);
        teachers_mix(&t->teachers, t->input, t->target);
        t->at.rate = nn_trainer_rate(t->trainer);
        double loss = nn_trainer_step(t->trainer, t->input, t->target, t->output);
        t->at.step++;
        if (!isfinite(loss))
            return give_up(t, "the loss is not finite", e);
        t->at.loss += loss;
        t->at.hits += count_hits(t);
        if (report_step(t))
            return save_state(t, e) ? TRAINING_NOT_WRITTEN : TRAINING_STOPPED;
    }
    return TRAINING_DONE;
}

/* Enters the epoch that ended into the history and begins the next. */
static int close_epoch(struct training *t, const struct metrics *m, struct err *e)
{
    struct checkpoint *at = &t->at;
    struct epoch *history = realloc(at->history, (size_t)at->epoch * sizeof(*history));
    if (!history)
        return err_memory(e);
    at->history = history;
    struct epoch *last = &history[at->epoch - 1];
    *last = (struct epoch){.number = at->epoch,
                           .rate = at->rate,
                           .train_loss = mean_loss(t),
                           .train_accuracy = train_accuracy(t),
                           .valid_loss = m->log_loss,
                           .valid_accuracy = m->accuracy};
    history_round(last);
    at->epoch++;
    at->step = 0;
    at->loss = 0;
    at->hits = 0;
    return 0;
}

static enum training_result finish_epoch(struct training *t, struct err *e)
{
    struct metrics m = {0};
    struct err reason = {""};
    enum training_result result = TRAINING_FAILED;
    nn_trainer_export(t->trainer, t->exported);
    if (validation_run(&t->validation, &m, &reason)) {
        give_up(t, reason.text, e);
        goto out;
    }
    bool best = t->at.best_epoch == 0 || m.accuracy > t->at.best_accuracy;
    if (best) {
        t->at.best_epoch = t->at.epoch;
        t->at.best_accuracy = m.accuracy;
    }
    if (close_epoch(t, &m, e))
        goto out;
    result = TRAINING_NOT_WRITTEN;
    if ((best && trained_model_write(&t->model, e)) ||
        training_files_save_history(&t->files, t->at.history, (size_t)t->at.epoch - 1, e) ||
        save_state(t, e))
        goto out;
    result = TRAINING_DONE;
    if (t->options->on_epoch)
        t->options->on_epoch(&t->at.history[t->at.epoch - 2], best, t->options->context);
out:
    metrics_release(&m);
    return result;
}

/* ---- a run ---- */

static enum training_result run(struct training *t, struct err *e)
{
    while (t->at.epoch <= t->epochs) {
        enum training_result result = train_epoch(t, e);
        if (result == TRAINING_DONE)
            result = finish_epoch(t, e);
        if (result != TRAINING_DONE)
            return result;
    }
    return TRAINING_DONE;
}

static int prepare(struct training *t, struct err *e)
{
    nn_net_set_temperature(t->net, 1);
    if (augmentation_init(&t->augmentation, t->net, e) || plan_length(t, e) || make_key(t, e))
        return -1;
    if (t->options->resume)
        return read_state(t, e) || make_engine(t, e) || resume(t, e) ? -1 : 0;
    t->at = (struct checkpoint){.threads = nn_threads(), .epoch = 1};
    memcpy(t->at.key, t->key, sizeof(t->key));
    return make_engine(t, e);
}

static void training_release(struct training *t)
{
    validation_release(&t->validation);
    teachers_release(&t->teachers);
    nn_trainer_free(t->trainer);
    nn_net_free(t->exported);
    batches_release(&t->batches);
    checkpoint_release(&t->at);
    free(t->input);
    free(t->target);
    free(t->output);
    free(t->label);
    training_files_release(&t->files);
}

enum training_result train_general(struct nn_net *net, const struct names *names,
                                   const struct dataset *train, const struct dataset *valid,
                                   const struct training_options *options, struct err *e)
{
    struct training t = {
        .net = net, .names = names, .train = train, .valid = valid, .options = options};
    t.model = (struct trained_model){
        .files = &t.files.model, .names = names, .validation = &t.validation};
    enum training_result result = TRAINING_FAILED;
    if (training_files_init(&t.files, options->prefix, e) || check_inputs(&t, e))
        goto out;
    result = TRAINING_NOT_WRITTEN;
    if (training_check_outputs(options->prefix, e))
        goto out;
    result = TRAINING_FAILED;
    if (prepare(&t, e))
        goto out;
    /* From here on there is always a state to resume from, however the run ends. */
    result = TRAINING_NOT_WRITTEN;
    if (!options->resume && save_state(&t, e))
        goto out;
    result = run(&t, e);
    if (result == TRAINING_DONE)
        trained_model_note(&t.model, options);
out:
    training_release(&t);
    return result;
}
