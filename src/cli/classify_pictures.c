/* classify's main work; see classify_pictures.h.
 *
 * Pictures are decoded and their faces cut out by several threads, each picture by one; the faces
 * of some pictures are then classified together, because the network runs in batches of a fixed
 * size; then their rows are written, in the order of the source. */
#include "cli/classify_pictures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/picture.h"
#include "cli/pipeline.h"
#include "cli/resume.h"
#include "cli/rows.h"

#define WAITING_MAX 64     /* pictures or faces that wait for each other */
#define WAITING_SECONDS .5 /* how long the rows of a slow folder may lag behind */

struct run {
    const struct classification *job;
    struct source *source;
    int size, classes; /* of the network's input; of its output */
    struct picture_reader reader;
    struct resumption done;        /* pictures whose rows the output has already */
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

static int open_rows(struct run *r, struct err *e)
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
    columns[0].width = source_width(r->source);
    order_outputs(r->output_of, names);
    for (int i = 0; i < r->classes; i++)
        columns[BOX_COUNT + (size_t)i] =
            (struct column){names->name[r->output_of[i]], CELL_REAL, 4, 6, 1};
    columns[count - 1] = (struct column){"status", CELL_TEXT, 0, 0, 0};
    r->rows = resume_rows(r->job->options, columns, count, &r->source->in, &r->done, e);
    free(columns);
    return r->rows ? 0 : -1;
}

/* ---- rows ---- */

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
    rows_text(rows, p->input.path);
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
    rows_text(rows, picture_status(p));
    return rows_end(rows);
}

static enum annotation write_annotated(const struct run *r, const struct picture *p,
                                       const float *probabilities, struct err *e)
{
    const struct picture_options *o = r->job->options;
    if (!o->faces.annotate || p->outcome != PICTURE_DONE)
        return ANNOTATION_DONE;
    char(*label)[96] = calloc(p->count + 1, sizeof(*label));
    const char **texts = calloc(p->count + 1, sizeof(*texts));
    enum annotation result = ANNOTATION_NOT_WRITTEN;
    if (label && texts) {
        for (size_t i = 0; i < p->count; i++) {
            const float *mine = probabilities + i * (size_t)r->classes;
            snprintf(label[i], sizeof(label[i]), "%s %.2f", label_of(r, mine),
                     (double)mine[top_class(mine, r->classes)]);
            texts[i] = label[i];
        }
        result = faces_write_annotated(o, &p->input, p->faces, texts, p->count, e);
    } else {
        err_memory(e);
    }
    free(texts);
    free(label);
    return result;
}

/* Returns -1 when there is no point in going on. */
static int write_picture(struct run *r, const struct picture *p, const float *probabilities)
{
    struct err e;
    const enum annotation annotated = write_annotated(r, p, probabilities, &e);
    if (annotated != ANNOTATION_DONE) {
        complain("%s", e.text);
        if (r->status == STATUS_OK)
            r->status = STATUS_PARTIAL;
    }
    if (annotated == ANNOTATION_NOT_WRITTEN)
        return -1;
    if (p->count == 0) {
        rows_text(r->rows, p->input.path);
        rows_empties(r->rows, BOX_COUNT - 1 + (size_t)r->classes);
        rows_text(r->rows, picture_status(p));
        return rows_end(r->rows);
    }
    for (size_t i = 0; i < p->count; i++)
        if (write_face(r, p, i, probabilities + i * (size_t)r->classes))
            return -1;
    return 0;
}

/* ---- pictures that wait ---- */

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

/* ---- the pipeline ---- */

static enum pipeline_taken take(void *context, void *item, bool wait)
{
    struct run *r = context;
    struct picture *p = item;
    return source_take(r->source, &p->input, wait);
}

static void stop(void *context)
{
    struct run *r = context;
    source_stop(r->source);
}

static void prepare(void *context, int worker, void *item)
{
    struct run *r = context;
    picture_read(&r->reader, worker, item);
    if (!r->job->options->faces.annotate)
        picture_drop_bytes(item);
}

static void discard(void *item)
{
    picture_release(item);
}

/* Puts the picture among those that wait. Returns -1 when there is no point in going on. */
static int finish(void *context, size_t number, void *item)
{
    struct run *r = context;
    struct picture *p = item;
    if (picture_is_cut_short(p)) {
        picture_release(p);
        return -1;
    }
    if (p->outcome != PICTURE_DONE) {
        complain("%s", p->trouble.text);
        if (r->status == STATUS_OK)
            r->status = STATUS_PARTIAL;
    }
    if (p->outcome == PICTURE_NO_DETECTOR)
        r->status = STATUS_UNUSABLE;
    if (p->outcome == PICTURE_NO_DETECTOR || p->outcome == PICTURE_NOT_WRITTEN) {
        picture_release(p);
        return -1;
    }
    if (r->count == 0)
        clock_gettime(CLOCK_MONOTONIC, &r->since);
    r->waiting[r->count++] = *p;
    r->faces += p->count;
    progress_update(r->done.pictures + number + 1, NULL);
    return has_waited_enough(r) ? finish_waiting(r) : 0;
}

/* Nobody is to wait for a row that waits for a picture. */
static int idle(void *context)
{
    struct run *r = context;
    return r->count > 0 ? finish_waiting(r) : 0;
}

static int take_all(struct run *r, struct err *e)
{
    source_skip(r->source, r->done.pictures);
    const struct pipeline pipeline = {.item_size = sizeof(struct picture),
                                      .threads = source_threads(r->source, nn_threads()),
                                      .take = take,
                                      .stop = stop,
                                      .prepare = prepare,
                                      .finish = finish,
                                      .idle = idle,
                                      .discard = discard,
                                      .context = r};
    if (r->done.unreadable)
        r->status = STATUS_PARTIAL;
    progress_start(&r->job->options->common, "classify", source_count(r->source));
    const int result = pipeline_run(&pipeline, e);
    /* After Ctrl-C, or without the detector, what was begun is still written. */
    if (r->count > 0)
        finish_waiting(r);
    progress_end();
    return result;
}

/* A cascade that the user names must be there, whether or not a picture needs it. */
static int load_detector(struct run *r, struct err *e)
{
    const enum face_mode mode = r->job->mode;
    if (mode == FACE_WHOLE || (mode == FACE_AUTO && !r->job->options->faces.detector.cascade))
        return 0;
    return picture_reader_load(&r->reader, e);
}

static int open_reader(struct run *r, struct err *e)
{
    const struct face_options *o = &r->job->options->faces;
    const double margin = r->job->model->margin;
    r->reader = (struct picture_reader){
        .options = o,
        .max_pixels = (unsigned)r->job->options->inputs.max_pixels,
        .mode = r->job->mode,
        .size = r->size,
        .margin = margin,
        /* By default the crops written are what the network sees. */
        .crop = {o->crop_size ? o->crop_size : r->size, o->margin < 0 ? margin : o->margin}};
    return picture_reader_init(&r->reader, nn_threads(), e);
}

static void release(struct run *r)
{
    drop_waiting(r);
    picture_reader_release(&r->reader);
    classifier_free(r->classifier);
    free(r->output_of);
}

int classify_pictures(const struct classification *job, struct source *source)
{
    struct err e;
    struct run r = {.job = job,
                    .source = source,
                    .size = nn_net_input(job->model->net).width,
                    .classes = job->model->names.count};
    r.classifier = classifier_new(job->model, job->tta, &e);
    if (!r.classifier || open_reader(&r, &e) || load_detector(&r, &e)) {
        complain("%s", e.text);
        r.status = STATUS_UNUSABLE;
    } else if (open_rows(&r, &e)) {
        complain("%s", e.text);
        r.status = STATUS_PARTIAL;
    } else {
        if (take_all(&r, &e)) {
            complain("%s", e.text);
            r.status = STATUS_PARTIAL;
        }
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
