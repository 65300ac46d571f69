/* Which of the user's pictures are held out for the estimate of personal tuning; see finetune.h.
 *
 * Stratified: each class is divided by itself. What is dealt out are not pictures but units of
 * pictures that are alike: near-identical ones, and neighbours by the number in their names, such
 * as frames of one shot. A picture whose twin was trained on tells nothing about new pictures. */
#include "fer/finetune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

#define SMALL 24 /* pixels, width and height at which pictures are compared */
#define SMALL_VALUES (SMALL * SMALL)
#define NEAR_IDENTICAL 0.9f /* correlation */

#define NEIGHBOUR_GAP 5 /* numbers that lie further apart are no neighbours */
#define NEIGHBOUR_LIMIT                                                                            \
    10 /* pictures in a run; pictures may be numbered without being a film's frames */

/* ---- near-identical pictures ---- */

/* Area averages of a picture, with mean 0 and length 1 (length 0 for a picture of one grey). A
 * picture of fewer pixels repeats them. */
static void shrink(const unsigned char *pixels, int width, int height, float *out)
{
    double values[SMALL_VALUES], sum = 0, square = 0;
    for (int i = 0; i < SMALL_VALUES; i++) {
        const int y0 = i / SMALL * height / SMALL, x0 = i % SMALL * width / SMALL;
        int y1 = (i / SMALL + 1) * height / SMALL, x1 = (i % SMALL + 1) * width / SMALL;
        y1 = y1 > y0 ? y1 : y0 + 1;
        x1 = x1 > x0 ? x1 : x0 + 1;
        long total = 0;
        for (int y = y0; y < y1; y++)
            for (int x = x0; x < x1; x++)
                total += pixels[(size_t)y * (size_t)width + (size_t)x];
        values[i] = (double)total / ((double)(y1 - y0) * (x1 - x0));
        sum += values[i];
    }
    for (int i = 0; i < SMALL_VALUES; i++) {
        values[i] -= sum / SMALL_VALUES;
        square += values[i] * values[i];
    }
    const double scale = square > 1e-6 ? 1 / sqrt(square) : 0;
    for (int i = 0; i < SMALL_VALUES; i++)
        out[i] = (float)(values[i] * scale);
}

/* Eight sums side by side, which the compiler can keep in one register. */
static float dot(const float *a, const float *b)
{
    float sum[8] = {0};
    for (int i = 0; i < SMALL_VALUES; i += 8)
        for (int k = 0; k < 8; k++)
            sum[k] += a[i + k] * b[i + k];
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

/* ---- groups ---- */

static size_t find_root(const size_t *group, size_t i)
{
    while (group[i] != i)
        i = group[i];
    return i;
}

/* The lowest number of a group is its root. */
static void join(size_t *group, size_t i, size_t j)
{
    const size_t a = find_root(group, i), b = find_root(group, j);
    group[a > b ? a : b] = a > b ? b : a;
}

static int join_near_identical(const struct dataset *data, const uint32_t *row, size_t count,
                               size_t *group, struct err *e)
{
    const size_t values = (size_t)data->width * (size_t)data->height;
    float *small = calloc(count + 1, SMALL_VALUES * sizeof(float));
    if (!small)
        return err_memory(e);
    for (size_t i = 0; i < count; i++) {
        shrink(data->pixels + row[i] * values, data->width, data->height, small + i * SMALL_VALUES);
        for (size_t j = 0; j < i; j++)
            if (dot(small + i * SMALL_VALUES, small + j * SMALL_VALUES) > NEAR_IDENTICAL)
                join(group, i, j);
    }
    free(small);
    return 0;
}

/* A path as text, number, text: the number is the last one of the file's name, before a label in
 * it. */
struct numbered {
    const char *path;
    size_t stem;     /* bytes before the number */
    uint64_t number; /* 0 when there is none; then the stem is the whole path */
    size_t index;    /* in the rows */
};

static struct numbered find_number(const char *path, size_t index)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *mark = strstr(name, "_class="), *end = mark ? mark : strrchr(name, '.');
    struct numbered n = {.path = path, .stem = strlen(path), .index = index};
    end = end ? end : path + n.stem;
    while (end > name && (end[-1] < '0' || end[-1] > '9'))
        end--;
    const char *start = end;
    while (start > name && start[-1] >= '0' && start[-1] <= '9')
        start--;
    if (start == end || end - start > 18)
        return n;
    n.stem = (size_t)(start - path);
    for (; start < end; start++)
        n.number = n.number * 10 + (uint64_t)(*start - '0');
    return n;
}

static int compare_stems(const struct numbered *a, const struct numbered *b)
{
    const int order = memcmp(a->path, b->path, a->stem < b->stem ? a->stem : b->stem);
    return order ? order : (a->stem > b->stem) - (a->stem < b->stem);
}

static int compare_numbered(const void *x, const void *y)
{
    const struct numbered *a = x, *b = y;
    const int order = compare_stems(a, b);
    if (order)
        return order;
    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

static int join_neighbours(const struct dataset *data, const uint32_t *row, size_t count,
                           size_t *group, struct err *e)
{
    if (!data->path)
        return 0;
    struct numbered *n = calloc(count + 1, sizeof(*n));
    if (!n)
        return err_memory(e);
    for (size_t i = 0; i < count; i++)
        n[i] = find_number(data->path[row[i]], i);
    qsort(n, count, sizeof(*n), compare_numbered);
    size_t length = 1;
    for (size_t i = 1; i < count; i++) {
        const bool follows = compare_stems(&n[i - 1], &n[i]) == 0 &&
                             n[i].number - n[i - 1].number <= NEIGHBOUR_GAP &&
                             length < NEIGHBOUR_LIMIT;
        length = follows ? length + 1 : 1;
        if (follows)
            join(group, n[i].index, n[i - 1].index);
    }
    free(n);
    return 0;
}

int alike_groups(const struct dataset *data, const uint32_t *row, size_t count, size_t *group,
                 struct err *e)
{
    for (size_t i = 0; i < count; i++)
        group[i] = i;
    if (join_near_identical(data, row, count, group, e) ||
        join_neighbours(data, row, count, group, e))
        return -1;
    for (size_t i = 0; i < count; i++)
        group[i] = find_root(group, i);
    return 0;
}

/* ---- units ---- */

/* Pictures of a class that stay together. */
struct unit {
    size_t first; /* into class_rows.row, once sorted by group */
    size_t count;
};

/* The pictures of one class. */
struct class_rows {
    uint32_t *row; /* (count), ordered so that units are contiguous; owned */
    size_t count;
    struct unit *unit; /* (units); owned */
    size_t units;
    size_t cut; /* groups that became several units */
};

static void class_rows_release(struct class_rows *c)
{
    free(c->row);
    free(c->unit);
    memset(c, 0, sizeof(*c));
}

static int class_rows_init(struct class_rows *c, const struct dataset *data, int label,
                           struct err *e)
{
    memset(c, 0, sizeof(*c));
    for (size_t i = 0; i < data->count; i++)
        c->count += data->label[i] == label;
    c->row = calloc(c->count + 1, sizeof(*c->row));
    c->unit = calloc(c->count + 1, sizeof(*c->unit));
    if (!c->row || !c->unit) {
        class_rows_release(c);
        return err_memory(e);
    }
    size_t at = 0;
    for (size_t i = 0; i < data->count; i++)
        if (data->label[i] == label)
            c->row[at++] = (uint32_t)i;
    return 0;
}

/* Makes units of at most `quota` pictures; a larger group is cut where the rows' order does. */
static int class_rows_group(struct class_rows *c, const struct dataset *data, size_t quota,
                            struct err *e)
{
    int result = -1;
    size_t *group = calloc(c->count + 1, sizeof(*group)), at = 0;
    uint32_t *sorted = calloc(c->count + 1, sizeof(*sorted));
    if (!group || !sorted) {
        err_memory(e);
        goto out;
    }
    if (alike_groups(data, c->row, c->count, group, e))
        goto out;
    for (size_t g = 0; g < c->count; g++) {
        if (group[g] != g)
            continue;
        const size_t start = at;
        for (size_t i = g; i < c->count; i++)
            if (group[i] == g)
                sorted[at++] = c->row[i];
        c->cut += at - start > quota;
        for (size_t from = start; from < at; from += quota)
            c->unit[c->units++] =
                (struct unit){.first = from, .count = at - from < quota ? at - from : quota};
    }
    memcpy(c->row, sorted, c->count * sizeof(*sorted));
    result = 0;
out:
    free(group);
    free(sorted);
    return result;
}

/* Puts the units in random order. */
static int shuffle_units(struct class_rows *c, struct rng *r, struct err *e)
{
    uint32_t *order = calloc(c->units, sizeof(*order));
    struct unit *unit = calloc(c->count + 1, sizeof(*unit));
    if (!order || !unit) {
        free(order);
        free(unit);
        return err_memory(e);
    }
    for (size_t i = 0; i < c->units; i++)
        order[i] = (uint32_t)i;
    rng_shuffle(r, order, c->units);
    for (size_t i = 0; i < c->units; i++)
        unit[i] = c->unit[order[i]];
    free(order);
    free(c->unit);
    c->unit = unit;
    return 0;
}

/* ---- dealing out ---- */

static void put(struct split_plan *plan, const struct class_rows *c, size_t unit, int fold,
                int label)
{
    const struct unit *u = &c->unit[unit];
    for (size_t i = 0; i < u->count; i++)
        plan->fold[c->row[u->first + i]] = fold;
    plan->held += u->count;
    plan->classes[label] += u->count;
}

/* As many of the shuffled units as fit into `want` pictures. */
static void deal_holdout(struct split_plan *plan, const struct class_rows *c, size_t want,
                         int label)
{
    for (size_t i = 0; i < c->units; i++)
        if (plan->classes[label] + c->unit[i].count <= want)
            put(plan, c, i, 0, label);
}

/* The largest units first, each to the fold that has the fewest pictures of the class, then of all.
 */
static void deal_folds(struct split_plan *plan, const struct class_rows *c, size_t *total,
                       int label)
{
    size_t have[FINETUNE_MAX_FOLDS] = {0}, largest = 0;
    for (size_t i = 0; i < c->units; i++)
        largest = c->unit[i].count > largest ? c->unit[i].count : largest;
    for (size_t size = largest; size > 0; size--)
        for (size_t i = 0; i < c->units; i++) {
            if (c->unit[i].count != size)
                continue;
            int best = 0;
            for (int k = 1; k < plan->folds; k++)
                if (have[k] < have[best] || (have[k] == have[best] && total[k] < total[best]))
                    best = k;
            put(plan, c, i, best, label);
            have[best] += size;
            total[best] += size;
        }
}

/* Pictures of a class of `count` that one fold holds out at most: one at least, and never all. */
static size_t share(const struct split_options *o, size_t count)
{
    const double part = o->folds ? 1.0 / o->folds : o->holdout;
    const double wanted = o->folds ? ceil(part * (double)count) : floor(part * (double)count + 0.5);
    const size_t pictures = wanted > 1 ? (size_t)wanted : 1;
    return pictures < count ? pictures : count - 1;
}

static int divide_class(struct split_plan *plan, const struct dataset *data,
                        const struct split_options *o, size_t *total, int label, struct err *e)
{
    struct class_rows c;
    struct rng r;
    if (class_rows_init(&c, data, label, e))
        return -1;
    int result = 0;
    if (c.count > 1) {
        const size_t quota = share(o, c.count);
        rng_init(&r, o->seed, STREAM_SPLIT, (uint64_t)label);
        result = class_rows_group(&c, data, quota, e) || shuffle_units(&c, &r, e) ? -1 : 0;
        if (result == 0 && o->folds)
            deal_folds(plan, &c, total, label);
        else if (result == 0)
            deal_holdout(plan, &c, quota, label);
        plan->pieces += c.cut;
    }
    class_rows_release(&c);
    return result;
}

int split_plan_init(struct split_plan *plan, const struct dataset *data,
                    const struct split_options *options, struct err *e)
{
    size_t total[FINETUNE_MAX_FOLDS] = {0};
    memset(plan, 0, sizeof(*plan));
    plan->fold = calloc(data->count + 1, sizeof(*plan->fold));
    plan->classes = calloc((size_t)options->classes, sizeof(*plan->classes));
    if (!plan->fold || !plan->classes) {
        split_plan_release(plan);
        return err_memory(e);
    }
    for (size_t i = 0; i < data->count; i++)
        plan->fold[i] = -1;
    if (options->folds == 0 && options->holdout <= 0)
        return 0;
    plan->folds = options->folds ? options->folds : 1;
    for (int k = 0; k < options->classes; k++)
        if (divide_class(plan, data, options, total, k, e)) {
            split_plan_release(plan);
            return -1;
        }
    if (plan->held == 0)
        plan->folds = 0;
    return 0;
}

void split_plan_release(struct split_plan *plan)
{
    free(plan->fold);
    free(plan->classes);
    memset(plan, 0, sizeof(*plan));
}
