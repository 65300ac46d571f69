/* Features for personal tuning: what the frozen layers make of pictures, computed once for all
 * heads and epochs; see finetune.h. */
#include "fer/finetune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

#define FEATURE_BATCH 32

int extractor_init(struct extractor *x, const struct nn_net *net, int frozen, struct err *e)
{
    const int layers = nn_net_layers(net);
    x->values = nn_shape_values(nn_net_input(net));
    x->width = nn_shape_values(nn_net_shape(net, frozen - 1));
    x->classes = (size_t)nn_net_outputs(net);
    x->body = nn_predictor_new(net, 0, frozen, FEATURE_BATCH, e);
    if (!x->body)
        return -1;
    x->head = nn_predictor_new(net, frozen, layers, FEATURE_BATCH, e);
    if (!x->head)
        return -1;
    x->input = calloc(FEATURE_BATCH, x->values * sizeof(float));
    return x->input ? 0 : err_memory(e);
}

void extractor_release(struct extractor *x)
{
    nn_predictor_free(x->body);
    nn_predictor_free(x->head);
    free(x->input);
    memset(x, 0, sizeof(*x));
}

void pool_release(struct pool *p)
{
    free(p->feature);
    free(p->prior);
    free(p->label);
    memset(p, 0, sizeof(*p));
}

double pool_norm(const struct pool *p)
{
    const size_t pictures = p->count * p->variants;
    double sum = 0;
    for (size_t i = 0; i < pictures * p->width; i++)
        sum += fabs((double)p->feature[i]);
    return sum / (double)pictures;
}

double pool_square(const struct pool *p)
{
    const size_t pictures = p->count * p->variants;
    double sum = 0;
    for (size_t i = 0; i < pictures * p->width; i++)
        sum += (double)p->feature[i] * (double)p->feature[i];
    return sum / (double)pictures;
}

static int pool_init(struct pool *p, const struct extractor *x, size_t count, size_t variants,
                     struct err *e)
{
    *p = (struct pool){.count = count, .variants = variants, .width = x->width};
    if (count == 0 || count > SIZE_MAX / variants)
        return err_set(e, "there are %zu pictures to compute features of", count);
    const size_t pictures = count * variants;
    p->feature = calloc(pictures, x->width * sizeof(float));
    p->prior = calloc(pictures, x->classes * sizeof(float));
    p->label = calloc(count, 1);
    if (p->feature && p->prior && p->label)
        return 0;
    pool_release(p);
    return err_memory(e);
}

static void mirror(float *picture, int width, int height)
{
    for (int y = 0; y < height; y++, picture += width)
        for (int left = 0, right = width - 1; left < right; left++, right--) {
            const float value = picture[left];
            picture[left] = picture[right];
            picture[right] = value;
        }
}

/* Variant 0 is the picture, 1 its mirror image, the others are changed at random: milder than in
 * general training, since the frozen layers have learnt that already. Chance depends on the
 * picture's row, not on which others were chosen with it. */
static void make_variant(const struct extractor *x, const struct dataset *data, uint32_t row,
                         size_t variant, float *out)
{
    const unsigned char *pixels = data->pixels + row * x->values;
    const struct augmentation mild = {.flip = 1,
                                      .shift = data->width / 16.0,
                                      .min_scale = 0.9,
                                      .max_scale = 1.1,
                                      .angle = 8,
                                      .exposure = 1.2};
    struct rng r;
    rng_init(&r, x->seed, STREAM_COPY, row);
    const uint64_t key = rng_mix(rng_next(&r) + variant);
    augmentation_apply(variant < 2 ? NULL : &mild, key, pixels, data->width, data->height, out);
    if (variant == 1)
        mirror(out, data->width, data->height);
}

enum finetune_result extractor_run(struct extractor *x, const struct dataset *data,
                                   const uint32_t *row, size_t count, size_t variants,
                                   struct pool *pool, struct err *e)
{
    if (pool_init(pool, x, count, variants, e))
        return FINETUNE_FAILED;
    const size_t pictures = count * variants;
    for (size_t i = 0; i < count; i++)
        pool->label[i] = data->label[row[i]];
    for (size_t start = 0; start < pictures; start += FEATURE_BATCH) {
        const size_t n = pictures - start < FEATURE_BATCH ? pictures - start : FEATURE_BATCH;
#pragma omp parallel for
        for (size_t i = 0; i < n; i++)
            make_variant(x, data, row[(start + i) / variants], (start + i) % variants,
                         x->input + i * x->values);
        float *feature = pool->feature + start * x->width;
        nn_predictor_run(x->body, x->input, n, feature);
        nn_predictor_run(x->head, feature, n, pool->prior + start * x->classes);
        if (finetune_step(x->report, n, 0)) {
            pool_release(pool);
            return FINETUNE_STOPPED;
        }
    }
    return FINETUNE_DONE;
}

enum finetune_result extractor_replay(struct extractor *x, const struct replay *set, size_t first,
                                      size_t count, struct pool *pool, struct err *e)
{
    if (pool_init(pool, x, count, 1, e))
        return FINETUNE_FAILED;
    memcpy(pool->label, set->label + first, count);
#pragma omp parallel for
    for (size_t i = 0; i < count; i++)
        replay_decode(set, first + i, pool->feature + i * x->width);
    nn_predictor_run(x->head, pool->feature, count, pool->prior);
    return FINETUNE_DONE;
}
