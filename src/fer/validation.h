/* Measures a network that is being trained on pictures it is not trained on. */
#ifndef FERCLI_FER_VALIDATION_H
#define FERCLI_FER_VALIDATION_H

#include "err.h"
#include "fer.h"

struct validation {
    const struct dataset *data; /* borrowed */
    int classes;
    struct nn_predictor *predictor; /* owned */
    float *input;                   /* pictures of one run of the predictor; owned */
    float *probabilities;           /* (data->count, classes); owned */
};

/* `net` must outlive it. Returns 0 or -1 (nothing to release then). */
int validation_init(struct validation *v, const struct nn_net *net, const struct dataset *data,
                    struct err *e);

/* Measures the network as it is now. Returns 0 with `m` filled, or -1; numbers that are not finite
 * are in `e` as `the outputs on the validation pictures are not finite`. */
int validation_run(struct validation *v, struct metrics *m, struct err *e);

void validation_release(struct validation *v);

#endif
