/* Features for personal tuning: what the frozen layers make of pictures, computed once for all
 * heads and epochs; see finetune.h. */
#include "fer/finetune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

#define FEATURE_BATCH 32

static size_t shape_values(struct nn_shape s)
{
    return (size_t)s.channels * (size_t)s.height * (size_t)s.width;
}

int extractor_init(struct extractor *x, const struct nn_net *net, int frozen, struct err *e)
{
    const int layers = nn_net_layers(net);
    x->values = shape_values(nn_net_input(net));
    x->width = shape_values(nn_net_shape(net, frozen - 1));
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

static int pool_init(struct pool *p, const struct extractor *x, size_t count, enum pool_form form,
                     struct err *e)
{
    *p = (struct pool){.count = count, .variants = form == POOL_BOTH ? 2 : 1, .width = x->width};
    if (count == 0 || count > SIZE_MAX / p->variants)
        return err_set(e, "there are %zu pictures to compute features of", count);
    const size_t pictures = count * p->variants;
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

/* Chance depends on the picture's row, not on which others were chosen with it. */
static bool is_mirrored(const struct extractor *x, enum pool_form form, uint32_t row,
                        size_t variant)
{
    if (form == POOL_PLAIN)
        return false;
    if (form == POOL_BOTH)
        return variant == 1;
    struct rng r;
    rng_init(&r, x->seed, STREAM_MIRROR, row);
    return rng_below(&r, 2) == 1;
}

enum finetune_result extractor_run(struct extractor *x, const struct dataset *data,
                                   const uint32_t *row, size_t count, enum pool_form form,
                                   struct pool *pool, struct err *e)
{
    if (pool_init(pool, x, count, form, e))
        return FINETUNE_FAILED;
    const size_t pictures = count * pool->variants;
    for (size_t i = 0; i < count; i++)
        pool->label[i] = data->label[row[i]];
    for (size_t start = 0; start < pictures; start += FEATURE_BATCH) {
        const size_t n = pictures - start < FEATURE_BATCH ? pictures - start : FEATURE_BATCH;
        for (size_t i = 0; i < n; i++) {
            const uint32_t at = row[(start + i) / pool->variants];
            float *to = x->input + i * x->values;
            augmentation_apply(NULL, 0, data->pixels + at * x->values, data->width, data->height,
                               to);
            if (is_mirrored(x, form, at, (start + i) % pool->variants))
                mirror(to, data->width, data->height);
        }
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
