/* PREFIX.state: everything that a training run needs to go on as if it had not stopped.
 *
 * The format, little-endian: the 8 bytes `FERSTATE`; u32 version; u64 x KEY_COUNT, the key; u32
 * threads; u32 epoch; u64 step; f64 rate; f64 loss; u64 hits; u32 best epoch; f64 best accuracy;
 * u32 length and the text of the history (as in PREFIX.history.csv); u64 length and the bytes of
 * nn_trainer_save; u32 CRC-32 of all before it. nn_trainer_save's bytes have the layout of the
 * build that wrote them, so a state is not for moving to another kind of machine. */
#ifndef FERCLI_FER_CHECKPOINT_H
#define FERCLI_FER_CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "fer.h"

#define CHECKPOINT_MAGIC "FERSTATE"
#define CHECKPOINT_MAGIC_SIZE 8
#define CHECKPOINT_VERSION 2u

/* What must be the same for a state to fit a run. */
enum checkpoint_key {
    KEY_CFG,   /* CRC-32 of the cfg's text */
    KEY_NAMES, /* CRC-32 of the names, each with its NUL */
    KEY_EPOCHS,
    KEY_BATCH,
    KEY_SEED,
    KEY_TRAIN_COUNT, /* pictures */
    KEY_TRAIN_DATA,  /* CRC-32 of pixels and labels */
    KEY_VALID_COUNT,
    KEY_VALID_DATA,
    KEY_TEACHERS, /* teachers_key */
    KEY_COUNT
};

struct checkpoint {
    uint64_t key[KEY_COUNT];
    int threads;           /* of the run that wrote it */
    int epoch;             /* under way, from 1; one past the last when the run is done */
    long step;             /* updates made in it */
    double rate;           /* of the last of these updates */
    double loss;           /* sum over these updates of the mean loss */
    uint64_t hits;         /* pictures of these updates that the network had right */
    int best_epoch;        /* the one in PREFIX.weights, 0 before the first */
    double best_accuracy;  /* of best_epoch, on the validation pictures */
    struct epoch *history; /* (epoch - 1) finished epochs; owned */
    unsigned char *engine; /* nn_trainer_save's bytes, empty unless read from a file; owned */
    size_t engine_size;
};

/* Writes the checkpoint and the trainer's own state atomically. Returns 0 or -1. */
int checkpoint_write(const struct checkpoint *c, const struct nn_trainer *trainer, const char *path,
                     struct err *e);

/* Reads a state file. One that is no state, is damaged or contradicts itself is refused. Returns 0
 * or -1. */
int checkpoint_read(struct checkpoint *c, const char *path, struct err *e);

/* Same from memory; `name` stands for the path in messages. */
int checkpoint_parse(struct checkpoint *c, const char *name, const unsigned char *bytes,
                     size_t count, struct err *e);

/* Is `c` of the run that `key` describes? Returns 0, or -1 with all that differs. */
int checkpoint_fits(const struct checkpoint *c, const uint64_t key[KEY_COUNT], const char *name,
                    struct err *e);

/* Puts the engine's part of a checkpoint that was read into the trainer, and forgets it. Returns 0
 * or -1. */
int checkpoint_restore(struct checkpoint *c, struct nn_trainer *trainer, const char *name,
                       struct err *e);

void checkpoint_release(struct checkpoint *c);

#endif
