/* From pictures to rows; see picture_rows.h.
 *
 * Pictures are decoded and their faces cut out by several threads, each picture by one; with a
 * model the faces of some pictures are then classified together, because the network runs in
 * batches of a fixed size; then their rows are written, in the order of the source. */
#include "cli/picture_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/picture.h"
#include "cli/pipeline.h"
#include "cli/resume.h"
#include "cli/rows.h"
#include "cli/source.h"

#define WAITING_MAX 64     /* pictures or faces that wait for each other */
#define WAITING_SECONDS .5 /* how long the rows of a slow folder may lag behind */
#define CROP_SIZE 48       /* pixels, of what is written without a network */

struct run {
    const struct picture_job *job;
    struct source source; /* owned */
    int size, classes;    /* of the network's input; of its output; 0 without a model */
    struct picture_reader reader;
    struct resumption done;        /* pictures whose rows the output has already */
    struct classifier *classifier; /* NULL without a model; owned */
    struct rows *rows;             /* owned */
    size_t columns;                /* of these */
    int *output_of; /* (classes) which of the network's outputs a column shows; owned */
    struct picture waiting[WAITING_MAX];
    size_t count, faces;   /* of waiting */
    struct timespec since; /* when the first of waiting came */
    enum status status;    /* so far */
};

/* ---- columns ---- */

static const struct column BOX_COLUMNS[] = {
    {"path", CELL_TEXT, 0, 0, 0},     {"face", CELL_INTEGER, 0, 4, 0},
    {"x", CELL_INTEGER, 0, 5, 2},     {"y", CELL_INTEGER, 0, 5, 2},
    {"width", CELL_INTEGER, 0, 5, 2}, {"height", CELL_INTEGER, 0, 6, 2},
    {"score", CELL_REAL, 4, 8, 3}};
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

/* Of the label, its probability and those of all classes. Returns the end. */
static struct column *add_class_columns(struct run *r, struct column *next)
{
    const struct names *names = &r->job->model->names;
    order_outputs(r->output_of, names);
    *next++ = (struct column){"label", CELL_TEXT, 0, 9, 0};
    *next++ = (struct column){"confidence", CELL_REAL, 4, 0, 0};
    for (int i = 0; i < r->classes; i++)
        *next++ = (struct column){names->name[r->output_of[i]], CELL_REAL, 4, 6, 1};
    return next;
}

static int open_rows(struct run *r, struct err *e)
{
    struct column *columns = calloc(BOX_COUNT + 2 + (size_t)r->classes + 1, sizeof(*columns));
    struct column *next = columns + BOX_COUNT;
    r->output_of = calloc((size_t)r->classes + 1, sizeof(*r->output_of));
    if (!columns || !r->output_of) {
        free(columns);
        return err_memory(e);
    }
    memcpy(columns, BOX_COLUMNS, sizeof(BOX_COLUMNS));
    columns[0].width = source_width(&r->source);
    for (size_t i = 0; i < BOX_COUNT && !r->job->model; i++)
        columns[i].rank = 0; /* boxes are what is asked for */
    if (r->job->model)
        next = add_class_columns(r, next);
    *next++ = (struct column){"status", CELL_TEXT, 0, 0, 0};
    r->columns = (size_t)(next - columns);
    r->rows = resume_rows(r->job->options, columns, r->columns, &r->source.in, &r->done, e);
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

static void write_classes(const struct run *r, const float *probabilities)
{
    rows_text(r->rows, label_of(r, probabilities));
    rows_real(r->rows, (double)probabilities[top_class(probabilities, r->classes)]);
    for (int i = 0; i < r->classes; i++)
        rows_real(r->rows, (double)probabilities[r->output_of[i]]);
}

/* `probabilities` are those of the picture's faces here and below; NULL without a model. */
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
    if (r->job->model)
        write_classes(r, probabilities + number * (size_t)r->classes);
    rows_text(rows, picture_status(p));
    return rows_end(rows);
}

/* Returns -1 when there is no point in going on. */
static int write_picture(const struct run *r, const struct picture *p, const float *probabilities)
{
    if (p->count == 0) {
        rows_text(r->rows, p->input.path);
        rows_empties(r->rows, r->columns - 2);
        rows_text(r->rows, picture_status(p));
        return rows_end(r->rows);
    }
    for (size_t i = 0; i < p->count; i++)
        if (write_face(r, p, i, probabilities))
            return -1;
    return 0;
}

/* ---- annotated pictures ---- */

#define TEXT_BYTES 96

static void write_text(const struct run *r, const struct picture *p, size_t number,
                       const float *probabilities, char text[TEXT_BYTES])
{
    if (r->job->model) {
        const float *mine = probabilities + number * (size_t)r->classes;
        snprintf(text, TEXT_BYTES, "%s %.2f", label_of(r, mine),
                 (double)mine[top_class(mine, r->classes)]);
    } else {
        snprintf(text, TEXT_BYTES, "%.2f", p->faces[number].score);
    }
}

static enum annotation write_annotated(const struct run *r, struct picture *p,
                                       const float *probabilities)
{
    char(*text)[TEXT_BYTES] = calloc(p->count + 1, sizeof(*text));
    const char **texts = calloc(p->count + 1, sizeof(*texts));
    enum annotation result = ANNOTATION_NOT_WRITTEN;
    if (text && texts) {
        for (size_t i = 0; i < p->count; i++) {
            write_text(r, p, i, probabilities, text[i]);
            texts[i] = text[i];
        }
        result = faces_write_annotated(r->job->options, &p->input, p->faces, texts, p->count,
                                       &p->trouble);
    } else {
        err_memory(&p->trouble);
    }
    free(texts);
    free(text);
    return result;
}

static void annotate_picture(const struct run *r, struct picture *p, const float *probabilities)
{
    if (r->job->options->faces.annotate && p->outcome == PICTURE_DONE &&
        write_annotated(r, p, probabilities) == ANNOTATION_NOT_WRITTEN)
        p->outcome = PICTURE_NOT_WRITTEN;
}

/* Says what is wrong with a picture. Returns -1 when there is no point in going on. */
static int report_trouble(struct run *r, const struct picture *p)
{
    if (p->trouble.text[0]) {
        complain("%s", p->trouble.text);
        if (p->outcome == PICTURE_NO_DETECTOR)
            r->status = STATUS_UNUSABLE;
        else if (r->status == STATUS_OK)
            r->status = STATUS_PARTIAL;
    }
    return p->outcome == PICTURE_NO_DETECTOR || p->outcome == PICTURE_NOT_WRITTEN ? -1 : 0;
}

/* ---- pictures that wait ---- */

static void drop_waiting(struct run *r)
{
    for (size_t i = 0; i < r->count; i++)
        picture_release(&r->waiting[i]);
    r->count = r->faces = 0;
}

/* Classifies the faces that wait: their probabilities (faces, classes) in new memory; NULL without
 * memory. */
static float *run_network(const struct run *r)
{
    const size_t bytes = (size_t)r->size * (size_t)r->size;
    unsigned char *pixels = calloc(r->faces + 1, bytes), *next = pixels;
    float *probabilities = calloc(r->faces + 1, (size_t)r->classes * sizeof(*probabilities));
    if (!pixels || !probabilities) {
        free(probabilities);
        free(pixels);
        return NULL;
    }
    for (size_t i = 0; i < r->count; i++) {
        const struct picture *p = &r->waiting[i];
        if (p->count > 0)
            memcpy(next, p->pixels, p->count * bytes);
        next += p->count * bytes;
    }
    if (r->faces > 0)
        classifier_run(r->classifier, pixels, r->faces, probabilities);
    free(pixels);
    return probabilities;
}

static int write_classified(struct run *r, const float *probabilities)
{
    for (size_t i = 0; i < r->count; i++) {
        struct picture *p = &r->waiting[i];
        if (p->outcome == PICTURE_DONE) {
            annotate_picture(r, p, probabilities);
            if (report_trouble(r, p))
                return -1;
        }
        if (write_picture(r, p, probabilities))
            return -1;
        probabilities += p->count * (size_t)r->classes;
    }
    return 0;
}

/* Classifies the faces that wait and writes their rows. */
static int finish_waiting(struct run *r)
{
    int result = -1;
    float *probabilities = run_network(r);
    if (probabilities) {
        result = write_classified(r, probabilities);
    } else {
        complain("out of memory");
        r->status = STATUS_PARTIAL;
    }
    free(probabilities);
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

/* Puts the picture among those that wait. Returns -1 when there is no point in going on. */
static int wait_for_others(struct run *r, const struct picture *p)
{
    if (r->count == 0)
        clock_gettime(CLOCK_MONOTONIC, &r->since);
    r->waiting[r->count++] = *p;
    r->faces += p->count;
    return has_waited_enough(r) ? finish_waiting(r) : 0;
}

static int write_at_once(const struct run *r, struct picture *p)
{
    const int result = write_picture(r, p, NULL);
    picture_release(p);
    return result;
}

/* ---- the pipeline ---- */

static enum pipeline_taken take(void *context, void *item, bool wait)
{
    struct run *r = context;
    struct picture *p = item;
    return source_take(&r->source, &p->input, wait);
}

static void stop(void *context)
{
    struct run *r = context;
    source_stop(&r->source);
}

static void prepare(void *context, int worker, void *item)
{
    struct run *r = context;
    struct picture *p = item;
    picture_read(&r->reader, worker, p);
    if (r->job->model && r->job->options->faces.annotate)
        return; /* what to write into it is not known yet */
    annotate_picture(r, p, NULL);
    picture_drop_bytes(p);
}

static void discard(void *item)
{
    picture_release(item);
}

/* Returns -1 when there is no point in going on: something could not be written, or not be read to
 * its end. */
static int finish(void *context, size_t number, void *item)
{
    struct run *r = context;
    struct picture *p = item;
    if (picture_is_cut_short(p) || report_trouble(r, p)) {
        picture_release(p);
        return -1;
    }
    const int result = r->job->model ? wait_for_others(r, p) : write_at_once(r, p);
    progress_update(r->done.pictures + number + 1, NULL);
    return result;
}

/* Nobody is to wait for a row that waits for a picture. */
static int idle(void *context)
{
    struct run *r = context;
    return r->count > 0 ? finish_waiting(r) : 0;
}

static int take_all(struct run *r, struct err *e)
{
    source_skip(&r->source, r->done.pictures);
    const struct pipeline pipeline = {.item_size = sizeof(struct picture),
                                      .threads = source_threads(&r->source, nn_threads()),
                                      .take = take,
                                      .stop = stop,
                                      .prepare = prepare,
                                      .finish = finish,
                                      .idle = idle,
                                      .discard = discard,
                                      .context = r};
    if (r->done.unreadable)
        r->status = STATUS_PARTIAL;
    progress_start(&r->job->options->common, r->job->model ? "classify" : "detect",
                   source_count(&r->source));
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
    const double margin = r->job->model ? r->job->model->margin : 0;
    r->reader =
        (struct picture_reader){.options = o,
                                .max_pixels = (unsigned)r->job->options->inputs.max_pixels,
                                .mode = r->job->mode,
                                .size = r->size,
                                .margin = margin,
                                /* By default the crops written are what the network sees. */
                                .crop = {o->crop_size    ? o->crop_size
                                         : r->job->model ? r->size
                                                         : CROP_SIZE,
                                         o->margin < 0 ? margin : o->margin}};
    return picture_reader_init(&r->reader, nn_threads(), e);
}

static int open_classifier(struct run *r, struct err *e)
{
    const struct model *model = r->job->model;
    if (!model)
        return 0;
    r->size = nn_net_input(model->net).width;
    r->classes = model->names.count;
    r->classifier = classifier_new(model, r->job->tta, e);
    return r->classifier ? 0 : -1;
}

static void release(struct run *r)
{
    drop_waiting(r);
    picture_reader_release(&r->reader);
    classifier_free(r->classifier);
    free(r->output_of);
}

static void fail(struct run *r, enum status status, const struct err *e)
{
    complain("%s", e->text);
    r->status = status;
}

static void write_rows(struct run *r)
{
    const struct picture_options *o = r->job->options;
    struct err e;
    if (interrupted && o->inputs.resume) {
        r->status = STATUS_INTERRUPTED; /* the inputs may not be all that the rows are of */
        return;
    }
    if (inputs_spared(&r->source.in, &o->inputs, o->common.output, &e)) {
        fail(r, STATUS_USAGE, &e);
        return;
    }
    if (faces_prepare(o, &e) || open_rows(r, &e)) {
        fail(r, STATUS_PARTIAL, &e);
        return;
    }
    if (take_all(r, &e))
        fail(r, STATUS_PARTIAL, &e);
    if (rows_close(r->rows, &e))
        fail(r, STATUS_PARTIAL, &e);
    if (interrupted)
        r->status = STATUS_INTERRUPTED;
}

int picture_rows(const struct picture_job *job, int operand_count, char *const *operands)
{
    const struct picture_options *o = job->options;
    struct err e;
    struct run r = {.job = job};
    if (open_classifier(&r, &e) || open_reader(&r, &e) || load_detector(&r, &e)) {
        fail(&r, STATUS_UNUSABLE, &e);
    } else if (source_open(&r.source, &o->common, &o->inputs, operand_count, operands, &e)) {
        fail(&r, STATUS_PARTIAL, &e);
    } else {
        write_rows(&r);
        source_close(&r.source);
    }
    release(&r);
    return (int)r.status;
}
