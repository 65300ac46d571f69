/* Heads for personal tuning: the layers behind the frozen ones, trained on features; see
 * finetune.h.
 *
 * Every update sees some of the user's pictures and, with general data, more of the general ones,
 * so that what the head knew is rehearsed while it learns (Tannugi et al. 2019, arXiv 1905.12082).
 * Targets are partly the old head's own probabilities, which keeps the classes that the user has no
 * picture of (Li & Hoiem, 1606.09282). */
#include "fer/finetune.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

#define PREDICT_BATCH 32

#define USER_BATCH 16    /* pictures of the user in an update */
#define GENERAL_BATCH 48 /* general pictures in an update, when there are any */

/* The cfg's own schedule is for training from nothing over many epochs. */
static const char OVERRIDES[] = "policy=constant\nburn_in=0\nadam=1\nlearning_rate=%lde-9\n"
                                "decay=0.0001\nlabel_smooth_eps=0\nmax_grad_norm=0\n";

/* An update by Adam moves each weight by up to the learning rate, and so the first hidden unit by
 * up to the rate times the sum of the feature's absolute values: `step`, which makes the rates of
 * wide and narrow heads alike.
 *
 * Chosen by cross-validation on the pictures of five people with a network that has 64.9 % on
 * PublicTest: with general data the user's accuracy rises from 31 to 58 % and the general one falls
 * by 0.5 points; without, 56 % and 8.8 points, and three times the step gains 0.6 for another 1.9.
 */
static const struct recipe {
    double step;
    float user_pull, general_pull; /* share of the old head's probabilities in a target */
} JOINT = {0.32, 0.0f, 0.3f}, ALONE = {0.048, 0.3f, 0.0f};

#define RATE_MIN 1e-6
#define RATE_MAX 1e-2

/* ---- a head ---- */

int head_init(struct head *h, const struct nn_net *net, int frozen, const char *path, struct err *e)
{
    const char *cfg = nn_net_cfg_text(net);
    const struct nn_shape s = nn_net_shape(net, frozen - 1);
    const size_t width = (size_t)s.channels * (size_t)s.height * (size_t)s.width;
    *h = (struct head){.values = nn_net_parameters(net),
                       .frozen_values = nn_net_parameters_upto(net, frozen),
                       .frozen = frozen,
                       .classes = (size_t)nn_net_outputs(net)};
    h->net = nn_net_parse(path, cfg, strlen(cfg), NN_UNDRAWN, e);
    if (!h->net)
        return -1;
    h->old = malloc(h->values * sizeof(float));
    h->tuned = malloc(h->values * sizeof(float));
    h->blended = malloc(h->values * sizeof(float));
    h->input = malloc(PREDICT_BATCH * width * sizeof(float));
    if (!h->old || !h->tuned || !h->blended || !h->input)
        return err_memory(e);
    memcpy(h->old, nn_net_values(net), h->values * sizeof(float));
    nn_net_set_values(h->net, h->old);
    h->predictor = nn_predictor_new(h->net, frozen, nn_net_layers(net), PREDICT_BATCH, e);
    return h->predictor ? 0 : -1;
}

void head_release(struct head *h)
{
    nn_predictor_free(h->predictor);
    nn_net_free(h->net);
    free(h->old);
    free(h->tuned);
    free(h->blended);
    free(h->input);
    memset(h, 0, sizeof(*h));
}

void head_blend(struct head *h, double blend)
{
    memcpy(h->blended, h->old, h->values * sizeof(float));
    for (size_t i = h->frozen_values; i < h->values; i++)
        h->blended[i] =
            blend >= 1
                ? h->tuned[i]
                : (float)((double)h->old[i] + blend * ((double)h->tuned[i] - (double)h->old[i]));
    nn_net_set_values(h->net, h->blended);
    nn_predictor_refresh(h->predictor);
}

void head_predict(struct head *h, const struct pool *p, const uint32_t *row, size_t count,
                  float *probabilities)
{
    for (size_t start = 0; start < count; start += PREDICT_BATCH) {
        const size_t n = count - start < PREDICT_BATCH ? count - start : PREDICT_BATCH;
        for (size_t i = 0; i < n; i++) {
            const size_t at = (row ? row[start + i] : start + i) * p->variants;
            memcpy(h->input + i * p->width, p->feature + at * p->width, p->width * sizeof(float));
        }
        nn_predictor_run(h->predictor, h->input, n, probabilities + start * h->classes);
    }
}

/* ---- training ---- */

/* Hands out `count` numbers in an order that is shuffled anew for every pass. */
struct deck {
    uint32_t *card; /* (count); owned */
    size_t count, at;
    uint64_t seed, stream, pass; /* pass: of the next shuffle */
};

static int deck_init(struct deck *d, size_t count, struct err *e)
{
    d->count = count;
    d->at = count;
    d->card = malloc(count * sizeof(*d->card));
    return d->card ? 0 : err_memory(e);
}

static uint32_t deck_draw(struct deck *d)
{
    if (d->at == d->count) {
        struct rng r;
        rng_init(&r, d->seed, d->stream, d->pass++);
        for (size_t i = 0; i < d->count; i++)
            d->card[i] = (uint32_t)i;
        rng_shuffle(&r, d->card, d->count);
        d->at = 0;
    }
    return d->card[d->at++];
}

/* A training run of one head. */
struct lesson {
    const struct head_lessons *all;
    const uint32_t *row; /* of the user's pool */
    struct nn_trainer *trainer;
    struct deck user, general;
    struct rng variant;
    size_t user_batch, general_batch, width, classes;
    float *input, *target;
    const struct recipe *recipe;
};

static size_t general_batch(const struct head_lessons *lessons)
{
    return lessons->replay ? GENERAL_BATCH : 0;
}

size_t head_updates(const struct head_lessons *lessons, size_t count)
{
    return (count + USER_BATCH - 1) / USER_BATCH * (size_t)lessons->epochs;
}

static void format_overrides(const struct lesson *l, char *text, size_t size)
{
    const double rate = l->recipe->step / (l->all->norm > 0 ? l->all->norm : 1);
    /* An integer, which no locale writes in its own way. */
    snprintf(text, size, OVERRIDES, lround(1e9 * fmin(fmax(rate, RATE_MIN), RATE_MAX)));
}

static int lesson_init(struct lesson *l, struct head *h, size_t count, uint64_t number,
                       struct err *e)
{
    const uint64_t seed = rng_mix(l->all->seed + rng_mix(number));
    l->user_batch = USER_BATCH;
    l->general_batch = general_batch(l->all);
    l->recipe = l->all->replay ? &JOINT : &ALONE;
    const size_t batch = l->user_batch + l->general_batch;
    char overrides[256];
    format_overrides(l, overrides, sizeof(overrides));
    const struct nn_trainer_options engine = {.first = h->frozen,
                                              .frozen = h->frozen,
                                              .batch = (int)batch,
                                              .seed = rng_mix(seed ^ STREAM_DROPOUT),
                                              .overrides = overrides,
                                              .uniform_rate = true};
    nn_net_set_values(h->net, h->old);
    l->trainer = nn_trainer_new(h->net, &engine, e);
    if (!l->trainer)
        return -1;
    l->width = l->all->user->width;
    l->classes = h->classes;
    l->input = calloc(batch, l->width * sizeof(float));
    l->target = calloc(batch, l->classes * sizeof(float));
    if (!l->input || !l->target)
        return err_memory(e);
    rng_init(&l->variant, seed, STREAM_VARIANT, 0);
    l->user = (struct deck){.seed = seed, .stream = STREAM_USER};
    l->general = (struct deck){.seed = seed, .stream = STREAM_GENERAL};
    if (deck_init(&l->user, count, e))
        return -1;
    return l->all->replay ? deck_init(&l->general, l->all->replay->count, e) : 0;
}

static void lesson_release(struct lesson *l)
{
    nn_trainer_free(l->trainer);
    free(l->input);
    free(l->target);
    free(l->user.card);
    free(l->general.card);
}

/* Puts one picture in place `i` of the batch. */
static void put(struct lesson *l, size_t i, const struct pool *p, size_t row, float pull)
{
    const size_t variant = p->variants > 1 ? rng_below(&l->variant, p->variants) : 0;
    const size_t at = row * p->variants + variant;
    const float *prior = p->prior + at * l->classes;
    float *target = l->target + i * l->classes;
    memcpy(l->input + i * l->width, p->feature + at * l->width, l->width * sizeof(float));
    for (size_t k = 0; k < l->classes; k++)
        target[k] = pull * prior[k];
    target[p->label[row]] += 1 - pull;
}

static enum finetune_result train(struct lesson *l, size_t updates, struct err *e)
{
    double sum = 0;
    for (size_t u = 0; u < updates; u++) {
        for (size_t i = 0; i < l->user_batch; i++)
            put(l, i, l->all->user, l->row[deck_draw(&l->user)], l->recipe->user_pull);
        for (size_t i = 0; i < l->general_batch; i++)
            put(l, l->user_batch + i, l->all->replay, deck_draw(&l->general),
                l->recipe->general_pull);
        const double loss = nn_trainer_step(l->trainer, l->input, l->target, NULL);
        if (!isfinite(loss)) {
            err_set(e, "tuning diverged: the loss is no finite number in update %zu of %zu", u + 1,
                    updates);
            return FINETUNE_FAILED;
        }
        sum += loss;
        if (finetune_step(l->all->report, 1, sum / (double)(u + 1)))
            return FINETUNE_STOPPED;
    }
    return FINETUNE_DONE;
}

enum finetune_result head_train(struct head *h, const struct head_lessons *lessons,
                                const uint32_t *row, size_t count, uint64_t number, struct err *e)
{
    struct lesson l = {.all = lessons, .row = row};
    enum finetune_result result = FINETUNE_FAILED;
    if (lesson_init(&l, h, count, number, e) == 0)
        result = train(&l, head_updates(lessons, count), e);
    if (result == FINETUNE_DONE)
        memcpy(h->tuned, nn_net_values(h->net), h->values * sizeof(float));
    lesson_release(&l);
    if (result == FINETUNE_DONE)
        head_blend(h, 1);
    return result;
}
