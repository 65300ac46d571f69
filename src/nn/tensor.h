/* Activations: batches of feature maps in one of two memory layouts.
 *
 * `block` 1 is plain NCHW. With `block` b > 1 channels lie in groups of b innermost, oneDNN's
 * nChw{b}c: element (n, c, y, x) is at ((n * channels/b + c/b) * height*width + y*width + x) * b +
 * c%b. That formula also holds for b = 1. A map of one pixel is the same in both, and counts as
 * plain. */
#ifndef FERCLI_NN_TENSOR_H
#define FERCLI_NN_TENSOR_H

#include <stddef.h>

#include "nn.h"

struct tensor {
    int batch;
    struct nn_shape shape;
    int block;
    float *value; /* aligned to 64 bytes; owned by the plan */
    int slot;     /* where in the plan's memory it lies; -1: elsewhere */
};

/* The layout that this machine's kernels want for a shape. */
int tensor_block(struct nn_shape shape);

size_t tensor_values(const struct tensor *t); /* of the batch */

/* A slice is one picture's group of `block` channels: contiguous, height*width*block values. */
int tensor_slices(const struct tensor *t);   /* of the batch: batch * channels/block */
size_t tensor_slice(const struct tensor *t); /* values in one */

/* Copies between layouts; `plain` is NCHW. */
void tensor_from_plain(struct tensor *t, const float *plain);
void tensor_to_plain(const struct tensor *t, float *plain);

/* Memory aligned for vectors; NULL when there is none left. free() releases it. floats_new's is 0,
 * floats_raw's is not touched yet: for what is written in full before it is read. */
float *floats_new(size_t count);
float *floats_raw(size_t count);

#endif
