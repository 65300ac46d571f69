/* The batches of a training run; see batches.h. */
#include "fer/batches.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

/* Distinct from the streams that the engine draws from the same seed. */
#define STREAM_SHUFFLE 0x73687566u /* "shuf" */
#define STREAM_AUGMENT 0x6175676du /* "augm" */
#define STREAM_MIXUP 0x6d697875u   /* "mixu" */

static size_t picture_values(const struct dataset *d)
{
    return (size_t)d->width * (size_t)d->height;
}

int batches_init(struct batches *b, struct err *e)
{
    b->order = NULL;
    b->partner = NULL;
    if (b->data->count == 0 || b->data->count > UINT32_MAX)
        return err_set(e, "cannot train on %zu pictures", b->data->count);
    b->count = (long)(b->data->count / (size_t)b->size);
    if (b->count == 0)
        b->count = 1;
    b->order = malloc(b->data->count * sizeof(*b->order));
    if (b->augmentation && b->augmentation->mixup > 0)
        b->partner = malloc((size_t)b->size * picture_values(b->data) * sizeof(*b->partner));
    if (b->order && (b->partner || !b->augmentation || b->augmentation->mixup <= 0))
        return 0;
    batches_release(b);
    return err_memory(e);
}

void batches_shuffle(struct batches *b, int epoch)
{
    struct rng r;
    for (size_t i = 0; i < b->data->count; i++)
        b->order[i] = (uint32_t)i;
    rng_init(&r, b->seed, STREAM_SHUFFLE, (uint64_t)epoch);
    rng_shuffle(&r, b->order, b->data->count);
    rng_init(&r, b->seed, STREAM_AUGMENT, (uint64_t)epoch);
    b->key = rng_next(&r);
}

/* Mixes a picture with one drawn from all, changed by a key of its own. At least half stays the
 * picture's, so that its label goes on to say what it shows. */
static void mix(const struct batches *b, uint64_t key, size_t i, float *input, float *target)
{
    const struct dataset *d = b->data;
    size_t values = picture_values(d);
    struct rng r;
    rng_init(&r, key, STREAM_MIXUP, 0);
    if ((double)rng_uniform(&r) >= b->augmentation->mixup)
        return;
    size_t row = rng_below(&r, d->count);
    double part = rng_beta(&r, b->augmentation->mixup_alpha);
    float other = (float)(part < .5 ? part : 1 - part);
    float *partner = b->partner + i * values;
    augmentation_apply(b->augmentation, rng_next(&r), d->pixels + row * values, d->width, d->height,
                       partner);
    for (size_t k = 0; k < values; k++)
        input[k] += other * (partner[k] - input[k]);
    for (int k = 0; k < b->classes; k++)
        target[k] *= 1 - other;
    target[d->label[row]] += other;
}

void batches_fill(const struct batches *b, long step, float *input, float *target,
                  unsigned char *label)
{
    const struct dataset *d = b->data;
    size_t values = picture_values(d), classes = (size_t)b->classes;
    memset(target, 0, (size_t)b->size * classes * sizeof(*target));
    /* On all threads before the step, not on one more beside it: the engine has a thread on every
     * core already, and a picture costs a two-hundredth of its step. */
#pragma omp parallel for
    for (size_t i = 0; i < (size_t)b->size; i++) {
        /* Fewer pictures than a batch go round; each time round is changed in its own way. */
        size_t place = (size_t)step * (size_t)b->size + i, round = place / d->count;
        size_t row = b->order[place % d->count];
        uint64_t key = rng_mix(b->key ^ (row + round * d->count));
        augmentation_apply(b->augmentation, key, d->pixels + row * values, d->width, d->height,
                           input + i * values);
        label[i] = d->label[row];
        target[i * classes + label[i]] = 1;
        if (b->partner)
            mix(b, key, i, input + i * values, target + i * classes);
    }
}

void batches_release(struct batches *b)
{
    free(b->order);
    free(b->partner);
    b->order = NULL;
    b->partner = NULL;
}
