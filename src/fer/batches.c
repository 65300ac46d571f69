/* The batches of a training run; see batches.h. */
#include "fer/batches.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

/* Distinct from the streams that the engine draws from the same seed. */
#define STREAM_SHUFFLE 0x73687566u /* "shuf" */
#define STREAM_AUGMENT 0x6175676du /* "augm" */

int batches_init(struct batches *b, struct err *e)
{
    b->order = NULL;
    if (b->data->count == 0 || b->data->count > UINT32_MAX)
        return err_set(e, "cannot train on %zu pictures", b->data->count);
    b->count = (long)(b->data->count / (size_t)b->size);
    if (b->count == 0)
        b->count = 1;
    b->order = malloc(b->data->count * sizeof(*b->order));
    return b->order ? 0 : err_memory(e);
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

void batches_fill(const struct batches *b, long step, float *input, float *target,
                  unsigned char *label)
{
    const struct dataset *d = b->data;
    size_t values = (size_t)d->width * (size_t)d->height, classes = (size_t)b->classes;
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
    }
}

void batches_release(struct batches *b)
{
    free(b->order);
    b->order = NULL;
}
