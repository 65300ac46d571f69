/* PREFIX.replay: general features that let a model be tuned without the data it was trained on.
 *
 * It holds what the frozen layers make of some Training pictures, which are learnt beside the
 * user's, and of held-out ones, which tell how much was forgotten; no pixels. Features belong to
 * the weights that made them, so the set carries their checksum. The format is in docs/replay.md.
 */
#ifndef FERCLI_FER_REPLAY_H
#define FERCLI_FER_REPLAY_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "fer.h"

#define REPLAY_LEVELS 15 /* steps above 0 of a value in the file, 4 bits */

struct replay {
    uint32_t checksum; /* CRC-32 of the model's weights file */
    size_t layer;      /* layers 0..layer-1 made the features */
    size_t width;      /* values of a feature */
    size_t classes;
    size_t training, held_out; /* rows; those of Training come first */
    float *low, *step;         /* (width): a value is low + step x code; owned */
    unsigned char *label;      /* (training + held_out), in the order of the model's names; owned */
    unsigned char *code;       /* (training + held_out, row_bytes), two codes a byte; owned */
};

/* Bytes of a row's codes. */
size_t replay_row_bytes(size_t width);

/* Memory for a set whose counts and width are filled in; the rest is zeroed. Returns 0 or -1. */
int replay_init(struct replay *r, struct err *e);
void replay_release(struct replay *r);

/* Chooses low and step of every value from `count` features (count, width), such that one value in
 * a thousand at most is cut at each end. Returns 0 or -1. */
int replay_fit(struct replay *r, const float *feature, size_t count, struct err *e);

/* Feature of row `row` to codes, rounding to the nearest step, and back. */
void replay_encode(struct replay *r, size_t row, const float *feature);
void replay_decode(const struct replay *r, size_t row, float *feature);

/* Writes the file atomically. Returns 0 or -1. */
int replay_write(const struct replay *r, const char *path, struct err *e);

/* Reads a file. One that is no replay set, is damaged or contradicts itself is refused. Returns 0
 * or -1, then with `r` zeroed. */
int replay_read(struct replay *r, const char *path, struct err *e);

/* Same from memory; `name` stands for the path in messages. */
int replay_parse(struct replay *r, const char *name, const unsigned char *bytes, size_t count,
                 struct err *e);

/* Was the set made by this model? Returns 0, or -1 with what differs. */
int replay_fits(const struct replay *r, const struct model *m, const char *name, struct err *e);

#endif
