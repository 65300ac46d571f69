/* PREFIX.history.csv: one line for every epoch of a training run.
 *
 *     epoch,rate,train_loss,train_accuracy,valid_loss,valid_accuracy
 *     1,0.05,1.812345,0.2712,1.65,0.3541
 *
 * Epochs count from 1 without gaps; the other columns are decimal numbers of seven significant
 * digits, losses in nats, accuracies as fractions. */
#ifndef FERCLI_FER_HISTORY_H
#define FERCLI_FER_HISTORY_H

#include <stddef.h>

#include "err.h"
#include "fer.h"

/* The file's text in new memory, NULL when there is none left. */
char *history_text(const struct epoch *epochs, size_t count);

/* Writes the file atomically. Returns 0 or -1. */
int history_write(const struct epoch *epochs, size_t count, const char *path, struct err *e);

/* Reads the file's text; `name` stands for the path in messages. `*epochs` belongs to the caller
 * (NULL when there are none). Returns 0, or -1 with `NAME:LINE: what`. */
int history_parse(const char *name, const char *text, struct epoch **epochs, size_t *count,
                  struct err *e);

/* Rounds an epoch to what its line of the file says, so that a run that was read back from its file
 * goes on with the same numbers as one that was not. The numbers must be finite. */
void history_round(struct epoch *epoch);

#endif
