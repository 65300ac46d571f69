/* Distillation: the targets of training are mixed with what other models say of the same changed
 * pictures (Hinton et al., 1503.02531; seeing exactly the student's pictures: Beyer et al.,
 * 2106.05237). */
#ifndef FERCLI_FER_TEACHERS_H
#define FERCLI_FER_TEACHERS_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "fer.h"

struct teachers {
    int count;
    double weight; /* of the teachers' word in a target; the label has the rest */
    size_t batch, classes;
    struct nn_predictor **predictor; /* (count); owned */
    float *probabilities;            /* (batch, classes) of one teacher; owned */
    float *sum;                      /* (batch, classes) over the teachers; owned */
};

/* Makes ready `count` models, which must outlive it, for batches of `batch` pictures. A model with
 * another input than `student` or other names is refused. Returns 0, or -1 with nothing to release.
 */
int teachers_init(struct teachers *t, const struct model *models, int count, double weight,
                  size_t batch, const struct nn_net *student, const struct names *names,
                  struct err *e);

/* Replaces the targets (batch, classes) of the pictures `input` by
 * (1 - weight) target + weight x the mean probabilities of the teachers. */
void teachers_mix(struct teachers *t, const float *input, float *target);

void teachers_release(struct teachers *t);

/* Differs when other teachers or another weight would give other targets; 0 without teachers. */
uint64_t teachers_key(const struct model *models, int count, double weight);

#endif
