/* What the readers of data sets share: a data set that grows, and the splits' names. */
#ifndef FERCLI_FER_DATASET_H
#define FERCLI_FER_DATASET_H

#include <stdbool.h>
#include <stddef.h>

#include "fer.h"

/* A data set while it is being filled. Zeroed but for the size of the pictures; what was read is
 * `set`, which becomes the caller's or is released. */
struct dataset_growth {
    struct dataset set;
    size_t capacity; /* pictures that the arrays have room for */
};

/* Makes room for one more picture, the one at index set.count. 0, or -1 without memory. */
int dataset_grow(struct dataset_growth *g, bool with_path, struct err *e);

/* Gives back the room that was not needed. */
void dataset_trim(struct dataset_growth *g);

/* Takes away the pictures whose `keep` (count) is 0; the others stay in order. */
void dataset_keep(struct dataset *d, const unsigned char *keep);

/* Has the picture one value only? */
bool dataset_is_blank(const struct dataset *d, size_t picture);

/* `Training`, `PublicTest` or `PrivateTest` of `length` bytes to its enum split; 0 for anything
 * else. */
unsigned split_find(const char *text, size_t length);

/* The names of the splits in `splits`, as "PublicTest, PrivateTest", cut at `size` bytes. Returns
 * `text`. */
const char *splits_join(unsigned splits, char *text, size_t size);

#endif
