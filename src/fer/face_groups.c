/* Joining windows; see face_groups.h. */
#include "fer/face_groups.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static int compare(double a, double b)
{
    return (a > b) - (a < b);
}

static int compare_hits(const void *left, const void *right)
{
    const struct haar_hit *a = left, *b = right;
    if (a->x != b->x)
        return compare(a->x, b->x);
    if (a->y != b->y)
        return compare(a->y, b->y);
    return a->width != b->width ? compare(a->width, b->width) : compare(a->height, b->height);
}

/* How far apart edges may lie. */
static double reach(const struct haar_hit *a, const struct haar_hit *b, double tolerance)
{
    const int width = a->width < b->width ? a->width : b->width;
    const int height = a->height < b->height ? a->height : b->height;
    return tolerance * .5 * (width + height);
}

static bool is_same(const struct haar_hit *a, const struct haar_hit *b, double tolerance)
{
    const double within = reach(a, b, tolerance);
    return abs(a->x - b->x) <= within && abs(a->y - b->y) <= within &&
           abs(a->x + a->width - b->x - b->width) <= within &&
           abs(a->y + a->height - b->y - b->height) <= within;
}

static size_t root_of(size_t *parent, size_t i)
{
    while (parent[i] != i) {
        parent[i] = parent[parent[i]];
        i = parent[i];
    }
    return i;
}

/* The hits come sorted by x, so those too far to the right end the search for partners. */
static void join(const struct haar_hit *hits, size_t count, double tolerance, size_t *parent)
{
    for (size_t i = 0; i < count; i++)
        parent[i] = i;
    for (size_t i = 0; i < count; i++) {
        const double far = tolerance * .5 * (hits[i].width + hits[i].height);
        for (size_t j = i + 1; j < count && hits[j].x - hits[i].x <= far; j++) {
            const size_t a = root_of(parent, i), b = root_of(parent, j);
            if (a != b && is_same(&hits[i], &hits[j], tolerance))
                parent[a > b ? a : b] = a < b ? a : b;
        }
    }
}

static void add(struct face_group *g, const struct haar_hit *hit)
{
    const int right = hit->x + hit->width, bottom = hit->y + hit->height;
    if (g->votes == 0)
        *g = (struct face_group){.left = hit->x,
                                 .top = hit->y,
                                 .right = right,
                                 .bottom = bottom,
                                 .smallest = hit->width,
                                 .largest = hit->width};
    g->left = hit->x < g->left ? hit->x : g->left;
    g->top = hit->y < g->top ? hit->y : g->top;
    g->right = right > g->right ? right : g->right;
    g->bottom = bottom > g->bottom ? bottom : g->bottom;
    g->smallest = hit->width < g->smallest ? hit->width : g->smallest;
    g->largest = hit->width > g->largest ? hit->width : g->largest;
    g->x += hit->x;
    g->y += hit->y;
    g->width += hit->width;
    g->height += hit->height;
    g->votes++;
}

/* Sums to means. */
static void finish(struct face_group *g)
{
    const double votes = (double)g->votes;
    g->x /= votes;
    g->y /= votes;
    g->width /= votes;
    g->height /= votes;
}

/* A group gathers where its root is, and then moves up. */
static size_t collect(const struct haar_hit *hits, size_t count, size_t *parent,
                      struct face_group *groups)
{
    size_t formed = 0;
    for (size_t i = 0; i < count; i++)
        add(&groups[root_of(parent, i)], &hits[i]);
    for (size_t i = 0; i < count; i++)
        if (groups[i].votes > 0)
            groups[formed++] = groups[i];
    for (size_t i = 0; i < formed; i++)
        finish(&groups[i]);
    return formed;
}

int face_groups_form(struct haar_hit *hits, size_t count, double tolerance,
                     struct face_group **groups, size_t *group_count, struct err *e)
{
    *groups = NULL;
    *group_count = 0;
    if (count == 0)
        return 0;
    size_t *parent = calloc(count, sizeof(*parent));
    *groups = calloc(count, sizeof(**groups));
    if (!parent || !*groups) {
        free(parent);
        free(*groups);
        *groups = NULL;
        return err_memory(e);
    }
    qsort(hits, count, sizeof(*hits), compare_hits);
    join(hits, count, tolerance, parent);
    *group_count = collect(hits, count, parent, *groups);
    free(parent);
    return 0;
}

/* ---- merging ---- */

static double overlap_area(const struct face_group *a, const struct face_group *b)
{
    const double width = fmin(a->x + a->width, b->x + b->width) - fmax(a->x, b->x);
    const double height = fmin(a->y + a->height, b->y + b->height) - fmax(a->y, b->y);
    return width > 0 && height > 0 ? width * height : 0;
}

/* Most votes first; the rest makes the order total. */
static int compare_groups(const void *left, const void *right)
{
    const struct face_group *a = left, *b = right;
    if (a->votes != b->votes)
        return a->votes < b->votes ? 1 : -1;
    if (a->width != b->width) // NOLINT: equal means are equal
        return compare(b->width, a->width);
    return compare(a->y, b->y) ? compare(a->y, b->y) : compare(a->x, b->x);
}

size_t face_groups_merge(struct face_group *groups, size_t count, double overlap)
{
    size_t kept = 0;
    if (count > 1)
        qsort(groups, count, sizeof(*groups), compare_groups);
    for (size_t i = 0; i < count; i++) {
        bool is_new = true;
        const double area = groups[i].width * groups[i].height;
        for (size_t k = 0; k < kept && is_new; k++) {
            const double other = groups[k].width * groups[k].height;
            is_new = overlap_area(&groups[i], &groups[k]) <= overlap * fmin(area, other);
        }
        if (is_new)
            groups[kept++] = groups[i];
    }
    return kept;
}
