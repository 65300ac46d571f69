/* What is in FER-2013's rows; see fer.h. Identical pictures are those whose pixels are all the
 * same: near copies are not found. */
#include <stdlib.h>
#include <string.h>

#include "fer/dataset.h"
#include "fer/identical.h"

/* A group of identical pictures as one split sees it. */
struct share {
    size_t n;
    int label; /* of its first picture there */
    bool conflict;
};

static int split_index(unsigned char split)
{
    return split == SPLIT_TRAINING ? 0 : split == SPLIT_PUBLIC_TEST ? 1 : 2;
}

static void share_add(struct share *s, int label)
{
    if (s->n == 0)
        s->label = label;
    s->conflict |= label != s->label;
    s->n++;
}

static void count_share(struct audit_split *a, const struct share *s)
{
    a->distinct += s->n > 0;
    if (s->n < 2)
        return;
    a->groups++;
    a->members += s->n;
    a->surplus += s->n - 1;
    a->conflicts += s->conflict;
    a->conflicting += s->conflict ? s->n : 0;
}

/* Pairs a picture with its copies in the splits before its own. */
static void count_copies(struct audit *a, const struct share share[AUDIT_SPLITS], int split,
                         int label)
{
    for (int before = 0; before < split; before++) {
        struct audit_copies *copies = &a->copies[split][before];
        if (share[before].n == 0)
            continue;
        copies->n++;
        copies->of_class[label]++;
        copies->relabelled += share[before].conflict || share[before].label != label;
    }
}

static void count_group(struct audit *a, const struct dataset *d, const uint32_t *row, size_t count)
{
    struct share share[AUDIT_SPLITS] = {{0}}, all = {0};
    for (size_t i = 0; i < count; i++) {
        share_add(&share[split_index(d->split[row[i]])], d->label[row[i]]);
        share_add(&all, d->label[row[i]]);
    }
    for (int s = 0; s < AUDIT_SPLITS; s++)
        count_share(&a->split[s], &share[s]);
    count_share(&a->all, &all);
    for (size_t i = 0; i < count; i++)
        count_copies(a, share, split_index(d->split[row[i]]), d->label[row[i]]);
}

static void count_rows(struct audit *a, const struct dataset *d)
{
    for (size_t i = 0; i < d->count; i++) {
        struct audit_split *const splits[] = {&a->split[split_index(d->split[i])], &a->all};
        const bool blank = dataset_is_blank(d, i);
        for (int k = 0; k < 2; k++) {
            splits[k]->n++;
            splits[k]->of_class[d->label[i]]++;
            splits[k]->blank += blank;
        }
        if (blank)
            a->blank_row[a->all.blank - 1] = i;
    }
}

int audit_init(struct audit *a, const struct dataset *d, struct err *e)
{
    struct identical same;
    memset(a, 0, sizeof(*a));
    for (size_t i = 0; i < d->count; i++)
        if (d->label[i] >= FER_CLASSES)
            return err_set(e, "picture %zu has label %d of %d classes", i, d->label[i],
                           FER_CLASSES);
    a->blank_row = calloc(d->count + 1, sizeof(*a->blank_row));
    if (!a->blank_row)
        return err_memory(e);
    if (identical_init(&same, d, e)) {
        audit_release(a);
        return -1;
    }
    count_rows(a, d);
    for (size_t g = 0; g < same.groups; g++)
        count_group(a, d, same.row + same.start[g], same.start[g + 1] - same.start[g]);
    identical_release(&same);
    return 0;
}

void audit_release(struct audit *a)
{
    free(a->blank_row);
    memset(a, 0, sizeof(*a));
}
