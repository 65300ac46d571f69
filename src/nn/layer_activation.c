/* [activation]: a function of each value. */
#include "nn/layer.h"

#include <string.h>

#include "nn/activation.h"
#include "nn/plan.h"

struct activation_layer {
    struct layer layer;
    enum activation activation;
};

static int parse(struct layer *base, struct layer_parser *p)
{
    base->out = base->in;
    return activation_parse(p, "linear", &((struct activation_layer *)base)->activation);
}

static void forward(struct op *op)
{
    memcpy(op->out.value, op->in.value, tensor_values(&op->in) * sizeof(float));
    activation_forward_tensor(((const struct activation_layer *)op->layer)->activation, &op->out);
}

static void backward(struct op *op)
{
    struct tensor *dy = plan_gradient(op->plan, op->layer->index);
    int source = op->layer->source[0];
    struct tensor dx = plan_source_gradient(op->plan, source);
    if (!dx.value)
        return;
    activation_backward_tensor(((const struct activation_layer *)op->layer)->activation, &op->out,
                               dy);
    memcpy(dx.value, dy->value, tensor_values(dy) * sizeof(float));
    plan_gradient_done(op->plan, source, &dx);
}

const struct layer_kind LAYER_ACTIVATION = {
    .names = {"activation"},
    .layer_size = sizeof(struct activation_layer),
    .parse = parse,
    .op_size = sizeof(struct op),
    .forward = forward,
    .backward = backward,
};
