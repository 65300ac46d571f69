/* [connected]: output, activation, batch_normalize. Reads its input flattened in the order channel,
 * row, column. */
#include "nn/layer.h"

#include <stdlib.h>
#include <string.h>

#include "nn/activation.h"
#include "nn/batchnorm.h"
#include "nn/engine.h"
#include "nn/fold.h"
#include "nn/plan.h"
#include "nn/simd.h"

struct connected {
    struct layer layer;
    bool batch_normalize;
    enum activation activation;
};

struct connected_op {
    struct op op;
    float *flat;           /* (batch, inputs) when the input is blocked; owned */
    float *flat_gradient;  /* the same for its gradient; owned */
    struct tensor raw;     /* training with batch norm: before it; value owned */
    struct batchnorm norm; /* training with batch norm */
    struct folded folded;  /* inference */
};

static int parse(struct layer *base, struct layer_parser *p)
{
    struct connected *l = (struct connected *)base;
    int outputs, normalize;
    if (cfg_int(p->cfg, p->section, "output", 1, 1, 1 << 20, &outputs, p->e) ||
        cfg_int(p->cfg, p->section, "batch_normalize", 0, 0, 1, &normalize, p->e) ||
        activation_parse(p, "logistic", &l->activation))
        return -1;
    l->batch_normalize = normalize;
    const size_t n = (size_t)outputs, inputs = nn_shape_values(base->in);
    const double weights = (double)n * (double)inputs;
    base->out = (struct nn_shape){outputs, 1, 1};
    layer_add_param(base, PARAM_BIAS, n);
    if (layer_check_size(base, p, weights))
        return -1;
    layer_add_param(base, PARAM_WEIGHT, n * inputs);
    base->param[1].rows = n;
    if (l->batch_normalize) {
        layer_add_param(base, PARAM_SCALE, n);
        layer_add_param(base, PARAM_MEAN, n);
        layer_add_param(base, PARAM_VARIANCE, n);
    }
    base->flops = 2 * weights;
    return 0;
}

static int plan(struct op *op, struct err *e)
{
    struct connected_op *c = (struct connected_op *)op;
    const struct connected *l = (const struct connected *)op->layer;
    bool training = plan_trains(op->plan, op->layer);
    if (op->in.block > 1) {
        c->flat = floats_new(tensor_values(&op->in));
        c->flat_gradient = training ? floats_new(tensor_values(&op->in)) : NULL;
        if (!c->flat || (training && !c->flat_gradient))
            return err_memory(e);
    }
    if (!training)
        return folded_init(&c->folded, op->layer, e);
    if (!l->batch_normalize)
        return 0;
    c->raw = op->out;
    c->raw.value = floats_new(tensor_values(&op->out));
    return c->raw.value ? batchnorm_init(&c->norm, &op->out, e) : err_memory(e);
}

static void release(struct op *op)
{
    struct connected_op *c = (struct connected_op *)op;
    free(c->flat);
    free(c->flat_gradient);
    free(c->raw.value);
    batchnorm_release(&c->norm);
    folded_release(&c->folded);
}

/* The input as (batch, inputs) rows. */
static const float *rows_in(struct connected_op *c)
{
    if (!c->flat)
        return c->op.in.value;
    tensor_to_plain(&c->op.in, c->flat);
    return c->flat;
}

static void refresh(struct op *op)
{
    folded_take(&((struct connected_op *)op)->folded, op);
}

/* y = x W^T + b, one picture's sum in one order whatever the batch: predictions must not depend on
 * company. */
static void multiply(const struct op *op, const float *x, const float *weights, const float *bias,
                     float *y)
{
    size_t outputs = (size_t)op->layer->out.channels;
    const struct dot d = {.x = x,
                          .w = weights,
                          .bias = bias,
                          .y = y,
                          .rows = (size_t)op->out.batch,
                          .inputs = nn_shape_values(op->layer->in),
                          .stride = outputs};
#pragma omp parallel for
    for (size_t o = 0; o < outputs; o += DOT_OUTPUTS)
        simd()->dot(&d, o, outputs - o < DOT_OUTPUTS ? outputs - o : DOT_OUTPUTS);
}

static void infer(struct connected_op *c)
{
    multiply(&c->op, rows_in(c), c->folded.weights, c->folded.bias, c->op.out.value);
}

static void train(struct connected_op *c)
{
    struct op *op = &c->op;
    const float *weights = plan_param(op->plan, op->layer, PARAM_WEIGHT);
    if (!c->raw.value) {
        multiply(op, rows_in(c), weights, plan_param(op->plan, op->layer, PARAM_BIAS),
                 op->out.value);
        return;
    }
    struct batchnorm_params params = op_norm_params(op);
    multiply(op, rows_in(c), weights, NULL, c->raw.value);
    batchnorm_train(&c->norm, &params, &c->raw, &op->out, false);
}

static void forward(struct op *op)
{
    struct connected_op *c = (struct connected_op *)op;
    (plan_trains(op->plan, op->layer) ? train : infer)(c);
    activation_forward_tensor(((const struct connected *)op->layer)->activation, &op->out);
}

static void bias_backward(const struct tensor *dy, float *gradient)
{
    for (int n = 0; n < dy->batch; n++)
        simd()->add(gradient, dy->value + (size_t)n * (size_t)dy->shape.channels,
                    (size_t)dy->shape.channels);
}

static void backward(struct op *op)
{
    struct connected_op *c = (struct connected_op *)op;
    const struct connected *l = (const struct connected *)op->layer;
    struct plan *p = op->plan;
    struct tensor *dy = plan_gradient(p, op->layer->index);
    activation_backward_tensor(l->activation, &op->out, dy);
    if (l->batch_normalize) {
        struct batchnorm_params params = op_norm_params(op);
        struct batchnorm_gradients gradients = op_norm_gradients(op);
        batchnorm_backward(&c->norm, &params, &gradients, &c->raw, dy);
    } else {
        bias_backward(dy, plan_param_gradient(p, op->layer, PARAM_BIAS));
    }
    int outputs = op->layer->out.channels, inputs = (int)nn_shape_values(op->layer->in);
    gemm_run(&(struct gemm){.transpose_a = true,
                            .m = outputs,
                            .n = inputs,
                            .k = op->out.batch,
                            .a = dy->value,
                            .b = c->flat ? c->flat : op->in.value,
                            .beta = 1,
                            .c = plan_param_gradient(p, op->layer, PARAM_WEIGHT)});
    int source = op->layer->source[0];
    struct tensor dx = plan_source_gradient(p, source);
    if (!dx.value)
        return;
    gemm_run(&(struct gemm){.m = op->out.batch,
                            .n = inputs,
                            .k = outputs,
                            .a = dy->value,
                            .b = plan_param(p, op->layer, PARAM_WEIGHT),
                            .c = c->flat ? c->flat_gradient : dx.value});
    if (c->flat)
        tensor_from_plain(&dx, c->flat_gradient);
    plan_gradient_done(p, source, &dx);
}

const struct layer_kind LAYER_CONNECTED = {
    .names = {"connected", "conn"},
    .layer_size = sizeof(struct connected),
    .reads_rows = true,
    .parse = parse,
    .op_size = sizeof(struct connected_op),
    .plan = plan,
    .refresh = refresh,
    .forward = forward,
    .backward = backward,
    .release = release,
};
