/* fercli detect: finds faces in pictures and prints their boxes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/faces_common.h"
#include "cli/rows.h"

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
    struct crop_form crop;
    struct detector *detector;
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

static int unreadable(struct detection *d, const char *path, const char *reason)
{
    complain("%s", reason);
    d->status = STATUS_PARTIAL;
    return write_without_face(d->rows, path, "unreadable");
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

/* Crops and the annotated picture. */
static int write_pictures(const struct detection *d, const char *path, const struct image *grey,
                          const struct face *faces, size_t count, struct err *e)
{
    const struct face_options *o = &d->options->faces;
    char(*score)[32] = calloc(count + 1, sizeof(*score));
    const char **texts = calloc(count + 1, sizeof(*texts));
    int result = score && texts ? faces_write_crops(o, &d->crop, path, grey, faces, count, e)
                                : err_memory(e);
    for (size_t i = 0; i < count && result == 0; i++) {
        snprintf(score[i], sizeof(score[i]), "%.2f", faces[i].score);
        texts[i] = score[i];
    }
    if (result == 0)
        result = faces_write_annotated(o, path, faces, texts, count, e);
    free(texts);
    free(score);
    return result;
}

/* Returns -1 when there is no point in going on: something could not be written. */
static int detect_picture(struct detection *d, const struct input *input)
{
    struct image grey = {0};
    struct face *faces = NULL;
    size_t count = 0;
    struct err e;
    int result = 0;
    if (input->problem) {
        result = unreadable(d, input->path, input->problem);
    } else if (image_read(&grey, input->path, 1, &e) ||
               detector_find(d->detector, &grey, &faces, &count, &e)) {
        result = unreadable(d, input->path, e.text);
    } else if (write_pictures(d, input->path, &grey, faces, count, &e)) {
        complain("%s", e.text);
        d->status = STATUS_PARTIAL;
        result = -1;
    } else {
        result = write_faces(d->rows, input->path, faces, count);
    }
    free(faces);
    image_release(&grey);
    return result;
}

static enum status detect_all(struct detection *d, const struct inputs *in)
{
    const struct common_options *common = &d->options->common;
    struct err e;
    struct column columns[COLUMN_COUNT];
    memcpy(columns, COLUMNS, sizeof(COLUMNS));
    columns[0].width = inputs_width(in);
    d->rows = rows_open(common, columns, COLUMN_COUNT, &e);
    if (!d->rows) {
        complain("%s", e.text);
        return STATUS_PARTIAL;
    }
    progress_start(common, "detect", in->count);
    for (size_t i = 0; i < in->count && !interrupted; i++) {
        if (detect_picture(d, &in->input[i]))
            break;
        progress_update(i + 1, NULL);
    }
    progress_end();
    if (rows_close(d->rows, &e)) {
        complain("%s", e.text);
        d->status = STATUS_PARTIAL;
    }
    return interrupted ? STATUS_INTERRUPTED : d->status;
}

static int run(const void *options, int operand_count, char **operands)
{
    const struct picture_options *o = options;
    struct detection d = {.options = o,
                          .crop = {o->faces.crop_size ? o->faces.crop_size : 48,
                                   o->faces.margin > 0 ? o->faces.margin : 0}};
    struct inputs in;
    struct err e;
    if (inputs_check(&o->inputs, operand_count, operands, &e)) {
        complain("detect: %s (see 'fercli detect --help')", e.text);
        return STATUS_USAGE;
    }
    interruption_catch();
    nn_set_threads(o->common.threads);
    d.detector = detector_new(&o->faces.detector, &e);
    if (!d.detector) {
        complain("%s", e.text);
        return STATUS_UNUSABLE;
    }
    enum status status = STATUS_PARTIAL;
    if (faces_prepare(o, &e) ||
        inputs_collect(&in, &o->common, &o->inputs, operand_count, operands, &e)) {
        complain("%s", e.text);
    } else {
        status = detect_all(&d, &in);
        inputs_release(&in);
    }
    detector_free(d.detector);
    return status;
}

const struct command CMD_DETECT = {
    .name = "detect",
    .summary = "find the faces in pictures",
    .operands = "INPUT...",
    .description =
        "Prints the box of every face in every picture, in pixels of the upright picture, the "
        "largest face first. A picture without a face has a row too.\n"
        "\n"
        "INPUT is a picture (JPEG, PNG, WebP, TIFF, HEIC, AVIF, GIF, BMP or PNM), a folder (with "
        "all "
        "folders in it; files with another extension are passed over), or '-' for a list of paths "
        "on "
        "standard input.\n"
        "\n"
        "  fercli detect photo.jpg\n"
        "  fercli detect --largest --crops faces -o faces.csv photos\n"
        "  find . -name '*.jpg' -print0 | fercli detect -0 -\n",
    .groups = {{"Input", INPUT_OPTIONS},
               {"Finding faces", DETECTOR_OPTIONS},
               {"Pictures made", CROP_OPTIONS},
               {"Common options", COMMON_OPTIONS}},
    .options_size = sizeof(struct picture_options),
    .defaults = &DEFAULTS,
    .run = run,
};
