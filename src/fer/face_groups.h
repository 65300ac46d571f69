/* Windows that a cascade takes for a face, joined where they mean the same one.
 *
 * A face makes a cascade answer in many windows of about its place and size, anything else in few:
 * how many agree says how sure the answer is (Viola & Jones 2001, section 5.6; the measure of
 * agreement is that of OpenCV's groupRectangles). */
#ifndef FERCLI_FER_FACE_GROUPS_H
#define FERCLI_FER_FACE_GROUPS_H

#include <stddef.h>

#include "err.h"
#include "fer/haar.h"

struct face_group {
    double x, y, width, height;   /* the mean of its windows */
    int left, top, right, bottom; /* what they cover together */
    int smallest, largest;        /* their widths */
    size_t votes;                 /* how many they are */
};

/* Groups windows: two belong together when their edges lie within `tolerance` x their mean size of
 * each other, or when a chain of such windows joins them. `*groups` is malloc'ed and the caller's,
 * NULL when there are none; their order depends on the windows alone, not on theirs. Sorts `hits`.
 * Returns 0, or -1 when memory ran out. */
int face_groups_form(struct haar_hit *hits, size_t count, double tolerance,
                     struct face_group **groups, size_t *group_count, struct err *e);

/* Of groups whose mean boxes overlap by more than `overlap` x the smaller one's area, keeps that
 * with most votes. Keeps the survivors in front, most votes first, and returns their number. */
size_t face_groups_merge(struct face_group *groups, size_t count, double overlap);

#endif
