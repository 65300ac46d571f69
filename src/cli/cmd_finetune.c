/* `fercli finetune`: tunes a model to one person's pictures. The work is finetune() of fer.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/faces_common.h"
#include "cli/output.h"
#include "cli/tuning_report.h"

struct tune_options {
    struct picture_options pictures; /* of which the detector and the common options count */
    const char *user, *out, *model;
    const char *general_csv, *report; /* NULL without */
    double holdout, max_forget;       /* below 0: not given */
    int folds, epochs;                /* 0: not given */
    bool detect, no_detect;
};

static const struct tune_options DEFAULTS = {
    .pictures = PICTURE_DEFAULTS, .holdout = -1, .max_forget = -1};

static const struct option_spec DATA_TABLE[] = {
    OPTION_TEXT("user", 0, struct tune_options, user, "DIR",
                "the person's pictures, in a sub-folder for each class, or named ..._class=K.jpg"),
    OPTION_TEXT("general-csv", 0, struct tune_options, general_csv, "FILE",
                "FER-2013's CSV, plain or gzip: a sample of Training is learnt beside the user's "
                "pictures, PublicTest measures what is forgotten"),
    OPTION_FLAG("detect", 0, struct tune_options, detect,
                "cut the largest face out of each of the user's pictures"),
    OPTION_FLAG("no-detect", 0, struct tune_options, no_detect,
                "take these pictures whole, as faces (default: as most of them ask for)"),
    OPTION_END};

static const struct option_spec TUNING_TABLE[] = {
    OPTION_TEXT("model", 'm', struct tune_options, model, "PREFIX",
                "tune PREFIX.cfg, PREFIX.weights and PREFIX.names (default: FERCLI_MODEL, else the "
                "general model that comes with the program)"),
    OPTION_TEXT("out", 0, struct tune_options, out, "PREFIX",
                "beginning of the names of the three files written"),
    OPTION_INTEGER("epochs", 0, struct tune_options, epochs, 1, 100000, "N",
                   "passes over the user's pictures (default: 40, more when they are few)"),
    OPTION_REAL("max-forget", 0, struct tune_options, max_forget, 0, 100, "POINTS",
                "lose at most POINTS percentage points of general accuracy: tunes less where more "
                "would be lost; needs --general-csv"),
    OPTION_END};

static const struct option_spec ESTIMATE_TABLE[] = {
    OPTION_REAL(
        "holdout", 0, struct tune_options, holdout, 0, 0.9, "F",
        "estimate on this share of each class, held out; 0 for no estimate (default: 0.25)"),
    OPTION_INTEGER("folds", 0, struct tune_options, folds, 2, FINETUNE_MAX_FOLDS, "K",
                   "estimate by K-fold cross-validation instead, on every picture"),
    OPTION_TEXT("report", 0, struct tune_options, report, "FILE",
                "write the accuracies, as fractions, to FILE as one line of JSON"),
    OPTION_END};

/* A run of the command. */
struct job {
    const struct tune_options *options;
    const struct common_options *common;
    struct model model;          /* owned */
    struct dataset user;         /* owned */
    struct dataset general;      /* owned */
    size_t left_out, unreadable; /* of the user's pictures */
    enum face_mode mode;         /* that they were read with */
    struct output report;        /* of --report; owned */
    char bar[16];                /* the bar's title, empty without a bar */
};

/* ---- usage ---- */

static int check_usage(const struct tune_options *o, int operand_count, char **operands,
                       struct err *e)
{
    if (operand_count > 0)
        return err_set(e, "it takes options only, not '%s'", operands[0]);
    if (!o->user)
        return err_set(e, "--user DIR is missing");
    if (!o->out)
        return err_set(e, "--out PREFIX is missing");
    if (o->detect && o->no_detect)
        return err_set(e, "--detect and --no-detect exclude each other");
    if (o->folds && o->holdout >= 0)
        return err_set(e, "--folds and --holdout exclude each other");
    if (o->max_forget >= 0 && !o->general_csv)
        return err_set(e, "--max-forget needs --general-csv to measure what is forgotten");
    return 0;
}

/* ---- reading ---- */

static int read_model(struct job *job, struct err *e)
{
    char *prefix = find_model(job->options->model, e);
    if (!prefix)
        return -1;
    const int failed = model_open(&job->model, prefix, e);
    free(prefix);
    return failed;
}

static int read_user(struct job *job, struct err *e)
{
    const struct tune_options *o = job->options;
    struct folder_report report = {0};
    const struct folder_options folder = {.mode = o->detect      ? FACE_DETECT
                                                  : o->no_detect ? FACE_WHOLE
                                                                 : FACE_AUTO,
                                          .detector = &o->pictures.faces.detector,
                                          .margin = job->model.margin,
                                          .size = nn_net_input(job->model.net).width};
    const int result =
        dataset_read_folder(&job->user, o->user, &job->model.names, &folder, &report, e);
    /* The messages matter most when nothing usable was left. */
    for (size_t i = 0; i < report.without_face + report.unreadable; i++)
        note(job->common, "%s", report.message[i]);
    job->left_out = report.without_face;
    job->unreadable = report.unreadable;
    job->mode = report.mode;
    folder_report_release(&report);
    return result;
}

static int read_data(struct job *job, struct err *e)
{
    const struct tune_options *o = job->options;
    if (read_model(job, e) || read_user(job, e))
        return -1;
    note(job->common, "'%s': %zu pictures, %s", o->user, job->user.count,
         job->mode == FACE_WHOLE ? "taken whole" : "the largest face of each");
    if (!o->general_csv)
        note(job->common, "without --general-csv the model forgets more of other people's faces, "
                          "and how much is not measured");
    if (interrupted || !o->general_csv)
        return 0;
    return dataset_read_fer_csv(&job->general, o->general_csv, SPLIT_TRAINING | SPLIT_PUBLIC_TEST,
                                &job->model.names, e);
}

/* ---- the command ---- */

static bool on_step(const struct finetune_progress *p, void *context)
{
    struct job *job = context;
    char text[32] = "";
    if (strcmp(job->bar, p->what) != 0) {
        progress_end();
        snprintf(job->bar, sizeof(job->bar), "%s", p->what);
        progress_start(job->common, job->bar, p->total);
    }
    if (p->loss > 0)
        snprintf(text, sizeof(text), "loss %.3f", p->loss);
    progress_update(p->done, text);
    return interrupted;
}

static void on_note(const char *text, void *context)
{
    const struct job *job = context;
    note(job->common, "%s", text);
}

static enum finetune_result tune(struct job *job, struct finetune_report *figures, struct err *e)
{
    const struct tune_options *o = job->options;
    const struct finetune_data data = {.user = &job->user,
                                       .general = o->general_csv ? &job->general : NULL};
    const struct finetune_options options = {.prefix = o->out,
                                             .holdout = o->folds          ? 0
                                                        : o->holdout >= 0 ? o->holdout
                                                                          : FINETUNE_HOLDOUT,
                                             .folds = o->folds,
                                             .max_forget = o->max_forget,
                                             .epochs = o->epochs,
                                             .seed = job->common->seed,
                                             .on_step = on_step,
                                             .on_note = on_note,
                                             .context = job};
    const enum finetune_result result = finetune(&job->model, &data, &options, figures, e);
    progress_end();
    return result;
}

/* Writes --report and prints. Returns 0 or -1. */
static int report(struct job *job, const struct finetune_report *figures, struct err *e)
{
    const struct tune_options *o = job->options;
    const struct tuning_report r = {.figures = figures,
                                    .common = job->common,
                                    .user = o->user,
                                    .out = o->out,
                                    .general_csv = o->general_csv,
                                    .limited = o->max_forget >= 0,
                                    .model = job->model.prefix,
                                    .checksum = job->model.checksum,
                                    .mode = job->mode,
                                    .left_out = job->left_out,
                                    .unreadable = job->unreadable};
    if (o->report) {
        tuning_report_json(&r, job->report.stream);
        if (output_commit(&job->report, e))
            return -1;
    }
    return tuning_report_print(&r, e);
}

/* Tunes and reports. Returns the exit status. */
static int tune_and_report(struct job *job, struct err *e)
{
    struct finetune_report figures;
    const enum finetune_result result = tune(job, &figures, e);
    if (result == FINETUNE_STOPPED)
        return STATUS_INTERRUPTED;
    if (result == FINETUNE_DONE && report(job, &figures, e) == 0)
        return job->unreadable > 0 ? STATUS_PARTIAL : STATUS_OK;
    complain("%s", e->text);
    return result == FINETUNE_FAILED ? STATUS_UNUSABLE : STATUS_PARTIAL;
}

/* All but the check of the usage. Returns the exit status. */
static int run_job(struct job *job, struct err *e)
{
    const struct tune_options *o = job->options;
    if (finetune_check_outputs(o->out, e) ||
        (o->report && output_open(&job->report, o->report, e))) {
        complain("%s", e->text);
        return STATUS_PARTIAL;
    }
    const int failed = read_data(job, e);
    /* A read that a signal cut short is no bad file. */
    if (interrupted)
        return STATUS_INTERRUPTED;
    if (failed) {
        complain("%s", e->text);
        return STATUS_UNUSABLE;
    }
    return tune_and_report(job, e);
}

static int run(const void *options, int operand_count, char **operands)
{
    const struct tune_options *o = options;
    struct job job = {.options = o, .common = &o->pictures.common};
    struct err e = {""};
    if (check_usage(o, operand_count, operands, &e)) {
        complain("finetune: %s (see 'fercli finetune --help')", e.text);
        return STATUS_USAGE;
    }
    interruption_catch();
    nn_set_threads(job.common->threads);
    const int status = run_job(&job, &e);
    if (status == STATUS_INTERRUPTED)
        note(job.common, "interrupted: nothing was written");
    output_abandon(&job.report);
    dataset_release(&job.user);
    dataset_release(&job.general);
    model_close(&job.model);
    return status;
}

const struct command CMD_FINETUNE = {
    .name = "finetune",
    .summary = "tune a model to one person's pictures",
    .operands = "--user DIR --out PREFIX",
    .description =
        "Trains the head of a model, the layers behind its last convolutional or pooling one, on "
        "pictures of one person, and writes the result as PREFIX.cfg, PREFIX.names and "
        "PREFIX.weights. All layers before stay byte for byte as they are, which is checked. One "
        "picture of a class is enough to begin with; classes without a picture keep working.\n"
        "\n"
        "With --general-csv the head learns a sample of the general data beside the person's "
        "pictures, so that it forgets little, and the general accuracy is measured before and "
        "after. With --max-forget the tuned head is moved back towards the old one until "
        "PublicTest's even rows (counted from 0) lose no more than that, and the accuracy is "
        "reported on the odd rows; when nothing keeps the limit the old head is written, and a "
        "message says so.\n"
        "\n"
        "The accuracy on the person's pictures is an estimate from pictures held out of heads "
        "trained for that purpose; PREFIX is then trained on all of them. Pictures that look "
        "nearly the same or are numbered in a row, such as frames of a film, are held out "
        "together. A class with one picture "
        "cannot be held out.\n"
        "\n"
        "Pictures are faces or photographs: when the detector finds a face in under half of them "
        "all are taken whole, else the largest face of each is used and pictures without one are "
        "listed and left out.\n"
        "\n"
        "The same pictures, options, --seed and number of threads give the same files. After "
        "Ctrl-C (exit status 130) nothing is written.",
    .groups = {{"Data", DATA_TABLE},
               {"Tuning", TUNING_TABLE},
               {"Estimate", ESTIMATE_TABLE},
               {"Detection", DETECTOR_OPTIONS},
               {"Common options", COMMON_OPTIONS}},
    .options_size = sizeof(struct tune_options),
    .defaults = &DEFAULTS,
    .run = run,
};
