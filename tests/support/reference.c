/* The reference network's arithmetic; see reference.h. */
#include "reference_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct reference *reference_new(const char *cfg)
{
    struct reference *r = ref_alloc(1, sizeof(*r));
    r->darknet_norm = true;
    ref_build(r, cfg);
    r->parameter = ref_alloc(r->count, sizeof(double));
    r->gradient = ref_alloc(r->count, sizeof(double));
    for (int i = 0; i < r->layers; i++) {
        r->layer[i].batch_mean = ref_alloc((size_t)r->layer[i].out_c, sizeof(double));
        r->layer[i].batch_variance = ref_alloc((size_t)r->layer[i].out_c, sizeof(double));
    }
    return r;
}

static void release_activations(struct reference *r)
{
    for (int i = 0; i < r->layers; i++) {
        struct ref_layer *l = &r->layer[i];
        double **field[] = {&l->out, &l->before, &l->x, &l->normal, &l->delta};
        for (size_t k = 0; k < sizeof(field) / sizeof(*field); k++) {
            free(*field[k]);
            *field[k] = NULL;
        }
        free(l->origin);
        l->origin = NULL;
    }
    free(r->input);
    r->input = NULL;
}

void reference_free(struct reference *r)
{
    if (!r)
        return;
    release_activations(r);
    for (int i = 0; i < r->layers; i++) {
        free(r->layer[i].batch_mean);
        free(r->layer[i].batch_variance);
    }
    free(r->layer);
    free(r->parameter);
    free(r->gradient);
    free(r);
}

int reference_layers(const struct reference *r)
{
    return r->layers;
}

size_t reference_inputs(const struct reference *r)
{
    return (size_t)r->c * (size_t)r->h * (size_t)r->w;
}

size_t reference_values(const struct reference *r, int layer)
{
    return ref_values(&r->layer[layer]);
}

static int output_layer(const struct reference *r)
{
    int i = r->layers - 1;
    while (i > 0 && r->layer[i].kind == REF_COST)
        i--;
    return i;
}

size_t reference_outputs(const struct reference *r)
{
    return reference_values(r, output_layer(r));
}

double *reference_parameters(struct reference *r)
{
    return r->parameter;
}

size_t reference_count(const struct reference *r)
{
    return r->count;
}

size_t reference_upto(const struct reference *r, int layers)
{
    return layers ? r->layer[layers - 1].last : 0;
}

int reference_layer_of(const struct reference *r, size_t parameter)
{
    int i = 0;
    while (parameter >= r->layer[i].last)
        i++;
    return i;
}

enum reference_role reference_role(const struct reference *r, size_t parameter)
{
    const struct ref_layer *l = &r->layer[reference_layer_of(r, parameter)];
    size_t n = (size_t)l->out_c;
    if (l->bias != REF_ABSENT && parameter - l->bias < n)
        return REF_BIAS;
    if (l->scale != REF_ABSENT && parameter - l->scale < n)
        return REF_SCALE;
    if (l->mean != REF_ABSENT && parameter - l->mean < n)
        return REF_MEAN;
    if (l->variance != REF_ABSENT && parameter - l->variance < n)
        return REF_VARIANCE;
    return REF_WEIGHT;
}

size_t reference_fan_in(const struct reference *r, size_t parameter)
{
    const struct ref_layer *l = &r->layer[reference_layer_of(r, parameter)];
    if (l->kind == REF_CONVOLUTIONAL)
        return (size_t)(l->c / l->groups) * (size_t)(l->size * l->size);
    return ref_input_values(l);
}

void reference_freeze(struct reference *r, int layers)
{
    r->frozen = layers;
}

/* Does layer `l` take the batch's statistics? */
static bool trains(const struct reference *r, const struct ref_layer *l)
{
    return r->training && l - r->layer >= r->frozen;
}

void reference_set_darknet_norm(struct reference *r, bool on)
{
    r->darknet_norm = on;
}

const double *reference_output(const struct reference *r, int layer)
{
    return r->layer[layer].out;
}

/* ---- batch norm ---- */

static size_t normal_count(const struct reference *r, const struct ref_layer *l)
{
    return r->pictures * (size_t)l->out_h * (size_t)l->out_w;
}

static void batch_statistics(struct reference *r, struct ref_layer *l)
{
    size_t total = r->pictures * ref_values(l);
    double n = (double)normal_count(r, l);
    memset(l->batch_mean, 0, (size_t)l->out_c * sizeof(double));
    memset(l->batch_variance, 0, (size_t)l->out_c * sizeof(double));
    for (size_t i = 0; i < total; i++)
        l->batch_mean[ref_channel(l, i)] += l->x[i] / n;
    for (size_t i = 0; i < total; i++) {
        size_t c = ref_channel(l, i);
        l->batch_variance[c] += pow(l->x[i] - l->batch_mean[c], 2) / (n - 1);
    }
}

static void normalize_forward(struct reference *r, struct ref_layer *l)
{
    size_t total = r->pictures * ref_values(l);
    if (trains(r, l))
        batch_statistics(r, l);
    const double *mean = trains(r, l) ? l->batch_mean : r->parameter + l->mean;
    const double *variance = trains(r, l) ? l->batch_variance : r->parameter + l->variance;
    for (size_t i = 0; i < total; i++) {
        size_t c = ref_channel(l, i);
        l->normal[i] = (l->x[i] - mean[c]) / (sqrt(variance[c]) + 1e-6);
        l->before[i] = l->normal[i] * r->parameter[l->scale + c];
    }
}

static void normalize_backward_channel(const struct reference *r, struct ref_layer *l, size_t c)
{
    size_t total = r->pictures * ref_values(l);
    double n = (double)normal_count(r, l), variance = l->batch_variance[c], mean = l->batch_mean[c];
    double sum = 0, moment = 0;
    for (size_t i = 0; i < total; i++)
        if (ref_channel(l, i) == c) {
            sum += l->delta[i];
            moment += l->delta[i] * (l->x[i] - mean);
        }
    double deviation = sqrt(variance), divisor = deviation + 1e-6;
    double slope = -moment / (divisor * divisor) / (deviation * (n - 1)); /* exact: by (x - mean) */
    if (r->darknet_norm) {
        divisor = sqrt(variance + 1e-5);
        slope = -moment * pow(variance + 1e-5, -1.5) / n;
    }
    for (size_t i = 0; i < total; i++)
        if (ref_channel(l, i) == c)
            l->delta[i] = (l->delta[i] - sum / n) / divisor + slope * (l->x[i] - mean);
}

static void normalize_backward(struct reference *r, struct ref_layer *l)
{
    size_t total = r->pictures * ref_values(l);
    for (size_t i = 0; i < total; i++) {
        size_t c = ref_channel(l, i);
        r->gradient[l->scale + c] += l->delta[i] * l->normal[i];
        l->delta[i] *= r->parameter[l->scale + c];
    }
    for (size_t c = 0; c < (size_t)l->out_c; c++)
        normalize_backward_channel(r, l, c);
}

void reference_roll(struct reference *r)
{
    for (int i = r->frozen; i < r->layers; i++)
        for (size_t c = 0; r->layer[i].batch_normalize && c < (size_t)r->layer[i].out_c; c++) {
            double *mean = r->parameter + r->layer[i].mean + c;
            double *variance = r->parameter + r->layer[i].variance + c;
            *mean = .99 * *mean + .01 * r->layer[i].batch_mean[c];
            *variance = .99 * *variance + .01 * r->layer[i].batch_variance[c];
        }
}

/* ---- the passes ---- */

static void forward_layer(struct reference *r, struct ref_layer *l, const double *in)
{
    size_t values = ref_values(l), total = r->pictures * values;
    bool product = l->kind == REF_CONVOLUTIONAL || l->kind == REF_CONNECTED;
    if (product)
        ref_multiply(r, l, in);
    else if (l->kind == REF_MAXPOOL)
        ref_pool(r, l, in);
    else if (l->kind == REF_SHORTCUT)
        ref_shortcut(r, l, in);
    else if (l->kind == REF_ROUTE)
        ref_route(r, l, false);
    else if (l->kind == REF_SOFTMAX)
        ref_softmax(r, l, in);
    else
        for (size_t i = 0, area = (size_t)(l->h * l->w); i < total; i++) {
            l->x[i] = l->before[i] = l->kind == REF_AVGPOOL ? 0 : in[i];
            for (size_t k = 0; l->kind == REF_AVGPOOL && k < area; k++)
                l->before[i] += in[i * area + k] / (double)area;
        }
    if (l->batch_normalize)
        normalize_forward(r, l);
    else if (product)
        memcpy(l->before, l->x, total * sizeof(double));
    for (size_t i = 0; i < total; i++) {
        if (l->bias != REF_ABSENT)
            l->before[i] += r->parameter[l->bias + ref_channel(l, i)];
        l->out[i] = ref_activate(l->activation, l->before[i]);
    }
}

void reference_forward(struct reference *r, const float *input, size_t count, bool training)
{
    release_activations(r);
    r->pictures = count;
    r->training = training;
    r->input = ref_alloc(count * reference_inputs(r), sizeof(double));
    for (size_t i = 0; i < count * reference_inputs(r); i++)
        r->input[i] = (double)input[i];
    for (int i = 0; i < r->layers; i++) {
        struct ref_layer *l = &r->layer[i];
        size_t total = count * ref_values(l);
        double **field[] = {&l->out, &l->before, &l->x, &l->normal, &l->delta};
        for (size_t k = 0; k < sizeof(field) / sizeof(*field); k++)
            *field[k] = ref_alloc(total, sizeof(double));
        l->origin = ref_alloc(total, sizeof(*l->origin));
        forward_layer(r, l, i ? r->layer[i - 1].out : r->input);
    }
}

double reference_loss(const struct reference *r, const float *target)
{
    const struct ref_layer *l = &r->layer[output_layer(r)];
    double sum = 0;
    for (size_t i = 0; i < r->pictures * ref_values(l); i++) {
        double t = (double)target[i];
        if (l->kind == REF_SOFTMAX)
            sum -= t != 0 ? t * log(l->out[i]) : 0;
        else
            sum += (l->out[i] - t) * (l->out[i] - t);
    }
    return sum / (double)r->pictures;
}

static void backward_layer(struct reference *r, struct ref_layer *l, const double *in,
                           double *in_delta)
{
    size_t total = r->pictures * ref_values(l), area = (size_t)(l->h * l->w);
    for (size_t i = 0; i < total; i++) {
        l->delta[i] *= ref_slope(l->activation, l->before[i]);
        if (l->bias != REF_ABSENT)
            r->gradient[l->bias + ref_channel(l, i)] += l->delta[i];
    }
    if (l->batch_normalize)
        normalize_backward(r, l);
    if (l->kind == REF_CONVOLUTIONAL || l->kind == REF_CONNECTED)
        ref_multiply_backward(r, l, in, in_delta);
    if (l->kind == REF_ROUTE)
        ref_route(r, l, true);
    if (!in_delta)
        return;
    if (l->kind == REF_SHORTCUT)
        ref_shortcut_backward(r, l, in_delta);
    for (size_t i = 0; i < total; i++) {
        if (l->kind == REF_MAXPOOL)
            in_delta[l->origin[i]] += l->delta[i];
        for (size_t k = 0; l->kind == REF_AVGPOOL && k < area; k++)
            in_delta[i * area + k] += l->delta[i] / (double)area;
        if (l->kind == REF_DROPOUT || l->kind == REF_BATCHNORM || l->kind == REF_ACTIVATION ||
            l->kind == REF_SOFTMAX || l->kind == REF_COST)
            in_delta[i] += l->delta[i];
    }
}

/* The gradient of the loss by the input of the softmax, or by the output of a network without one:
 * there the loss is darknet's sum of squares and its gradient, as darknet has it, is half of the
 * derivative. */
static int seed_gradient(struct reference *r, const float *target)
{
    int top = output_layer(r);
    struct ref_layer *l = &r->layer[top];
    double scale = 1 / (double)r->pictures;
    if (l->kind == REF_SOFTMAX)
        scale /= l->temperature;
    else if (top + 1 < r->layers)
        scale *= r->layer[top + 1].cost_scale;
    struct ref_layer *seeded = l->kind == REF_SOFTMAX ? &r->layer[--top] : l;
    for (size_t i = 0; i < r->pictures * ref_values(l); i++)
        seeded->delta[i] = (l->out[i] - (double)target[i]) * scale;
    return top;
}

const double *reference_backward(struct reference *r, const float *target)
{
    memset(r->gradient, 0, r->count * sizeof(double));
    for (int i = 0; i < r->layers; i++)
        memset(r->layer[i].delta, 0, r->pictures * ref_values(&r->layer[i]) * sizeof(double));
    for (int i = seed_gradient(r, target); i >= r->frozen; i--)
        backward_layer(r, &r->layer[i], i ? r->layer[i - 1].out : r->input,
                       i ? r->layer[i - 1].delta : NULL);
    return r->gradient;
}
