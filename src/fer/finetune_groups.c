/* Which of the user's pictures belong together, for the estimate of personal tuning; see
 * finetune.h.
 *
 * A picture whose twin was trained on tells nothing about new pictures. Near-identical pictures are
 * always twins; frames of one shot are told by the numbers in their names or by their folders. */
#include "fer/finetune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

static int join_near_identical(const struct dataset *data, size_t *group, struct err *e)
{
    const size_t count = data->count;
    const size_t values = (size_t)data->width * (size_t)data->height;
    float *small = calloc(count + 1, SMALL_VALUES * sizeof(float));
    if (!small)
        return err_memory(e);
    for (size_t i = 0; i < count; i++) {
        shrink(data->pixels + i * values, data->width, data->height, small + i * SMALL_VALUES);
        for (size_t j = 0; j < i; j++)
            if (dot(small + i * SMALL_VALUES, small + j * SMALL_VALUES) > NEAR_IDENTICAL)
                join(group, i, j);
    }
    free(small);
    return 0;
}

/* ---- names and folders ---- */

/* The file's name in a path, and where its number lies: the last digits before a label or the
 * extension. */
struct parts {
    const char *path;
    size_t folder;   /* bytes before the name */
    size_t stem;     /* bytes before the number; all of the path when there is none */
    uint64_t number; /* 0 when there is none */
    size_t index;    /* in the rows */
};

static struct parts find_parts(const char *path, size_t index)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *mark = strstr(name, "_class="), *end = mark ? mark : strrchr(name, '.');
    struct parts p = {
        .path = path, .folder = (size_t)(name - path), .stem = strlen(path), .index = index};
    end = end ? end : path + p.stem;
    while (end > name && (end[-1] < '0' || end[-1] > '9'))
        end--;
    const char *start = end;
    while (start > name && start[-1] >= '0' && start[-1] <= '9')
        start--;
    if (start == end || end - start > 18)
        return p;
    p.stem = (size_t)(start - path);
    for (; start < end; start++)
        p.number = p.number * 10 + (uint64_t)(*start - '0');
    return p;
}

static int compare_bytes(const char *a, size_t a_size, const char *b, size_t b_size)
{
    const int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return order ? order : (a_size > b_size) - (a_size < b_size);
}

static int compare_folders(const struct parts *a, const struct parts *b)
{
    return compare_bytes(a->path, a->folder, b->path, b->folder);
}

static int compare_stems(const struct parts *a, const struct parts *b)
{
    return compare_bytes(a->path + a->folder, a->stem - a->folder, b->path + b->folder,
                         b->stem - b->folder);
}

static int compare_numbers(const struct parts *a, const struct parts *b)
{
    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

/* By the name before the number, by the number, wherever the file lies. */
static int compare_names(const void *x, const void *y)
{
    const struct parts *a = x, *b = y;
    const int order = compare_stems(a, b);
    return order ? order : compare_numbers(a, b);
}

/* By the folder first. */
static int compare_paths(const void *x, const void *y)
{
    const int order = compare_folders(x, y);
    return order ? order : compare_names(x, y);
}

/* Does a number come twice, as where each class's folder counts anew? `p` in order of names. */
static bool numbers_repeat(const struct parts *p, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (compare_stems(&p[i - 1], &p[i]) == 0 && p[i - 1].number == p[i].number)
            return true;
    return false;
}

static void join_neighbours(struct parts *p, size_t count, size_t *group)
{
    qsort(p, count, sizeof(*p), compare_names);
    const bool apart = numbers_repeat(p, count);
    if (apart)
        qsort(p, count, sizeof(*p), compare_paths);
    size_t length = 1;
    for (size_t i = 1; i < count; i++) {
        const bool alike = compare_stems(&p[i - 1], &p[i]) == 0 &&
                           (!apart || compare_folders(&p[i - 1], &p[i]) == 0);
        const bool follows =
            alike && p[i].number - p[i - 1].number <= NEIGHBOUR_GAP && length < NEIGHBOUR_LIMIT;
        length = follows ? length + 1 : 1;
        if (follows)
            join(group, p[i].index, p[i - 1].index);
    }
}

/* Joins what `compare` orders side by side and `same` calls equal. */
static void join_equal(struct parts *p, size_t count, size_t *group,
                       int (*order)(const void *, const void *),
                       int (*same)(const struct parts *, const struct parts *))
{
    qsort(p, count, sizeof(*p), order);
    for (size_t i = 1; i < count; i++)
        if (same(&p[i - 1], &p[i]) == 0)
            join(group, p[i].index, p[i - 1].index);
}

static int join_by_path(const struct dataset *data, enum finetune_grouping by, size_t *group,
                        struct err *e)
{
    struct parts *p = calloc(data->count + 1, sizeof(*p));
    if (!p)
        return err_memory(e);
    for (size_t i = 0; i < data->count; i++)
        p[i] = find_parts(data->path[i], i);
    if (by == FINETUNE_BY_NUMBER)
        join_neighbours(p, data->count, group);
    else if (by == FINETUNE_BY_NAME)
        join_equal(p, data->count, group, compare_names, compare_stems);
    else
        join_equal(p, data->count, group, compare_paths, compare_folders);
    free(p);
    return 0;
}

int finetune_groups(const struct dataset *data, enum finetune_grouping by, size_t *group,
                    struct err *e)
{
    for (size_t i = 0; i < data->count; i++)
        group[i] = i;
    if (by == FINETUNE_BY_NONE)
        return 0;
    if (join_near_identical(data, group, e) || (data->path && join_by_path(data, by, group, e)))
        return -1;
    for (size_t i = 0; i < data->count; i++)
        group[i] = find_root(group, i);
    return 0;
}
