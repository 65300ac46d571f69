/* What personal tuning measures: heads that have not seen a picture on that picture, and the
 * general accuracy before and after; with a limit on forgetting also how far each head is moved
 * back. See finetune.h. */
#include "fer/finetune.h"

#include <stdlib.h>
#include <string.h>

#define BLEND_STEPS 20 /* from 1 to 0, for max_forget */

/* ---- accuracies ---- */

/* `probabilities` (count, classes) belong to the rows `row` of the pool. */
static int measure(const struct tuning *t, const struct pool *p, const uint32_t *row, size_t count,
                   const float *probabilities, struct finetune_measure *out, struct err *e)
{
    struct metrics m;
    memset(out, 0, sizeof(*out));
    if (count == 0)
        return 0;
    unsigned char *label = malloc(count);
    if (!label)
        return err_memory(e);
    for (size_t i = 0; i < count; i++)
        label[i] = p->label[row[i]];
    const int failed = metrics_compute(&m, label, probabilities, count, t->model->names.count, e);
    free(label);
    if (failed)
        return -1;
    *out = (struct finetune_measure){.n = count,
                                     .accuracy = m.accuracy,
                                     .low = m.low,
                                     .high = m.high,
                                     .balanced_accuracy = m.balanced_accuracy};
    for (int k = 0; k < m.classes; k++)
        out->hits += m.confusion[k * m.classes + k];
    metrics_release(&m);
    return 0;
}

/* The head as it is now on rows of the test pool. */
static int measure_general(struct tuning *t, const uint32_t *row, size_t count,
                           struct finetune_measure *out, struct err *e)
{
    head_predict(&t->head, &t->test, row, count, t->scratch);
    return measure(t, &t->test, row, count, t->scratch, out, e);
}

/* ---- heads ---- */

/* Moves the tuned head back towards the old one until the judging rows allow it. */
static int choose_blend(struct tuning *t, double *blend, struct err *e)
{
    struct finetune_measure before, now;
    *blend = 1;
    if (t->judges == 0)
        return 0;
    head_blend(&t->head, 0);
    if (measure_general(t, t->judge, t->judges, &before, e))
        return -1;
    /* In pictures, so that a limit such as 2 % of 1,800 is not missed by a rounding. */
    const double allowed = t->options->max_forget / 100 * (double)t->judges + 1e-9;
    for (int step = BLEND_STEPS; step > 0; step--) {
        *blend = (double)step / BLEND_STEPS;
        head_blend(&t->head, *blend);
        if (measure_general(t, t->judge, t->judges, &now, e))
            return -1;
        if ((double)before.hits - (double)now.hits <= allowed)
            return 0;
    }
    *blend = 0;
    head_blend(&t->head, 0);
    return 0;
}

/* One head from the user's rows, as PREFIX gets it and as the estimate imitates it. */
static enum finetune_result tune(struct tuning *t, const uint32_t *row, size_t count,
                                 uint64_t number, double *blend, struct err *e)
{
    const enum finetune_result result = head_train(&t->head, &t->lessons, row, count, number, e);
    if (result != FINETUNE_DONE)
        return result;
    return choose_blend(t, blend, e) ? FINETUNE_FAILED : FINETUNE_DONE;
}

/* Rows of the user's that fold `fold` holds out, or that it trains on. Returns how many. */
static size_t fold_rows(const struct tuning *t, int fold, bool held, uint32_t *row)
{
    size_t count = 0;
    for (size_t i = 0; i < t->user.count; i++)
        if ((t->plan.fold[i] == fold) == held)
            row[count++] = (uint32_t)i;
    return count;
}

/* The user's pictures, each judged by a head that has not seen it. */
struct estimate {
    uint32_t *row, *train; /* (user.count): held out so far; of the fold under way; owned */
    float *before, *after; /* (user.count, classes), of `row`; owned */
    size_t count;
};

static int estimate_init(struct estimate *s, const struct tuning *t, struct err *e)
{
    const size_t n = t->user.count;
    *s = (struct estimate){.row = calloc(n, sizeof(*s->row)),
                           .train = calloc(n, sizeof(*s->train)),
                           .before = calloc(n, t->head.classes * sizeof(float)),
                           .after = calloc(n, t->head.classes * sizeof(float))};
    return s->row && s->train && s->before && s->after ? 0 : err_memory(e);
}

static void estimate_release(struct estimate *s)
{
    free(s->row);
    free(s->train);
    free(s->before);
    free(s->after);
}

static enum finetune_result estimate_fold(struct tuning *t, struct estimate *s, int fold,
                                          struct err *e)
{
    double blend;
    uint32_t *held = s->row + s->count;
    const size_t train = fold_rows(t, fold, false, s->train), n = fold_rows(t, fold, true, held);
    if (n == 0 || train == 0)
        return FINETUNE_DONE;
    const enum finetune_result result = tune(t, s->train, train, (uint64_t)fold + 1, &blend, e);
    if (result != FINETUNE_DONE)
        return result;
    head_predict(&t->head, &t->user, held, n, s->after + s->count * t->head.classes);
    head_blend(&t->head, 0);
    head_predict(&t->head, &t->user, held, n, s->before + s->count * t->head.classes);
    s->count += n;
    return FINETUNE_DONE;
}

enum finetune_result tuning_estimate(struct tuning *t, struct err *e)
{
    struct estimate s;
    enum finetune_result result = FINETUNE_FAILED;
    if (estimate_init(&s, t, e))
        goto out;
    result = FINETUNE_DONE;
    for (int fold = 0; fold < t->plan.folds && result == FINETUNE_DONE; fold++)
        result = estimate_fold(t, &s, fold, e);
    if (result == FINETUNE_DONE &&
        (measure(t, &t->user, s.row, s.count, s.before, &t->report->user_before, e) ||
         measure(t, &t->user, s.row, s.count, s.after, &t->report->user_after, e)))
        result = FINETUNE_FAILED;
out:
    estimate_release(&s);
    return result;
}

enum finetune_result tuning_finish(struct tuning *t, struct err *e)
{
    struct finetune_report *r = t->report;
    uint32_t *row = malloc(t->user.count * sizeof(*row));
    if (!row) {
        err_memory(e);
        return FINETUNE_FAILED;
    }
    for (size_t i = 0; i < t->user.count; i++)
        row[i] = (uint32_t)i;
    enum finetune_result result = FINETUNE_FAILED;
    head_blend(&t->head, 0);
    if (measure_general(t, t->exam, t->exams, &r->general_before, e))
        goto out;
    result = tune(t, row, t->user.count, 0, &r->blend, e);
    if (result == FINETUNE_DONE && measure_general(t, t->exam, t->exams, &r->general_after, e))
        result = FINETUNE_FAILED;
out:
    free(row);
    return result;
}
