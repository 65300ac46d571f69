/* A layer's parameters for inference; see fold.h. */
#include "nn/fold.h"

#include <stdlib.h>
#include <string.h>

#include "nn/plan.h"

int folded_init(struct folded *f, const struct layer *l, struct err *e)
{
    size_t channels = (size_t)l->out.channels;
    f->weights = floats_raw(layer_param(l, PARAM_WEIGHT)->count);
    f->bias = floats_new(channels);
    f->scale = floats_new(channels);
    return f->weights && f->bias && f->scale ? 0 : err_memory(e);
}

void folded_release(struct folded *f)
{
    free(f->weights);
    free(f->bias);
    free(f->scale);
    memset(f, 0, sizeof(*f));
}

struct batchnorm_params op_norm_params(const struct op *op)
{
    struct plan *p = op->plan;
    const struct layer *l = op->layer;
    return (struct batchnorm_params){
        .scale = plan_param(p, l, PARAM_SCALE),
        .bias = plan_param(p, l, PARAM_BIAS),
        .rolling_mean = plan_param(p, l, PARAM_MEAN),
        .rolling_variance = plan_param(p, l, PARAM_VARIANCE),
    };
}

struct batchnorm_gradients op_norm_gradients(const struct op *op)
{
    return (struct batchnorm_gradients){
        .scale = plan_param_gradient(op->plan, op->layer, PARAM_SCALE),
        .bias = plan_param_gradient(op->plan, op->layer, PARAM_BIAS),
    };
}

void folded_take(struct folded *f, const struct op *op)
{
    const struct param *run = layer_param(op->layer, PARAM_WEIGHT);
    size_t channels = (size_t)op->layer->out.channels, fan_in = run->count / channels;
    const float *weights = plan_param(op->plan, op->layer, PARAM_WEIGHT);
    if (layer_param(op->layer, PARAM_SCALE)) {
        struct batchnorm_params norm = op_norm_params(op);
        batchnorm_fold(&norm, (int)channels, f->scale, f->bias);
    } else {
        memcpy(f->bias, plan_param(op->plan, op->layer, PARAM_BIAS), channels * sizeof(float));
        for (size_t c = 0; c < channels; c++)
            f->scale[c] = 1;
    }
    for (size_t c = 0; c < channels; c++)
        for (size_t k = c * fan_in; k < (c + 1) * fan_in; k++)
            f->weights[k] = weights[k] * f->scale[c];
}
