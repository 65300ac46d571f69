/* fer: the domain of facial expressions - pictures, faces, FER-2013, folders with labels, the
 * model, its measures and its reports.
 *
 * Plain structs where callers read the fields; `_init` and `_release` for the caller's memory,
 * `_new` and `_free` or `_open` and `_close` for the heap. Arguments are borrowed for the call,
 * returned pointers belong to the caller, freeing NULL and releasing a zeroed struct are legal.
 * Functions that can fail return 0/-1 (or a pointer/NULL) and fill `struct err`. Nothing here
 * prints or exits. */
#ifndef FERCLI_FER_H
#define FERCLI_FER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "nn.h"

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

/* Writes an 8-bit grey or RGB PNG atomically. */
int image_write_png(const struct image *im, const char *path, struct err *e);

/* Does the name end as picture files do, in any case: .png .jpg .jpeg .jpe .jfif .webp .tif .tiff
 * .heic .heif .hif .avif .gif .bmp .dib .pnm .pbm .pgm .ppm? */
bool image_has_known_extension(const char *path);

/* ---- faces ---- */

struct face {
    int x, y, width, height; /* box in pixels of the upright picture, all of it inside */
    double score;            /* raw hits joined into this box, 1 or more; higher is surer */
};

struct detector_options {
    const char *cascade; /* a Haar or LBP cascade; NULL: opencv-data's frontalface_alt2 */
    double scale_factor; /* between the sizes searched, 1.01 to 10 */
    int min_neighbors;   /* a face needs more overlapping raw hits than this; 0: every raw hit */
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
 * to the caller (NULL when there are none). No histogram equalisation; a picture smaller than the
 * cascade's window has no face. Runs in the calling thread. Returns 0 or -1. */
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

/* ---- names of the classes ---- */

#define FER_CLASSES 7
extern const char *const
    FER_NAMES[FER_CLASSES]; /* angry disgust fear happy sad surprise neutral: FER-2013's 0..6 */

/* The classes in the order of the network's outputs. */
struct names {
    int count;
    char **name; /* count strings; owned */
};

/* One name a line, blanks at both ends dropped; empty files, empty lines inside and doubles are
 * refused. */
int names_read(struct names *names, const char *path, struct err *e);
int names_init_fer(struct names *names, struct err *e);
int names_write(const struct names *names, const char *path, struct err *e);
int names_find(const struct names *names, const char *name); /* ignoring case; -1 when absent */
char *names_join(const struct names *names); /* "angry, disgust, ..." for messages */
void names_release(struct names *names);

/* ---- data sets ---- */

enum split { SPLIT_TRAINING = 1, SPLIT_PUBLIC_TEST = 2, SPLIT_PRIVATE_TEST = 4 };

/* Grey pictures of one size, held as bytes. */
struct dataset {
    size_t count;
    int width, height;
    unsigned char *pixels; /* (count, height, width); owned */
    unsigned char *label;  /* (count), index into the names; owned */
    unsigned char *split;  /* (count), an enum split; SPLIT_TRAINING for folders; owned */
    char **path;           /* (count) files, or NULL for a CSV; owned */
};
void dataset_release(struct dataset *d);

/* Reads FER-2013's CSV, plain or gzip, with Kaggle's header `emotion,pixels,Usage` or `emotion,
 * Usage, pixels`. FER's label k becomes the index of FER_NAMES[k] in `names`, all seven of which
 * must be there. `splits` (bits of enum split) chooses rows; the others are checked and passed
 * over. The first bad row ends the reading with `FILE:LINE: what`. */
int dataset_read_fer_csv(struct dataset *d, const char *path, unsigned splits,
                         const struct names *names, struct err *e);

/* "PublicTest", "PublicTest,PrivateTest" ... to bits of enum split; 0 and a message for anything
 * else. */
unsigned splits_parse(const char *text, struct err *e);

/* How the pictures of a folder become faces. */
enum face_mode {
    FACE_AUTO, /* FACE_WHOLE when the detector finds a face in under half of the readable pictures,
                  else FACE_DETECT. Pictures of exactly the network's size are crops: they are not
                  searched, count as without a face, and are used whole either way. */
    FACE_DETECT,
    FACE_WHOLE
};

struct folder_options {
    enum face_mode mode;
    const struct detector_options *detector; /* used unless the mode is FACE_WHOLE */
    double margin;                           /* of face_crop, for detected faces */
    int size;                                /* of the network's input */
};

/* What reading a folder left out. */
struct folder_report {
    enum face_mode mode; /* what FACE_AUTO became */
    size_t without_face; /* pictures left out because no face was found */
    size_t unreadable;   /* files that could not be decoded */
    char **message;      /* one line a picture left out; without_face + unreadable of them; owned */
};
void folder_report_release(struct folder_report *r);

/* Reads a labelled folder: sub-folders named by class (ignoring case), each walked recursively in
 * byte order, or files named `..._class=K.jpg` (K: a name or FER's number). A sub-folder with
 * another name is an error that lists the names; so are a picture without a label and a folder
 * without one usable picture. The pictures come in byte order of their paths. `report` tells as
 * much as was found out on failure too: release it in every case. */
int dataset_read_folder(struct dataset *d, const char *dir, const struct names *names,
                        const struct folder_options *options, struct folder_report *report,
                        struct err *e);

/* The files below `path` in byte order of the path; a file is itself. Folders yield only files with
 * a known picture extension; the others are listed in `passed_over` (may be NULL). */
struct path_list {
    size_t count, capacity;
    char **path; /* owned */
};
int path_list_add(struct path_list *list, const char *path, struct err *e);
int path_list_walk(struct path_list *list, const char *path, struct path_list *passed_over,
                   struct err *e);
void path_list_release(struct path_list *list);

/* ---- augmentation ---- */

/* Random changes of a training picture, from the cfg's [net] keys. The neutral value leaves the
 * picture as it is. */
struct augmentation {
    double flip;  /* `flip`: 1 mirrors half of the pictures; 0 */
    double shift; /* `shift`: up to this many pixels each way; 0 */
    double min_scale,
        max_scale; /* `min_crop`/`max_crop` over the network's size: range of the enlargement; 1 */
    double angle;  /* `angle`: up to this many degrees each way; 0 */
    double exposure; /* `exposure`: contrast and brightness by factors in [1/exposure, exposure]; 1.
                        A cfg's value below 1 means its inverse, as in darknet */
    double erase;    /* `erase`: probability of blanking a random box (Zhong et al. 2017); 0 */
    double mixup;    /* `mixup`: probability of mixing with another picture and its label, in parts
                        drawn from Beta(mixup_alpha, mixup_alpha) (Zhang et al. 2018); 0 */
    double mixup_alpha; /* `mixup_alpha`, at most 1; .2 */
};

/* Reads the keys; -1 for one out of its bounds, with file and line. */
int augmentation_init(struct augmentation *a, struct nn_net *net, struct err *e);

/* Writes one picture (height x width bytes) as floats 0..1 (pixel/255), changed at random. The same
 * `key` gives the same change. Without augmentation (a NULL) it is only the conversion. Mixing
 * takes two pictures and is left to the caller. */
void augmentation_apply(const struct augmentation *a, uint64_t key, const unsigned char *pixels,
                        int width, int height, float *out);

/* ---- the model ---- */

/* darknet's triple PREFIX.cfg, PREFIX.weights, PREFIX.names. */
struct model {
    struct nn_net *net; /* owned */
    struct names names; /* owned; as many as the network's outputs */
    double margin;      /* `face_margin` of the cfg's [net]: face_crop's margin; 0 */
    uint32_t checksum;  /* CRC-32 of the weights file */
    char *prefix;       /* owned */
};

/* A triple whose parts do not fit each other is refused; so is a network whose input is not one
 * grey square. */
int model_open(struct model *m, const char *prefix, struct err *e);
void model_close(struct model *m);

/* Runs grey crops through the model. */
struct classifier;
struct classifier *classifier_new(const struct model *m, bool tta, struct err *e);
void classifier_free(struct classifier *c);

/* `pixels` (count, size, size) bytes to `probabilities` (count, classes). With tta each is the mean
 * with the mirrored face's. A face's result does not depend on the others or on the number of
 * threads. */
void classifier_run(struct classifier *c, const unsigned char *pixels, size_t count,
                    float *probabilities);

/* ---- measures ---- */

#define METRICS_BINS 15

struct metrics {
    size_t n;
    int classes;
    size_t *confusion;        /* (classes, classes), rows truth, columns prediction; owned */
    double accuracy;          /* all figures are fractions */
    double low, high;         /* Wilson's 95 % interval of the accuracy */
    double balanced_accuracy; /* mean recall over the classes that occur */
    double macro_f1;          /* mean F1 over the classes that occur */
    double log_loss;          /* mean negative log-probability of the truth, nats */
    double ece; /* expected calibration error, METRICS_BINS equal bins of the top probability
                   (Guo et al. 2017) */
    double *precision, *recall, *f1; /* (classes), 0 where undefined; owned */
};

/* `probabilities` (n, classes). The prediction is the largest, the first of equals. */
int metrics_compute(struct metrics *m, const unsigned char *label, const float *probabilities,
                    size_t n, int classes, struct err *e);
void metrics_release(struct metrics *m);

/* The 95 % score interval of hits/n (Wilson 1927); 0 and 1 for no pictures. */
void wilson_interval(size_t hits, size_t n, double *low, double *high);

/* ---- general training ---- */

/* One line of PREFIX.history.csv. */
struct epoch {
    int number;  /* from 1 */
    double rate; /* learning rate of the last update */
    double train_loss, train_accuracy;
    double valid_loss, valid_accuracy;
};

struct training_progress {
    int epoch, epochs;     /* epoch from 1 */
    size_t done, total;    /* pictures of this epoch */
    double loss, accuracy; /* of this epoch so far */
};

struct training_options {
    const char *prefix; /* of the files written */
    int epochs;         /* 0: the cfg's max_batches */
    int batch;          /* pictures an update; 0: the cfg's */
    uint64_t seed;
    bool resume; /* go on from PREFIX.state */
    /* Models whose mean probabilities of the same changed picture are mixed into its target. */
    const struct model *teachers; /* (teacher_count); borrowed */
    int teacher_count;
    double teacher_weight; /* their part of a target, 0 to 1; the label has the rest */
    /* Called after every update; returns true to stop (the state is saved). NULL: never. */
    bool (*on_step)(const struct training_progress *progress, void *context);
    /* Called after every epoch's validation; `best` when its weights were kept. NULL: never. */
    void (*on_epoch)(const struct epoch *epoch, bool best, void *context);
    /* Called with a line for the user, such as where a resumed run goes on. NULL: never. */
    void (*on_note)(const char *text, void *context);
    void *context;
};

enum training_result {
    TRAINING_NOT_WRITTEN = -2, /* an output could not be written; what was there before stays */
    TRAINING_FAILED = -1,
    TRAINING_DONE = 0,
    TRAINING_STOPPED = 1
};

/* Can all of the files that begin with `prefix` be written? Leaves nothing behind. Returns 0, or -1
 * with the first that cannot. */
int training_check_outputs(const char *prefix, struct err *e);

/* Trains `net` on `train`, measures on `valid` after every epoch, and writes PREFIX.cfg, .names,
 * .weights (of the epoch with the best accuracy on `valid`, the first of equals), .history.csv,
 * .history.png and, after those, .state; a first .state is written before the first update. The
 * same options, data and number of threads give the same bytes, interrupted and resumed or not. An
 * epoch is as many full batches as the pictures make (at least one) in an order shuffled anew. Sets
 * the net's max_batches to the length of the run. A state of another cfg, data, seed, batch,
 * number of epochs or other teachers is refused; of another number of threads noted. A loss that is
 * no finite number ends the run, with the best weights and the last state kept. */
enum training_result train_general(struct nn_net *net, const struct names *names,
                                   const struct dataset *train, const struct dataset *valid,
                                   const struct training_options *options, struct err *e);

/* Loss and accuracy by epoch, training and validation, as a PNG. */
int plot_history(const struct epoch *epochs, size_t count, const char *path, struct err *e);

/* ---- personal tuning ---- */

/* What a model is tuned on. All borrowed; pictures of the network's input size, labels in the
 * model's order. */
struct finetune_data {
    const struct dataset *user; /* one picture or more; classes may be missing */
    /* NULL, or FER-2013's rows: a sample of SPLIT_TRAINING's is learnt beside the user's,
     * SPLIT_PUBLIC_TEST's measure forgetting, others are passed over. */
    const struct dataset *general;
};

struct finetune_progress {
    const char *what; /* "features" (pictures) or "tuning" (updates of all heads together) */
    size_t done, total;
    double loss; /* mean over the updates of this head so far; 0 for features */
};

struct finetune_options {
    const char *prefix; /* of the triple written */
    double holdout;     /* share of each class that the estimate holds out, [0, 0.9]; 0: none */
    int folds;          /* 2 or more: cross-validation instead of holdout; 0: holdout */
    double max_forget;  /* points of general accuracy that may be lost; below 0: no limit */
    int epochs; /* passes over the user's pictures; 0: FINETUNE_EPOCHS, more for few pictures */
    uint64_t seed;
    /* Called after every update and every batch of features; returns true to stop. NULL: never. */
    bool (*on_step)(const struct finetune_progress *progress, void *context);
    /* Called with a line for the user, such as a class that cannot be held out. NULL: never. */
    void (*on_note)(const char *text, void *context);
    void *context;
};
#define FINETUNE_EPOCHS 40
#define FINETUNE_HOLDOUT 0.25
#define FINETUNE_MAX_FOLDS 100

/* An accuracy; fractions. */
struct finetune_measure {
    size_t n, hits; /* n is 0 when it was not measured, and so is the rest */
    double accuracy;
    double low, high;         /* Wilson's 95 % interval */
    double balanced_accuracy; /* mean recall over the classes that occur */
};

struct finetune_report {
    size_t n_user;   /* pictures of the user that PREFIX was trained on */
    size_t n_replay; /* general pictures learnt beside them */
    int folds;       /* those of the options */
    int frozen;      /* layers 0..frozen-1 stayed as they were */
    double blend;    /* the head written is old + blend x (tuned - old); 1 without max_forget */
    /* On the user's pictures held out (all folds pooled): the model as it was, and models tuned
     * without them in just the way PREFIX was tuned. */
    struct finetune_measure user_before, user_after;
    /* On PublicTest: the model as it was, and PREFIX. With max_forget on PublicTest's odd rows
     * (counted from 0), since the blend was chosen on the even ones. */
    struct finetune_measure general_before, general_after;
};

enum finetune_result {
    FINETUNE_NOT_WRITTEN = -2, /* an output could not be written; what was there before stays */
    FINETUNE_FAILED = -1,
    FINETUNE_DONE = 0,
    FINETUNE_STOPPED = 1 /* on_step asked for it; nothing was written */
};

/* Can PREFIX's three files be written? Leaves nothing behind. Returns 0, or -1 with the first that
 * cannot. */
int finetune_check_outputs(const char *prefix, struct err *e);

/* Tunes the head of a model, the layers behind its last convolutional or pooling one, to a user's
 * pictures and their mirror images, jointly with a sample of the general data when there is any.
 * All layers before stay as they are: their outputs are computed once, and their bytes in
 * PREFIX.weights are compared with those of the model's file before the new file takes its name
 * (FINETUNE_FAILED when one differs).
 *
 * The estimate trains separate heads without the held-out pictures. It is stratified by class and
 * follows from the seed. Pictures of a class that are alike stay on one side as far as the class
 * can then still be divided: near-identical ones (correlation above 0.9 at 24 x 24 pixels) and
 * neighbours by the number in their files' names, which may be frames of one shot. The only picture
 * of a class is never held out. PREFIX is then trained on all pictures.
 *
 * Targets are pulled towards the model's old probabilities (Li & Hoiem, 1606.09282). With
 * max_forget every tuned head is moved back towards the old one (Wortsman et al., 2109.01903) until
 * PublicTest's even rows lose no more than max_forget points: the largest blend of 1, .95 ... .05;
 * on_note says when only 0, the old head, is left. Needs PublicTest rows.
 *
 * Writes PREFIX.cfg and .names, and then .weights, whose renaming makes the new model; weights of
 * another cfg or other names are removed before. PREFIX may be the model's own. The same model,
 * data, options and number of threads give the same bytes. On FINETUNE_DONE `m->net` holds the
 * parameters written (m->checksum stays that of the file opened); else it is as before. `report` is
 * filled on FINETUNE_DONE only. */
enum finetune_result finetune(struct model *m, const struct finetune_data *data,
                              const struct finetune_options *options,
                              struct finetune_report *report, struct err *e);

#endif
