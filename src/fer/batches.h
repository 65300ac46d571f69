/* The batches of a training run: which pictures, in which order, changed how. All of it follows
 * from the seed, the epoch and the update, so that a run can go on from any update without a saved
 * generator. */
#ifndef FERCLI_FER_BATCHES_H
#define FERCLI_FER_BATCHES_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "fer.h"

struct batches {
    const struct dataset *data;              /* borrowed */
    const struct augmentation *augmentation; /* borrowed */
    uint64_t seed;
    int size; /* pictures a batch */
    int classes;
    long count;      /* batches an epoch: full ones only, at least one */
    uint32_t *order; /* (data->count) rows in this epoch's order; owned */
    uint64_t key;    /* this epoch's part of the augmentation keys */
    float *partner;  /* (size, height, width) what is mixed in; NULL without mixup; owned */
};

/* Fills the derived fields from data, augmentation, seed, size and classes. Returns 0 or -1. */
int batches_init(struct batches *b, struct err *e);

/* Shuffles for epoch `epoch`. */
void batches_shuffle(struct batches *b, int epoch);

/* Writes batch `step` of the epoch: `input` (size, height, width), `target` (size, classes) a
 * distribution in each row, and `label` (size), the class that each row holds most of. */
void batches_fill(const struct batches *b, long step, float *input, float *target,
                  unsigned char *label);

void batches_release(struct batches *b);

#endif
