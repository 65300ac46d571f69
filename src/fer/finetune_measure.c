/* What personal tuning measures: heads that have not seen a picture on that picture, and the
 * general accuracy before and after; with a limit on forgetting also how far each head is moved
 * back. See finetune.h. */
#include "fer/finetune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

#define BLEND_STEPS 20 /* from 1 to 0, for max_forget */

#define SOFTNESS 0.2 /* of soft_hit, in logits */
#define LEAST_PROBABILITY 1e-12

/* ---- accuracies ---- */

static bool is_hit(const struct tuning *t, unsigned char label, const float *probability)
{
    return top_class(probability, (int)t->head.classes) == label;
}

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

/* Near misses and near hits in part: 0 to 1 by how far the label lies ahead of the rest. Accuracy
 * moves when pictures cross a border, which few of a sample do; this moves as all near it do. */
static double soft_hit(unsigned char label, const float *probability, size_t classes)
{
    double other = LEAST_PROBABILITY;
    for (size_t k = 0; k < classes; k++)
        if (k != label)
            other = fmax(other, (double)probability[k]);
    const double mine = fmax(LEAST_PROBABILITY, (double)probability[label]);
    return 1 / (1 + pow(other / mine, 1 / SOFTNESS));
}

/* Do the judging rows allow this head? What they lose must keep the limit; and as they are only a
 * sample, what they lose in part must keep it with a standard error to spare. */
static bool is_allowed(struct tuning *t)
{
    const double n = (double)t->judges;
    const size_t classes = t->head.classes;
    double hits = 0, sum = 0, squares = 0;
    head_predict(&t->head, &t->test, t->judge, t->judges, t->scratch);
    for (size_t i = 0; i < t->judges; i++) {
        const float *before = t->test.prior + t->judge[i] * classes;
        const float *after = t->scratch + i * classes;
        const unsigned char label = t->test.label[t->judge[i]];
        const double loss = soft_hit(label, before, classes) - soft_hit(label, after, classes);
        hits += (double)is_hit(t, label, before) - (double)is_hit(t, label, after);
        sum += loss;
        squares += loss * loss;
    }
    const double mean = sum / n, error = sqrt(fmax(0, squares / n - mean * mean) / n);
    /* A limit such as 2 % of 1,800 must not be missed by a rounding. */
    const double limit = t->options->max_forget + 1e-9;
    return 100 * hits / n <= limit && 100 * (mean + error) <= limit;
}

/* Moves the tuned head back towards the old one until the judging rows allow it. */
static double choose_blend(struct tuning *t)
{
    for (int step = BLEND_STEPS; t->judges > 0 && step > 0; step--) {
        const double blend = (double)step / BLEND_STEPS;
        head_blend(&t->head, blend);
        if (is_allowed(t))
            return blend;
    }
    head_blend(&t->head, t->judges > 0 ? 0 : 1);
    return t->judges > 0 ? 0 : 1;
}

/* One head from the user's rows, as PREFIX gets it and as the estimate imitates it. */
static enum finetune_result tune(struct tuning *t, const uint32_t *row, size_t count,
                                 uint64_t number, double *blend, struct err *e)
{
    const enum finetune_result result = head_train(&t->head, &t->lessons, row, count, number, e);
    if (result == FINETUNE_DONE)
        *blend = choose_blend(t);
    return result;
}

/* Rows of the user's that fold `fold` holds out. Returns how many. */
static size_t held_rows(const struct tuning *t, int fold, uint32_t *row)
{
    size_t count = 0;
    for (size_t i = 0; i < t->user.count; i++)
        if (t->plan.fold[i] == fold)
            row[count++] = (uint32_t)i;
    return count;
}

/* Rows that the head of fold `fold` is trained on, -1 for PREFIX's, in random order where only some
 * of a class may be taken. `row` holds all of the user's. Returns how many. */
static size_t lesson_rows(const struct tuning *t, int fold, uint32_t *row)
{
    size_t count = 0, kept = 0, have[FINETUNE_MOST_CLASSES] = {0};
    for (size_t i = 0; i < t->user.count; i++)
        if (fold < 0 || t->plan.fold[i] != fold)
            row[count++] = (uint32_t)i;
    if (t->options->per_class == 0)
        return count;
    struct rng r;
    rng_init(&r, t->options->seed, STREAM_FEW, (uint64_t)(fold + 1));
    rng_shuffle(&r, row, count);
    for (size_t i = 0; i < count; i++)
        if (have[t->user.label[row[i]]]++ < (size_t)t->options->per_class)
            row[kept++] = row[i];
    return kept;
}

size_t tuning_lesson_size(const struct tuning *t, int fold)
{
    size_t count = 0, held = 0, have[FINETUNE_MOST_CLASSES] = {0};
    for (size_t i = 0; i < t->user.count; i++) {
        const bool out = fold >= 0 && t->plan.fold[i] == fold;
        const size_t before = have[t->user.label[i]];
        held += out;
        if (!out && (t->options->per_class == 0 || before < (size_t)t->options->per_class)) {
            have[t->user.label[i]]++;
            count++;
        }
    }
    return fold >= 0 && held == 0 ? 0 : count;
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
    const size_t train = lesson_rows(t, fold, s->train), n = held_rows(t, fold, held);
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

/* ---- what the estimate tells ---- */

double finetune_mcnemar(size_t gained, size_t lost)
{
    const double n = (double)(gained + lost);
    const size_t fewer = gained < lost ? gained : lost;
    double sum = 0;
    for (size_t i = 0; i <= fewer; i++)
        sum += exp(lgamma(n + 1) - lgamma((double)i + 1) - lgamma(n - (double)i + 1) - n * M_LN2);
    return fmin(1, 2 * sum);
}

static int compare_suspects(const void *x, const void *y)
{
    const struct finetune_suspect *a = x, *b = y;
    if (a->label_probability != b->label_probability)
        return a->label_probability < b->label_probability ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

/* Mislabelled pictures are among those that a head finds unlikely that has not learnt them. */
static int find_suspects(const struct tuning *t, const struct estimate *s, struct err *e)
{
    const size_t classes = t->head.classes;
    struct finetune_report *r = t->report;
    r->suspects = calloc(s->count + 1, sizeof(*r->suspects));
    if (!r->suspects)
        return err_memory(e);
    for (size_t i = 0; i < s->count; i++) {
        const float *p = s->after + i * classes;
        const int label = t->user.label[s->row[i]], predicted = top_class(p, (int)classes);
        /* A class that the head has seen nowhere else is unlikely for that reason. */
        if ((double)p[label] < FINETUNE_UNLIKELY && t->plan.groups[label] > 1)
            r->suspects[r->n_suspects++] =
                (struct finetune_suspect){.row = s->row[i],
                                          .label = label,
                                          .predicted = predicted,
                                          .label_probability = (double)p[label],
                                          .predicted_probability = (double)p[predicted]};
    }
    qsort(r->suspects, r->n_suspects, sizeof(*r->suspects), compare_suspects);
    return 0;
}

static int evaluate(const struct tuning *t, const struct estimate *s, struct err *e)
{
    const size_t classes = t->head.classes;
    struct finetune_report *r = t->report;
    size_t most = 0;
    for (size_t i = 0; i < s->count; i++) {
        const unsigned char label = t->user.label[s->row[i]];
        const bool before = is_hit(t, label, s->before + i * classes);
        const bool after = is_hit(t, label, s->after + i * classes);
        r->classes[label].hits_before += before;
        r->classes[label].hits_after += after;
        r->gained += after && !before;
        r->lost += before && !after;
    }
    for (size_t k = 0; k < classes; k++)
        most = r->classes[k].n > most ? r->classes[k].n : most;
    r->common = s->count ? (double)most / (double)s->count : 0;
    r->p_value = finetune_mcnemar(r->gained, r->lost);
    if (measure(t, &t->user, s->row, s->count, s->before, &r->user_before, e) ||
        measure(t, &t->user, s->row, s->count, s->after, &r->user_after, e))
        return -1;
    return find_suspects(t, s, e);
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
    if (result == FINETUNE_DONE && evaluate(t, &s, e))
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
    const size_t count = lesson_rows(t, -1, row);
    r->n_user = count;
    enum finetune_result result = FINETUNE_FAILED;
    head_blend(&t->head, 0);
    if (measure_general(t, t->exam, t->exams, &r->general_before, e))
        goto out;
    result = tune(t, row, count, 0, &r->blend, e);
    if (result == FINETUNE_DONE && measure_general(t, t->exam, t->exams, &r->general_after, e))
        result = FINETUNE_FAILED;
out:
    free(row);
    return result;
}
