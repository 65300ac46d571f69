/* [route]: layers. The outputs of one or more layers behind each other, by channel. */
#include "nn/layer.h"

#include <stdlib.h>
#include <string.h>

#include "nn/plan.h"

static int parse(struct layer *l, struct layer_parser *p)
{
    int *from, count, groups, id;
    if (cfg_int(p->cfg, p->section, "groups", 1, 1, 1, &groups, p->e) ||
        cfg_int(p->cfg, p->section, "group_id", 0, 0, 0, &id, p->e) ||
        layer_parse_sources(p, "layers", &from, &count))
        return -1;
    long channels = 0;
    struct nn_shape first = p->layers[from[0]]->out;
    int result = -1;
    for (int i = 0; i < count; i++) {
        struct nn_shape shape = p->layers[from[i]]->out;
        if (shape.height != first.height || shape.width != first.width) {
            err_set(p->e, "%s:%d: [route] cannot join %dx%d with %dx%d", p->cfg->path,
                    cfg_line(p->section, "layers"), first.width, first.height, shape.width,
                    shape.height);
            goto out;
        }
        channels += shape.channels;
    }
    if (channels > (1 << 24)) {
        err_set(p->e, "%s:%d: [route] joins %ld channels", p->cfg->path, p->section->line,
                channels);
        goto out;
    }
    l->out = (struct nn_shape){(int)channels, first.height, first.width};
    l->in = first;
    result = layer_set_sources(l, from, count, p->e);
out:
    free(from);
    return result;
}

/* One picture's `channels` of `part` as channels from `start` of `whole`; `join` copies that way,
 * else back. */
static void copy_picture(const struct tensor *part, const struct tensor *whole, int n, int start,
                         bool join)
{
    size_t pixels = (size_t)(part->shape.height * part->shape.width);
    size_t part_picture = nn_shape_values(part->shape),
           whole_picture = nn_shape_values(whole->shape);
    float *a = part->value + (size_t)n * part_picture,
          *b = whole->value + (size_t)n * whole_picture;
    if (part->block == whole->block && start % whole->block == 0) {
        b += (size_t)start * pixels;
        memcpy(join ? b : a, join ? a : b, part_picture * sizeof(float));
        return;
    }
    for (int c = 0; c < part->shape.channels; c++)
        for (size_t i = 0; i < pixels; i++) {
            size_t pb = (size_t)part->block, wb = (size_t)whole->block, k = (size_t)c,
                   w = (size_t)(c + start);
            float *x = a + (k / pb * pixels + i) * pb + k % pb,
                  *y = b + (w / wb * pixels + i) * wb + w % wb;
            *(join ? y : x) = *(join ? x : y);
        }
}

static void copy(const struct tensor *part, const struct tensor *whole, int start, bool join)
{
#pragma omp parallel for
    for (int n = 0; n < part->batch; n++)
        copy_picture(part, whole, n, start, join);
}

static void forward(struct op *op)
{
    for (int i = 0, start = 0; i < op->layer->sources; i++) {
        const struct tensor *part = plan_output(op->plan, op->layer->source[i]);
        copy(part, &op->out, start, true);
        start += part->shape.channels;
    }
}

static void backward(struct op *op)
{
    const struct tensor *dy = plan_gradient(op->plan, op->layer->index);
    for (int i = 0, start = 0; i < op->layer->sources; i++) {
        int source = op->layer->source[i];
        struct tensor dx = plan_source_gradient(op->plan, source);
        if (dx.value) {
            copy(&dx, dy, start, false);
            plan_gradient_done(op->plan, source, &dx);
        }
        start += plan_output(op->plan, source)->shape.channels;
    }
}

const struct layer_kind LAYER_ROUTE = {
    .names = {"route"},
    .layer_size = sizeof(struct layer),
    .parse = parse,
    .op_size = sizeof(struct op),
    .forward = forward,
    .backward = backward,
};
