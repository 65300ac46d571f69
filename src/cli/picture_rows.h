/* The main work of detect and classify: from pictures to rows. */
#ifndef FERCLI_CLI_PICTURE_ROWS_H
#define FERCLI_CLI_PICTURE_ROWS_H

#include "cli/faces_common.h"
#include "fer.h"

struct picture_job {
    const struct picture_options *options;
    enum face_mode mode; /* FACE_AUTO: pictures of exactly the network's size are whole faces */
    /* What classifies the faces; NULL: their boxes are all that is asked for. The rest is about it.
     */
    const struct model *model;
    enum tta tta;
    double reject_below; /* the label becomes `uncertain` when the top probability is lower */
};

/* Prints the rows of all pictures, in the order of the inputs. Returns the exit status. */
int picture_rows(const struct picture_job *job, int operand_count, char *const *operands);

#endif
