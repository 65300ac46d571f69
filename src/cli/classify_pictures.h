/* classify's main work: from pictures to rows. */
#ifndef FERCLI_CLI_CLASSIFY_PICTURES_H
#define FERCLI_CLI_CLASSIFY_PICTURES_H

#include <stdbool.h>

#include "cli/faces_common.h"
#include "cli/source.h"
#include "fer.h"

struct classification {
    const struct picture_options *options;
    const struct model *model;
    enum face_mode mode; /* FACE_AUTO: pictures of exactly the network's size are whole faces */
    enum tta tta;
    double reject_below; /* the label becomes `uncertain` when the top probability is lower */
};

/* Classifies the faces of all pictures and prints the rows, in the order of the source. Returns the
 * exit status. */
int classify_pictures(const struct classification *job, struct source *source);

#endif
