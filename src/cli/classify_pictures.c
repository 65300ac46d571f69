/* classify's main work; see classify_pictures.h.
 *
 * Each picture is decoded and its faces are cut out, all by itself; the faces of some pictures are
 * then classified together, because the network runs in batches of a fixed size; then their rows
 * are written. */
#include "cli/classify_pictures.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/rows.h"

#define WAITING_MAX 64     /* pictures or faces that wait for each other */
#define WAITING_SECONDS .5 /* how long the rows of a slow folder may lag behind */

/* A picture between its decoding and its rows. */
struct picture {
    const char *path;   /* borrowed from the inputs */
    const char *status; /* of its rows */
    struct face *faces; /* (count); owned */
    size_t count;
    bool whole;            /* the one face is the picture */
    unsigned char *pixels; /* (count, size, size) what the network sees; owned */
};

struct run {
    const struct classification *job;
    int size, classes; /* of the network's input; of its output */
    struct detector
        *detector; /* NULL until a picture needs it: loading takes longer than a face; owned */
    struct classifier *classifier; /* owned */
    struct rows *rows;             /* owned */
    int *output_of; /* (classes) which of the network's outputs a column shows; owned */
    struct picture waiting[WAITING_MAX];
    size_t count, faces;   /* of waiting */
    struct timespec since; /* when the first of waiting came */
    enum status status;    /* so far */
};

/* ---- columns ---- */

static const struct column BOX_COLUMNS[] = {
    {"path", CELL_TEXT, 0, 0, 0},      {"face", CELL_INTEGER, 0, 4, 0},
    {"x", CELL_INTEGER, 0, 5, 2},      {"y", CELL_INTEGER, 0, 5, 2},
    {"width", CELL_INTEGER, 0, 5, 2},  {"height", CELL_INTEGER, 0, 6, 2},
    {"score", CELL_REAL, 4, 8, 3},     {"label", CELL_TEXT, 0, 9, 0},
    {"confidence", CELL_REAL, 4, 0, 0}};
#define BOX_COUNT (sizeof(BOX_COLUMNS) / sizeof(BOX_COLUMNS[0]))

/* FER-2013's classes are printed in its order whatever the network's; others in the network's. */
static void order_outputs(int *output_of, const struct names *names)
{
    bool fer = names->count == FER_CLASSES;
    for (int i = 0; i < FER_CLASSES && fer; i++)
        fer = names_find(names, FER_NAMES[i]) >= 0;
    for (int i = 0; i < names->count; i++)
        output_of[i] = fer ? names_find(names, FER_NAMES[i]) : i;
}

static int open_rows(struct run *r, const struct inputs *in, struct err *e)
{
    const struct names *names = &r->job->model->names;
    const size_t count = BOX_COUNT + (size_t)r->classes + 1;
    struct column *columns = calloc(count, sizeof(*columns));
    r->output_of = calloc((size_t)r->classes, sizeof(*r->output_of));
    if (!columns || !r->output_of) {
        free(columns);
        return err_memory(e);
    }
    memcpy(columns, BOX_COLUMNS, sizeof(BOX_COLUMNS));
    columns[0].width = inputs_width(in);
    order_outputs(r->output_of, names);
    for (int i = 0; i < r->classes; i++)
        columns[BOX_COUNT + (size_t)i] =
            (struct column){names->name[r->output_of[i]], CELL_REAL, 4, 6, 1};
    columns[count - 1] = (struct column){"status", CELL_TEXT, 0, 0, 0};
    r->rows = rows_open(&r->job->options->common, columns, count, e);
    free(columns);
    return r->rows ? 0 : -1;
}

/* ---- rows ---- */

static int top_class(const float *probabilities, int classes)
{
    int top = 0;
    for (int i = 1; i < classes; i++)
        if (probabilities[i] > probabilities[top])
            top = i;
    return top;
}

static const char *label_of(const struct run *r, const float *probabilities)
{
    int top = top_class(probabilities, r->classes);
    bool certain = (double)probabilities[top] >= r->job->reject_below;
    return certain ? r->job->model->names.name[top] : "uncertain";
}

static int write_face(const struct run *r, const struct picture *p, size_t number,
                      const float *probabilities)
{
    struct rows *rows = r->rows;
    const struct face *face = &p->faces[number];
    rows_text(rows, p->path);
    rows_integer(rows, (long)number);
    rows_integer(rows, face->x);
    rows_integer(rows, face->y);
    rows_integer(rows, face->width);
    rows_integer(rows, face->height);
    if (p->whole)
        rows_empty(rows); /* nobody searched, nobody is sure */
    else
        rows_real(rows, face->score);
    rows_text(rows, label_of(r, probabilities));
    rows_real(rows, (double)probabilities[top_class(probabilities, r->classes)]);
    for (int i = 0; i < r->classes; i++)
        rows_real(rows, (double)probabilities[r->output_of[i]]);
    rows_text(rows, p->status);
    return rows_end(rows);
}

static int write_annotated(const struct run *r, const struct picture *p, const float *probabilities,
                           struct err *e)
{
    const struct face_options *o = &r->job->options->faces;
    if (!o->annotate || strcmp(p->status, "unreadable") == 0)
        return 0;
    char(*label)[96] = calloc(p->count + 1, sizeof(*label));
    const char **texts = calloc(p->count + 1, sizeof(*texts));
    int result = label && texts ? 0 : err_memory(e);
    for (size_t i = 0; i < p->count && result == 0; i++) {
        const float *mine = probabilities + i * (size_t)r->classes;
        snprintf(label[i], sizeof(label[i]), "%s %.2f", label_of(r, mine),
                 (double)mine[top_class(mine, r->classes)]);
        texts[i] = label[i];
    }
    if (result == 0)
        result = faces_write_annotated(o, p->path, p->faces, texts, p->count, e);
    free(texts);
    free(label);
    return result;
}

/* Returns -1 when there is no point in going on. */
static int write_picture(struct run *r, const struct picture *p, const float *probabilities)
{
    struct err e;
    if (write_annotated(r, p, probabilities, &e)) {
        complain("%s", e.text);
        r->status = STATUS_PARTIAL;
        return -1;
    }
    if (p->count == 0) {
        rows_text(r->rows, p->path);
        rows_empties(r->rows, BOX_COUNT - 1 + (size_t)r->classes);
        rows_text(r->rows, p->status);
        return rows_end(r->rows);
    }
    for (size_t i = 0; i < p->count; i++)
        if (write_face(r, p, i, probabilities + i * (size_t)r->classes))
            return -1;
    return 0;
}

/* ---- pictures that wait ---- */

static void picture_release(struct picture *p)
{
    free(p->faces);
    free(p->pixels);
    *p = (struct picture){0};
}

static void drop_waiting(struct run *r)
{
    for (size_t i = 0; i < r->count; i++)
        picture_release(&r->waiting[i]);
    r->count = r->faces = 0;
}

static int run_network(struct run *r, unsigned char *pixels, float *probabilities)
{
    const size_t bytes = (size_t)r->size * (size_t)r->size;
    unsigned char *next = pixels;
    for (size_t i = 0; i < r->count; i++) {
        const struct picture *p = &r->waiting[i];
        if (p->count > 0)
            memcpy(next, p->pixels, p->count * bytes);
        next += p->count * bytes;
    }
    if (r->faces > 0)
        classifier_run(r->classifier, pixels, r->faces, probabilities);
    const float *mine = probabilities;
    for (size_t i = 0; i < r->count; i++) {
        if (write_picture(r, &r->waiting[i], mine))
            return -1;
        mine += r->waiting[i].count * (size_t)r->classes;
    }
    return 0;
}

/* Classifies the faces that wait and writes their rows. */
static int finish_waiting(struct run *r)
{
    const size_t bytes = (size_t)r->size * (size_t)r->size;
    unsigned char *pixels = calloc(r->faces + 1, bytes);
    float *probabilities = calloc(r->faces + 1, (size_t)r->classes * sizeof(*probabilities));
    int result = -1;
    if (pixels && probabilities) {
        result = run_network(r, pixels, probabilities);
    } else {
        complain("out of memory");
        r->status = STATUS_PARTIAL;
    }
    free(probabilities);
    free(pixels);
    drop_waiting(r);
    return result;
}

static bool has_waited_enough(const struct run *r)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double seconds =
        (double)(now.tv_sec - r->since.tv_sec) + (double)(now.tv_nsec - r->since.tv_nsec) * 1e-9;
    return r->count == WAITING_MAX || r->faces >= WAITING_MAX || seconds > WAITING_SECONDS;
}

/* ---- one picture ---- */

enum outcome { PICTURE_DONE, PICTURE_UNREADABLE, PICTURE_FATAL };

static enum outcome whole_face(struct picture *p, const struct image *grey, struct err *e)
{
    p->faces = calloc(1, sizeof(*p->faces));
    if (!p->faces) {
        err_memory(e);
        return PICTURE_FATAL;
    }
    p->faces[0] = (struct face){.width = grey->width, .height = grey->height};
    p->count = 1;
    p->whole = true;
    return PICTURE_DONE;
}

static enum outcome search_faces(struct run *r, struct picture *p, const struct image *grey,
                                 struct err *e)
{
    if (!r->detector)
        r->detector = detector_new(&r->job->options->faces.detector, e);
    if (!r->detector) {
        r->status = STATUS_UNUSABLE;
        return PICTURE_FATAL;
    }
    return detector_find(r->detector, grey, &p->faces, &p->count, e) ? PICTURE_UNREADABLE
                                                                     : PICTURE_DONE;
}

static bool is_whole(const struct run *r, const struct image *grey)
{
    if (r->job->mode == FACE_AUTO)
        return grey->width == r->size && grey->height == r->size;
    return r->job->mode == FACE_WHOLE;
}

static int cut_faces(const struct run *r, struct picture *p, const struct image *grey,
                     struct err *e)
{
    const struct face_options *o = &r->job->options->faces;
    const size_t bytes = (size_t)r->size * (size_t)r->size;
    const double margin = p->whole ? 0 : r->job->model->margin;
    p->pixels = calloc(p->count + 1, bytes);
    if (!p->pixels)
        return err_memory(e);
    for (size_t i = 0; i < p->count; i++)
        if (face_crop(grey, &p->faces[i], margin, r->size, p->pixels + i * bytes, e))
            return -1;
    /* By default the crops written are what the network sees. */
    const struct crop_form form = {o->crop_size ? o->crop_size : r->size,
                                   p->whole || o->margin < 0 ? margin : o->margin};
    return faces_write_crops(o, &form, p->path, grey, p->faces, p->count, e);
}

static enum outcome read_faces(struct run *r, const struct input *input, struct picture *p,
                               struct err *e)
{
    struct image grey = {0};
    enum outcome outcome = PICTURE_UNREADABLE;
    if (input->problem)
        err_set(e, "%s", input->problem);
    else if (image_read(&grey, input->path, 1, e) == 0)
        outcome = is_whole(r, &grey) ? whole_face(p, &grey, e) : search_faces(r, p, &grey, e);
    if (outcome == PICTURE_DONE && cut_faces(r, p, &grey, e))
        outcome = PICTURE_FATAL;
    image_release(&grey);
    return outcome;
}

/* Puts the picture with its faces among those that wait. Returns -1 when there is no point in going
 * on. */
static int take_picture(struct run *r, const struct input *input)
{
    struct picture *p = &r->waiting[r->count];
    struct err e;
    *p = (struct picture){.path = input->path};
    enum outcome outcome = read_faces(r, input, p, &e);
    if (outcome != PICTURE_DONE) {
        complain("%s", e.text);
        picture_release(p);
        p->path = input->path;
        if (r->status == STATUS_OK)
            r->status = STATUS_PARTIAL;
        if (outcome == PICTURE_FATAL)
            return -1;
    }
    p->status = outcome == PICTURE_UNREADABLE ? "unreadable" : p->count > 0 ? "ok" : "no_face";
    if (r->count == 0)
        clock_gettime(CLOCK_MONOTONIC, &r->since);
    r->count++;
    r->faces += p->count;
    return has_waited_enough(r) ? finish_waiting(r) : 0;
}

/* ---- all ---- */

static void take_all(struct run *r, const struct inputs *in)
{
    int failed = 0;
    progress_start(&r->job->options->common, "classify", in->count);
    for (size_t i = 0; i < in->count && !failed && !interrupted; i++) {
        failed = take_picture(r, &in->input[i]);
        progress_update(i + 1, NULL);
    }
    /* After Ctrl-C, or without the detector, what was begun is still written. */
    if (r->count > 0)
        finish_waiting(r);
    progress_end();
}

/* A cascade that the user names must be there, whether or not a picture needs it. */
static int load_detector(struct run *r, struct err *e)
{
    const struct detector_options *o = &r->job->options->faces.detector;
    enum face_mode mode = r->job->mode;
    if (mode == FACE_WHOLE || (mode == FACE_AUTO && !o->cascade))
        return 0;
    r->detector = detector_new(o, e);
    return r->detector ? 0 : -1;
}

static void release(struct run *r)
{
    drop_waiting(r);
    detector_free(r->detector);
    classifier_free(r->classifier);
    free(r->output_of);
}

int classify_pictures(const struct classification *job, const struct inputs *in)
{
    struct err e;
    struct run r = {.job = job,
                    .size = nn_net_input(job->model->net).width,
                    .classes = job->model->names.count};
    r.classifier = classifier_new(job->model, job->tta, &e);
    if (!r.classifier || load_detector(&r, &e)) {
        complain("%s", e.text);
        r.status = STATUS_UNUSABLE;
    } else if (open_rows(&r, in, &e)) {
        complain("%s", e.text);
        r.status = STATUS_PARTIAL;
    } else {
        take_all(&r, in);
        if (rows_close(r.rows, &e)) {
            complain("%s", e.text);
            r.status = STATUS_PARTIAL;
        }
        if (interrupted)
            r.status = STATUS_INTERRUPTED;
    }
    release(&r);
    return r.status;
}
