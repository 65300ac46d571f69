/* [convolutional]: filters, size, stride, pad (size/2) or padding, groups, batch_normalize,
 * activation. */
#include "nn/layer.h"

#include <stdlib.h>

#include "nn/activation.h"
#include "nn/batchnorm.h"
#include "nn/engine.h"
#include "nn/fold.h"
#include "nn/plan.h"
#include "nn/simd.h"

struct convolutional {
    struct layer layer;
    int size, stride, pad, groups;
    bool batch_normalize;
    enum activation activation;
};

struct convolutional_op {
    struct op op;
    const struct conv_kernels *kernels;
    void *kernel;            /* made by kernels; owned */
    struct tensor raw;       /* training with batch norm: before it; value owned */
    struct batchnorm norm;   /* training with batch norm */
    struct folded folded;    /* inference */
    float *weight_gradient;  /* training: before it is added; owned */
    float *bias_part;        /* training without one: (batch * channels) sums by slice; owned */
    enum activation pending; /* what the kernel leaves to do */
};

static int parse(struct layer *base, struct layer_parser *p)
{
    struct convolutional *l = (struct convolutional *)base;
    int filters, pad, padding, normalize;
    if (layer_refuse_key(p, "binary") || layer_refuse_key(p, "xnor") ||
        layer_refuse_key(p, "flipped") || layer_refuse_key(p, "antialiasing") ||
        layer_refuse_unless(p, "dilation", "1") || layer_refuse_unless(p, "stride_x", NULL) ||
        layer_refuse_unless(p, "stride_y", NULL) || layer_refuse_unless(p, "share_index", NULL) ||
        layer_refuse_key(p, "cbn") ||
        cfg_int(p->cfg, p->section, "filters", 1, 1, 65536, &filters, p->e) ||
        cfg_int(p->cfg, p->section, "size", 1, 1, 1024, &l->size, p->e) ||
        cfg_int(p->cfg, p->section, "stride", 1, 1, 1024, &l->stride, p->e) ||
        cfg_int(p->cfg, p->section, "pad", 0, 0, 1, &pad, p->e) ||
        cfg_int(p->cfg, p->section, "padding", 0, 0, 1024, &padding, p->e) ||
        cfg_int(p->cfg, p->section, "groups", 1, 1, 65536, &l->groups, p->e) ||
        cfg_int(p->cfg, p->section, "batch_normalize", 0, 0, 1, &normalize, p->e) ||
        activation_parse(p, "logistic", &l->activation))
        return -1;
    l->pad = pad ? l->size / 2 : padding;
    l->batch_normalize = normalize;
    struct nn_shape in = base->in;
    if (in.channels % l->groups || filters % l->groups)
        return err_set(p->e, "%s:%d: groups=%d does not divide both %d channels and %d filters",
                       p->cfg->path, cfg_line(p->section, "groups"), l->groups, in.channels,
                       filters);
    int spare_h = in.height + 2 * l->pad - l->size, spare_w = in.width + 2 * l->pad - l->size;
    if (spare_h < 0 || spare_w < 0)
        return err_set(p->e,
                       "%s:%d: a kernel of %dx%d does not fit an input of %dx%d with padding %d",
                       p->cfg->path, base->line, l->size, l->size, in.width, in.height, l->pad);
    base->out = (struct nn_shape){filters, spare_h / l->stride + 1, spare_w / l->stride + 1};
    const size_t n = (size_t)filters;
    const double fan_in = (double)(in.channels / l->groups) * l->size * l->size;
    layer_add_param(base, PARAM_BIAS, n);
    if (l->batch_normalize) {
        layer_add_param(base, PARAM_SCALE, n);
        layer_add_param(base, PARAM_MEAN, n);
        layer_add_param(base, PARAM_VARIANCE, n);
    }
    const double weights = filters * fan_in;
    if (layer_check_size(base, p, weights))
        return -1;
    layer_add_param(base, PARAM_WEIGHT, (size_t)weights);
    base->flops = 2 * fan_in * (double)nn_shape_values(base->out);
    return 0;
}

static bool fuses(enum activation act)
{
    return act == ACT_RELU || act == ACT_LEAKY;
}

/* Buffers that only training, or only inference, needs. */
static int plan_buffers(struct convolutional_op *c, bool training, struct err *e)
{
    const struct convolutional *l = (const struct convolutional *)c->op.layer;
    size_t weights = layer_param(&l->layer, PARAM_WEIGHT)->count,
           channels = (size_t)l->layer.out.channels;
    if (!training)
        return folded_init(&c->folded, &l->layer, e);
    c->weight_gradient = floats_new(weights);
    if (!c->weight_gradient)
        return err_memory(e);
    if (!l->batch_normalize) {
        c->bias_part = floats_new((size_t)c->op.out.batch * channels);
        return c->bias_part ? 0 : err_memory(e);
    }
    c->raw = c->op.out;
    c->raw.value = floats_new(tensor_values(&c->raw));
    return c->raw.value ? batchnorm_init(&c->norm, &c->raw, e) : err_memory(e);
}

static int plan(struct op *op, struct err *e)
{
    struct convolutional_op *c = (struct convolutional_op *)op;
    const struct convolutional *l = (const struct convolutional *)op->layer;
    bool training = plan_trains(op->plan, op->layer), normalize = training && l->batch_normalize;
    bool fused = fuses(l->activation) && !normalize;
    struct conv_shape shape = {.batch = op->out.batch,
                               .in = op->layer->in,
                               .out = op->layer->out,
                               .in_block = op->in.block,
                               .out_block = op->out.block,
                               .size = l->size,
                               .stride = l->stride,
                               .pad = l->pad,
                               .groups = l->groups,
                               .bias = !normalize,
                               .clip = fused,
                               .slope = l->activation == ACT_LEAKY ? .1f : 0,
                               .training = training,
                               .input_gradient =
                                   training && op->layer->source[0] >= op->plan->learn};
    c->pending = fused || normalize ? ACT_LINEAR : l->activation;
    c->kernels = conv_choose(&shape);
    c->kernel = c->kernels->create(&shape, e);
    return c->kernel ? plan_buffers(c, training, e) : -1;
}

static void release(struct op *op)
{
    struct convolutional_op *c = (struct convolutional_op *)op;
    if (c->kernel)
        c->kernels->destroy(c->kernel);
    free(c->raw.value);
    batchnorm_release(&c->norm);
    folded_release(&c->folded);
    free(c->weight_gradient);
    free(c->bias_part);
}

static void refresh(struct op *op)
{
    struct convolutional_op *c = (struct convolutional_op *)op;
    folded_take(&c->folded, op);
    c->kernels->set_weights(c->kernel, c->folded.weights);
}

static void forward(struct op *op)
{
    struct convolutional_op *c = (struct convolutional_op *)op;
    const struct convolutional *l = (const struct convolutional *)op->layer;
    if (c->folded.weights) {
        c->kernels->forward(c->kernel, op->in.value, c->folded.bias, op->out.value);
        activation_forward_tensor(c->pending, &op->out);
        return;
    }
    c->kernels->set_weights(c->kernel, plan_param(op->plan, op->layer, PARAM_WEIGHT));
    if (!l->batch_normalize) {
        c->kernels->forward(c->kernel, op->in.value, plan_param(op->plan, op->layer, PARAM_BIAS),
                            op->out.value);
        activation_forward_tensor(c->pending, &op->out);
        return;
    }
    struct batchnorm_params params = op_norm_params(op);
    c->kernels->forward(c->kernel, op->in.value, NULL, c->raw.value);
    batchnorm_train(&c->norm, &params, &c->raw, &op->out, l->activation == ACT_RELU);
    if (l->activation != ACT_RELU)
        activation_forward_tensor(l->activation, &op->out);
}

static void bias_backward(struct convolutional_op *c, const struct tensor *dy, float *gradient)
{
    int slices = tensor_slices(dy), channels = dy->shape.channels;
    size_t slice = tensor_slice(dy), pixels = slice / (size_t)dy->block;
#pragma omp parallel for
    for (int s = 0; s < slices; s++)
        simd()->channel_sums(dy->value + (size_t)s * slice, pixels, dy->block,
                             c->bias_part + s * dy->block);
    for (int i = 0; i < channels; i++) {
        double sum = 0;
        for (int n = 0; n < dy->batch; n++)
            sum += (double)c->bias_part[n * channels + i];
        gradient[i] += (float)sum;
    }
}

static void backward(struct op *op)
{
    struct convolutional_op *c = (struct convolutional_op *)op;
    const struct convolutional *l = (const struct convolutional *)op->layer;
    struct plan *p = op->plan;
    struct tensor *dy = plan_gradient(p, op->layer->index);
    if (!l->batch_normalize || l->activation != ACT_RELU)
        activation_backward_tensor(l->activation, &op->out, dy);
    if (l->batch_normalize) { /* does the ReLU on the way */
        struct batchnorm_params params = op_norm_params(op);
        struct batchnorm_gradients gradients = op_norm_gradients(op);
        batchnorm_backward(&c->norm, &params, &gradients, &c->raw, dy);
    } else {
        bias_backward(c, dy, plan_param_gradient(p, op->layer, PARAM_BIAS));
    }
    c->kernels->backward_weights(c->kernel, op->in.value, dy->value, c->weight_gradient);
    simd()->add(plan_param_gradient(p, op->layer, PARAM_WEIGHT), c->weight_gradient,
                layer_param(op->layer, PARAM_WEIGHT)->count);
    int source = op->layer->source[0];
    struct tensor dx = plan_source_gradient(p, source);
    if (dx.value) {
        c->kernels->backward_data(c->kernel, dy->value, dx.value);
        plan_gradient_done(p, source, &dx);
    }
}

const struct layer_kind LAYER_CONVOLUTIONAL = {
    .names = {"convolutional", "conv"},
    .layer_size = sizeof(struct convolutional),
    .frozen_by_tuning = true,
    .parse = parse,
    .op_size = sizeof(struct convolutional_op),
    .plan = plan,
    .refresh = refresh,
    .forward = forward,
    .backward = backward,
    .release = release,
};
