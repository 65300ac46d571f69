/* What `fercli finetune` prints and writes to --report. */
#ifndef FERCLI_CLI_TUNING_REPORT_H
#define FERCLI_CLI_TUNING_REPORT_H

#include <stddef.h>
#include <stdio.h>

#include "cli/opt.h"
#include "fer.h"

/* A run and its figures. All borrowed. */
struct tuning_report {
    const struct finetune_report *figures;
    const struct common_options *common;
    const struct model *model;      /* as it was opened */
    const struct dataset *pictures; /* the user's */
    const char *user, *out;
    const char *general; /* the CSV or the replay set, NULL without */
    const char *method;
    double max_forget;   /* points; below 0: no limit */
    enum face_mode mode; /* FACE_DETECT or FACE_WHOLE: how the pictures were read */
    size_t left_out;     /* pictures without a face */
    size_t unreadable;
};

/* One line of JSON; fractions, null where nothing was measured. */
void tuning_report_json(const struct tuning_report *r, FILE *out);

/* Prints in the format asked for; text for people when none is, in a pipe too. Returns 0 or -1. */
int tuning_report_print(const struct tuning_report *r, struct err *e);

#endif
