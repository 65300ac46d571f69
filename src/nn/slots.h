/* Memory shared by buffers whose lifetimes do not overlap. */
#ifndef FERCLI_NN_SLOTS_H
#define FERCLI_NN_SLOTS_H

#include <stddef.h>

#include "err.h"

struct slot {
    size_t count;   /* floats */
    int busy_until; /* last moment at which its present owner needs it */
    float *value;   /* owned, made by slots_make */
};

struct slots {
    struct slot *slot; /* owned */
    int count;
};

/* Finds or adds a slot for `count` floats needed from moment `birth` to `death`, both included.
 * Births must come in rising order. Returns its index, or -1 without memory. */
int slots_take(struct slots *s, size_t count, int birth, int death);

/* Allocates. 0/-1. */
int slots_make(struct slots *s, struct err *e);
void slots_release(struct slots *s);

#endif
