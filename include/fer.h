/* fer: the domain of facial expressions - pictures and faces (fer_pictures.h), FER-2013, folders
 * with labels, the model, its measures and its reports.
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
#include "fer_pictures.h"
#include "nn.h"

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
int names_find(const struct names *names, const char *name);    /* ignoring case; -1 when absent */
bool names_equal(const struct names *a, const struct names *b); /* the same, in the same order */
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

/* Why a picture was left out. */
struct folder_message {
    char *text;      /* one line; owned */
    bool unreadable; /* else without a face */
};

/* What reading a folder left out. */
struct folder_report {
    enum face_mode mode;            /* what FACE_AUTO became */
    size_t without_face;            /* pictures left out because no face was found */
    size_t unreadable;              /* files that could not be decoded */
    struct folder_message *message; /* (without_face + unreadable); owned */
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

/* ---- what is in FER-2013 ---- */

#define AUDIT_SPLITS 3 /* Training, PublicTest, PrivateTest: in this order */

/* Pictures are identical when all of their pixels are. */
struct audit_split {
    size_t n, of_class[FER_CLASSES];
    size_t distinct;               /* different pictures */
    size_t groups;                 /* of identical pictures */
    size_t members;                /* pictures in these groups */
    size_t surplus;                /* of them, those behind the first of each group */
    size_t conflicts, conflicting; /* groups with more than one label, and their pictures */
    size_t blank;                  /* pictures of one value only */
};

/* Pictures of one split that occur in another too. */
struct audit_copies {
    size_t n, of_class[FER_CLASSES];
    size_t relabelled; /* at least one copy there has another label */
};

struct audit {
    struct audit_split split[AUDIT_SPLITS], all;
    struct audit_copies copies[AUDIT_SPLITS][AUDIT_SPLITS]; /* [of][in], in < of */
    size_t *blank_row; /* (all.blank) indices in the data set; owned */
};

/* Counts what is in a data set with the labels of FER_NAMES. Returns 0 or -1 (nothing to release
 * then). */
int audit_init(struct audit *a, const struct dataset *d, struct err *e);
void audit_release(struct audit *a);

/* Why a Training row is left out, in the order in which they are asked. */
enum leave_out {
    LEAVE_OUT_BLANK,       /* one value only */
    LEAVE_OUT_TEST_COPIES, /* identical to a picture of PublicTest or PrivateTest */
    LEAVE_OUT_CONFLICTS,   /* identical to Training pictures of another label, and these */
    LEAVE_OUT_SURPLUS,     /* identical to a Training picture before it */
    LEAVE_OUT_REASONS
};

/* "blank,surplus" ... to bits 1 << enum leave_out; 0 and a message for anything else. */
unsigned leave_out_parse(const char *text, struct err *e);

/* Keeps the Training rows that there is no reason to leave out, and no row of another split (for
 * LEAVE_OUT_TEST_COPIES these must be there). `left_out` gets the rows by reason. Returns 0 or -1
 * with the data as they were. */
int dataset_leave_out(struct dataset *d, unsigned reasons, size_t left_out[LEAVE_OUT_REASONS],
                      struct err *e);

/* Takes away Training's rows, and those of the other splits whose picture is one of Training's:
 * `*dropped` of them. Returns 0 or -1 with the data as they were. */
int dataset_drop_seen(struct dataset *d, size_t *dropped, struct err *e);

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
    struct nn_net *net;  /* owned */
    struct names names;  /* owned; as many as the network's outputs */
    double margin;       /* `face_margin` of the cfg's [net]: face_crop's margin; 0 */
    uint32_t checksum;   /* CRC-32 of the weights file */
    char *prefix;        /* owned */
    const char *darknet; /* libdarknet.so, which a classifier is to run the network with; NULL, as
                            model_open leaves it: the engine of nn.h. Borrowed */
};

/* A triple whose parts do not fit each other is refused; so is a network whose input is not one
 * grey square. */
int model_open(struct model *m, const char *prefix, struct err *e);
void model_close(struct model *m);

/* Can a model's three files be written? Leaves nothing behind. Returns 0, or -1 with the first that
 * cannot; a prefix that ends with its folder is refused. */
int model_check_outputs(const char *prefix, struct err *e);

/* Test-time augmentation: which views of a face are averaged. */
enum tta {
    TTA_NONE,     /* the face alone */
    TTA_MIRROR,   /* and its mirror image */
    TTA_TEN_CROP, /* both, where they are and moved by a pixel each way (after Krizhevsky et al.
                     2012, section 4.1) */
};

/* Runs grey crops through the model. NULL when there is no memory, or darknet's library cannot run
 * it. */
struct classifier;
struct classifier *classifier_new(const struct model *m, enum tta tta, struct err *e);
void classifier_free(struct classifier *c);

/* `pixels` (count, size, size) bytes to `probabilities` (count, classes), each the mean over the
 * views. A face's result does not depend on the others or on the number of threads. */
void classifier_run(struct classifier *c, const unsigned char *pixels, size_t count,
                    float *probabilities);

/* ---- measures ---- */

#define METRICS_BINS 15

/* The pictures whose top probability is in ((i)/METRICS_BINS, (i+1)/METRICS_BINS], for bin i. */
struct metrics_bin {
    size_t n, hits;
    double confidence; /* sum of the top probabilities */
};

struct metrics {
    size_t n;
    int classes;
    size_t *confusion;        /* (classes, classes), rows truth, columns prediction; owned */
    size_t *truths;           /* (classes), the rows' sums; owned */
    double accuracy;          /* all figures are fractions */
    double low, high;         /* Wilson's 95 % interval of the accuracy */
    double balanced_accuracy; /* mean recall over the classes that occur */
    double macro_f1;          /* mean F1 over the classes that occur */
    double log_loss;          /* mean negative log-probability of the truth, nats */
    double ece; /* expected calibration error, METRICS_BINS equal bins of the top probability
                   (Guo et al. 2017) */
    struct metrics_bin bin[METRICS_BINS];
    double *precision, *recall, *f1; /* (classes), 0 where undefined; owned */
};

/* The prediction: the largest of the probabilities, the first of equals. */
int top_class(const float *probabilities, int classes);

/* `probabilities` (n, classes). */
int metrics_compute(struct metrics *m, const unsigned char *label, const float *probabilities,
                    size_t n, int classes, struct err *e);
void metrics_release(struct metrics *m);

/* A picture of the confusion matrix: rows are the truth, a cell has its count and its share of the
 * row, which is its shade. A PNG, like the others. */
int plot_confusion(const struct metrics *m, const struct names *names, const char *path,
                   struct err *e);

/* A reliability diagram: accuracy against confidence in METRICS_BINS bins, the gap between them,
 * and how many pictures are in each (Guo et al. 2017). */
int plot_reliability(const struct metrics *m, const char *path, struct err *e);

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
 * .history.png and, after those, .state. PREFIX.cfg has the temperature of the softmax that makes
 * the outputs fitted to those weights on `valid`; training runs at temperature 1, at which `net` is
 * left, whatever its cfg has. A first .state is written before the first update. The
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
    /* What keeps the rest of the world in mind, one of: FER-2013's rows, of which a sample of
     * SPLIT_TRAINING's is learnt beside the user's and SPLIT_PUBLIC_TEST's measure forgetting;
     * or the path of the model's replay set. NULL both: the user's pictures alone. */
    const struct dataset *general;
    const char *replay;
};

struct finetune_progress {
    const char *what; /* "features" (pictures) or "tuning" (updates of all heads together) */
    size_t done, total;
    double loss; /* mean over the updates of this head so far; 0 for features */
};

/* How the head is kept from forgetting; docs/finetune.md compares them. */
enum finetune_method {
    FINETUNE_REPLAY, /* general pictures are learnt beside the user's (Tannugi et al. 2019,
                        1905.12082); without any of them it is FINETUNE_DISTIL */
    FINETUNE_DISTIL, /* targets are pulled to the old probabilities (Li & Hoiem, 1606.09282) */
    FINETUNE_L2SP,   /* weights are pulled to the old ones (Li et al. 2018, 1802.01483) */
    FINETUNE_PLAIN   /* nothing: Adam at 1e-3 for 4 epochs of the user's pictures */
};

/* Which pictures of the user belong together, so that they are held out together. Near-identical
 * ones (correlation above 0.9 at 24 x 24) do in all ways but the last. */
enum finetune_grouping {
    FINETUNE_BY_NUMBER, /* neighbours by the last number in files' names, at most 5 apart, in runs
                           of at most 10; across folders unless a number comes twice */
    FINETUNE_BY_NAME,   /* names that are the same before their last number */
    FINETUNE_BY_FOLDER,
    FINETUNE_BY_NONE
};

struct finetune_options {
    const char *prefix; /* of the triple written */
    double holdout;     /* share of each class that the estimate holds out, [0, 0.9]; 0: none */
    int folds;          /* 2 or more: cross-validation instead of holdout; 0: holdout */
    enum finetune_grouping group_by;
    int per_class; /* pictures of a class that a head learns from at most, drawn by chance; 0: all
                    */
    enum finetune_method method;
    double max_forget; /* points of general accuracy that may be lost; below 0: no limit */
    int epochs;        /* passes over the user's pictures; 0: the method's */
    uint64_t seed;
    /* Called after every update and every batch of features; returns true to stop. NULL: never. */
    bool (*on_step)(const struct finetune_progress *progress, void *context);
    /* Called with a line for the user, such as a class that cannot be held out. NULL: never. */
    void (*on_note)(const char *text, void *context);
    void *context;
};
#define FINETUNE_HOLDOUT 0.25
#define FINETUNE_MAX_FOLDS 100
#define FINETUNE_FEW 10 /* pictures of a class held out below which its recall says little */

/* An accuracy; fractions. */
struct finetune_measure {
    size_t n, hits; /* n is 0 when it was not measured, and so is the rest */
    double accuracy;
    double low, high;         /* Wilson's 95 % interval */
    double balanced_accuracy; /* mean recall over the classes that occur */
};

/* A class in the estimate. */
struct finetune_class {
    size_t pictures; /* of the user's */
    size_t groups;   /* of pictures that belong together */
    size_t n;        /* pictures that were held out */
    size_t hits_before, hits_after;
};

/* A held-out picture whose label the tuned head finds unlikely. */
struct finetune_suspect {
    size_t row; /* in the user's pictures */
    int label, predicted;
    double label_probability, predicted_probability;
};
#define FINETUNE_UNLIKELY 0.05 /* probability of a label below which a picture is suspect */

/* What general accuracy was measured on. */
enum finetune_general {
    FINETUNE_UNMEASURED,
    FINETUNE_PUBLIC_TEST, /* all PublicTest rows */
    FINETUNE_ODD_ROWS, /* PublicTest's odd rows (counted from 0): the even ones chose the blend */
    FINETUNE_HELD_OUT  /* the replay set's held-out rows, which also chose the blend */
};

struct finetune_report {
    size_t n_user;               /* pictures of the user that PREFIX was trained on */
    size_t n_replay;             /* general pictures learnt beside them */
    size_t n_groups;             /* groups of the user's pictures, 0 without an estimate */
    int folds;                   /* those of the options */
    int frozen;                  /* layers 0..frozen-1 stayed as they were */
    enum finetune_method method; /* that was used */
    double blend; /* the head written is old + blend x (tuned - old); 1 without max_forget */
    /* On the user's pictures held out (all folds pooled): the model as it was, and models tuned
     * without them in just the way PREFIX was tuned. */
    struct finetune_measure user_before, user_after;
    size_t gained, lost; /* held-out pictures that only the tuned, only the old head has right */
    double p_value;      /* McNemar's exact test of these two; 1 when there are none */
    double common;       /* share of the commonest class among those held out */
    struct finetune_class *classes;    /* (the model's classes); owned */
    struct finetune_suspect *suspects; /* the least likely label first; owned */
    size_t n_suspects;
    /* The model as it was, and PREFIX. */
    enum finetune_general general;
    struct finetune_measure general_before, general_after;
};
void finetune_report_release(struct finetune_report *r);

enum finetune_result {
    FINETUNE_NOT_WRITTEN = -2, /* an output could not be written; what was there before stays, but
                                  for weights of another cfg or other names */
    FINETUNE_FAILED = -1,
    FINETUNE_DONE = 0,
    FINETUNE_STOPPED = 1 /* on_step asked for it; nothing was written */
};

/* Tunes the head of a model, the layers behind its last convolutional or pooling one, to a user's
 * pictures, their mirror images and slightly moved copies, jointly with general ones when there are
 * any. All layers before stay as they are: their outputs are computed once, and their bytes in
 * PREFIX.weights are compared with those of the model's file before the new file takes its name
 * (FINETUNE_FAILED when one differs).
 *
 * The estimate trains separate heads without the held-out pictures. It is stratified by class,
 * keeps groups whole, and follows from the seed. PREFIX is then trained on all pictures.
 *
 * With max_forget every tuned head is moved back towards the old one (Wortsman et al., 2109.01903)
 * until held-out general pictures lose no more than that, and, near misses counted in part, with a
 * standard error to spare: the largest blend of 1, .95 ... .05; on_note says when only 0, the old
 * head, is left.
 *
 * Writes PREFIX.cfg and .names, and then .weights, whose renaming makes the new model; weights of
 * another cfg or other names are removed before. PREFIX may be the model's own. The same model,
 * data, options and number of threads give the same bytes. On FINETUNE_DONE `m->net` holds the
 * parameters written (m->checksum stays that of the file opened); else it is as before. `report` is
 * filled on FINETUNE_DONE and zeroed else. */
enum finetune_result finetune(struct model *m, const struct finetune_data *data,
                              const struct finetune_options *options,
                              struct finetune_report *report, struct err *e);

/* The accuracies before and after, in all and by class, as a PNG. */
int plot_tuning(const struct finetune_report *r, const struct names *names, const char *path,
                struct err *e);

/* Is there a replay set of this model's weights? Returns 1; 0 with a clause that says what is there
 * instead; -1 when it cannot be read or is damaged. */
int finetune_find_replay(const struct model *m, const char *path, struct err *e);

/* What a replay set holds. */
struct replay_summary {
    size_t training, held_out; /* pictures */
    size_t bytes;
};

/* Makes a model's replay set from FER-2013's rows, which lets it be tuned without them: features
 * of a sample of SPLIT_TRAINING's and of SPLIT_PUBLIC_TEST's even rows (counted from 0), a few MB.
 * Of the options only seed and callbacks count. Format: docs/replay.md. */
enum finetune_result finetune_make_replay(struct model *m, const struct dataset *general,
                                          const char *path, const struct finetune_options *options,
                                          struct replay_summary *made, struct err *e);

#endif
