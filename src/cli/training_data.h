/* The pictures that train-general trains and selects on: FER-2013's CSV or labelled folders. */
#ifndef FERCLI_CLI_TRAINING_DATA_H
#define FERCLI_CLI_TRAINING_DATA_H

#include <stdbool.h>

#include "cli/opt.h"
#include "err.h"
#include "fer.h"

struct training_data_options {
    const char *fer_csv, *train, *valid; /* the CSV, or both folders */
    const char *leave_out;               /* of the CSV's Training; NULL: nothing */
    const char *cascade;                 /* NULL: the default */
    bool detect, no_detect;
};

struct training_data {
    struct dataset train, valid; /* owned */
    size_t unreadable;           /* files of the folders */
};

/* Do the options make sense together? Returns 0, or -1 with what is wrong. */
int training_data_check(const struct training_data_options *o, struct err *e);

/* Reads both, and notes what was left out. An interruption leaves the second empty. Returns 0 or
 * -1; release it in either case. */
int training_data_read(struct training_data *d, const struct training_data_options *o,
                       const struct common_options *common, struct nn_net *net,
                       const struct names *names, struct err *e);

void training_data_release(struct training_data *d);

#endif
