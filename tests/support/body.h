/* One network with most kinds of layers, to be trained for a few steps on random data. */
#ifndef FERCLI_TEST_BODY_H
#define FERCLI_TEST_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nn.h"

#define BODY_BATCH 8
#define BODY_INPUTS (2 * 9 * 8)
#define BODY_CLASSES 4
#define BODY                                                                                       \
    "[net]\nbatch=8\nchannels=2\nheight=9\nwidth=8\n"                                              \
    "[convolutional]\nfilters=8\nsize=3\npad=1\nbatch_normalize=1\nactivation=relu\n"              \
    "[maxpool]\nsize=2\nstride=2\n"                                                                \
    "[convolutional]\nfilters=6\nsize=3\npad=1\nbatch_normalize=1\nactivation=leaky\n"             \
    "[dropout]\nprobability=.3\n"                                                                  \
    "[connected]\noutput=12\nbatch_normalize=1\nactivation=relu\n"                                 \
    "[connected]\noutput=4\nactivation=linear\n[softmax]\n"
#define BODY_LAYERS 7

struct nn_net *body_with(const char *rules);

/* Step number `step` of a run: always the same random data, `inputs` values a picture. */
double train_step(struct nn_trainer *t, uint64_t step, size_t inputs);

float *copy_values(const struct nn_net *net); /* from the heap */
bool same_values(const struct nn_net *net, const float *values, size_t from, size_t to);

#endif
