/* [shortcut]: from, activation. Adds another layer's output to that of the layer below (He et al.
 * 2016). Where the shapes differ, darknet adds the channels that both have, on a grid of whole
 * steps. */
#include "nn/layer.h"

#include <stdlib.h>
#include <string.h>

#include "nn/activation.h"
#include "nn/plan.h"
#include "nn/simd.h"

struct shortcut {
    struct layer layer;
    struct nn_shape from;
    enum activation activation;
};

static int check_grid(const struct layer_parser *p, struct nn_shape in, struct nn_shape from)
{
    if (in.width / from.width == in.height / from.height &&
        from.width / in.width == from.height / in.height)
        return 0;
    return err_set(p->e,
                   "%s:%d: [shortcut] cannot add %dx%d to %dx%d: the sides have different ratios",
                   p->cfg->path, p->section->line, from.width, from.height, in.width, in.height);
}

static int parse(struct layer *base, struct layer_parser *p)
{
    struct shortcut *l = (struct shortcut *)base;
    int *from, count;
    double alpha, beta;
    if (activation_parse(p, "linear", &l->activation) ||
        cfg_real(p->cfg, p->section, "alpha", 1, 1, 1, &alpha, p->e) ||
        cfg_real(p->cfg, p->section, "beta", 1, 1, 1, &beta, p->e) ||
        layer_refuse_key(p, "weights_type") || layer_parse_sources(p, "from", &from, &count))
        return -1;
    int sources[2] = {p->index - 1, from[0]};
    free(from);
    if (count != 1)
        return err_set(p->e, "%s:%d: 'from' in [shortcut] names %d layers, not one", p->cfg->path,
                       cfg_line(p->section, "from"), count);
    l->from = p->layers[sources[1]]->out;
    base->out = base->in;
    return check_grid(p, base->in, l->from) ? -1 : layer_set_sources(base, sources, 2, p->e);
}

static bool same_shape(struct nn_shape a, struct nn_shape b)
{
    return a.channels == b.channels && a.height == b.height && a.width == b.width;
}

static size_t position(const struct tensor *t, int n, int c, int y, int x)
{
    size_t pixels = (size_t)(t->shape.height * t->shape.width), block = (size_t)t->block;
    size_t slice = (size_t)n * ((size_t)t->shape.channels / block) + (size_t)c / block;
    return (slice * pixels + (size_t)(y * t->shape.width + x)) * block + (size_t)c % block;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Adds `a`'s values to `b`'s on the grid that both share; `a_is_from` says which of them is the one
 * from above. */
static void add_on_grid(const struct tensor *a, struct tensor *b, bool a_is_from)
{
    struct nn_shape from = a_is_from ? a->shape : b->shape, in = a_is_from ? b->shape : a->shape;
    int stride = from.width / in.width, sample = in.width / from.width;
    stride = stride < 1 ? 1 : stride;
    sample = sample < 1 ? 1 : sample;
    int channels = least(from.channels, in.channels);
    int height = least(from.height, in.height), width = least(from.width, in.width);
    int a_step = a_is_from ? stride : sample, b_step = a_is_from ? sample : stride;
#pragma omp parallel for
    for (int n = 0; n < a->batch; n++)
        for (int c = 0; c < channels; c++)
            for (int y = 0; y < height; y++)
                for (int x = 0; x < width; x++)
                    b->value[position(b, n, c, y * b_step, x * b_step)] +=
                        a->value[position(a, n, c, y * a_step, x * a_step)];
}

static void forward(struct op *op)
{
    const struct shortcut *l = (const struct shortcut *)op->layer;
    const struct tensor *from = plan_output(op->plan, op->layer->source[1]);
    size_t picture = nn_shape_values(op->out.shape);
    memcpy(op->out.value, op->in.value, tensor_values(&op->out) * sizeof(float));
    if (same_shape(from->shape, op->out.shape)) {
#pragma omp parallel for
        for (int n = 0; n < op->out.batch; n++)
            simd()->add(op->out.value + (size_t)n * picture, from->value + (size_t)n * picture,
                        picture);
    } else {
        add_on_grid(from, &op->out, true);
    }
    activation_forward_tensor(l->activation, &op->out);
}

static void backward(struct op *op)
{
    const struct shortcut *l = (const struct shortcut *)op->layer;
    struct tensor *dy = plan_gradient(op->plan, op->layer->index);
    activation_backward_tensor(l->activation, &op->out, dy);
    for (int i = 0; i < 2; i++) {
        int source = op->layer->source[i];
        struct tensor dx = plan_source_gradient(op->plan, source);
        if (!dx.value)
            continue;
        if (same_shape(dx.shape, dy->shape)) {
            memcpy(dx.value, dy->value, tensor_values(dy) * sizeof(float));
        } else {
            memset(dx.value, 0, tensor_values(&dx) * sizeof(float));
            add_on_grid(dy, &dx, false);
        }
        plan_gradient_done(op->plan, source, &dx);
    }
}

const struct layer_kind LAYER_SHORTCUT = {
    .names = {"shortcut"},
    .layer_size = sizeof(struct shortcut),
    .parse = parse,
    .op_size = sizeof(struct op),
    .forward = forward,
    .backward = backward,
};
