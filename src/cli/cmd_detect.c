/* fercli detect: finds faces in pictures and prints their boxes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/faces_common.h"
#include "cli/picture.h"
#include "cli/pipeline.h"
#include "cli/resume.h"
#include "cli/rows.h"
#include "cli/source.h"

static const struct picture_options DEFAULTS = PICTURE_DEFAULTS;

static const struct column COLUMNS[] = {
    {"path", CELL_TEXT, 0, 0, 0},     {"face", CELL_INTEGER, 0, 4, 0},
    {"x", CELL_INTEGER, 0, 5, 0},     {"y", CELL_INTEGER, 0, 5, 0},
    {"width", CELL_INTEGER, 0, 5, 0}, {"height", CELL_INTEGER, 0, 6, 0},
    {"score", CELL_REAL, 4, 8, 0},    {"status", CELL_TEXT, 0, 0, 0},
};
#define COLUMN_COUNT (sizeof(COLUMNS) / sizeof(COLUMNS[0]))

struct detection {
    const struct picture_options *options;
    struct source source;
    struct picture_reader reader;
    struct resumption done; /* pictures whose rows the output has already */
    struct rows *rows;
    enum status status; /* so far */
};

static void write_face(struct rows *rows, const char *path, size_t number, const struct face *f)
{
    rows_text(rows, path);
    rows_integer(rows, (long)number);
    rows_integer(rows, f->x);
    rows_integer(rows, f->y);
    rows_integer(rows, f->width);
    rows_integer(rows, f->height);
    rows_real(rows, f->score);
    rows_text(rows, "ok");
}

static int write_without_face(struct rows *rows, const char *path, const char *status)
{
    rows_text(rows, path);
    rows_empties(rows, COLUMN_COUNT - 2);
    rows_text(rows, status);
    return rows_end(rows);
}

static int write_faces(struct rows *rows, const char *path, const struct face *faces, size_t count)
{
    if (count == 0)
        return write_without_face(rows, path, "no_face");
    for (size_t i = 0; i < count; i++) {
        write_face(rows, path, i, &faces[i]);
        if (rows_end(rows))
            return -1;
    }
    return 0;
}

static enum annotation write_annotated(const struct detection *d, struct picture *p)
{
    char(*score)[32] = calloc(p->count + 1, sizeof(*score));
    const char **texts = calloc(p->count + 1, sizeof(*texts));
    enum annotation result = ANNOTATION_NOT_WRITTEN;
    if (score && texts) {
        for (size_t i = 0; i < p->count; i++) {
            snprintf(score[i], sizeof(score[i]), "%.2f", p->faces[i].score);
            texts[i] = score[i];
        }
        result =
            faces_write_annotated(d->options, &p->input, p->faces, texts, p->count, &p->trouble);
    } else {
        err_memory(&p->trouble);
    }
    free(texts);
    free(score);
    return result;
}

/* ---- the pipeline ---- */

static enum pipeline_taken take(void *context, void *item, bool wait)
{
    struct detection *d = context;
    struct picture *p = item;
    return source_take(&d->source, &p->input, wait);
}

static void stop(void *context)
{
    struct detection *d = context;
    source_stop(&d->source);
}

static void prepare(void *context, int worker, void *item)
{
    struct detection *d = context;
    struct picture *p = item;
    picture_read(&d->reader, worker, p);
    if (p->outcome == PICTURE_DONE && write_annotated(d, p) == ANNOTATION_NOT_WRITTEN)
        p->outcome = PICTURE_NOT_WRITTEN;
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
    struct detection *d = context;
    struct picture *p = item;
    int result = 0;
    if (picture_is_cut_short(p)) {
        picture_release(p);
        return -1;
    }
    if (p->trouble.text[0]) {
        complain("%s", p->trouble.text);
        d->status = p->outcome == PICTURE_NO_DETECTOR ? STATUS_UNUSABLE : STATUS_PARTIAL;
    }
    if (p->outcome == PICTURE_DONE)
        result = write_faces(d->rows, p->input.path, p->faces, p->count);
    else if (p->outcome == PICTURE_UNREADABLE)
        result = write_without_face(d->rows, p->input.path, picture_status(p));
    else
        result = -1;
    picture_release(p);
    progress_update(d->done.pictures + number + 1, NULL);
    return result;
}

static int run_pipeline(struct detection *d, struct err *e)
{
    const struct pipeline pipeline = {.item_size = sizeof(struct picture),
                                      .threads = source_threads(&d->source, nn_threads()),
                                      .take = take,
                                      .stop = stop,
                                      .prepare = prepare,
                                      .finish = finish,
                                      .discard = discard,
                                      .context = d};
    progress_start(&d->options->common, "detect", source_count(&d->source));
    const int result = pipeline_run(&pipeline, e);
    progress_end();
    return result;
}

static enum status detect_all(struct detection *d)
{
    struct err e;
    struct column columns[COLUMN_COUNT];
    memcpy(columns, COLUMNS, sizeof(COLUMNS));
    columns[0].width = source_width(&d->source);
    d->rows = resume_rows(d->options, columns, COLUMN_COUNT, &d->source.in, &d->done, &e);
    if (!d->rows) {
        complain("%s", e.text);
        return STATUS_PARTIAL;
    }
    source_skip(&d->source, d->done.pictures);
    if (d->done.unreadable)
        d->status = STATUS_PARTIAL;
    if (run_pipeline(d, &e)) {
        complain("%s", e.text);
        d->status = STATUS_PARTIAL;
    }
    if (rows_close(d->rows, &e)) {
        complain("%s", e.text);
        d->status = STATUS_PARTIAL;
    }
    return interrupted ? STATUS_INTERRUPTED : d->status;
}

static int run(const void *options, int operand_count, char **operands)
{
    const struct picture_options *o = options;
    struct err e;
    if (resume_check(o, &e) || inputs_check(&o->inputs, operand_count, operands, &e)) {
        complain("detect: %s (see 'fercli detect --help')", e.text);
        return STATUS_USAGE;
    }
    interruption_catch();
    nn_set_threads(o->common.threads);
    struct detection d = {.options = o,
                          .reader = {.options = &o->faces,
                                     .max_pixels = (unsigned)o->inputs.max_pixels,
                                     .mode = FACE_DETECT,
                                     .crop = {o->faces.crop_size ? o->faces.crop_size : 48,
                                              o->faces.margin > 0 ? o->faces.margin : 0}}};
    enum status status = STATUS_PARTIAL;
    if (picture_reader_init(&d.reader, nn_threads(), &e) || picture_reader_load(&d.reader, &e)) {
        complain("%s", e.text);
        status = STATUS_UNUSABLE;
    } else if (faces_prepare(o, &e) ||
               source_open(&d.source, &o->common, &o->inputs, operand_count, operands, &e)) {
        complain("%s", e.text);
    } else {
        status = detect_all(&d);
        source_close(&d.source);
    }
    picture_reader_release(&d.reader);
    return status;
}

const struct command CMD_DETECT = {
    .name = "detect",
    .summary = "find the faces in pictures",
    .operands = "INPUT...",
    .description =
        "Prints the box of every face in every picture, in pixels of the upright picture, the "
        "largest face first. A picture without a face has a row too.\n"
        "\n" INPUT_DESCRIPTION "\n"
        "  fercli detect photo.jpg\n"
        "  fercli detect --largest --crops faces -o faces.csv photos\n"
        "  find . -name '*.jpg' -print0 | fercli detect -0 -\n"
        "  ffmpeg -i film.mp4 -f image2pipe -c:v mjpeg - | fercli detect --stream-mjpeg -\n",
    .groups = {{"Input", INPUT_OPTIONS},
               {"Finding faces", DETECTOR_OPTIONS},
               {NULL, ROTATION_OPTIONS},
               {"Pictures made", CROP_OPTIONS},
               {"Common options", COMMON_OPTIONS}},
    .options_size = sizeof(struct picture_options),
    .defaults = &DEFAULTS,
    .run = run,
};
