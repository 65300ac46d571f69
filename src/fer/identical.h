/* Groups of pictures that are the same pixel by pixel. */
#ifndef FERCLI_FER_IDENTICAL_H
#define FERCLI_FER_IDENTICAL_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "fer.h"

struct identical {
    size_t groups;   /* different pictures */
    uint32_t *row;   /* (pictures) group after group, each in the order of the data; owned */
    uint32_t *start; /* (groups + 1) where each begins in `row`, and the end; owned */
};

/* Returns 0, or -1 without memory or with more pictures than 32 bits count. */
int identical_init(struct identical *same, const struct dataset *d, struct err *e);
void identical_release(struct identical *same);

#endif
