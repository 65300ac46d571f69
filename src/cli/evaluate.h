/* classify's evaluation on labelled pictures: FER-2013's CSV or a folder with a sub-folder a class.
 */
#ifndef FERCLI_CLI_EVALUATE_H
#define FERCLI_CLI_EVALUATE_H

#include <stdbool.h>

#include "cli/opt.h"
#include "fer.h"

struct evaluation_options {
    const char *fer_csv;  /* NULL without */
    const char *split;    /* of the CSV */
    const char *labelled; /* folder, NULL without */
    bool unseen;          /* without the CSV's rows whose picture is in Training too */
    const char *plots;    /* folder for the pictures, NULL without */
    double min_accuracy;  /* below 0: not asked for */
};

/* One evaluation. All borrowed. */
struct evaluation {
    const struct common_options *common;
    const struct evaluation_options *options;
    const struct model *model;
    const struct detector_options *detector;
    enum face_mode mode; /* of --labelled */
    enum tta tta;
};

/* Reads the data, classifies it and prints the report. Returns the exit status. */
int evaluate(const struct evaluation *job);

#endif
