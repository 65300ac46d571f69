/* What classify --labelled, train-general and finetune share: reading a labelled folder and saying
 * what was left out. */
#ifndef FERCLI_CLI_LABELLED_FOLDER_H
#define FERCLI_CLI_LABELLED_FOLDER_H

#include "cli/opt.h"
#include "err.h"
#include "fer.h"

/* All borrowed. */
struct labelled_folder {
    const char *path;
    const struct names *names;
    struct folder_options options;
};

/* dataset_read_folder, with a line for each picture left out, also when that is all of them, and
 * one that sums up. Release `report` in every case. */
int labelled_folder_read(struct dataset *d, const struct labelled_folder *folder,
                         const struct common_options *common, struct folder_report *report,
                         struct err *e);

#endif
