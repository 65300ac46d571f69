/* The files that a training run writes, all named PREFIX and a suffix. */
#ifndef FERCLI_FER_TRAIN_FILES_H
#define FERCLI_FER_TRAIN_FILES_H

#include <stddef.h>

#include "err.h"
#include "fer.h"

enum training_file {
    FILE_CFG,
    FILE_NAMES,
    FILE_WEIGHTS,
    FILE_HISTORY,
    FILE_PLOT,
    FILE_STATE,
    TRAINING_FILES
};

struct training_files {
    char *path[TRAINING_FILES]; /* owned */
};

int training_files_init(struct training_files *f, const char *prefix, struct err *e);
void training_files_release(struct training_files *f);

/* Writes cfg, names and, after those, weights. `cfg` is the cfg's text, which may differ from the
 * net's by the temperature of the softmax. Weights of another cfg or other names are removed first:
 * they must never stand beside this model's, not even between two renames. A cfg of another
 * temperature only is no other: it changes how sure a model is, not what it says. Returns 0 or -1.
 */
int training_files_save_model(const struct training_files *f, const struct nn_net *net,
                              const char *cfg, const struct names *names, struct err *e);

/* Writes the history as text and as a picture. Returns 0 or -1. */
int training_files_save_history(const struct training_files *f, const struct epoch *epochs,
                                size_t count, struct err *e);

#endif
