/* Faces: finding them in a grey picture, and cutting one out as a network sees it.
 *
 * The search is face_search.h's and the scaling OpenCV's, behind haar.h; here are the options, the
 * order of the faces, and the border of the picture. */
#include "fer.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "fer/face_search.h"
#include "fer/haar.h"

#define CASCADE_FOLDER "/usr/share/opencv4/"
/* What the two find together, and others: docs/detection.md. */
static const char *const DEFAULT_CASCADES[FACE_CASCADES_MAX] = {
    CASCADE_FOLDER "haarcascades/haarcascade_frontalface_alt2.xml",
    CASCADE_FOLDER "lbpcascades/lbpcascade_frontalface_improved.xml"};
#define DEFAULT_PACKAGE "opencv-data"
#define MAX_CASCADE_BYTES ((size_t)16 << 20) /* OpenCV's own have up to 3 MB */

const struct detector_options DETECTOR_DEFAULTS = {
    .cascade = NULL, .scale_factor = 1.1, .min_neighbors = 4, .min_size = 0, .largest = false};

struct detector {
    struct face_search search; /* but for min_size, which is the picture's; cascades are owned */
    struct detector_options options;
};

/* ---- the detector ---- */

static int check_options(const struct detector_options *o, struct err *e)
{
    /* The search holds the picture in all sizes at once: 1.01 is 70 times the picture's own pixels.
     */
    if (!(o->scale_factor >= 1.01 && o->scale_factor <= 10))
        return err_set(e, "scale factor %g is not in 1.01..10", o->scale_factor);
    if (o->min_neighbors < 0)
        return err_set(e, "minimum number of neighbours %d is negative", o->min_neighbors);
    if (o->min_size < 0)
        return err_set(e, "smallest face of %d pixels is negative", o->min_size);
    return 0;
}

static struct haar *load_cascade(const char *path, bool is_ours, struct err *e)
{
    char *text = NULL;
    size_t length = 0;
    struct err reason;
    if (file_read(path, MAX_CASCADE_BYTES, &text, &length, &reason)) {
        if (!is_ours)
            return err_null(e, "%s", reason.text);
        return err_null(e, "%s (the cascade comes with the package %s)", reason.text,
                        DEFAULT_PACKAGE);
    }
    struct haar *haar = haar_new(path, text, length, e);
    free(text);
    return haar;
}

static int load_cascades(struct detector *d, const char *asked, struct err *e)
{
    struct face_search *search = &d->search;
    const int wanted = asked ? 1 : FACE_CASCADES_MAX;
    for (; search->cascades < wanted; search->cascades++) {
        const char *path = asked ? asked : DEFAULT_CASCADES[search->cascades];
        struct haar *cascade = load_cascade(path, !asked, e);
        if (!cascade)
            return -1;
        search->cascade[search->cascades] = cascade;
    }
    return 0;
}

struct detector *detector_new(const struct detector_options *options, struct err *e)
{
    if (check_options(options, e))
        return NULL;
    struct detector *d = calloc(1, sizeof(*d));
    if (!d)
        return err_memory_null(e);
    d->options = *options;
    d->options.cascade = NULL; /* borrowed for this call only */
    d->search.scale_factor = options->scale_factor;
    d->search.min_score = options->min_neighbors;
    if (load_cascades(d, options->cascade, e)) {
        detector_free(d);
        return NULL;
    }
    return d;
}

void detector_free(struct detector *d)
{
    if (!d)
        return;
    for (int i = 0; i < d->search.cascades; i++)
        haar_free(d->search.cascade[i]);
    free(d);
}

static int clamp(int value, int low, int high)
{
    return value < low ? low : value > high ? high : value;
}

/* The part of the group's box that lies inside the picture. */
static struct face face_from_group(const struct face_group *g, const struct image *grey)
{
    const int x = (int)lround(g->x), y = (int)lround(g->y);
    const int left = clamp(x, 0, grey->width), top = clamp(y, 0, grey->height);
    const int right = clamp(x + (int)lround(g->width), 0, grey->width);
    const int bottom = clamp(y + (int)lround(g->height), 0, grey->height);
    return (struct face){.x = left,
                         .y = top,
                         .width = right - left,
                         .height = bottom - top,
                         .score = face_search_score(g)};
}

static int compare_long(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_faces(const void *left, const void *right)
{
    const struct face *a = left, *b = right;
    int order = compare_long((int64_t)b->width * b->height, (int64_t)a->width * a->height);
    if (order == 0)
        order = compare_long(a->y, b->y);
    if (order == 0)
        order = compare_long(a->x, b->x);
    /* The rest makes the order total, so that it does not depend on the sort. */
    if (order == 0)
        order = compare_long(b->width, a->width);
    return order ? order : (a->score < b->score) - (a->score > b->score);
}

/* When no size of the search is in the range asked for, OpenCV takes the nearest: `min_size` is a
 * promise, so such windows go. */
static size_t keep_faces(const struct detector *d, const struct image *grey, int smallest,
                         const struct face_group *groups, size_t count, struct face *faces)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (groups[i].width < smallest || groups[i].height < smallest)
            continue;
        struct face f = face_from_group(&groups[i], grey);
        if (f.width > 0 && f.height > 0)
            faces[kept++] = f;
    }
    qsort(faces, kept, sizeof(*faces), compare_faces);
    return d->options.largest && kept > 1 ? 1 : kept;
}

/* The smallest face to be found, in pixels of a picture that was reduced. */
static int smallest_face(const struct detector_options *o, const struct image *grey, int reduction)
{
    if (o->min_size > 0)
        return (o->min_size + reduction - 1) / reduction;
    const int side = grey->width > grey->height ? grey->width : grey->height;
    const int part = side / DETECTOR_MIN_PART;
    return part > DETECTOR_MIN_SIZE ? part : DETECTOR_MIN_SIZE;
}

void detector_allow_reduction(const struct detector_options *o, struct image_request *request)
{
    request->max_reduction = o->min_size > 0 ? o->min_size / DETECTOR_MIN_SIZE : INT_MAX;
    request->min_side = o->min_size > 0 ? 1 : DETECTOR_MIN_SIZE * DETECTOR_MIN_PART;
}

int detector_find(struct detector *d, const struct image *grey, struct face **faces, size_t *count,
                  struct err *e)
{
    return detector_find_reduced(d, grey, 1, faces, count, e);
}

int detector_find_reduced(struct detector *d, const struct image *grey, int reduction,
                          struct face **faces, size_t *count, struct err *e)
{
    *faces = NULL;
    *count = 0;
    if (grey->channels != 1)
        return err_set(e, "cannot search a picture of %d channels for faces", grey->channels);
    struct face_search search = d->search;
    search.min_size = smallest_face(&d->options, grey, reduction);
    struct face_group *groups;
    size_t group_count;
    if (face_search(&search, grey, &groups, &group_count, e))
        return -1;
    if (group_count == 0)
        return 0;
    struct face *found = calloc(group_count, sizeof(*found));
    if (!found) {
        free(groups);
        return err_memory(e);
    }
    *count = keep_faces(d, grey, search.min_size, groups, group_count, found);
    free(groups);
    if (*count == 0)
        free(found);
    else
        *faces = found;
    return 0;
}

/* ---- crops ---- */

/* A rectangle of the plane, which goes on beyond the picture with the pixels of its edge. */
struct region {
    int x, y, width, height;
};

static int crop_region(const struct face *face, double margin, struct region *r, struct err *e)
{
    const double far = 1 << 28; /* keeps every sum below an int */
    if (!(margin > -0.5 && margin <= 8))
        return err_set(e, "margin %g is not in -0.5..8", margin);
    if (face->width < 1 || face->height < 1)
        return err_set(e, "a face of %dx%d pixels cannot be cut out", face->width, face->height);
    double left = face->x - margin * face->width, top = face->y - margin * face->height;
    double width = face->width * (1 + 2 * margin), height = face->height * (1 + 2 * margin);
    if (fabs(left) > far || fabs(top) > far || width > far || height > far)
        return err_set(e, "a face of %dx%d pixels at %d,%d with margin %g is too large",
                       face->width, face->height, face->x, face->y, margin);
    r->x = (int)lround(left);
    r->y = (int)lround(top);
    r->width = (int)fmax(1, round(width));
    r->height = (int)fmax(1, round(height));
    return 0;
}

static bool region_is_inside(const struct region *r, const struct image *im)
{
    return r->x >= 0 && r->y >= 0 && r->width <= im->width - r->x && r->height <= im->height - r->y;
}

static void copy_row(const unsigned char *row, int row_width, const struct region *r,
                     unsigned char *out)
{
    int before = clamp(-r->x, 0, r->width);
    int after = clamp(r->x + r->width - row_width, 0, r->width);
    int within = r->width - before - after;
    memset(out, row[0], (size_t)before);
    if (within > 0)
        memcpy(out + before, row + (r->x + before), (size_t)within);
    memset(out + r->width - after, row[row_width - 1], (size_t)after);
}

/* The region's pixels in new memory. */
static unsigned char *copy_region(const struct image *im, const struct region *r, struct err *e)
{
    if ((uint64_t)r->width * (uint64_t)r->height > (uint64_t)IMAGE_MAX_PIXELS * 4)
        return err_null(e, "a crop of %dx%d pixels is too large", r->width, r->height);
    unsigned char *copy = malloc((size_t)r->width * (size_t)r->height);
    if (!copy)
        return err_memory_null(e);
    for (int row = 0; row < r->height; row++) {
        int from = clamp(r->y + row, 0, im->height - 1);
        copy_row(im->pixels + (size_t)from * (size_t)im->width, im->width, r,
                 copy + (size_t)row * (size_t)r->width);
    }
    return copy;
}

int face_crop(const struct image *grey, const struct face *face, double margin, int size,
              unsigned char *out, struct err *e)
{
    struct region r = {0, 0, 0, 0};
    if (grey->channels != 1)
        return err_set(e, "cannot cut a face out of a picture of %d channels", grey->channels);
    if (size < 1 || size > 16384)
        return err_set(e, "crop size %d is not in 1..16384", size);
    if (crop_region(face, margin, &r, e))
        return -1;
    if (region_is_inside(&r, grey)) {
        size_t stride = (size_t)grey->width;
        const unsigned char *corner = grey->pixels + (size_t)r.y * stride + (size_t)r.x;
        struct haar_view view = {corner, r.width, r.height, stride};
        return haar_resize(&view, out, size, size, e);
    }
    unsigned char *copy = copy_region(grey, &r, e);
    if (!copy)
        return -1;
    struct haar_view view = {copy, r.width, r.height, (size_t)r.width};
    int result = haar_resize(&view, out, size, size, e);
    free(copy);
    return result;
}
