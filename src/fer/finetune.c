/* Personal tuning: features, estimate, the final head, files. The parts are in finetune_*.c, see
 * finetune.h. */
#include "fer/finetune.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/rng.h"

/* General pictures learnt beside the user's. Their features take 4 bytes x the width of a feature
 * each, and some milliseconds. */
#define REPLAY_LIMIT 8192

#define MIN_UPDATES 300

/* ---- callbacks ---- */

bool finetune_step(struct finetune_reporter *r, size_t count, double loss)
{
    const struct finetune_options *o = r->options;
    r->done += count;
    const struct finetune_progress progress = {
        .what = r->what, .done = r->done, .total = r->total, .loss = loss};
    return o->on_step && o->on_step(&progress, o->context);
}

void finetune_note(const struct finetune_options *o, const char *format, ...)
{
    char text[512];
    va_list args;
    if (!o->on_note)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    o->on_note(text, o->context);
}

/* ---- checks ---- */

static int check_pictures(const struct model *m, const struct dataset *d, const char *what,
                          struct err *e)
{
    const struct nn_shape shape = nn_net_input(m->net);
    if (shape.channels != 1 || d->width != shape.width || d->height != shape.height)
        return err_set(e,
                       "%s pictures are 1 x %d x %d (channels, height, width), the network takes "
                       "%d x %d x %d",
                       what, d->height, d->width, shape.channels, shape.height, shape.width);
    if (d->count > UINT32_MAX)
        return err_set(e, "%zu %s pictures are too many", d->count, what);
    for (size_t i = 0; i < d->count; i++)
        if (d->label[i] >= m->names.count)
            return err_set(e, "%s picture %zu has label %d of %d classes", what, i, d->label[i],
                           m->names.count);
    return 0;
}

static int check_options(const struct finetune_options *o, struct err *e)
{
    if (!(o->holdout >= 0 && o->holdout <= 0.9))
        return err_set(e, "a share of %g cannot be held out: it must be 0 to 0.9", o->holdout);
    if (o->folds < 0 || o->folds == 1 || o->folds > FINETUNE_MAX_FOLDS)
        return err_set(e, "there cannot be %d folds: 0 or 2 to %d", o->folds, FINETUNE_MAX_FOLDS);
    if (o->epochs < 0 || isnan(o->max_forget))
        return err_set(e, "neither %d epochs nor a loss of %g points make sense", o->epochs,
                       o->max_forget);
    return 0;
}

/* What can be frozen, and is there a head behind it? */
static int find_head(struct tuning *t, struct err *e)
{
    const struct nn_net *net = t->model->net;
    t->frozen = nn_net_frozen_layers(net);
    if (t->frozen <= 0)
        return err_set(e,
                       "'%s.cfg' has no convolutional or pooling layer, so nothing would stay as "
                       "it is",
                       t->model->prefix);
    if (nn_net_parameters_upto(net, t->frozen) == nn_net_parameters(net))
        return err_set(e,
                       "'%s.cfg' has no connected layer behind its last convolutional or pooling "
                       "one (line %d), so there is nothing to tune",
                       t->model->prefix, nn_net_layer_line(net, t->frozen - 1));
    return 0;
}

static int check(struct tuning *t, struct err *e)
{
    const struct finetune_data *d = t->data;
    if (check_options(t->options, e))
        return -1;
    if (d->user->count == 0)
        return err_set(e, "there is no picture of the user");
    if (check_pictures(t->model, d->user, "the user's", e))
        return -1;
    if (d->general && check_pictures(t->model, d->general, "the general", e))
        return -1;
    return find_head(t, e);
}

/* ---- features ---- */

/* The rows of a split, in order; in new memory. */
static uint32_t *rows_of(const struct dataset *d, unsigned split, size_t *count, struct err *e)
{
    uint32_t *row = malloc((d->count + 1) * sizeof(*row));
    if (!row)
        return err_memory_null(e);
    *count = 0;
    for (size_t i = 0; i < d->count; i++)
        if (d->split[i] & split)
            row[(*count)++] = (uint32_t)i;
    return row;
}

/* All rows of the general data that are needed, a sample of the Training ones. */
struct general_rows {
    uint32_t *replay, *test; /* owned */
    size_t replays, tests;
};

static int choose_general(const struct tuning *t, struct general_rows *g, struct err *e)
{
    struct rng r;
    if (!t->data->general)
        return 0;
    g->replay = rows_of(t->data->general, SPLIT_TRAINING, &g->replays, e);
    g->test = rows_of(t->data->general, SPLIT_PUBLIC_TEST, &g->tests, e);
    if (!g->replay || !g->test)
        return -1;
    if (g->replays == 0)
        return err_set(e, "the general data have no Training picture to learn beside the user's");
    if (g->replays > REPLAY_LIMIT) {
        rng_init(&r, t->options->seed, STREAM_REPLAY, 0);
        rng_shuffle(&r, g->replay, g->replays);
        g->replays = REPLAY_LIMIT;
    }
    return 0;
}

static enum finetune_result extract_general(struct tuning *t, struct extractor *x,
                                            const struct general_rows *g, struct err *e)
{
    enum finetune_result result = FINETUNE_DONE;
    if (g->replays)
        result =
            extractor_run(x, t->data->general, g->replay, g->replays, POOL_EITHER, &t->replay, e);
    if (result == FINETUNE_DONE && g->tests)
        result = extractor_run(x, t->data->general, g->test, g->tests, POOL_PLAIN, &t->test, e);
    return result;
}

static enum finetune_result extract(struct tuning *t, struct err *e)
{
    struct extractor x = {.seed = t->options->seed, .report = &t->progress};
    struct general_rows g = {0};
    enum finetune_result result = FINETUNE_FAILED;
    const size_t users = t->data->user->count;
    uint32_t *all = malloc(users * sizeof(*all));
    if (!all) {
        err_memory(e);
        goto out;
    }
    for (size_t i = 0; i < users; i++)
        all[i] = (uint32_t)i;
    if (extractor_init(&x, t->model->net, t->frozen, e) || choose_general(t, &g, e))
        goto out;
    t->progress.what = "features";
    t->progress.total = 2 * users + g.replays + g.tests;
    result = extractor_run(&x, t->data->user, all, users, POOL_BOTH, &t->user, e);
    if (result == FINETUNE_DONE)
        result = extract_general(t, &x, &g, e);
out:
    extractor_release(&x);
    free(g.replay);
    free(g.test);
    free(all);
    return result;
}

/* ---- what is measured on what ---- */

/* With a limit on forgetting the even PublicTest rows choose and the odd ones are reported. */
static int share_test(struct tuning *t, struct err *e)
{
    const bool limited = t->options->max_forget >= 0;
    const size_t count = t->test.count;
    if (limited && count < 2)
        return err_set(e, "a limit on forgetting needs general data with PublicTest pictures");
    t->judge = malloc((count + 1) * sizeof(*t->judge));
    t->exam = malloc((count + 1) * sizeof(*t->exam));
    if (!t->judge || !t->exam)
        return err_memory(e);
    for (size_t i = 0; i < count; i++) {
        if (limited && i % 2 == 0)
            t->judge[t->judges++] = (uint32_t)i;
        else
            t->exam[t->exams++] = (uint32_t)i;
    }
    return 0;
}

static void note_plan(const struct tuning *t)
{
    const struct finetune_options *o = t->options;
    const struct split_plan *plan = &t->plan;
    if (o->folds == 0 && o->holdout <= 0)
        return;
    for (int k = 0; k < t->model->names.count; k++) {
        size_t count = 0;
        for (size_t i = 0; i < t->user.count; i++)
            count += t->user.label[i] == k;
        if (count > 0 && plan->classes[k] == 0)
            finetune_note(o,
                          "'%s' has one picture, which cannot be held out: nothing is "
                          "measured on this class",
                          t->model->names.name[k]);
    }
    if (plan->held == 0)
        finetune_note(o, "no picture can be held out, so the user's accuracy is not measured");
    if (plan->pieces)
        finetune_note(
            o,
            "%zu of the groups of pictures that look alike or are numbered in a row had to be "
            "divided, being larger than what is held out of their class: the estimate may be "
            "too high",
            plan->pieces);
}

static int plan_estimate(struct tuning *t, struct err *e)
{
    const struct finetune_options *o = t->options;
    const struct split_options split = {.holdout = o->holdout,
                                        .folds = o->folds,
                                        .classes = t->model->names.count,
                                        .seed = o->seed};
    if (share_test(t, e) || split_plan_init(&t->plan, t->data->user, &split, e))
        return -1;
    note_plan(t);
    const size_t rows = t->user.count > t->test.count ? t->user.count : t->test.count;
    t->scratch = calloc(rows, t->head.classes * sizeof(float));
    return t->scratch ? 0 : err_memory(e);
}

/* ---- a run ---- */

static size_t count_updates(const struct tuning *t)
{
    size_t updates = head_updates(&t->lessons, t->user.count);
    for (int fold = 0; fold < t->plan.folds; fold++) {
        size_t train = 0, held = 0;
        for (size_t i = 0; i < t->user.count; i++) {
            train += t->plan.fold[i] != fold;
            held += t->plan.fold[i] == fold;
        }
        updates += held && train ? head_updates(&t->lessons, train) : 0;
    }
    return updates;
}

/* Few pictures make few updates a pass, so they are passed over more often. */
static int choose_epochs(const struct tuning *t)
{
    const struct head_lessons one = {.epochs = 1};
    const size_t updates = head_updates(&one, t->user.count);
    const size_t passes = (MIN_UPDATES + updates - 1) / updates;
    if (t->options->epochs)
        return t->options->epochs;
    return passes > FINETUNE_EPOCHS ? (int)passes : FINETUNE_EPOCHS;
}

static enum finetune_result prepare(struct tuning *t, struct err *e)
{
    const struct finetune_options *o = t->options;
    const enum finetune_result result = extract(t, e);
    if (result != FINETUNE_DONE)
        return result;
    char *cfg = path_with_suffix(t->model->prefix, ".cfg");
    if (!cfg) {
        err_memory(e);
        return FINETUNE_FAILED;
    }
    const int failed = head_init(&t->head, t->model->net, t->frozen, cfg, e);
    free(cfg);
    t->lessons = (struct head_lessons){.user = &t->user,
                                       .replay = t->replay.count ? &t->replay : NULL,
                                       .norm = pool_norm(&t->user),
                                       .epochs = choose_epochs(t),
                                       .seed = o->seed,
                                       .report = &t->progress};
    if (failed || plan_estimate(t, e))
        return FINETUNE_FAILED;
    t->progress.what = "tuning";
    t->progress.done = 0;
    t->progress.total = count_updates(t);
    return FINETUNE_DONE;
}

static void describe(struct tuning *t)
{
    t->report->n_user = t->user.count;
    t->report->n_replay = t->replay.count;
    t->report->folds = t->options->folds;
    t->report->frozen = t->frozen;
    if (t->report->blend <= 0)
        finetune_note(t->options,
                      "no tuned head keeps the general accuracy within %g points: the old head is "
                      "written unchanged",
                      t->options->max_forget);
}

static enum finetune_result write_model(struct tuning *t, struct err *e)
{
    nn_net_set_values(t->model->net, nn_net_values(t->head.net));
    const enum finetune_result result =
        tuned_write(t->model, t->head.frozen_values, t->options->prefix, e);
    if (result != FINETUNE_DONE)
        nn_net_set_values(t->model->net, t->head.old);
    return result;
}

static void tuning_release(struct tuning *t)
{
    pool_release(&t->user);
    pool_release(&t->replay);
    pool_release(&t->test);
    head_release(&t->head);
    split_plan_release(&t->plan);
    free(t->judge);
    free(t->exam);
    free(t->scratch);
}

enum finetune_result finetune(struct model *m, const struct finetune_data *data,
                              const struct finetune_options *options,
                              struct finetune_report *report, struct err *e)
{
    struct finetune_report made = {0};
    struct tuning t = {.model = m,
                       .data = data,
                       .options = options,
                       .report = &made,
                       .progress = {.options = options}};
    enum finetune_result result = FINETUNE_FAILED;
    if (check(&t, e))
        goto out;
    result = FINETUNE_NOT_WRITTEN;
    if (finetune_check_outputs(options->prefix, e))
        goto out;
    result = prepare(&t, e);
    if (result == FINETUNE_DONE)
        result = tuning_estimate(&t, e);
    if (result == FINETUNE_DONE)
        result = tuning_finish(&t, e);
    if (result != FINETUNE_DONE)
        goto out;
    describe(&t);
    result = write_model(&t, e);
    if (result == FINETUNE_DONE)
        *report = made;
out:
    tuning_release(&t);
    return result;
}
