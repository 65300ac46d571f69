/* A layer's parameters for inference: a copy, with its batch norm in the weights and biases. */
#ifndef FERCLI_NN_FOLD_H
#define FERCLI_NN_FOLD_H

#include "nn/batchnorm.h"
#include "nn/layer.h"

struct folded {
    float *weights; /* as many as the layer's, in the same layout; owned */
    float *bias;    /* (channels); owned */
    float *scale;   /* (channels) what each channel's weights were multiplied by; owned */
};

/* For a layer with weights and biases. 0/-1. */
int folded_init(struct folded *f, const struct layer *l, struct err *e);
void folded_release(struct folded *f);

/* Takes the parameters as they are now: w' = a w and b' = b with the batch norm's y = a x + b. */
void folded_take(struct folded *f, const struct op *op);

/* Where a layer's batch norm has its parameters, and their gradients. */
struct batchnorm_params op_norm_params(const struct op *op);
struct batchnorm_gradients op_norm_gradients(const struct op *op);

#endif
