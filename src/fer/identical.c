/* Identical pictures, by sorting; see identical.h. */
#include "fer/identical.h"

#include <stdlib.h>
#include <string.h>

static size_t picture_bytes(const struct dataset *d)
{
    return (size_t)d->width * (size_t)d->height;
}

static int compare_pixels(const struct dataset *d, uint32_t a, uint32_t b)
{
    const size_t bytes = picture_bytes(d);
    return memcmp(d->pixels + a * bytes, d->pixels + b * bytes, bytes);
}

static int compare_rows(const void *x, const void *y, void *data)
{
    const uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    const int difference = compare_pixels(data, a, b);
    return difference ? difference : (a > b) - (a < b);
}

int identical_init(struct identical *same, const struct dataset *d, struct err *e)
{
    *same = (struct identical){0};
    if (d->count >= UINT32_MAX)
        return err_set(e, "%zu pictures are too many to compare", d->count);
    same->row = calloc(d->count + 1, sizeof(*same->row));
    same->start = calloc(d->count + 1, sizeof(*same->start));
    if (!same->row || !same->start) {
        identical_release(same);
        return err_memory(e);
    }
    for (size_t i = 0; i < d->count; i++)
        same->row[i] = (uint32_t)i;
    qsort_r(same->row, d->count, sizeof(*same->row), compare_rows, (void *)d);
    for (size_t i = 0; i < d->count; i++)
        if (i == 0 || compare_pixels(d, same->row[i - 1], same->row[i]))
            same->start[same->groups++] = (uint32_t)i;
    same->start[same->groups] = (uint32_t)d->count;
    return 0;
}

void identical_release(struct identical *same)
{
    free(same->row);
    free(same->start);
    *same = (struct identical){0};
}
