/* What detect and classify share: the options of pictures and faces, crops and annotated pictures.
 */
#ifndef FERCLI_CLI_FACES_COMMON_H
#define FERCLI_CLI_FACES_COMMON_H

#include "cli/inputs.h"
#include "cli/opt.h"
#include "fer.h"

struct face_options {
    struct detector_options detector;
    bool try_rotations;   /* where no face is found */
    const char *crops;    /* folder, NULL for none */
    const char *annotate; /* folder, NULL for none */
    int crop_size;        /* pixels, 0: the command's default */
    double margin;        /* of the crops written, below 0: the command's default */
};

/* A command's options struct begins with this, so that the tables below hold for it. */
struct picture_options {
    struct common_options common;
    struct input_options inputs;
    struct face_options faces;
};

/* DETECTOR_DEFAULTS is no constant expression, so its numbers stand here again; a test compares
 * them. */
#define PICTURE_DEFAULTS                                                                           \
    {                                                                                              \
        .common = COMMON_DEFAULTS, .inputs = {.max_pixels = 100000000},                            \
        .faces = {.detector = {.scale_factor = 1.1, .min_neighbors = 4}, .margin = -1},            \
    }

/* What INPUT may be, a paragraph of a command's description. */
#define INPUT_DESCRIPTION                                                                          \
    "INPUT is a picture (JPEG, PNG, WebP, TIFF, HEIC, AVIF, GIF, BMP or PNM), a folder (with all " \
    "folders in it; files with another extension are passed over), or '-' for a list of paths on " \
    "standard input. With --stream or --stream-mjpeg pictures come from a stream in place of "     \
    "INPUT and their rows go out as they come. Frames are called frame-000001, counted from 1, "   \
    "with the name of the file before it.\n"

/* What --detect and --no-detect ask for, and what a mode does with pictures, for reports. */
enum face_mode face_mode_asked(bool detect, bool no_detect);
const char *face_mode_words(enum face_mode mode);

extern const struct option_spec INPUT_OPTIONS[];    /* --files-from ... --max-pixels */
extern const struct option_spec DETECTOR_OPTIONS[]; /* --cascade ... --largest */
extern const struct option_spec ROTATION_OPTIONS[]; /* --try-rotations */
extern const struct option_spec CROP_OPTIONS[];     /* --crops ... --annotate */

/* How crops are written. */
struct crop_form {
    int size;      /* pixels */
    double margin; /* of face_crop */
};

/* Makes the folder and those above it; one that is there is fine. */
int folders_make(const char *path, struct err *e);

/* Notes options that do nothing without another; makes the folders of --crops and --annotate. */
int faces_prepare(const struct picture_options *options, struct err *e);

/* One grey PNG a face into --crops, named after the picture and the face's number. Nothing without
 * --crops. */
int faces_write_crops(const struct face_options *o, const struct crop_form *form, const char *path,
                      const struct image *grey, const struct face *faces, size_t count,
                      struct err *e);

enum annotation {
    ANNOTATION_NOT_WRITTEN = -1,
    ANNOTATION_DONE = 0,
    ANNOTATION_NOT_DRAWN = 1 /* the picture is too large or gone; what is known of it stands */
};

/* The picture, decoded once more at its full size and in colour, with boxes and texts into the
 * folder of --annotate. */
enum annotation faces_write_annotated(const struct picture_options *o, const struct input *input,
                                      const struct face *faces, const char *const *texts,
                                      size_t count, struct err *e);

/* A file name for what is made of the picture `path`: its path with `+` for `/`, `up` for a leading
 * `..`, and `suffix`. A name that would not lead back to one path (control characters, a `+` of its
 * own, a leading dot, too long) ends in `%` and the path's hash. Different paths have different
 * names. In new memory, NULL without. */
char *faces_file_name(const char *path, const char *suffix);

#endif
