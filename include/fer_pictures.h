/* The part of fer that knows pictures but no expressions: decoding them, cutting streams into
 * frames, finding faces, and walking folders. The conventions are those of fer.h, which includes
 * this. */
#ifndef FERCLI_FER_PICTURES_H
#define FERCLI_FER_PICTURES_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

/* ---- images ---- */

/* 8-bit pixels, row by row, channels interleaved. */
struct image {
    int width, height;
    int channels;          /* 1: grey; 3: red, green, blue */
    unsigned char *pixels; /* height x width x channels; owned */
};

/* Memory for an image, all black. */
int image_init(struct image *im, int width, int height, int channels, struct err *e);
void image_release(struct image *im);

/* Turns the pixels of a picture stored with this EXIF orientation (CIPA DC-008; 1 to 8) upright.
 * Returns 0, or -1 (no memory) with `im` as it was. */
int image_turn(struct image *im, int orientation, struct err *reason);

/* Decodes a picture file - PNG, JPEG, WebP, TIFF, HEIC, AVIF, GIF, BMP or PNM, recognised by its
 * content; of several pictures or frames the first - and turns it upright by its EXIF orientation.
 * `channels` 1 or 3 is what the caller wants: colour becomes grey by ITU-R BT.601 luma,
 * transparency is laid over white, 16 bits become 8. A file that is empty, cut short, damaged, of
 * another kind or larger than IMAGE_MAX_PIXELS is refused: -1, with the path in the message, `im`
 * left zeroed. Any thread may call it. */
int image_read(struct image *im, const char *path, int channels, struct err *e);
#define IMAGE_MAX_PIXELS (1u << 28)

/* How a picture is wanted. */
struct image_request {
    int channels;        /* 1 or 3 */
    unsigned max_pixels; /* no more are decoded; 0: IMAGE_MAX_PIXELS, which is the most */
    /* A JPEG may come out smaller by 2, 4 or 8, but by no more than this and with no fewer pixels
     * than min_side on its longer side. That saves most of the time and memory that a large one
     * takes. 0: as it is. */
    int max_reduction, min_side;
};

/* image_read with all that can be asked for. `*reduction` becomes 1, 2, 4 or 8: how many of the
 * file's pixels, each way, one stands for (NULL: none was allowed). */
int image_read_as(struct image *im, const char *path, const struct image_request *request,
                  int *reduction, struct err *e);

/* A whole picture file in memory; borrowed. */
struct image_bytes {
    const unsigned char *data;
    size_t size;
};

/* image_read_as for a file that is in memory already; `name` stands for the path in messages. */
int image_decode_as(struct image *im, const struct image_bytes *source, const char *name,
                    const struct image_request *request, int *reduction, struct err *e);

/* Writes an 8-bit grey or RGB PNG atomically. */
int image_write_png(const struct image *im, const char *path, struct err *e);

/* Does the name end as picture files do, in any case: .png .jpg .jpeg .jpe .jfif .webp .tif .tiff
 * .heic .heif .hif .avif .gif .bmp .dib .pnm .pbm .pgm .ppm? */
bool image_has_known_extension(const char *path);

/* ---- motion JPEG ---- */

/* Cuts a stream of JPEG pictures, one behind the other, into its frames as the bytes come. Begins
 * zeroed but for `max_bytes`. */
struct mjpeg_splitter {
    size_t max_bytes; /* of a frame */
    int state;        /* the rest is mjpeg.c's */
    size_t at, back, scan;
};

enum mjpeg_part {
    MJPEG_NOTHING, /* more bytes are needed; at the end of the stream: there is no more */
    MJPEG_FILLING, /* to be passed over: padding between frames, the rest of a damaged one */
    MJPEG_FRAME,   /* from the marker that starts an image to the one that ends it */
    MJPEG_DAMAGED  /* to be passed over: a frame that is cut short, too long or without markers
                      where they must be, or bytes between frames that start none */
};

/* Looks at the `size` bytes that come next, `ended` when they are the stream's last. `*length`
 * becomes how many of them, from the first on, the part takes: drop these and call again. A frame
 * is whole as far as its marker segments say (ITU-T T.81, annex B); whether it can be decoded is
 * for image_decode_as to tell. `reason` is filled for MJPEG_DAMAGED. Behind damage the stream goes
 * on at the next marker that starts an image. */
enum mjpeg_part mjpeg_next(struct mjpeg_splitter *s, const unsigned char *bytes, size_t size,
                           bool ended, size_t *length, struct err *reason);

/* ---- faces ---- */

struct face {
    int x, y, width, height; /* box in pixels of the upright picture, all of it inside */
    double score;            /* windows taken for this face, the mean of what is found in the
                                picture and in its mirror image; above 0, higher is surer */
};

struct detector_options {
    const char *cascade; /* a Haar or LBP cascade; NULL: opencv-data's frontalface_alt2 and, for
                            a second opinion, its LBP frontalface_improved */
    double scale_factor; /* between the sizes searched, 1.01 to 10 */
    int min_neighbors;   /* a face needs this score */
    int min_size;        /* smallest face, pixels; 0: DETECTOR_MIN_SIZE, and a
                            DETECTOR_MIN_PART'th of the longer side of large pictures */
    bool largest;        /* keep only the largest face */
};
extern const struct detector_options DETECTOR_DEFAULTS; /* NULL, 1.1, 4, 0, false */
#define DETECTOR_MIN_SIZE 24
#define DETECTOR_MIN_PART 80

struct detector;

/* Loads a cascade (Viola & Jones 2001; OpenCV's CascadeClassifier). A file that is missing, damaged
 * or no cascade in the format of OpenCV 2 and later is refused with its path. */
struct detector *detector_new(const struct detector_options *options, struct err *e);
void detector_free(struct detector *d);

/* Finds the faces of a grey image, sorted by area (largest first), then y, then x. `*faces` belongs
 * to the caller (NULL when there are none). How it searches: docs/detection.md. A picture smaller
 * than the cascade's window has no face. Runs in the calling thread. Returns 0 or -1. */
int detector_find(struct detector *d, const struct image *grey, struct face **faces, size_t *count,
                  struct err *e);

/* How a picture that is searched with these options may be reduced: until the smallest face is
 * DETECTOR_MIN_SIZE pixels wide. Sets max_reduction and min_side. */
void detector_allow_reduction(const struct detector_options *options,
                              struct image_request *request);

/* detector_find in a picture that was reduced: the options' min_size counts the file's pixels, the
 * boxes are in those of `grey`. */
int detector_find_reduced(struct detector *d, const struct image *grey, int reduction,
                          struct face **faces, size_t *count, struct err *e);

/* Cuts the face out of a grey image, `margin` x its size added on each side (0: the box itself),
 * clamped at the border (edge pixels repeated), scaled to size x size into `out`: by area in a
 * direction that shrinks, bilinear in one that grows. `margin` is above -0.5 and at most 8. The one
 * preparation of every picture that a network sees; the whole picture is the face (0, 0, width,
 * height). */
int face_crop(const struct image *grey, const struct face *face, double margin, int size,
              unsigned char *out, struct err *e);

/* Draws boxes, each with its text above (UTF-8, NULL for none), into an RGB image. A text stays
 * inside the picture: below or in its box where there is no room above. Without a font only boxes
 * are drawn. `texts` may be NULL. */
int annotate(struct image *rgb, const struct face *faces, const char *const *texts, size_t count,
             struct err *e);

/* ---- paths ---- */

/* Paths of pictures. */
struct listed_path {
    char *path;    /* owned */
    char *problem; /* why it cannot be read, a whole message; NULL: nothing is known; owned */
};
struct path_list {
    size_t count, capacity;
    struct listed_path *entry; /* owned */
};
int path_list_add(struct path_list *list, const char *path, struct err *e);

/* Adds the files below `path` in byte order of the path; a file is itself. Folders yield only files
 * with a known picture extension; the others are listed in `passed_over` (may be NULL). What cannot
 * be read on the way - a folder, or what may be one - is listed in its place with its problem, and
 * the walk goes on. Returns 0, or -1 when memory ran out, with both lists as they were. */
int path_list_walk(struct path_list *list, const char *path, struct path_list *passed_over,
                   struct err *e);
void path_list_release(struct path_list *list);

#endif
