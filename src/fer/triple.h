/* A model's three files, darknet's triple PREFIX.cfg, .names and .weights: their paths, and how a
 * model takes the place of the one that is there. model.c reads them. */
#ifndef FERCLI_FER_TRIPLE_H
#define FERCLI_FER_TRIPLE_H

#include "base/file.h"
#include "err.h"
#include "fer.h"

struct triple {
    char *cfg, *names, *weights; /* paths; owned */
};

/* Returns 0, or -1 with nothing to release. */
int triple_init(struct triple *t, const char *prefix, struct err *e);
void triple_release(struct triple *t);

/* Writes the weights beside the old ones, complete and on the disk: `weights->temp` is their path
 * until triple_commit or atomic_abandon, which is the caller's to call. Returns 0, or -1 with
 * nothing to abandon. */
int triple_begin(const struct triple *t, const struct nn_net *net, struct atomic_file *weights,
                 struct err *e);

/* Writes cfg and names and then gives the weights their name; releases `weights` in every case.
 * `cfg` is the cfg's text, which may differ from the net's by the temperature of the softmax.
 * Weights of another cfg or other names are removed first: they must never stand beside this
 * model's, not even between two renames. A cfg of another temperature only is no other: it changes
 * how sure a model is, not what it says. Returns 0 or -1. */
int triple_commit(const struct triple *t, struct atomic_file *weights, const char *cfg,
                  const struct names *names, struct err *e);

/* Both, one after the other. */
int triple_write(const struct triple *t, const struct nn_net *net, const char *cfg,
                 const struct names *names, struct err *e);

#endif
