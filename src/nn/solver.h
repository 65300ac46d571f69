/* How parameters are updated: the keys of [net] that darknet and its forks have for it. */
#ifndef FERCLI_NN_SOLVER_H
#define FERCLI_NN_SOLVER_H

#include <stdbool.h>
#include <stdint.h>

#include "nn/cfg.h"

enum policy {
    POLICY_CONSTANT,
    POLICY_STEP,
    POLICY_STEPS,
    POLICY_EXP,
    POLICY_POLY,
    POLICY_SIGMOID,
    POLICY_RANDOM,
    POLICY_SGDR, /* cosine with restarts, Loshchilov & Hutter 2017, as AlexeyAB's fork has it */
    POLICY_COUNT
};

struct solver {
    /* rate by update */
    enum policy policy;
    double rate, power, gamma, scale, rate_min, cycle_factor;
    int burn_in, step, cycle;
    double *steps, *scales; /* (step_count) of policy=steps; owned */
    int step_count;
    /* the update */
    bool adam, nesterov;
    double momentum, decay, beta1, beta2, epsilon;
    double max_gradient_norm; /* of all gradients together; 0: no limit */
    double label_smoothing;
    double
        *class_weights; /* (class_weight_count) factors of the loss by class; NULL: all 1; owned */
    int class_weight_count;
    double average; /* ema_alpha: what the moving average of the parameters keeps; 0: none */
};

/* Reads the keys. 0, or -1 with FILE:LINE and nothing to release. */
int solver_parse(struct solver *s, const struct cfg *c, struct cfg_section *section, struct err *e);
void solver_release(struct solver *s);

/* The learning rate of update number `batch`, counted from 1 as darknet does. `seed` is for
 * policy=random. */
double solver_rate(const struct solver *s, long batch, long max_batches, uint64_t seed);

#endif
