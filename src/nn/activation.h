/* darknet's activation functions (activations.h), forward and by their own output. */
#ifndef FERCLI_NN_ACTIVATION_H
#define FERCLI_NN_ACTIVATION_H

#include <stdbool.h>
#include <stddef.h>

#include "nn/layer.h"

enum activation {
    ACT_LINEAR,
    ACT_RELU,
    ACT_LEAKY,
    ACT_LOGISTIC,
    ACT_TANH,
    ACT_ELU,
    ACT_SELU,
    ACT_LOGGY,
    ACT_RELIE,
    ACT_RAMP,
    ACT_HARDTAN,
    ACT_LHTAN,
    ACT_PLSE,
    ACT_STAIR,
    ACT_COUNT
};

/* Reads the key `activation`. 0/-1. */
int activation_parse(struct layer_parser *p, const char *fallback, enum activation *act);

/* y = f(y), on one thread. */
void activation_forward(enum activation act, float *y, size_t count);
/* dy *= f'(x) with x = f^-1(y), as darknet computes it from the output, on one thread. */
void activation_backward(enum activation act, const float *y, float *dy, size_t count);

/* The same on a whole tensor, with all threads. */
void activation_forward_tensor(enum activation act, struct tensor *y);
void activation_backward_tensor(enum activation act, const struct tensor *y, struct tensor *dy);

#endif
