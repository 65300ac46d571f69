/* Data sets in memory: growth, release, and the names of FER-2013's splits; see dataset.h. */
#include "fer/dataset.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 1024

static const struct {
    const char *name; /* in the CSV's column Usage and on the command line */
    enum split split;
} splits_known[] = {
    {"Training", SPLIT_TRAINING},
    {"PublicTest", SPLIT_PUBLIC_TEST},
    {"PrivateTest", SPLIT_PRIVATE_TEST},
};

#define SPLITS_KNOWN (sizeof(splits_known) / sizeof(splits_known[0]))

void dataset_release(struct dataset *d)
{
    if (d->path)
        for (size_t i = 0; i < d->count; i++)
            free(d->path[i]);
    free(d->path);
    free(d->pixels);
    free(d->label);
    free(d->split);
    memset(d, 0, sizeof(*d));
}

static int resize(void **array, size_t count, size_t size)
{
    void *resized = reallocarray(*array, count, size);
    if (!resized)
        return -1;
    *array = resized;
    return 0;
}

/* One array after the other: when the memory ends in between, all hold at least what they held. */
static int set_capacity(struct dataset *d, size_t capacity, bool with_path)
{
    size_t picture = (size_t)d->width * (size_t)d->height;
    void *pixels = d->pixels, *label = d->label, *split = d->split, *path = d->path;
    int failed = resize(&pixels, capacity, picture) || resize(&label, capacity, 1) ||
                 resize(&split, capacity, 1) ||
                 (with_path && resize(&path, capacity, sizeof(*d->path)));
    d->pixels = pixels;
    d->label = label;
    d->split = split;
    d->path = path;
    return failed ? -1 : 0;
}

int dataset_grow(struct dataset_growth *g, bool with_path, struct err *e)
{
    if (g->set.count < g->capacity)
        return 0;
    if (g->capacity > SIZE_MAX / 2)
        return err_memory(e);
    size_t capacity = g->capacity ? 2 * g->capacity : FIRST_CAPACITY;
    if (set_capacity(&g->set, capacity, with_path))
        return err_memory(e);
    g->capacity = capacity;
    return 0;
}

void dataset_trim(struct dataset_growth *g)
{
    /* Arrays that could not be made smaller are still large enough. */
    if (g->set.count > 0 && set_capacity(&g->set, g->set.count, g->set.path != NULL) == 0)
        g->capacity = g->set.count;
}

void dataset_keep(struct dataset *d, const unsigned char *keep)
{
    const size_t bytes = (size_t)d->width * (size_t)d->height;
    size_t kept = 0;
    for (size_t i = 0; i < d->count; i++) {
        if (!keep[i]) {
            if (d->path)
                free(d->path[i]);
            continue;
        }
        memmove(d->pixels + kept * bytes, d->pixels + i * bytes, bytes);
        d->label[kept] = d->label[i];
        d->split[kept] = d->split[i];
        if (d->path)
            d->path[kept] = d->path[i];
        kept++;
    }
    d->count = kept;
}

bool dataset_is_blank(const struct dataset *d, size_t picture)
{
    const size_t bytes = (size_t)d->width * (size_t)d->height;
    const unsigned char *pixels = d->pixels + picture * bytes;
    return memcmp(pixels, pixels + 1, bytes - 1) == 0;
}

unsigned split_find(const char *text, size_t length)
{
    for (size_t i = 0; i < SPLITS_KNOWN; i++)
        if (strlen(splits_known[i].name) == length &&
            memcmp(splits_known[i].name, text, length) == 0)
            return splits_known[i].split;
    return 0;
}

const char *splits_join(unsigned splits, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < SPLITS_KNOWN; i++)
        if ((splits & splits_known[i].split) && used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "",
                                     splits_known[i].name);
    return text;
}

unsigned splits_parse(const char *text, struct err *e)
{
    unsigned splits = 0;
    for (const char *word = text;;) {
        size_t length = strcspn(word, ",");
        unsigned split = split_find(word, length);
        if (!split) {
            err_set(e, "'%.*s' is not a split: Training, PublicTest or PrivateTest", (int)length,
                    word);
            return 0;
        }
        if (splits & split) {
            err_set(e, "the split '%.*s' is named twice", (int)length, word);
            return 0;
        }
        splits |= split;
        if (word[length] == '\0')
            return splits;
        word += length + 1;
    }
}
