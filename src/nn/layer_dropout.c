/* [dropout]: probability. In training each value is dropped with that probability and the others
 * are scaled by 1/(1-p) (Srivastava et al. 2014); the mask is a hash of seed, pass and position,
 * never stored. */
#include "nn/layer.h"

#include "base/rng.h"
#include "nn/plan.h"
#include "nn/simd.h"

struct dropout_layer {
    struct layer layer;
    double probability;
};

static int parse(struct layer *base, struct layer_parser *p)
{
    struct dropout_layer *l = (struct dropout_layer *)base;
    base->out = base->in;
    if (layer_refuse_key(p, "dropblock"))
        return -1;
    return cfg_real(p->cfg, p->section, "probability", .5, 0, .999, &l->probability, p->e);
}

static void apply_mask(const struct op *op, const float *x, float *y)
{
    const struct dropout_layer *l = (const struct dropout_layer *)op->layer;
    const struct plan *p = op->plan;
    uint64_t key = rng_mix(rng_mix(rng_mix(p->seed) ^ p->pass) ^ (uint64_t)op->layer->index);
    struct dropout mask = {(float)l->probability, key};
    size_t picture = nn_shape_values(op->out.shape);
#pragma omp parallel for
    for (int n = 0; n < op->out.batch; n++) {
        size_t first = (size_t)n * picture;
        simd()->dropout(&mask, x + first, y + first, first, picture);
    }
}

static void forward(struct op *op)
{
    if (plan_trains(op->plan, op->layer))
        apply_mask(op, op->in.value, op->out.value);
}

static void backward(struct op *op)
{
    int source = op->layer->source[0];
    struct tensor dx = plan_source_gradient(op->plan, source);
    if (!dx.value)
        return;
    apply_mask(op, plan_gradient(op->plan, op->layer->index)->value, dx.value);
    plan_gradient_done(op->plan, source, &dx);
}

const struct layer_kind LAYER_DROPOUT = {
    .names = {"dropout"},
    .layer_size = sizeof(struct dropout_layer),
    .passes_through = true,
    .parse = parse,
    .op_size = sizeof(struct op),
    .forward = forward,
    .backward = backward,
};
