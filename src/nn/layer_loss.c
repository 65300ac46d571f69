/* [softmax]: groups, temperature. In training, with cross-entropy as the loss.
 * [cost]: type=sse. The squared error of what lies below; behind a softmax it adds nothing. */
#include "nn/layer.h"

#include <math.h>
#include <string.h>

#include "nn/plan.h"

struct softmax {
    struct layer layer;
    int groups;
    double temperature;
};

static int softmax_parse(struct layer *base, struct layer_parser *p)
{
    struct softmax *l = (struct softmax *)base;
    if (layer_refuse_key(p, "tree") || layer_refuse_key(p, "spatial") ||
        layer_refuse_key(p, "noloss") ||
        cfg_int(p->cfg, p->section, "groups", 1, 1, 1 << 20, &l->groups, p->e) ||
        cfg_real(p->cfg, p->section, "temperature", 1, 1e-3, 1e3, &l->temperature, p->e))
        return -1;
    size_t values = nn_shape_values(base->in);
    if (values % (size_t)l->groups)
        return err_set(p->e, "%s:%d: groups=%d does not divide the %zu values of [softmax]",
                       p->cfg->path, cfg_line(p->section, "groups"), l->groups, values);
    base->out = (struct nn_shape){(int)values, 1, 1};
    return 0;
}

static void softmax_rows(float *y, size_t n, float temperature)
{
    float largest = y[0], sum = 0;
    for (size_t i = 1; i < n; i++)
        largest = y[i] > largest ? y[i] : largest;
    for (size_t i = 0; i < n; i++)
        sum += y[i] = expf((y[i] - largest) / temperature);
    for (size_t i = 0; i < n; i++)
        y[i] /= sum;
}

static void softmax_forward(struct op *op)
{
    const struct softmax *l = (const struct softmax *)op->layer;
    size_t values = tensor_values(&op->out),
           width = nn_shape_values(op->out.shape) / (size_t)l->groups;
    tensor_to_plain(&op->in, op->out.value);
    for (size_t i = 0; i < values; i += width)
        softmax_rows(op->out.value + i, width, (float)l->temperature);
}

/* Cross-entropy of softmax: -sum t log p, and (p - t)/temperature by what went in. */
static void softmax_backward(struct op *op)
{
    const struct softmax *l = (const struct softmax *)op->layer;
    struct plan *p = op->plan;
    size_t values = tensor_values(&op->out);
    const float *y = op->out.value, *target = p->target;
    size_t row = nn_shape_values(op->out.shape);
    p->loss = 0;
    for (size_t i = 0; i < values; i++)
        if (target[i] != 0)
            p->loss -= (double)p->weight[i / row] * (double)target[i] *
                       log(y[i] > 1e-30f ? (double)y[i]
                           : isnan(y[i]) ? (double)NAN
                                         : 1e-30);
    int source = op->layer->source[0];
    struct tensor dx = plan_source_gradient(p, source);
    if (!dx.value)
        return;
    float scale = p->loss_scale / (float)l->temperature;
    struct tensor *dy = plan_gradient(p, op->layer->index); /* its memory, as plain rows */
    for (size_t i = 0; i < values; i++)
        dy->value[i] = (y[i] - target[i]) * (p->weight[i / row] * scale);
    tensor_from_plain(&dx, dy->value);
    plan_gradient_done(p, source, &dx);
}

const struct layer_kind LAYER_SOFTMAX = {
    .names = {"softmax", "soft"},
    .layer_size = sizeof(struct softmax),
    .parse = softmax_parse,
    .op_size = sizeof(struct op),
    .forward = softmax_forward,
    .backward = softmax_backward,
};

double *layer_temperature(struct layer *base)
{
    struct softmax *l = (struct softmax *)base;
    return base->kind == &LAYER_SOFTMAX && l->groups == 1 ? &l->temperature : NULL;
}

struct cost {
    struct layer layer;
    double scale;
    bool behind_softmax;
};

static int cost_parse(struct layer *base, struct layer_parser *p)
{
    struct cost *l = (struct cost *)base;
    const char *type = cfg_word(p->section, "type", "sse");
    if (strcmp(type, "sse"))
        return err_set(p->e, "%s:%d: type=%s in [cost] is not supported, only sse", p->cfg->path,
                       cfg_line(p->section, "type"), type);
    if (layer_refuse_key(p, "ratio") ||
        cfg_real(p->cfg, p->section, "scale", 1, 0, 1e6, &l->scale, p->e))
        return -1;
    l->behind_softmax = p->index > 0 && p->layers[p->index - 1]->kind == &LAYER_SOFTMAX;
    base->out = (struct nn_shape){(int)nn_shape_values(base->in), 1, 1};
    return 0;
}

static void cost_forward(struct op *op)
{
    tensor_to_plain(&op->in, op->out.value);
}

/* darknet's: the loss is the sum of squares, the gradient scale * (y - t) without the factor 2. */
static void cost_backward(struct op *op)
{
    const struct cost *l = (const struct cost *)op->layer;
    struct plan *p = op->plan;
    size_t values = tensor_values(&op->out);
    const float *y = op->out.value, *target = p->target;
    int source = op->layer->source[0];
    if (l->behind_softmax)
        return;
    size_t row = nn_shape_values(op->out.shape);
    p->loss = 0;
    for (size_t i = 0; i < values; i++)
        p->loss += (double)p->weight[i / row] * ((double)target[i] - (double)y[i]) *
                   ((double)target[i] - (double)y[i]);
    struct tensor dx = plan_source_gradient(p, source);
    if (!dx.value)
        return;
    struct tensor *dy = plan_gradient(p, op->layer->index);
    for (size_t i = 0; i < values; i++)
        dy->value[i] = (y[i] - target[i]) * (p->weight[i / row] * p->loss_scale) * (float)l->scale;
    tensor_from_plain(&dx, dy->value);
    plan_gradient_done(p, source, &dx);
}

const struct layer_kind LAYER_COST = {
    .names = {"cost"},
    .layer_size = sizeof(struct cost),
    .parse = cost_parse,
    .op_size = sizeof(struct op),
    .forward = cost_forward,
    .backward = cost_backward,
};

bool layer_gives_loss(const struct layer *l)
{
    return l->kind == &LAYER_SOFTMAX || l->kind == &LAYER_COST;
}
