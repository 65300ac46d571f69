/* Training the head for personal tuning, on features; see finetune.h.
 *
 * Every update sees some of the user's pictures and, with general pictures, more of those, so that
 * what the head knew is rehearsed while it learns (Tannugi et al. 2019, arXiv 1905.12082). Targets
 * are partly the old head's own probabilities (Li & Hoiem, 1606.09282). */
#include "fer/finetune.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

/* The cfg's own rules are for training from nothing over many epochs. */
static const char OVERRIDES[] = "policy=constant\nburn_in=0\nadam=%d\nmomentum=0.9\n"
                                "nesterov=0\nlearning_rate=%lde-9\ndecay=0\nlabel_smooth_eps="
                                "0\nmax_grad_norm=%d\nema_alpha=%s\n"
                                "class_weights=1";

/* An update by Adam moves each weight by up to the learning rate, and so the first hidden unit by
 * up to the rate times the sum of the feature's absolute values; one along the gradient moves the
 * unit by the rate times the sum of its squares. That product is `step`, which makes the rates of
 * heads alike however wide they are and however large their features. docs/finetune.md has what
 * each recipe gains and loses. */
static const struct recipe RECIPES[] = {
    [FINETUNE_REPLAY] = {.step = 20,
                         .momentum = true,
                         .batch = 16,
                         .general = 80,
                         .updates = 300,
                         .balance = 0.85,
                         .between = true,
                         .general_pull = 0.85f,
                         .variants = true,
                         .mean = true},
    [FINETUNE_DISTIL] = {.step = 0.048,
                         .batch = 16,
                         .updates = 300,
                         .balance = 0.75,
                         .user_pull = 0.3f,
                         .variants = true,
                         .mean = true},
    [FINETUNE_L2SP] = {.step = 0.048,
                       .batch = 16,
                       .updates = 300,
                       .balance = 0.75,
                       .pull = 10,
                       .variants = true,
                       .mean = true},
    [FINETUNE_PLAIN] = {.rate = 1e-3, .batch = 32, .epochs = 4},
};

const struct recipe *finetune_recipe(enum finetune_method method, bool general)
{
    return &RECIPES[method == FINETUNE_REPLAY && !general ? FINETUNE_DISTIL : method];
}

/* A general picture is drawn in proportion to this plus the old head's doubt, 1 - its largest
 * probability. */
#define DOUBT_FLOOR 0.05

#define RATE_MIN 1e-6
#define RATE_MAX 1e-2
#define MOMENTUM_RATE_MAX 1e-1

/* Pictures that contradict the general ones would drive descent with momentum away. */
#define MOST_GRADIENT 1

/* ---- drawing pictures ---- */

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

/* The user's pictures of one class. */
struct class_deck {
    uint32_t *row; /* (deck.count), of the user's pool; points into lesson.sorted */
    struct deck deck;
    double upto; /* the class is drawn where a random number below the last one's falls first */
};

/* A picture of a batch: a feature, moved by `share` towards another of its class. */
struct example {
    const struct pool *pool;
    size_t at, other; /* copies of the pool */
    float share;
    unsigned char label;
    float pull; /* share of the old head's probabilities in the target */
};

/* A training run of one head. */
struct lesson {
    const struct head_lessons *all;
    const struct recipe *recipe;
    struct nn_trainer *trainer;
    struct class_deck *class; /* (classes); owned */
    uint32_t *sorted;         /* (count) rows by class; owned */
    double *upto;             /* (replay->count), where a row is drawn as a class_deck is; owned */
    struct rng chance, variant, general;
    size_t general_batch, width, classes;
    struct example *example; /* (batch) owned */
    float *input, *target;   /* of a batch; owned */
};

size_t head_updates(const struct head_lessons *lessons, size_t count)
{
    const size_t batch = lessons->recipe->batch;
    return (count + batch - 1) / batch * (size_t)lessons->epochs;
}

static double learning_rate(const struct lesson *l)
{
    const struct recipe *r = l->recipe;
    const double scale = r->momentum ? l->all->square : l->all->norm;
    if (r->step <= 0)
        return r->rate;
    return fmin(fmax(r->step / (scale > 0 ? scale : 1), RATE_MIN),
                r->momentum ? MOMENTUM_RATE_MAX : RATE_MAX);
}

static int make_trainer(struct lesson *l, struct head *h, uint64_t seed, struct err *e)
{
    const size_t batch = l->recipe->batch + l->general_batch;
    char overrides[sizeof(OVERRIDES) + 64 + 2 * FINETUNE_MOST_CLASSES];
    /* An integer, which no locale writes in its own way. */
    int length = snprintf(overrides, sizeof(overrides), OVERRIDES, !l->recipe->momentum,
                          lround(1e9 * learning_rate(l)), l->recipe->momentum ? MOST_GRADIENT : 0,
                          l->recipe->mean ? "0.99" : "0");
    for (size_t k = 1; k < l->classes; k++, length += 2)
        memcpy(overrides + length, ",1", 3);
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
    l->input = calloc(batch, l->width * sizeof(float));
    l->target = calloc(batch, l->classes * sizeof(float));
    l->example = calloc(batch, sizeof(*l->example));
    return l->input && l->target && l->example ? 0 : err_memory(e);
}

/* Rare classes are drawn more often than they occur, which the recipe's balance rules. */
static int sort_classes(struct lesson *l, const uint32_t *row, size_t count, uint64_t seed,
                        struct err *e)
{
    size_t at = 0;
    double upto = 0;
    l->class = calloc(l->classes, sizeof(*l->class));
    l->sorted = malloc(count * sizeof(*l->sorted));
    if (!l->class || !l->sorted)
        return err_memory(e);
    for (size_t k = 0; k < l->classes; k++) {
        struct class_deck *c = &l->class[k];
        const size_t first = at;
        for (size_t i = 0; i < count; i++)
            if (l->all->user->label[row[i]] == k)
                l->sorted[at++] = row[i];
        c->row = l->sorted + first;
        c->deck = (struct deck){.seed = seed + k, .stream = STREAM_USER};
        if (at > first && deck_init(&c->deck, at - first, e))
            return -1;
        upto += at > first ? pow((double)(at - first), 1 - l->recipe->balance) : 0;
        c->upto = upto;
    }
    return 0;
}

static struct class_deck *draw_class(struct lesson *l)
{
    const double at = (double)rng_uniform(&l->chance) * l->class[l->classes - 1].upto;
    size_t k = 0;
    while (at >= l->class[k].upto)
        k++;
    return &l->class[k];
}

/* General pictures that the old head is sure of are in no danger: those it is in doubt about lie
 * where the person's pictures move the borders. */
static int weigh_general(struct lesson *l, struct err *e)
{
    const struct pool *p = l->all->replay;
    double sum = 0;
    l->upto = malloc(p->count * sizeof(*l->upto));
    if (!l->upto)
        return err_memory(e);
    for (size_t i = 0; i < p->count; i++) {
        float most = 0;
        for (size_t k = 0; k < l->classes; k++)
            most = fmaxf(most, p->prior[i * l->classes + k]);
        sum += DOUBT_FLOOR + fmax(0, 1 - (double)most);
        l->upto[i] = sum;
    }
    return 0;
}

static size_t draw_general(struct lesson *l)
{
    size_t low = 0, high = l->all->replay->count - 1;
    const double at = (double)rng_uniform(&l->general) * l->upto[high];
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (at < l->upto[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static int lesson_init(struct lesson *l, struct head *h, const uint32_t *row, size_t count,
                       uint64_t number, struct err *e)
{
    const uint64_t seed = rng_mix(l->all->seed + rng_mix(number));
    l->recipe = l->all->recipe;
    l->general_batch = l->all->replay ? l->recipe->general : 0;
    l->width = l->all->user->width;
    l->classes = h->classes;
    rng_init(&l->chance, seed, STREAM_CLASS, 0);
    rng_init(&l->variant, seed, STREAM_VARIANT, 0);
    rng_init(&l->general, seed, STREAM_GENERAL, 0);
    if (make_trainer(l, h, seed, e) || sort_classes(l, row, count, seed, e))
        return -1;
    return l->general_batch ? weigh_general(l, e) : 0;
}

static void lesson_release(struct lesson *l)
{
    nn_trainer_free(l->trainer);
    for (size_t k = 0; l->class && k < l->classes; k++)
        free(l->class[k].deck.card);
    free(l->class);
    free(l->sorted);
    free(l->upto);
    free(l->example);
    free(l->input);
    free(l->target);
}

/* ---- a batch ---- */

/* A copy of the picture, as its place in the pool. */
static size_t draw_variant(struct lesson *l, const struct pool *p, size_t row)
{
    const size_t variants = l->recipe->variants ? p->variants : 1;
    return row * p->variants + (variants > 1 ? rng_below(&l->variant, variants) : 0);
}

static struct example draw_example(struct lesson *l, const struct pool *p, size_t row, float pull)
{
    const size_t at = draw_variant(l, p, row);
    return (struct example){.pool = p, .at = at, .other = at, .label = p->label[row], .pull = pull};
}

/* What lies between two few pictures of a class belongs to it too (Verma et al. 2019, 1806.05236,
 * there across classes). */
static struct example draw_user(struct lesson *l)
{
    const struct pool *p = l->all->user;
    struct class_deck *c = draw_class(l);
    struct example x = draw_example(l, p, c->row[deck_draw(&c->deck)], l->recipe->user_pull);
    if (l->recipe->between) {
        x.other = draw_variant(l, p, c->row[rng_below(&l->variant, c->deck.count)]);
        x.share = rng_uniform(&l->variant);
    }
    return x;
}

static void put(const struct lesson *l, size_t i)
{
    const struct example *x = &l->example[i];
    const float *feature = x->pool->feature + x->at * l->width;
    const float *other = x->pool->feature + x->other * l->width;
    const float *prior = x->pool->prior + x->at * l->classes;
    float *input = l->input + i * l->width, *target = l->target + i * l->classes;
    for (size_t j = 0; j < l->width; j++)
        input[j] = feature[j] + x->share * (other[j] - feature[j]);
    for (size_t k = 0; k < l->classes; k++)
        target[k] = x->pull * prior[k];
    target[x->label] += 1 - x->pull;
}

/* Chance is drawn in one order; what it chose is put together by all threads. */
static void make_batch(struct lesson *l)
{
    const size_t users = l->recipe->batch, count = users + l->general_batch;
    for (size_t i = 0; i < users; i++)
        l->example[i] = draw_user(l);
    for (size_t i = users; i < count; i++)
        l->example[i] = draw_example(l, l->all->replay, draw_general(l), l->recipe->general_pull);
#pragma omp parallel for
    for (size_t i = 0; i < count; i++)
        put(l, i);
}

/* L2-SP (Li et al. 2018, 1802.01483): weights decay towards where they began, apart from Adam's
 * own step as in AdamW. */
static void pull_back(const struct lesson *l, struct head *h)
{
    const float share = (float)fmin(1, learning_rate(l) * l->recipe->pull);
    memcpy(h->blended, nn_net_values(h->net), h->values * sizeof(float));
    for (size_t i = h->frozen_values; i < h->values; i++)
        h->blended[i] += share * (h->old[i] - h->blended[i]);
    nn_net_set_values(h->net, h->blended);
}

static enum finetune_result train(struct lesson *l, struct head *h, size_t updates, struct err *e)
{
    double sum = 0;
    for (size_t u = 0; u < updates; u++) {
        make_batch(l);
        const double loss = nn_trainer_step(l->trainer, l->input, l->target, NULL);
        if (!isfinite(loss)) {
            err_set(e, "tuning diverged: the loss is no finite number in update %zu of %zu", u + 1,
                    updates);
            return FINETUNE_FAILED;
        }
        if (l->recipe->pull > 0)
            pull_back(l, h);
        sum += loss;
        if (finetune_step(l->all->report, 1, sum / (double)(u + 1)))
            return FINETUNE_STOPPED;
    }
    nn_trainer_export(l->trainer, h->net);
    return FINETUNE_DONE;
}

enum finetune_result head_train(struct head *h, const struct head_lessons *lessons,
                                const uint32_t *row, size_t count, uint64_t number, struct err *e)
{
    struct lesson l = {.all = lessons};
    enum finetune_result result = FINETUNE_FAILED;
    if (lesson_init(&l, h, row, count, number, e) == 0)
        result = train(&l, h, head_updates(lessons, count), e);
    if (result == FINETUNE_DONE)
        memcpy(h->tuned, nn_net_values(h->net), h->values * sizeof(float));
    lesson_release(&l);
    if (result == FINETUNE_DONE)
        head_blend(h, 1);
    return result;
}
