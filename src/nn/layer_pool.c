/* [maxpool]: size, stride, padding (size-1 unless given; the window begins padding/2 before the
 * map). [avgpool]: the mean of each channel. */
#include "nn/layer.h"

#include "nn/plan.h"
#include "nn/simd.h"

struct maxpool {
    struct layer layer;
    int size, stride, padding;
};

static int maxpool_parse(struct layer *base, struct layer_parser *p)
{
    struct maxpool *l = (struct maxpool *)base;
    if (layer_refuse_key(p, "antialiasing") || layer_refuse_key(p, "maxpool_depth") ||
        layer_refuse_unless(p, "stride_x", NULL) || layer_refuse_unless(p, "stride_y", NULL) ||
        cfg_int(p->cfg, p->section, "stride", 1, 1, 1024, &l->stride, p->e) ||
        cfg_int(p->cfg, p->section, "size", l->stride, 1, 1024, &l->size, p->e) ||
        cfg_int(p->cfg, p->section, "padding", l->size - 1, 0, 1024, &l->padding, p->e))
        return -1;
    int spare_h = base->in.height + l->padding - l->size,
        spare_w = base->in.width + l->padding - l->size;
    if (spare_h < 0 || spare_w < 0 || l->padding / 2 >= l->size)
        return err_set(p->e, "%s:%d: a window of %d does not fit an input of %dx%d with padding %d",
                       p->cfg->path, base->line, l->size, base->in.width, base->in.height,
                       l->padding);
    base->out =
        (struct nn_shape){base->in.channels, spare_h / l->stride + 1, spare_w / l->stride + 1};
    /* The layouts of the two would differ, see maxpool_forward. No classifier does this. */
    if (base->in.height * base->in.width == 1 && base->out.height * base->out.width > 1)
        return err_set(p->e, "%s:%d: [maxpool] cannot make %dx%d out of a single pixel",
                       p->cfg->path, base->line, base->out.width, base->out.height);
    /* Every window must touch the map: an empty one has no largest value. */
    if ((base->out.height - 1) * l->stride - l->padding / 2 >= base->in.height ||
        (base->out.width - 1) * l->stride - l->padding / 2 >= base->in.width)
        return err_set(
            p->e, "%s:%d: with padding %d a window of %d lies outside the input of %dx%d",
            p->cfg->path, base->line, l->padding, l->size, base->in.width, base->in.height);
    return 0;
}

static struct pool_shape pool_shape(const struct maxpool *l)
{
    return (struct pool_shape){.in_height = l->layer.in.height,
                               .in_width = l->layer.in.width,
                               .out_height = l->layer.out.height,
                               .out_width = l->layer.out.width,
                               .size = l->size,
                               .stride = l->stride,
                               .offset = -l->padding / 2};
}

/* Input and output may have different layouts when one of them is a single pixel: slices of the
 * input's block. */
static void maxpool_forward(struct op *op)
{
    struct pool_shape shape = pool_shape((const struct maxpool *)op->layer);
    int slices = tensor_slices(&op->in), block = op->in.block;
    size_t in = tensor_slice(&op->in), out = (size_t)(shape.out_height * shape.out_width * block);
#pragma omp parallel for
    for (int s = 0; s < slices; s++)
        simd()->maxpool(&shape, block, op->in.value + (size_t)s * in,
                        op->out.value + (size_t)s * out);
}

static void maxpool_backward(struct op *op)
{
    struct pool_shape shape = pool_shape((const struct maxpool *)op->layer);
    int slices = tensor_slices(&op->in), block = op->in.block, source = op->layer->source[0];
    size_t in = tensor_slice(&op->in), out = (size_t)(shape.out_height * shape.out_width * block);
    const struct tensor *dy = plan_gradient(op->plan, op->layer->index);
    struct tensor dx = plan_source_gradient(op->plan, source);
    if (!dx.value)
        return;
#pragma omp parallel for
    for (int s = 0; s < slices; s++)
        simd()->maxpool_backward(&shape, block, op->in.value + (size_t)s * in,
                                 op->out.value + (size_t)s * out, dy->value + (size_t)s * out,
                                 dx.value + (size_t)s * in);
    plan_gradient_done(op->plan, source, &dx);
}

const struct layer_kind LAYER_MAXPOOL = {
    .names = {"maxpool", "max"},
    .layer_size = sizeof(struct maxpool),
    .frozen_by_tuning = true,
    .parse = maxpool_parse,
    .op_size = sizeof(struct op),
    .forward = maxpool_forward,
    .backward = maxpool_backward,
};

static int avgpool_parse(struct layer *l, struct layer_parser *p)
{
    (void)p;
    l->out = (struct nn_shape){l->in.channels, 1, 1};
    return 0;
}

static void avgpool_forward(struct op *op)
{
    int slices = tensor_slices(&op->in), block = op->in.block;
    size_t slice = tensor_slice(&op->in), pixels = slice / (size_t)block;
#pragma omp parallel for
    for (int s = 0; s < slices; s++) {
        float *y = op->out.value + s * block;
        simd()->channel_sums(op->in.value + (size_t)s * slice, pixels, block, y);
        for (int c = 0; c < block; c++)
            y[c] /= (float)pixels;
    }
}

static void avgpool_backward(struct op *op)
{
    int slices = tensor_slices(&op->in), block = op->in.block, source = op->layer->source[0];
    size_t slice = tensor_slice(&op->in), pixels = slice / (size_t)block;
    const struct tensor *dy = plan_gradient(op->plan, op->layer->index);
    struct tensor dx = plan_source_gradient(op->plan, source);
    if (!dx.value)
        return;
#pragma omp parallel for
    for (int s = 0; s < slices; s++)
        for (size_t i = 0; i < slice; i++)
            dx.value[(size_t)s * slice + i] =
                dy->value[s * block + (int)(i % (size_t)block)] / (float)pixels;
    plan_gradient_done(op->plan, source, &dx);
}

const struct layer_kind LAYER_AVGPOOL = {
    .names = {"avgpool", "avg"},
    .layer_size = sizeof(struct layer),
    .frozen_by_tuning = true,
    .parse = avgpool_parse,
    .op_size = sizeof(struct op),
    .forward = avgpool_forward,
    .backward = avgpool_backward,
};
