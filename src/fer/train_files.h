/* The files that a training run writes, all named PREFIX and a suffix. */
#ifndef FERCLI_FER_TRAIN_FILES_H
#define FERCLI_FER_TRAIN_FILES_H

#include <stddef.h>

#include "err.h"
#include "fer.h"
#include "fer/triple.h"

struct training_files {
    struct triple model;          /* owned */
    char *history, *plot, *state; /* paths; owned */
};

/* Returns 0, or -1 with nothing to release. */
int training_files_init(struct training_files *f, const char *prefix, struct err *e);
void training_files_release(struct training_files *f);

/* Writes the history as text and as a picture. Returns 0 or -1. */
int training_files_save_history(const struct training_files *f, const struct epoch *epochs,
                                size_t count, struct err *e);

#endif
