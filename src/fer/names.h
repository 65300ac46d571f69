/* Names of the classes from memory; the rest is in fer.h. */
#ifndef FERCLI_FER_NAMES_H
#define FERCLI_FER_NAMES_H

#include <stddef.h>

#include "err.h"
#include "fer.h"

/* More classes than a data set's labels, which are bytes, can tell apart are refused. */
#define NAMES_MAX 256

/* names_read for a file that is in memory already; `path` stands for it in messages. On failure
 * `names` is left zeroed. */
int names_parse(struct names *names, const char *text, size_t size, const char *path,
                struct err *e);

#endif
