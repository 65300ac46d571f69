/* Faces in a grey picture by cascades: a coarse look at all of it, a thorough one where that one
 * saw something. How the steps and their numbers were chosen: docs/detection.md. */
#ifndef FERCLI_FER_FACE_SEARCH_H
#define FERCLI_FER_FACE_SEARCH_H

#include <stddef.h>

#include "fer.h"
#include "fer/face_groups.h"

#define FACE_CASCADES_MAX 2

struct face_search {
    /* The first one looks at the whole picture, all of them look thoroughly. Borrowed; not used by
     * two searches at a time. */
    struct haar *cascade[FACE_CASCADES_MAX];
    int cascades;
    double scale_factor; /* between the sizes looked for thoroughly */
    int min_size;        /* smallest window, pixels */
    double min_score;    /* groups below it are no faces */
};

/* `*groups` is malloc'ed and the caller's, NULL when there are none; no two of them overlap much.
 * Their boxes lie in the picture's plane and may reach over its border. Returns 0 or -1. */
int face_search(const struct face_search *s, const struct image *grey, struct face_group **groups,
                size_t *count, struct err *e);

/* How sure a group is: the mean of its windows in the picture and in its mirror image. */
double face_search_score(const struct face_group *group);

#endif
