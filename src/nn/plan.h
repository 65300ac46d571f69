/* A plan: the layers first..last-1 of a network made ready to run on one batch size. */
#ifndef FERCLI_NN_PLAN_H
#define FERCLI_NN_PLAN_H

#include "nn/layer.h"
#include "nn/net.h"
#include "nn/slots.h"

struct plan {
    const struct nn_net *net;
    int first, last; /* layers executed */
    int learn;       /* training: layers below it are run as in inference; = last: inference only */
    int batch;
    float *params;           /* the network's, written by training; borrowed */
    float *param_gradients;  /* the same layout, NULL in inference; owned */
    struct op **op;          /* (net layers), those of first..last-1 set; owned */
    struct tensor input;     /* what layer first reads; owned */
    struct tensor *gradient; /* (net layers) of the loss by each layer's output */
    bool *gradient_written;  /* (net layers) something is in it already in this pass; owned */
    float *scratch;          /* as large as the largest gradient; owned */
    struct slots outputs,
        gradients;       /* the memory of tensors, shared by those that do not live together */
    const float *target; /* (batch, outputs) for the loss, set by the trainer */
    float *weight;       /* (batch) factors of each picture's loss, 1 unless others are put there;
                            owned */
    float loss_scale;    /* the gradient is that of loss_scale times the summed loss */
    double loss;         /* of the last backward pass: summed over the batch */
    uint64_t seed;       /* of the dropout masks */
    uint64_t pass;       /* set before each forward pass in training: another dropout mask each */
};

struct plan_options {
    int first, last, learn, batch;
    uint64_t seed;
};

/* Does the loss come from this layer: a softmax, or a cost on something else? */
bool layer_gives_loss(const struct layer *l);

struct plan *plan_new(const struct nn_net *net, float *params, const struct plan_options *options,
                      struct err *e);
void plan_free(struct plan *p);

void plan_refresh(struct plan *p);
void plan_forward(struct plan *p);
/* Adds to the parameters' gradients. */
void plan_backward(struct plan *p);

/* Is this layer run in training mode (batch statistics, dropout, buffers for the backward pass)? */
bool plan_trains(const struct plan *p, const struct layer *l);

/* The output tensor of a source. */
const struct tensor *plan_output(const struct plan *p, int source);

/* The gradient that reached layer `index`; ops may overwrite it. */
struct tensor *plan_gradient(struct plan *p, int index);

/* Where an op writes the gradient by one of its sources: NULL when nobody below learns. The
 * tensor's old values mean nothing. plan_gradient_done must follow each. */
struct tensor plan_source_gradient(struct plan *p, int source);
void plan_gradient_done(struct plan *p, int source, const struct tensor *written);

/* Parameters and their gradients of a layer's run; NULL when the layer has no such run. */
float *plan_param(struct plan *p, const struct layer *l, enum param_role role);
float *plan_param_gradient(struct plan *p, const struct layer *l, enum param_role role);

#endif
