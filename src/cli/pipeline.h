/* Many items through several threads, with the results in order and a bounded number of them
 * waiting.
 *
 * Each item is prepared by one thread, whichever is free, and finished by the calling thread in the
 * order of the items; that thread prepares too whenever there is nothing to finish. So what is
 * written does not depend on the number of threads, and memory not on the number of items. */
#ifndef FERCLI_CLI_PIPELINE_H
#define FERCLI_CLI_PIPELINE_H

#include <stddef.h>

#include "err.h"

struct pipeline {
    size_t count;     /* of items */
    size_t item_size; /* bytes of one, zeroed before it is prepared */
    int threads;      /* that prepare, the caller's among them; 1 or more */

    /* Fills `item` with item `number`; `worker`, below `threads`, tells the threads apart. */
    void (*prepare)(void *context, int worker, size_t number, void *item);

    /* Takes the item over. Returns 0, or -1 to end the work. */
    int (*finish)(void *context, size_t number, void *item);

    /* Releases an item that was prepared and will not be finished. */
    void (*discard)(void *item);

    void *context;
};

/* Runs until all items are finished, `finish` asks for the end or an interruption came; what was
 * begun before that is completed, and finished as far as nothing is missing before it. Returns 0,
 * or -1 when memory ran out and nothing was done. */
int pipeline_run(const struct pipeline *p, struct err *e);

/* Items that may wait behind the one that is finished next. */
#define PIPELINE_AHEAD 64

#endif
