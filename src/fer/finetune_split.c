/* Which of the user's pictures are held out for the estimate of personal tuning; see finetune.h.
 *
 * Whole groups of pictures that belong together are dealt out, the weightiest first, each to where
 * it makes the shares of the classes most even. That is greedy: to keep groups whole and classes
 * even at once can be impossible, and groups come first. */
#include "fer/finetune.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

/* ---- groups as shares of the classes ---- */

struct unit {
    size_t root;   /* the group's number */
    uint32_t rank; /* in the random order of groups of one weight */
    double weight; /* sum of its squared shares: how much there is to go wrong with it */
};

struct deal {
    const struct dataset *data;          /* borrowed */
    const struct split_options *options; /* borrowed */
    struct split_plan *plan;             /* borrowed */
    size_t classes;
    size_t *total;     /* (classes), pictures; owned */
    size_t *count;     /* (data->count, classes), pictures, by group; owned */
    struct unit *unit; /* (units), as they are dealt; owned */
    size_t units;
};

static void deal_release(struct deal *d)
{
    free(d->total);
    free(d->count);
    free(d->unit);
}

static int compare_units(const void *x, const void *y)
{
    const struct unit *a = x, *b = y;
    if (a->weight != b->weight)
        return a->weight > b->weight ? -1 : 1;
    return (a->rank > b->rank) - (a->rank < b->rank);
}

static double weigh(const struct deal *d, size_t root)
{
    double sum = 0;
    for (size_t k = 0; k < d->classes; k++) {
        const size_t count = d->count[root * d->classes + k];
        const double share = count ? (double)count / (double)d->total[k] : 0;
        sum += share * share;
        d->plan->groups[k] += count > 0;
    }
    return sum;
}

static int rank_units(struct deal *d, struct err *e)
{
    struct rng r;
    uint32_t *rank = calloc(d->units + 1, sizeof(*rank));
    if (!rank)
        return err_memory(e);
    for (size_t u = 0; u < d->units; u++)
        rank[u] = (uint32_t)u;
    rng_init(&r, d->options->seed, STREAM_SPLIT, 0);
    rng_shuffle(&r, rank, d->units);
    for (size_t u = 0; u < d->units; u++)
        d->unit[u].rank = rank[u];
    free(rank);
    qsort(d->unit, d->units, sizeof(*d->unit), compare_units);
    return 0;
}

static int deal_init(struct deal *d, const size_t *group, struct err *e)
{
    const size_t n = d->data->count;
    d->classes = (size_t)d->options->classes;
    d->total = calloc(d->classes, sizeof(*d->total));
    d->count = calloc(n + 1, d->classes * sizeof(*d->count));
    d->unit = calloc(n + 1, sizeof(*d->unit));
    if (!d->total || !d->count || !d->unit)
        return err_memory(e);
    for (size_t i = 0; i < n; i++) {
        d->total[d->data->label[i]]++;
        d->count[group[i] * d->classes + d->data->label[i]]++;
    }
    for (size_t i = 0; i < n; i++)
        if (group[i] == i)
            d->unit[d->units++] = (struct unit){.root = i, .weight = weigh(d, i)};
    return rank_units(d, e);
}

/* ---- dealing out ---- */

static void put(struct deal *d, const struct unit *u, size_t *have)
{
    for (size_t k = 0; k < d->classes; k++)
        have[k] += d->count[u->root * d->classes + k];
}

/* What adding the unit to a share of the pictures does to the sum over the classes of the squared
 * distance from `part`: below 0 when it comes nearer. */
static double change(const struct deal *d, const struct unit *u, const size_t *have, double part)
{
    double sum = 0;
    for (size_t k = 0; k < d->classes; k++) {
        const size_t count = d->count[u->root * d->classes + k];
        if (count == 0)
            continue;
        const double total = (double)d->total[k], more = (double)count;
        sum += more * (2 * ((double)have[k] - part * total) + more) / (total * total);
    }
    return sum;
}

/* Would holding the unit out too leave a class without any picture to learn from? */
static bool empties_a_class(const struct deal *d, const struct unit *u, const size_t *have)
{
    for (size_t k = 0; k < d->classes; k++) {
        const size_t count = d->count[u->root * d->classes + k];
        if (count > 0 && have[k] + count == d->total[k])
            return true;
    }
    return false;
}

static int deal_holdout(struct deal *d, int *fold, struct err *e)
{
    size_t *have = calloc(d->classes, sizeof(*have));
    if (!have)
        return err_memory(e);
    for (size_t i = 0; i < d->units; i++) {
        const struct unit *u = &d->unit[i];
        const bool held =
            !empties_a_class(d, u, have) && change(d, u, have, d->options->holdout) <= 0;
        fold[u->root] = held ? 0 : -1;
        if (held)
            put(d, u, have);
    }
    free(have);
    return 0;
}

static size_t pictures(const struct deal *d, const size_t *have)
{
    size_t sum = 0;
    for (size_t k = 0; k < d->classes; k++)
        sum += have[k];
    return sum;
}

/* Each unit to the fold whose shares of the unit's classes are lowest, then to the smallest. */
static int deal_folds(struct deal *d, int *fold, struct err *e)
{
    size_t *have = calloc((size_t)d->plan->folds, d->classes * sizeof(*have));
    if (!have)
        return err_memory(e);
    for (size_t i = 0; i < d->units; i++) {
        const struct unit *u = &d->unit[i];
        int best = 0;
        for (int f = 1; f < d->plan->folds; f++) {
            const size_t *mine = have + (size_t)f * d->classes;
            const size_t *least = have + (size_t)best * d->classes;
            const double less = change(d, u, least, 0) - change(d, u, mine, 0);
            if (less > 1e-12 || (less > -1e-12 && pictures(d, mine) < pictures(d, least)))
                best = f;
        }
        fold[u->root] = best;
        put(d, u, have + (size_t)best * d->classes);
    }
    free(have);
    return 0;
}

/* With one group alone nothing would be left to learn from. */
static int deal_out(struct deal *d, const size_t *group, struct err *e)
{
    struct split_plan *plan = d->plan;
    if (d->units < 2)
        plan->folds = 0;
    if (plan->folds == 0)
        return 0;
    if (d->options->folds ? deal_folds(d, plan->fold, e) : deal_holdout(d, plan->fold, e))
        return -1;
    for (size_t i = 0; i < d->data->count; i++) {
        plan->fold[i] = plan->fold[group[i]];
        plan->held += plan->fold[i] >= 0;
    }
    if (plan->held == 0)
        plan->folds = 0;
    return 0;
}

int split_plan_init(struct split_plan *plan, const struct dataset *data,
                    const struct split_options *options, struct err *e)
{
    const bool wanted = options->folds > 0 || options->holdout > 0;
    struct deal d = {.data = data, .options = options, .plan = plan};
    int result = -1;
    *plan = (struct split_plan){.folds = options->folds > 0 ? options->folds : wanted};
    size_t *group = calloc(data->count + 1, sizeof(*group));
    plan->fold = calloc(data->count + 1, sizeof(*plan->fold));
    plan->groups = calloc((size_t)options->classes, sizeof(*plan->groups));
    if (!group || !plan->fold || !plan->groups) {
        err_memory(e);
        goto out;
    }
    for (size_t i = 0; i < data->count; i++)
        plan->fold[i] = -1;
    if (wanted && (finetune_groups(data, options->by, group, e) || deal_init(&d, group, e) ||
                   deal_out(&d, group, e)))
        goto out;
    plan->units = d.units;
    result = 0;
out:
    deal_release(&d);
    free(group);
    if (result)
        split_plan_release(plan);
    return result;
}

void split_plan_release(struct split_plan *plan)
{
    free(plan->fold);
    free(plan->groups);
    memset(plan, 0, sizeof(*plan));
}
