/* One picture: from file to faces; see picture.h. */
#include "cli/picture.h"

#include <stdlib.h>

#include "cli/cli.h"

void picture_release(struct picture *p)
{
    input_release(&p->input);
    free(p->faces);
    free(p->pixels);
    *p = (struct picture){0};
}

void picture_drop_bytes(struct picture *p)
{
    free(p->input.bytes);
    p->input.bytes = NULL;
}

const char *picture_status(const struct picture *p)
{
    if (p->outcome != PICTURE_DONE)
        return "unreadable";
    return p->count > 0 ? "ok" : "no_face";
}

bool picture_is_cut_short(const struct picture *p)
{
    return interrupted && p->outcome == PICTURE_UNREADABLE;
}

int picture_reader_init(struct picture_reader *r, int threads, struct err *e)
{
    r->threads = threads;
    r->detectors = calloc((size_t)threads, sizeof(struct detector *));
    return r->detectors ? 0 : err_memory(e);
}

void picture_reader_release(struct picture_reader *r)
{
    for (int i = 0; r->detectors && i < r->threads; i++)
        detector_free(r->detectors[i]);
    free(r->detectors);
    r->detectors = NULL;
}

/* Loading one takes longer than a face, so not before a picture needs it. */
static struct detector *detector_of(struct picture_reader *r, int worker, struct err *e)
{
    if (!r->detectors[worker])
        r->detectors[worker] = detector_new(&r->options->detector, e);
    return r->detectors[worker];
}

int picture_reader_load(struct picture_reader *r, struct err *e)
{
    return detector_of(r, 0, e) ? 0 : -1;
}

static void drop_faces(struct picture *p)
{
    free(p->faces);
    p->faces = NULL;
    p->count = 0;
}

/* ---- one picture ---- */

/* A decoded picture, perhaps smaller than its file, perhaps turned. */
struct view {
    struct image grey;
    int reduction;
    int orientation; /* in EXIF's numbers: what was done to make faces upright; 0: nothing */
};

static int read_view(const struct picture_reader *r, const struct input *input, bool reduced,
                     struct view *v, struct err *e)
{
    struct image_request request = {.channels = 1, .max_pixels = r->max_pixels};
    v->reduction = 1;
    if (reduced)
        detector_allow_reduction(&r->options->detector, &request);
    return input_decode(&v->grey, input, &request, &v->reduction, e);
}

static bool is_whole(const struct picture_reader *r, const struct image *grey)
{
    if (r->mode == FACE_AUTO)
        return grey->width == r->size && grey->height == r->size;
    return r->mode == FACE_WHOLE;
}

static enum picture_outcome take_whole(struct picture *p, const struct image *grey)
{
    p->faces = calloc(1, sizeof(*p->faces));
    if (!p->faces) {
        err_memory(&p->trouble);
        return PICTURE_NOT_WRITTEN;
    }
    p->faces[0] = (struct face){.width = grey->width, .height = grey->height};
    p->count = 1;
    p->whole = true;
    return PICTURE_DONE;
}

static int search(struct detector *detector, const struct view *v, struct picture *p)
{
    return detector_find_reduced(detector, &v->grey, v->reduction, &p->faces, &p->count,
                                 &p->trouble);
}

static double total_score(const struct picture *p)
{
    double sum = 0;
    for (size_t i = 0; i < p->count; i++)
        sum += p->faces[i].score;
    return sum;
}

/* EXIF's numbers of turns. */
enum { CLOCKWISE = 6, HALF = 3, COUNTERCLOCKWISE = 8 };

/* Looks at the picture a quarter turned each way, and leaves it turned to where more is found. */
static int search_turned(struct detector *detector, struct view *v, struct picture *p)
{
    struct picture other = {0};
    if (image_turn(&v->grey, CLOCKWISE, &p->trouble) || search(detector, v, p) ||
        image_turn(&v->grey, HALF, &p->trouble))
        return -1;
    if (search(detector, v, &other)) {
        p->trouble = other.trouble;
        return -1;
    }
    if (total_score(&other) > total_score(p)) {
        free(p->faces);
        p->faces = other.faces;
        p->count = other.count;
        v->orientation = COUNTERCLOCKWISE;
        return 0;
    }
    free(other.faces);
    v->orientation = p->count > 0 ? CLOCKWISE : 0;
    return image_turn(&v->grey, p->count > 0 ? HALF : CLOCKWISE, &p->trouble);
}

static enum picture_outcome find_faces(struct picture_reader *r, int worker, struct picture *p,
                                       struct view *v)
{
    struct detector *detector = detector_of(r, worker, &p->trouble);
    if (!detector)
        return PICTURE_NO_DETECTOR;
    if (search(detector, v, p) ||
        (p->count == 0 && r->options->try_rotations && search_turned(detector, v, p)))
        return PICTURE_UNREADABLE;
    return PICTURE_DONE;
}

/* From a view's pixels to the file's. The last ones of a reduced picture may stand for as little as
 * one of the file's. */
static void enlarge_boxes(struct picture *p, int width, int height, int by)
{
    const int most_x = (width - 1) * by + 1, most_y = (height - 1) * by + 1;
    for (size_t i = 0; i < p->count && by > 1; i++) {
        struct face *f = &p->faces[i];
        f->x *= by;
        f->y *= by;
        f->width = f->width * by < most_x - f->x ? f->width * by : most_x - f->x;
        f->height = f->height * by < most_y - f->y ? f->height * by : most_y - f->y;
    }
}

/* From a turned picture of this size to the picture as it was. */
static void turn_boxes_back(struct picture *p, int width, int height, int orientation)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct face f = p->faces[i];
        p->faces[i].width = f.height;
        p->faces[i].height = f.width;
        p->faces[i].x = orientation == CLOCKWISE ? f.y : height - f.y - f.height;
        p->faces[i].y = orientation == CLOCKWISE ? width - f.x - f.width : f.x;
    }
}

/* From what was looked at to the picture of the file. */
static void restore_boxes(struct picture *p, const struct view *v)
{
    const int width = v->grey.width, height = v->grey.height;
    if (v->orientation)
        turn_boxes_back(p, width, height, v->orientation);
    enlarge_boxes(p, v->orientation ? height : width, v->orientation ? width : height,
                  v->reduction);
}

/* Would a crop of a reduced picture have to be enlarged? */
static bool needs_more_pixels(const struct picture_reader *r, const struct picture *p,
                              const struct view *v)
{
    const int wanted = r->options->crops && r->crop.size > r->size ? r->crop.size : r->size;
    for (size_t i = 0; i < p->count && v->reduction > 1; i++)
        if (p->faces[i].width < wanted)
            return true;
    return false;
}

/* Whole pictures are never reduced, others as far as the search allows. */
static enum picture_outcome take_faces(struct picture_reader *r, int worker, struct picture *p,
                                       struct view *v)
{
    if (read_view(r, &p->input, r->mode != FACE_WHOLE, v, &p->trouble))
        return PICTURE_UNREADABLE;
    if (is_whole(r, &v->grey))
        return take_whole(p, &v->grey);
    const enum picture_outcome outcome = find_faces(r, worker, p, v);
    if (outcome != PICTURE_DONE || !needs_more_pixels(r, p, v))
        return outcome;
    enlarge_boxes(p, v->grey.width, v->grey.height, v->reduction);
    image_release(&v->grey);
    if (read_view(r, &p->input, false, v, &p->trouble) ||
        image_turn(&v->grey, v->orientation, &p->trouble))
        return PICTURE_UNREADABLE;
    return PICTURE_DONE;
}

static int cut_faces(const struct picture_reader *r, struct picture *p, const struct image *grey)
{
    const size_t bytes = (size_t)r->size * (size_t)r->size;
    const double margin = p->whole ? 0 : r->margin;
    p->pixels = calloc(p->count + 1, bytes);
    if (!p->pixels)
        return err_memory(&p->trouble);
    for (size_t i = 0; i < p->count; i++)
        if (face_crop(grey, &p->faces[i], margin, r->size, p->pixels + i * bytes, &p->trouble))
            return -1;
    return 0;
}

static int write_crops(const struct picture_reader *r, struct picture *p, const struct image *grey)
{
    struct crop_form form = r->crop;
    if (p->whole)
        form.margin = 0;
    return faces_write_crops(r->options, &form, p->input.path, grey, p->faces, p->count,
                             &p->trouble);
}

void picture_read(struct picture_reader *r, int worker, struct picture *p)
{
    struct view v = {0};
    p->outcome = PICTURE_UNREADABLE;
    if (p->input.problem)
        err_set(&p->trouble, "%s", p->input.problem);
    else
        p->outcome = take_faces(r, worker, p, &v);
    if (p->outcome != PICTURE_DONE)
        drop_faces(p);
    if (p->outcome == PICTURE_DONE &&
        ((r->size > 0 && cut_faces(r, p, &v.grey)) || write_crops(r, p, &v.grey)))
        p->outcome = PICTURE_NOT_WRITTEN;
    restore_boxes(p, &v);
    image_release(&v.grey);
}
