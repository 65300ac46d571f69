/* Batch normalisation as darknet defines it (batchnorm_layer.c; Ioffe & Szegedy 2015 with another
 * epsilon): y = scale * (x - mean) / (sqrt(variance) + 1e-6) + bias with variance over n-1, rolling
 * averages .99/.01; in the backward pass 1e-5 inside the root. */
#ifndef FERCLI_NN_BATCHNORM_H
#define FERCLI_NN_BATCHNORM_H

#include <stdbool.h>

#include "nn/tensor.h"

struct batchnorm {
    float *mean,
        *variance; /* (channels) of the last training pass; owned with all below in one block */
    float *a, *b;  /* (channels) the last forward pass: y = a x + b */
    float *gate_a, *gate_b; /* (channels) gradients pass where gate_a x + gate_b > 0: its ReLU */
    float *mix_a, *mix_b,
        *mix_c;     /* (channels) the backward pass: dx = mix_a dy + mix_b x + mix_c */
    float *part[2]; /* (slices * block) sums by slice, before they are reduced */
};

/* The parameters; NULL bias: none. */
struct batchnorm_params {
    float *scale, *bias, *rolling_mean, *rolling_variance;
};
struct batchnorm_gradients {
    float *scale, *bias;
};

/* Returns 0, or -1 when there is no memory. */
int batchnorm_init(struct batchnorm *bn, const struct tensor *x, struct err *e);
void batchnorm_release(struct batchnorm *bn);

/* y from x by the batch's statistics; moves the rolling ones. With relu: and not below 0. */
void batchnorm_train(struct batchnorm *bn, const struct batchnorm_params *p, const struct tensor *x,
                     struct tensor *y, bool relu);
/* Takes the rolling statistics as they are now; then y from x by them. x may be y. */
void batchnorm_take(struct batchnorm *bn, const struct batchnorm_params *p, int channels);
void batchnorm_infer(struct batchnorm *bn, const struct tensor *x, struct tensor *y);
/* dy becomes dx, through the ReLU of the training pass before it; the parameters' gradients are
 * added to. */
void batchnorm_backward(struct batchnorm *bn, const struct batchnorm_params *p,
                        const struct batchnorm_gradients *g, const struct tensor *x,
                        struct tensor *dy);

/* Inference as y = a x + b: one pair a channel. */
void batchnorm_fold(const struct batchnorm_params *p, int channels, float *a, float *b);

#endif
