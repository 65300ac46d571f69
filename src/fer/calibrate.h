/* Calibration by temperature scaling: one number that makes a model's probabilities mean what they
 * say (Guo et al., "On Calibration of Modern Neural Networks", 2017). It divides the logits, so
 * that the order of the classes, and with it every prediction, stays as it is. */
#ifndef FERCLI_FER_CALIBRATE_H
#define FERCLI_FER_CALIBRATE_H

#include <stddef.h>

#include "err.h"

/* A handful of pictures that are all right, or all wrong, must not make a model certain or blind.
 */
#define TEMPERATURE_MIN 0.1
#define TEMPERATURE_MAX 10.0

struct calibration {
    double temperature;             /* four decimals, as a cfg has it */
    double loss_before, loss_after; /* mean negative log-likelihood at 1 and at it, nats */
};

/* Finds the temperature under which the labels are most likely. `probabilities` (n, classes) are a
 * softmax's at temperature 1. Returns 0, or -1 when there is no picture or no memory. */
int calibration_fit(struct calibration *c, const unsigned char *label, const float *probabilities,
                    size_t n, int classes, struct err *e);

#endif
