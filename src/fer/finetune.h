/* The parts of personal tuning; what it does is in fer.h.
 *
 *     pictures -> features -> split -> heads -> measures -> the triple
 *
 * Features are the frozen layers' outputs, computed once; heads are one a fold and one on all
 * pictures. */
#ifndef FERCLI_FER_FINETUNE_H
#define FERCLI_FER_FINETUNE_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "fer.h"
#include "fer/replay.h"

#define FINETUNE_MOST_CLASSES 256 /* labels are bytes */

/* Sequences of random numbers; each use of the seed has its own. */
enum finetune_stream {
    STREAM_REPLAY = 0x54756e01, /* which general pictures are learnt beside the user's */
    STREAM_COPY,                /* how a copy of the user's picture is changed */
    STREAM_SPLIT,
    STREAM_USER,    /* the order of the pictures of a class, by head and pass */
    STREAM_GENERAL, /* which general picture is next, by head */
    STREAM_CLASS,   /* the class that the next picture is of, by head */
    STREAM_VARIANT, /* which copy of it, by head */
    STREAM_FEW,     /* which pictures are learnt where only some may be, by head */
    STREAM_DROPOUT
};

/* The caller's callbacks, with how far the run is. */
struct finetune_reporter {
    const struct finetune_options *options; /* borrowed */
    const char *what;
    size_t done, total;
};

/* Adds `count` to what is done and tells the caller; true when it asks to stop. */
bool finetune_step(struct finetune_reporter *r, size_t count, double loss);

/* Formats a line for the caller's on_note. */
void finetune_note(const struct finetune_options *o, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Can the data set go through the model? `what` is how messages call it. Has the model layers to
 * freeze and layers behind them? Return 0 or -1. */
int finetune_check_pictures(const struct model *m, const struct dataset *d, const char *what,
                            struct err *e);
int finetune_check_head(const struct model *m, struct err *e);

/* ---- features ---- */

/* Pictures as the head sees them. */
struct pool {
    size_t count;         /* rows: pictures of the data set */
    size_t variants;      /* of each row: the picture, its mirror image, further changed copies */
    size_t width;         /* floats of a feature */
    float *feature;       /* (count, variants, width); owned */
    float *prior;         /* (count, variants, classes), the old head's probabilities; owned */
    unsigned char *label; /* (count); owned */
};

/* Runs the frozen layers. */
struct extractor {
    struct nn_predictor *body, *head; /* of the model as it was opened; owned */
    size_t values;                    /* floats of a picture */
    size_t width;                     /* floats of a feature */
    size_t classes;
    float *input; /* a batch of pictures; owned */
    uint64_t seed;
    struct finetune_reporter *report; /* borrowed */
};

/* The caller fills seed and report, this the rest. Returns 0 or -1. */
int extractor_init(struct extractor *x, const struct nn_net *net, int frozen, struct err *e);
void extractor_release(struct extractor *x);

/* The rows `row[0..count-1]` of a data set as a pool of so many variants; `pool` is left zeroed
 * unless FINETUNE_DONE. */
enum finetune_result extractor_run(struct extractor *x, const struct dataset *data,
                                   const uint32_t *row, size_t count, size_t variants,
                                   struct pool *pool, struct err *e);

/* Rows first..first+count-1 of a replay set as a pool of one variant. */
enum finetune_result extractor_replay(struct extractor *x, const struct replay *set, size_t first,
                                      size_t count, struct pool *pool, struct err *e);
void pool_release(struct pool *p);

/* The mean over the pictures of the sum of a feature's absolute values, and of their squares. */
double pool_norm(const struct pool *p);
double pool_square(const struct pool *p);

/* ---- which pictures are held out ---- */

struct split_options {
    double holdout; /* when folds is 0 */
    int folds;
    enum finetune_grouping by;
    int classes;
    uint64_t seed;
};

struct split_plan {
    int folds;      /* heads that the estimate trains, 0 without one */
    int *fold;      /* (data->count), the fold that holds the picture out, -1 for none; owned */
    size_t held;    /* pictures that are held out by some fold */
    size_t units;   /* groups of pictures that stay together */
    size_t *groups; /* (classes), those that have pictures of the class; owned */
};

/* A holdout never takes all pictures of a class; folds hold every picture out once, together with
 * its group. Returns 0 or -1. */
int split_plan_init(struct split_plan *plan, const struct dataset *data,
                    const struct split_options *options, struct err *e);
void split_plan_release(struct split_plan *plan);

/* Numbers groups of pictures that belong together: group[i] is the lowest picture of its group.
 * Alike are pictures whose correlation at 24 x 24 pixels is above 0.9 and what `by` says; a group
 * is what such pairs connect. Returns 0 or -1. */
int finetune_groups(const struct dataset *data, enum finetune_grouping by, size_t *group,
                    struct err *e);

/* ---- heads ---- */

/* How a method trains a head. */
struct recipe {
    double step;    /* of an update, see finetune_lesson.c; 0: `rate` */
    double rate;    /* Adam's */
    bool momentum;  /* gradient descent with momentum, not Adam */
    size_t batch;   /* pictures of the user in an update */
    size_t general; /* general pictures in an update; 0: the method takes none */
    size_t updates; /* about; passes over the user's pictures follow from it; 0: `epochs` */
    int epochs;
    double balance;     /* a class is drawn in proportion to its count to the power 1 - balance */
    double pull;        /* towards the old weights, in each update times the rate (L2-SP) */
    bool between;       /* the user's pictures are moved towards others of their class */
    float user_pull;    /* share of the old head's probabilities in a target of the user's */
    float general_pull; /* and of a general picture's */
    bool variants;      /* mirrored and moved copies too */
    bool mean;          /* the head is a moving average over its last hundred updates or so */
};

/* The recipe of a method; without general pictures FINETUNE_REPLAY's becomes FINETUNE_DISTIL's. */
const struct recipe *finetune_recipe(enum finetune_method method, bool general);

/* What all heads of a run are trained on. All borrowed. */
struct head_lessons {
    const struct recipe *recipe;
    const struct pool *user;
    const struct pool *replay; /* NULL without general pictures */
    double norm, square;       /* pool_norm and pool_square of the user's */
    int epochs;
    uint64_t seed;
    struct finetune_reporter *report;
};

/* Trains heads of one model, one after another, each from the old head. */
struct head {
    struct nn_net *net;             /* working copy; owned */
    struct nn_predictor *predictor; /* layers frozen.. of `net`; owned */
    float *old, *tuned, *blended;   /* (values); owned */
    float *input;                   /* a batch of features; owned */
    size_t values, frozen_values;   /* floats of the net, of the layers below `frozen` */
    int frozen;
    size_t classes;
};

/* `path` is the cfg's, for messages. */
int head_init(struct head *h, const struct nn_net *net, int frozen, const char *path,
              struct err *e);
void head_release(struct head *h);

/* Updates that head_train makes for `count` of the user's pictures. */
size_t head_updates(const struct head_lessons *lessons, size_t count);

/* Trains a head on the user's rows `row[0..count-1]` (and all of the replay). `number` tells the
 * heads of a run apart. Leaves the net with it, blend 1. */
enum finetune_result head_train(struct head *h, const struct head_lessons *lessons,
                                const uint32_t *row, size_t count, uint64_t number, struct err *e);

/* Makes the net's head old + blend x (tuned - old). */
void head_blend(struct head *h, double blend);

/* Probabilities (count, classes) of rows `row[0..count-1]` of a pool, variant 0; all rows when
 * `row` is NULL. */
void head_predict(struct head *h, const struct pool *p, const uint32_t *row, size_t count,
                  float *probabilities);

/* ---- a run ---- */

/* A run. The first four are borrowed. */
struct tuning {
    struct model *model;
    const struct finetune_data *data;
    const struct finetune_options *options;
    struct finetune_report *report;
    int frozen;
    struct finetune_reporter progress;
    struct pool user, replay, test; /* owned; count 0 without */
    struct head head;               /* owned */
    struct head_lessons lessons;
    struct split_plan plan; /* owned */
    uint32_t *judge;        /* (judges), rows of `test` that choose the blend; owned */
    size_t judges;
    uint32_t *exam; /* (exams), rows of `test` that general accuracy is reported of; owned */
    size_t exams;
    float *scratch; /* probabilities of the rows of the largest pool; owned */
};

/* Computes or reads the features of all pools. */
enum finetune_result tuning_collect(struct tuning *t, struct err *e);

/* Pictures that the head of a fold is trained on (-1: the head of PREFIX); 0 for a fold that holds
 * nothing out. */
size_t tuning_lesson_size(const struct tuning *t, int fold);

/* Trains a head for every fold and measures the user's accuracy before and after into t->report. */
enum finetune_result tuning_estimate(struct tuning *t, struct err *e);

/* McNemar's test (1947), exact and two-sided: of pictures that changed sides, as many should go
 * either way by chance. Returns p. */
double finetune_mcnemar(size_t gained, size_t lost);

/* Trains the head on all pictures, which leaves it in t->head, and measures the general accuracy
 * before and after into t->report. */
enum finetune_result tuning_finish(struct tuning *t, struct err *e);

/* ---- files ---- */

/* Writes the model as it is now as the triple PREFIX; see finetune() for the order and for the
 * comparison of the first `frozen_values` floats, and the header before them, with m->prefix's
 * weights. */
enum finetune_result tuned_write(const struct model *m, size_t frozen_values, const char *prefix,
                                 struct err *e);

/* Compares header and frozen floats of two weights files. Returns 0, or -1 with what differs. */
int tuned_compare(const char *old_path, const char *new_path, size_t frozen_values, struct err *e);

#endif
