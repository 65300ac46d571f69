/* The model that a training run keeps: its best weights so far, and in the cfg beside them the
 * temperature that they are calibrated with. */
#ifndef FERCLI_FER_TRAINED_MODEL_H
#define FERCLI_FER_TRAINED_MODEL_H

#include <stdint.h>

#include "err.h"
#include "fer.h"
#include "fer/calibrate.h"
#include "fer/triple.h"
#include "fer/validation.h"

/* All but the last are borrowed. */
struct trained_model {
    const struct triple *files;
    struct nn_net *net; /* at temperature 1 */
    const struct names *names;
    struct validation *validation;
    struct calibration calibration; /* of the weights written last; temperature 0 before */
};

/* Writes the network as it is, calibrated by the validation's last run, which must be of just this
 * network. A cfg that does not end with a [softmax] is written as it is. Returns 0 or -1. */
int trained_model_write(struct trained_model *m, struct err *e);

/* Says which temperature was fitted, if one was in this run, or why none is. */
void trained_model_note(const struct trained_model *m, const struct training_options *options);

/* CRC-32 of the cfg's text without the temperature, which takes no part in training: the cfg that a
 * run was given and the one that it wrote are the same. Returns 0 or -1. */
int trained_cfg_checksum(const struct nn_net *net, uint64_t *checksum, struct err *e);

#endif
