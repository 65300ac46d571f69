/* What detect and classify share; see faces_common.h. */
#include "cli/faces_common.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "cli/cli.h"
#include "cli/utf8.h"

const struct option_spec INPUT_OPTIONS[] = {
    OPTION_TEXT("files-from", 0, struct picture_options, inputs.files_from, "FILE",
                "work also on the paths listed in FILE, one a line"),
    OPTION_FLAG("null", '0', struct picture_options, inputs.nul,
                "paths in lists end with a NUL byte, not with the line (as from find -print0)"),
    OPTION_FLAG("stream", 0, struct picture_options, inputs.stream,
                "take a path a line from standard input, as they come, and hand on its rows before "
                "waiting for the next; every path is one picture, a folder is unreadable"),
    OPTION_TEXT("stream-mjpeg", 0, struct picture_options, inputs.mjpeg, "FILE",
                "take the frames of FILE (-: standard input), JPEG pictures one behind the other"),
    OPTION_TEXT(
        "shard", 0, struct picture_options, inputs.shard, "K/N",
        "work on the Kth of N parts of the pictures; the parts' rows in order are those of all"),
    OPTION_FLAG(
        "resume", 0, struct picture_options, inputs.resume,
        "write rows into the file of -o as they come, and do not do again what it holds; for "
        "runs that may be interrupted, from the first time on"),
    OPTION_INTEGER(
        "max-pixels", 0, struct picture_options, inputs.max_pixels, 1, IMAGE_MAX_PIXELS, "N",
        "do not decode more than N pixels of a picture but call it unreadable; each thread "
        "holds one picture (default: 100000000)"),
    OPTION_END};

const struct option_spec DETECTOR_OPTIONS[] = {
    OPTION_TEXT("cascade", 0, struct picture_options, faces.detector.cascade, "FILE",
                "cascade that finds the faces, an XML file of OpenCV (default: "
                "haarcascade_frontalface_alt2.xml of the package opencv-data, with its "
                "lbpcascade_frontalface_improved.xml for a second opinion)"),
    OPTION_REAL("scale-factor", 0, struct picture_options, faces.detector.scale_factor, 1.01, 10,
                "F",
                "step between the sizes of face searched, above 1; smaller finds more and takes "
                "longer (default: 1.1)"),
    OPTION_INTEGER("min-neighbors", 0, struct picture_options, faces.detector.min_neighbors, 0,
                   1000, "N",
                   "score that makes a face; more means fewer false alarms (default: 4)"),
    OPTION_INTEGER(
        "min-size", 0, struct picture_options, faces.detector.min_size, 1, 16384, "N",
        "smallest face, in pixels; large JPEG pictures are then decoded at a smaller scale "
        "(default: 24, or an 80th of the picture's longer side if that is more)"),
    OPTION_FLAG("largest", 0, struct picture_options, faces.detector.largest,
                "keep only the largest face of a picture"),
    OPTION_END};

const struct option_spec ROTATION_OPTIONS[] = {
    OPTION_FLAG("try-rotations", 0, struct picture_options, faces.try_rotations,
                "where no face is found, turn the picture a quarter each way and look again; boxes "
                "are those of the picture as it was, crops upright"),
    OPTION_END};

const struct option_spec CROP_OPTIONS[] = {
    OPTION_TEXT("crops", 0, struct picture_options, faces.crops, "DIR",
                "write each face into DIR as a grey PNG named after its picture and its number"),
    OPTION_INTEGER(
        "crop-size", 0, struct picture_options, faces.crop_size, 1, 4096, "N",
        "width and height of the crops in pixels (default: 48, or what the model takes)"),
    OPTION_REAL("margin", 0, struct picture_options, faces.margin, 0, 4, "F",
                "widen the crops by F times the face's size on each side (default: 0, or what the "
                "model takes); predictions do not change"),
    OPTION_TEXT(
        "annotate", 0, struct picture_options, faces.annotate, "DIR",
        "write each picture of at most --max-pixels into DIR as a PNG with its faces marked"),
    OPTION_END};

/* ---- modes ---- */

enum face_mode face_mode_asked(bool detect, bool no_detect)
{
    return detect ? FACE_DETECT : no_detect ? FACE_WHOLE : FACE_AUTO;
}

const char *face_mode_words(enum face_mode mode)
{
    return mode == FACE_WHOLE ? "taken whole" : "the largest face of each";
}

/* ---- folders ---- */

static int make_folder(const char *path, struct err *e)
{
    struct stat status;
    if (mkdir(path, 0777) == 0)
        return 0;
    int reason = errno;
    if (reason == EEXIST && stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return 0;
    return err_set(e, "cannot make the folder '%s': %s", path, strerror(reason));
}

int folders_make(const char *path, struct err *e)
{
    char *copy = strdup(path);
    if (!copy)
        return err_memory(e);
    int result = 0;
    for (char *slash = strchr(copy + 1, '/'); *copy && slash && result == 0;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        result = make_folder(copy, e);
        *slash = '/';
    }
    if (result == 0)
        result = make_folder(copy, e);
    free(copy);
    return result;
}

int faces_prepare(const struct picture_options *options, struct err *e)
{
    const struct face_options *o = &options->faces;
    if (!o->crops && o->crop_size > 0)
        note(&options->common, "--crop-size does nothing without --crops");
    if (!o->crops && o->margin >= 0)
        note(&options->common, "--margin does nothing without --crops");
    if (o->crops && folders_make(o->crops, e))
        return -1;
    return o->annotate ? folders_make(o->annotate, e) : 0;
}

/* ---- file names ---- */

#define NAME_BYTES 200 /* of the path's part: with hash and suffix below the usual limit of 255 */

/* FNV-1a, 64 bits. */
static unsigned long long path_hash(const char *path)
{
    unsigned long long hash = 0xcbf29ce484222325u;
    for (; *path; path++)
        hash = (hash ^ (unsigned char)*path) * 0x100000001b3u;
    return hash;
}

/* Copies the path with what a file name can hold; returns whether it can be told from every other
 * path. */
static bool spell_path(char *name, const char *path)
{
    bool exact = *path != '\0' && !(path[0] == 'u' && path[1] == 'p' && path[2] == '/');
    if (strncmp(path, "../", 3) == 0) {
        memcpy(name, "up", 2);
        name += 2;
        path += 2;
    } else if (*path == '.') {
        exact = false;
        *name++ = '_';
        path++;
    }
    while (*path) {
        uint32_t code;
        size_t length = utf8_decode(path, &code);
        bool plain =
            length > 1 || (length == 1 && code >= 0x20 && code != 0x7F && !strchr("+%/", *path));
        if (plain)
            memcpy(name, path, length);
        else
            *name = *path == '/' ? '+' : '_';
        exact &= plain || *path == '/';
        name += plain ? length : 1;
        path += plain ? length : 1;
    }
    *name = '\0';
    return exact;
}

char *faces_file_name(const char *path, const char *suffix)
{
    while (path[0] == '.' && path[1] == '/' && path[2] != '/')
        path += 2;
    size_t length = strlen(path);
    char *whole = malloc(length + 1);
    char *name = malloc(NAME_BYTES + 32 + strlen(suffix));
    char hash[20] = "";
    if (!whole || !name) {
        free(whole);
        free(name);
        return NULL;
    }
    bool exact = spell_path(whole, path);
    const char *part = whole;
    if (strlen(whole) > NAME_BYTES) {
        /* The end says most: the picture's own name. Never begin inside a character. */
        part += strlen(whole) - NAME_BYTES;
        while (((unsigned char)*part & 0xC0) == 0x80 || *part == '.')
            part++;
        exact = false;
    }
    if (!exact)
        snprintf(hash, sizeof(hash), "%%%016llx", path_hash(path));
    sprintf(name, "%s%s%s", part, hash, suffix);
    free(whole);
    return name;
}

/* ---- writing ---- */

/* `folder`/name of what is made of `path`, in new memory. */
static char *output_path(const char *folder, const char *path, const char *suffix)
{
    char *name = faces_file_name(path, suffix);
    char *whole = name ? path_join(folder, name) : NULL;
    free(name);
    return whole;
}

static int write_crop(const struct face_options *o, const struct image *crop, const char *path,
                      size_t number, struct err *e)
{
    char suffix[32];
    snprintf(suffix, sizeof(suffix), "-%zu.png", number);
    char *target = output_path(o->crops, path, suffix);
    int result = target ? image_write_png(crop, target, e) : err_memory(e);
    free(target);
    return result;
}

int faces_write_crops(const struct face_options *o, const struct crop_form *form, const char *path,
                      const struct image *grey, const struct face *faces, size_t count,
                      struct err *e)
{
    if (!o->crops || count == 0)
        return 0;
    struct image crop;
    if (image_init(&crop, form->size, form->size, 1, e))
        return -1;
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        result = face_crop(grey, &faces[i], form->margin, form->size, crop.pixels, e);
        if (result == 0)
            result = write_crop(o, &crop, path, i, e);
    }
    image_release(&crop);
    return result;
}

enum annotation faces_write_annotated(const struct picture_options *o, const struct input *input,
                                      const struct face *faces, const char *const *texts,
                                      size_t count, struct err *e)
{
    const struct image_request request = {.channels = 3,
                                          .max_pixels = (unsigned)o->inputs.max_pixels};
    struct image colour;
    struct err reason;
    if (input_decode(&colour, input, &request, NULL, &reason)) {
        err_set(e, "not annotated: %s", reason.text);
        return ANNOTATION_NOT_DRAWN;
    }
    char *target = output_path(o->faces.annotate, input->path, "-faces.png");
    int result = target ? annotate(&colour, faces, texts, count, e) : err_memory(e);
    if (result == 0)
        result = image_write_png(&colour, target, e);
    free(target);
    image_release(&colour);
    return result == 0 ? ANNOTATION_DONE : ANNOTATION_NOT_WRITTEN;
}
