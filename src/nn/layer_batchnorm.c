/* [batchnorm] on its own: scales, no biases, as its part of the weights file has it. */
#include "nn/layer.h"

#include <string.h>

#include "nn/fold.h"
#include "nn/plan.h"

struct batchnorm_op {
    struct op op;
    struct batchnorm norm;
};

static int parse(struct layer *l, struct layer_parser *p)
{
    (void)p;
    size_t n = (size_t)l->in.channels;
    l->out = l->in;
    layer_add_param(l, PARAM_SCALE, n);
    layer_add_param(l, PARAM_MEAN, n);
    layer_add_param(l, PARAM_VARIANCE, n);
    return 0;
}

static int plan(struct op *op, struct err *e)
{
    return batchnorm_init(&((struct batchnorm_op *)op)->norm, &op->out, e);
}

static void release(struct op *op)
{
    batchnorm_release(&((struct batchnorm_op *)op)->norm);
}

static void refresh(struct op *op)
{
    struct batchnorm_params params = op_norm_params(op);
    batchnorm_take(&((struct batchnorm_op *)op)->norm, &params, op->layer->out.channels);
}

static void forward(struct op *op)
{
    struct batchnorm *norm = &((struct batchnorm_op *)op)->norm;
    struct batchnorm_params params = op_norm_params(op);
    if (plan_trains(op->plan, op->layer))
        batchnorm_train(norm, &params, &op->in, &op->out, false);
    else
        batchnorm_infer(norm, &op->in, &op->out);
}

static void backward(struct op *op)
{
    struct batchnorm_params params = op_norm_params(op);
    struct batchnorm_gradients gradients = op_norm_gradients(op);
    struct tensor *dy = plan_gradient(op->plan, op->layer->index);
    int source = op->layer->source[0];
    batchnorm_backward(&((struct batchnorm_op *)op)->norm, &params, &gradients, &op->in, dy);
    struct tensor dx = plan_source_gradient(op->plan, source);
    if (!dx.value)
        return;
    memcpy(dx.value, dy->value, tensor_values(dy) * sizeof(float));
    plan_gradient_done(op->plan, source, &dx);
}

const struct layer_kind LAYER_BATCHNORM = {
    .names = {"batchnorm"},
    .layer_size = sizeof(struct layer),
    .parse = parse,
    .op_size = sizeof(struct batchnorm_op),
    .plan = plan,
    .refresh = refresh,
    .forward = forward,
    .backward = backward,
    .release = release,
};
