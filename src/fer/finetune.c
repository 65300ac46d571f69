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

#define LEAST_EPOCHS 2

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

int finetune_check_pictures(const struct model *m, const struct dataset *d, const char *what,
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
    if (o->epochs < 0 || o->per_class < 0 || isnan(o->max_forget))
        return err_set(e,
                       "%d epochs, %d pictures of a class and a loss of %g points cannot all be "
                       "meant",
                       o->epochs, o->per_class, o->max_forget);
    return 0;
}

/* What can be frozen, and is there a head behind it? */
int finetune_check_head(const struct model *m, struct err *e)
{
    const int frozen = nn_net_frozen_layers(m->net);
    if (frozen <= 0)
        return err_set(e,
                       "'%s.cfg' has no convolutional or pooling layer, so nothing would stay as "
                       "it is",
                       m->prefix);
    if (nn_net_parameters_upto(m->net, frozen) == nn_net_parameters(m->net))
        return err_set(e,
                       "'%s.cfg' has no connected layer behind its last convolutional or pooling "
                       "one (line %d), so there is nothing to tune",
                       m->prefix, nn_net_layer_line(m->net, frozen - 1));
    if (nn_net_outputs(m->net) > FINETUNE_MOST_CLASSES)
        return err_set(e, "'%s.cfg' has %d classes, more than the %d that can be tuned", m->prefix,
                       nn_net_outputs(m->net), FINETUNE_MOST_CLASSES);
    return 0;
}

static int check(struct tuning *t, struct err *e)
{
    const struct finetune_data *d = t->data;
    if (check_options(t->options, e))
        return -1;
    if (d->user->count == 0)
        return err_set(e, "there is no picture of the user");
    if (d->general && d->replay)
        return err_set(e, "general data and '%s' exclude each other", d->replay);
    if (finetune_check_pictures(t->model, d->user, "the user's", e) ||
        (d->general && finetune_check_pictures(t->model, d->general, "the general", e)) ||
        finetune_check_head(t->model, e))
        return -1;
    t->frozen = nn_net_frozen_layers(t->model->net);
    return 0;
}

/* ---- what is measured on what ---- */

/* With a limit on forgetting PublicTest's even rows choose and the odd ones are reported. A replay
 * set holds even rows only, which then do both. */
static int share_test(struct tuning *t, struct err *e)
{
    const bool limited = t->options->max_forget >= 0, set = t->data->replay != NULL;
    const size_t count = t->test.count;
    if (limited && count < 2)
        return err_set(e,
                       "a limit on forgetting needs general pictures that were held out: a replay "
                       "set, or general data with PublicTest rows");
    t->judge = malloc((count + 1) * sizeof(*t->judge));
    t->exam = malloc((count + 1) * sizeof(*t->exam));
    if (!t->judge || !t->exam)
        return err_memory(e);
    for (size_t i = 0; i < count; i++) {
        if (limited && (set || i % 2 == 0))
            t->judge[t->judges++] = (uint32_t)i;
        if (!limited || set || i % 2 == 1)
            t->exam[t->exams++] = (uint32_t)i;
    }
    t->report->general = count == 0 ? FINETUNE_UNMEASURED
                         : set      ? FINETUNE_HELD_OUT
                         : limited  ? FINETUNE_ODD_ROWS
                                    : FINETUNE_PUBLIC_TEST;
    return 0;
}

/* Classes that cannot be learnt and judged apart. */
static void note_plan(const struct tuning *t)
{
    const struct finetune_options *o = t->options;
    const struct split_plan *plan = &t->plan;
    const struct finetune_class *c = t->report->classes;
    if (o->folds == 0 && o->holdout <= 0)
        return;
    if (plan->folds == 0) {
        finetune_note(o,
                      "the user's accuracy is not measured: %zu pictures in %zu groups that "
                      "belong together leave nothing to hold out",
                      t->user.count, plan->units);
        return;
    }
    for (int k = 0; k < t->model->names.count; k++) {
        const char *name = t->model->names.name[k];
        if (c[k].groups == 1 && o->folds)
            finetune_note(o,
                          "all pictures of '%s' (%zu) belong together, so they are judged by a "
                          "head that has learnt none of them",
                          name, c[k].pictures);
        else if (c[k].groups == 1)
            finetune_note(o,
                          "all pictures of '%s' (%zu) belong together, so none is held out and "
                          "nothing is measured on this class",
                          name, c[k].pictures);
    }
}

static int plan_estimate(struct tuning *t, struct err *e)
{
    const struct finetune_options *o = t->options;
    const struct split_options split = {.holdout = o->holdout,
                                        .folds = o->folds,
                                        .by = o->group_by,
                                        .classes = t->model->names.count,
                                        .seed = o->seed};
    struct finetune_report *r = t->report;
    r->classes = calloc(t->head.classes, sizeof(*r->classes));
    if (!r->classes)
        return err_memory(e);
    if (share_test(t, e) || split_plan_init(&t->plan, t->data->user, &split, e))
        return -1;
    for (size_t i = 0; i < t->user.count; i++) {
        r->classes[t->user.label[i]].pictures++;
        r->classes[t->user.label[i]].n += t->plan.fold[i] >= 0;
    }
    for (size_t k = 0; k < t->head.classes; k++)
        r->classes[k].groups = t->plan.groups[k];
    r->n_groups = t->plan.units;
    note_plan(t);
    const size_t rows = t->user.count > t->test.count ? t->user.count : t->test.count;
    t->scratch = calloc(rows, t->head.classes * sizeof(float));
    return t->scratch ? 0 : err_memory(e);
}

/* ---- a run ---- */

static size_t count_updates(const struct tuning *t)
{
    size_t updates = head_updates(&t->lessons, tuning_lesson_size(t, -1));
    for (int fold = 0; fold < t->plan.folds; fold++) {
        const size_t train = tuning_lesson_size(t, fold);
        updates += train ? head_updates(&t->lessons, train) : 0;
    }
    return updates;
}

/* Few pictures make few updates a pass, so they are passed over more often. */
static int choose_epochs(const struct tuning *t, const struct recipe *recipe)
{
    const struct head_lessons one = {.recipe = recipe, .epochs = 1};
    const size_t pass = head_updates(&one, tuning_lesson_size(t, -1));
    const int passes = (int)((recipe->updates + pass - 1) / pass);
    if (t->options->epochs || recipe->epochs)
        return t->options->epochs ? t->options->epochs : recipe->epochs;
    return passes > LEAST_EPOCHS ? passes : LEAST_EPOCHS;
}

static enum finetune_result prepare(struct tuning *t, struct err *e)
{
    const struct finetune_options *o = t->options;
    const enum finetune_result result = tuning_collect(t, e);
    if (result != FINETUNE_DONE)
        return result;
    char *cfg = path_with_suffix(t->model->prefix, ".cfg");
    if (!cfg) {
        err_memory(e);
        return FINETUNE_FAILED;
    }
    const int failed = head_init(&t->head, t->model->net, t->frozen, cfg, e);
    free(cfg);
    const struct recipe *recipe = finetune_recipe(o->method, t->replay.count > 0);
    if (failed || plan_estimate(t, e))
        return FINETUNE_FAILED;
    t->lessons = (struct head_lessons){.recipe = recipe,
                                       .user = &t->user,
                                       .replay = recipe->general ? &t->replay : NULL,
                                       .norm = pool_norm(&t->user),
                                       .square = pool_square(&t->user),
                                       .epochs = choose_epochs(t, recipe),
                                       .seed = o->seed,
                                       .report = &t->progress};
    t->progress.what = "tuning";
    t->progress.done = 0;
    t->progress.total = count_updates(t);
    return FINETUNE_DONE;
}

static void describe(struct tuning *t)
{
    t->report->n_replay = t->lessons.replay ? t->replay.count : 0;
    t->report->method = t->options->method == FINETUNE_REPLAY && !t->lessons.replay
                            ? FINETUNE_DISTIL
                            : t->options->method;
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
    memset(report, 0, sizeof(*report));
    if (check(&t, e))
        goto out;
    result = FINETUNE_NOT_WRITTEN;
    if (model_check_outputs(options->prefix, e))
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
out:
    if (result == FINETUNE_DONE)
        *report = made;
    else
        finetune_report_release(&made);
    tuning_release(&t);
    return result;
}

void finetune_report_release(struct finetune_report *r)
{
    free(r->classes);
    free(r->suspects);
    memset(r, 0, sizeof(*r));
}
