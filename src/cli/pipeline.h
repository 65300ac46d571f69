/* Many items through several threads, with the results in order and a bounded number of them
 * waiting.
 *
 * Items are taken from their source one after the other, by whichever thread is free. Each is
 * prepared by the thread that took it, and finished by the calling thread in the order of the
 * items; that thread takes and prepares too whenever there is nothing to finish. So what is written
 * does not depend on the number of threads, and memory not on the number of items. */
#ifndef FERCLI_CLI_PIPELINE_H
#define FERCLI_CLI_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

enum pipeline_taken { PIPELINE_TAKEN, PIPELINE_NOT_YET, PIPELINE_END, PIPELINE_FAILED };

struct pipeline {
    size_t item_size; /* bytes of one, zeroed before it is taken */
    int threads;      /* that prepare, the caller's among them; 1 or more */

    /* Takes the next item. PIPELINE_NOT_YET: there is none at the moment, said only without
     * `wait`; PIPELINE_FAILED: out of memory. Never called by two threads at once. */
    enum pipeline_taken (*take)(void *context, void *item, bool wait);

    /* Ends a wait of `take`, for good. NULL: it never waits. */
    void (*stop)(void *context);

    /* Does an item's work; `worker`, below `threads`, tells the threads apart. */
    void (*prepare)(void *context, int worker, void *item);

    /* Takes the item over. Returns 0, or -1 to end the work. */
    int (*finish)(void *context, size_t number, void *item);

    /* All that was taken is finished and the next item is waited for: whatever was held back must
     * go out. Returns 0, or -1 to end the work. NULL: nothing is ever held back. */
    int (*idle)(void *context);

    /* Releases an item that was prepared and will not be finished. */
    void (*discard)(void *item);

    void *context;
};

/* Runs until all items are finished, `finish` asks for the end or an interruption came; what was
 * begun before that is completed, and finished as far as nothing is missing before it. Returns 0,
 * or -1 when memory ran out and not all is done. */
int pipeline_run(const struct pipeline *p, struct err *e);

/* Items that may wait behind the one that is finished next. */
#define PIPELINE_AHEAD 64

#endif
