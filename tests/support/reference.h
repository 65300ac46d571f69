/* A slow network in plain double precision, written from the formulas of docs/darknet.md: what the
 * engine's numbers are held against. It shares no code with the engine, not even the parser, and
 * knows only the cfgs that tests write: a mistake in one of them ends the program with a message.
 *
 * Parameters and gradients are arrays in the order of the weights file. Activations are (picture,
 * channel, row, column). */
#ifndef FERCLI_TEST_REFERENCE_H
#define FERCLI_TEST_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>

struct reference;

enum reference_role { REF_BIAS, REF_SCALE, REF_MEAN, REF_VARIANCE, REF_WEIGHT };

struct reference *reference_new(const char *cfg);
void reference_free(struct reference *r);

int reference_layers(const struct reference *r);
size_t reference_inputs(const struct reference *r);            /* values a picture */
size_t reference_values(const struct reference *r, int layer); /* that a layer hands on a picture */
size_t reference_outputs(const struct reference *r); /* of the last layer that is no cost */

/* The parameters, all zero at first: written by the test. */
double *reference_parameters(struct reference *r);
size_t reference_count(const struct reference *r);
size_t reference_upto(const struct reference *r, int layers); /* parameters of the first layers */
enum reference_role reference_role(const struct reference *r, size_t parameter);
int reference_layer_of(const struct reference *r, size_t parameter);
size_t reference_fan_in(const struct reference *r,
                        size_t parameter); /* of a weight: terms in its sum */

/* Runs `count` pictures; in training, batch norms use the batch's statistics and dropouts must have
 * p = 0. */
void reference_forward(struct reference *r, const float *input, size_t count, bool training);
const double *reference_output(const struct reference *r,
                               int layer); /* (count, values) of the last forward */

/* Of the last forward. Cross-entropy against the softmax, or the sum of squares of a cost without
 * softmax; mean over the pictures. */
double reference_loss(const struct reference *r, const float *target);

/* Batch norm's backward pass in darknet's arithmetic (false: the exact derivative of the forward
 * pass). */
void reference_set_darknet_norm(struct reference *r, bool on);

/* The gradient of the mean loss by every parameter after a forward pass in training:
 * `reference_count` values, zero for the rolling statistics; owned by r. */
const double *reference_backward(struct reference *r, const float *target);

/* Layers below this one are run as in inference, keep their statistics and get no gradients; 0 at
 * first. */
void reference_freeze(struct reference *r, int layers);

/* Moves the rolling statistics by the last forward pass in training: .99 old + .01 new. */
void reference_roll(struct reference *r);

#endif
