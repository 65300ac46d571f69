/* The nearest of some names to a mistyped word, for "did you mean". */
#ifndef FERCLI_CLI_NEAREST_H
#define FERCLI_CLI_NEAREST_H

#include <stddef.h>

struct nearest {
    const char *word;
    size_t length;    /* of the word, which need not end there */
    const char *name; /* the best so far, NULL when none is near */
    size_t distance;  /* of the best */
};

void nearest_init(struct nearest *n, const char *word, size_t length);
void nearest_offer(struct nearest *n, const char *name);

#endif
