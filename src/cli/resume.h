/* Going on with an output file after an interruption: which pictures have their rows in it. */
#ifndef FERCLI_CLI_RESUME_H
#define FERCLI_CLI_RESUME_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/faces_common.h"
#include "cli/inputs.h"
#include "cli/rows.h"
#include "err.h"

struct resumption {
    size_t pictures; /* the first ones of the inputs, whose rows are complete */
    bool unreadable; /* one of them was */
    long long bytes; /* of the file that hold the header and these rows */
};

/* Does --resume make sense with the other options? Returns 0, or -1 with what is wrong. */
int resume_check(const struct picture_options *o, struct err *e);

/* Reads what the output file holds. A file that is not there or empty holds nothing. The picture of
 * the last row may have more faces, and the row may be cut, so it counts as not done. Returns -1
 * when the file's rows are not those of the first inputs: it is left alone then. */
int resume_scan(const char *path, enum output_format format, const struct column *columns,
                size_t count, const struct inputs *in, struct resumption *done, struct err *e);

/* rows_open; with --resume rows_continue behind what the output file holds already. */
struct rows *resume_rows(const struct picture_options *o, const struct column *columns,
                         size_t count, const struct inputs *in, struct resumption *done,
                         struct err *e);

#endif
