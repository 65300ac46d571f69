/* What the reference network's layers compute, but for batch norms; see reference_parts.h. */
#include "reference_parts.h"

#include <math.h>

size_t ref_channel(const struct ref_layer *l, size_t value)
{
    return value / ((size_t)l->out_h * (size_t)l->out_w) % (size_t)l->out_c;
}

/* ---- products of weights and inputs ---- */

/* Calls `visit` for every product of a weight and an input value that goes into an output value. */
typedef void visit_product(struct reference *r, struct ref_layer *l, const double *in,
                           double *in_delta, size_t out, size_t input, size_t weight);

static void visit_filter(struct reference *r, struct ref_layer *l, const double *in,
                         double *in_delta, size_t out, int picture, int filter, int row, int column,
                         visit_product *visit)
{
    int channels = l->c / l->groups, base = filter / (l->filters / l->groups) * channels;
    for (int c = 0; c < channels; c++)
        for (int i = 0; i < l->size; i++)
            for (int j = 0; j < l->size; j++) {
                int y = row * l->stride - l->padding + i, x = column * l->stride - l->padding + j;
                if (y < 0 || y >= l->h || x < 0 || x >= l->w)
                    continue;
                size_t input =
                    (((size_t)picture * (size_t)l->c + (size_t)(base + c)) * (size_t)l->h +
                     (size_t)y) *
                        (size_t)l->w +
                    (size_t)x;
                size_t weight = (((size_t)filter * (size_t)channels + (size_t)c) * (size_t)l->size +
                                 (size_t)i) *
                                    (size_t)l->size +
                                (size_t)j;
                visit(r, l, in, in_delta, out, input, l->weight + weight);
            }
}

static void visit_products(struct reference *r, struct ref_layer *l, const double *in,
                           double *in_delta, visit_product *visit)
{
    size_t out = 0, inputs = ref_input_values(l);
    for (size_t n = 0; n < r->pictures; n++)
        for (int f = 0; f < l->out_c; f++)
            for (int y = 0; y < l->out_h; y++)
                for (int x = 0; x < l->out_w; x++, out++) {
                    if (l->kind == REF_CONVOLUTIONAL)
                        visit_filter(r, l, in, in_delta, out, (int)n, f, y, x, visit);
                    for (size_t k = 0; l->kind == REF_CONNECTED && k < inputs; k++)
                        visit(r, l, in, in_delta, out, n * inputs + k,
                              l->weight + (size_t)f * inputs + k);
                }
}

static void multiply_forward(struct reference *r, struct ref_layer *l, const double *in,
                             double *in_delta, size_t out, size_t input, size_t weight)
{
    (void)in_delta;
    l->x[out] += r->parameter[weight] * in[input];
}

static void multiply_backward(struct reference *r, struct ref_layer *l, const double *in,
                              double *in_delta, size_t out, size_t input, size_t weight)
{
    r->gradient[weight] += l->delta[out] * in[input];
    if (in_delta)
        in_delta[input] += l->delta[out] * r->parameter[weight];
}

void ref_multiply(struct reference *r, struct ref_layer *l, const double *in)
{
    visit_products(r, l, in, NULL, multiply_forward);
}

void ref_multiply_backward(struct reference *r, struct ref_layer *l, const double *in,
                           double *in_delta)
{
    visit_products(r, l, in, in_delta, multiply_backward);
}

/* ---- layers without parameters ---- */

static void pool_window(struct ref_layer *l, const double *in, size_t plane, size_t out, int row,
                        int column)
{
    double largest = -INFINITY;
    for (int i = 0; i < l->size; i++)
        for (int j = 0; j < l->size; j++) {
            int y = row * l->stride - l->padding / 2 + i,
                x = column * l->stride - l->padding / 2 + j;
            if (y < 0 || y >= l->h || x < 0 || x >= l->w)
                continue;
            size_t at = (plane * (size_t)l->h + (size_t)y) * (size_t)l->w + (size_t)x;
            if (in[at] > largest) {
                largest = in[at];
                l->origin[out] = at;
            }
        }
    l->before[out] = largest;
}

void ref_pool(const struct reference *r, struct ref_layer *l, const double *in)
{
    size_t out = 0;
    for (size_t plane = 0; plane < r->pictures * (size_t)l->c; plane++)
        for (int y = 0; y < l->out_h; y++)
            for (int x = 0; x < l->out_w; x++, out++)
                pool_window(l, in, plane, out, y, x);
}

/* The value of layer `from` that lies under value `i` of a shortcut, or REF_ABSENT: darknet adds
 * where both layers have a pixel, striding in the larger one. */
static size_t shortcut_source(const struct ref_layer *l, const struct ref_layer *from, size_t i)
{
    int x = (int)(i % (size_t)l->out_w), y = (int)(i / (size_t)l->out_w % (size_t)l->out_h);
    int c = (int)ref_channel(l, i);
    size_t picture = i / ref_values(l);
    int stride = from->out_w / l->out_w > 1 ? from->out_w / l->out_w : 1;
    int sample = l->out_w / from->out_w > 1 ? l->out_w / from->out_w : 1;
    if (x % sample || y % sample)
        return REF_ABSENT;
    x = x / sample * stride;
    y = y / sample * stride;
    if (c >= from->out_c || x >= from->out_w || y >= from->out_h)
        return REF_ABSENT;
    return ((picture * (size_t)from->out_c + (size_t)c) * (size_t)from->out_h + (size_t)y) *
               (size_t)from->out_w +
           (size_t)x;
}

void ref_shortcut(const struct reference *r, struct ref_layer *l, const double *in)
{
    const struct ref_layer *from = &r->layer[l->from[0]];
    for (size_t i = 0; i < r->pictures * ref_values(l); i++) {
        size_t source = shortcut_source(l, from, i);
        l->before[i] =
            source == REF_ABSENT ? in[i] : l->alpha * in[i] + l->beta * from->out[source];
    }
}

void ref_shortcut_backward(struct reference *r, struct ref_layer *l, double *in_delta)
{
    struct ref_layer *from = &r->layer[l->from[0]];
    for (size_t i = 0; i < r->pictures * ref_values(l); i++) {
        size_t source = shortcut_source(l, from, i);
        in_delta[i] += l->delta[i] * (source == REF_ABSENT ? 1 : l->alpha);
        if (source != REF_ABSENT)
            from->delta[source] += l->beta * l->delta[i];
    }
}

/* Copies the parts of a route to the layer, or its gradient back to the parts. */
void ref_route(struct reference *r, struct ref_layer *l, bool backward)
{
    size_t values = ref_values(l), at = 0;
    for (int k = 0; k < l->froms; k++) {
        struct ref_layer *from = &r->layer[l->from[k]];
        size_t part = ref_values(from);
        for (size_t n = 0; n < r->pictures; n++)
            for (size_t i = 0; i < part; i++)
                if (backward)
                    from->delta[n * part + i] += l->delta[n * values + at + i];
                else
                    l->before[n * values + at + i] = from->out[n * part + i];
        at += part;
    }
}

void ref_softmax(const struct reference *r, struct ref_layer *l, const double *in)
{
    size_t size = ref_values(l) / (size_t)l->groups;
    for (size_t g = 0; g < r->pictures * (size_t)l->groups; g++) {
        double largest = -INFINITY, sum = 0;
        for (size_t i = g * size; i < (g + 1) * size; i++)
            largest = fmax(largest, in[i] / l->temperature);
        for (size_t i = g * size; i < (g + 1) * size; i++)
            sum += l->before[i] = exp(in[i] / l->temperature - largest);
        for (size_t i = g * size; i < (g + 1) * size; i++)
            l->before[i] /= sum;
    }
}
