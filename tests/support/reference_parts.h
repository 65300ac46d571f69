/* The inside of the reference network, shared by its files. */
#ifndef FERCLI_TEST_REFERENCE_PARTS_H
#define FERCLI_TEST_REFERENCE_PARTS_H

#include "reference.h"

#define REF_ABSENT ((size_t)-1)
#define REF_MAX_FROM 8

enum ref_kind {
    REF_CONVOLUTIONAL,
    REF_CONNECTED,
    REF_MAXPOOL,
    REF_AVGPOOL,
    REF_DROPOUT,
    REF_SHORTCUT,
    REF_ROUTE,
    REF_BATCHNORM,
    REF_ACTIVATION,
    REF_SOFTMAX,
    REF_COST
};

struct ref_layer {
    enum ref_kind kind;
    int c, h, w;             /* of the input */
    int out_c, out_h, out_w; /* of the output */
    int filters, size, stride, padding, groups;
    bool batch_normalize;
    char activation[16];
    double temperature, cost_scale, alpha, beta;
    int from[REF_MAX_FROM], froms; /* absolute layer numbers */

    /* First parameter of each kind, or REF_ABSENT; all parameters of the layer are first..last-1.
     */
    size_t bias, scale, mean, variance, weight, first, last;

    /* Of the last forward pass: values after the activation, before it, before the batch norm,
     * after its division; gradient by `out`; statistics of the batch; where each maximum came from.
     */
    double *out, *before, *x, *normal, *delta;
    double *batch_mean, *batch_variance;
    size_t *origin;
};

struct reference {
    struct ref_layer *layer;
    int layers;
    int c, h, w;
    double *parameter, *gradient;
    size_t count;
    size_t pictures; /* of the last forward pass */
    double *input;
    bool training, darknet_norm;
    int frozen; /* layers below are run as in inference */
};

/* Reads the cfg into r's layers and counts the parameters. */
void ref_build(struct reference *r, const char *cfg);

size_t ref_values(const struct ref_layer *l);
size_t ref_input_values(const struct ref_layer *l);

/* The channel of output value `i` of the batch. */
size_t ref_channel(const struct ref_layer *l, size_t value);

/* Forward passes: products of a convolution or connected layer to l->x, the others to l->before. */
void ref_multiply(struct reference *r, struct ref_layer *l, const double *in);
void ref_pool(const struct reference *r, struct ref_layer *l, const double *in);
void ref_shortcut(const struct reference *r, struct ref_layer *l, const double *in);
void ref_route(struct reference *r, struct ref_layer *l, bool backward);
void ref_softmax(const struct reference *r, struct ref_layer *l, const double *in);

/* Backward passes, adding to the gradients by the parameters and by the layers read; in_delta may
 * be NULL. */
void ref_multiply_backward(struct reference *r, struct ref_layer *l, const double *in,
                           double *in_delta);
void ref_shortcut_backward(struct reference *r, struct ref_layer *l, double *in_delta);

/* f(x) and f'(x) of a named activation. */
double ref_activate(const char *name, double x);
double ref_slope(const char *name, double x);

/* Ends the program: a test's own cfg is wrong. */
_Noreturn void ref_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void *ref_alloc(size_t count, size_t size); /* zeroed; never NULL */

#endif
