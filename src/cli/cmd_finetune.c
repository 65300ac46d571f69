/* `fercli finetune`: tunes a model to one person's pictures. The work is finetune() of fer.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/cli.h"
#include "cli/faces_common.h"
#include "cli/labelled_folder.h"
#include "cli/output.h"
#include "cli/tuning_report.h"

#define MAX_FORGET 1.0 /* points, where something measures what is forgotten */

struct tune_options {
    struct picture_options pictures; /* of which the detector and the common options count */
    const char *user, *out, *model;
    const char *general_csv, *replay, *report, *plot; /* NULL without */
    double holdout, max_forget;                       /* below 0: not given */
    int folds, epochs, per_class;                     /* 0: not given */
    int method, group_by;                             /* enum finetune_method, finetune_grouping */
    bool detect, no_detect, make_replay;
};

static const struct tune_options DEFAULTS = {
    .pictures = PICTURE_DEFAULTS, .holdout = -1, .max_forget = -1};

static const char *const METHODS[] = {"replay", "distil", "l2sp", "plain", NULL};
static const char *const GROUPINGS[] = {"number", "name", "folder", "none", NULL};

static const struct option_spec USER_TABLE[] = {
    OPTION_TEXT("user", 0, struct tune_options, user, "DIR",
                "the person's pictures, in a sub-folder for each class, or named ..._class=K.jpg"),
    OPTION_FLAG("detect", 0, struct tune_options, detect,
                "cut the largest face out of each of the user's pictures"),
    OPTION_FLAG("no-detect", 0, struct tune_options, no_detect,
                "take these pictures whole, as faces (default: as most of them ask for)"),
    OPTION_END};

static const struct option_spec GENERAL_TABLE[] = {
    OPTION_TEXT("general-csv", 0, struct tune_options, general_csv, "FILE",
                "FER-2013's CSV, plain or gzip, instead of the model's replay set: a sample of "
                "Training is learnt beside the user's pictures, PublicTest measures what is "
                "forgotten"),
    OPTION_TEXT("replay", 0, struct tune_options, replay, "FILE",
                "the model's replay set (default: the model's PREFIX.replay where it is there)"),
    OPTION_FLAG("make-replay", 0, struct tune_options, make_replay,
                "tune nothing, but write the model's replay set from --general-csv"),
    OPTION_END};

static const struct option_spec MODEL_TABLE[] = {
    OPTION_TEXT("model", 'm', struct tune_options, model, "PREFIX",
                "tune PREFIX.cfg, PREFIX.weights and PREFIX.names (default: FERCLI_MODEL, else the "
                "general model that comes with the program)"),
    OPTION_END};

static const struct option_spec TUNING_TABLE[] = {
    OPTION_TEXT("out", 0, struct tune_options, out, "PREFIX",
                "beginning of the names of the three files written"),
    OPTION_REAL("max-forget", 0, struct tune_options, max_forget, 0, 100, "POINTS",
                "lose at most POINTS percentage points of general accuracy: tunes less where more "
                "would be lost (default: 1; 100 for no limit)"),
    OPTION_CHOICE("method", 0, struct tune_options, method, "METHOD", METHODS,
                  "against forgetting: replay, of general pictures (the default; distil where "
                  "there are none); distil, of the old outputs; l2sp, a pull to the old weights; "
                  "plain, nothing, with Adam at 1e-3 for 4 epochs"),
    OPTION_INTEGER("epochs", 0, struct tune_options, epochs, 1, 100000, "N",
                   "passes over the user's pictures (default: as many as make 300 updates)"),
    OPTION_INTEGER("per-class", 0, struct tune_options, per_class, 1, 1000000, "N",
                   "learn from at most N pictures of each class, drawn by chance: shows what more "
                   "pictures are worth"),
    OPTION_END};

static const struct option_spec ESTIMATE_TABLE[] = {
    OPTION_REAL(
        "holdout", 0, struct tune_options, holdout, 0, 0.9, "F",
        "estimate on this share of each class, held out; 0 for no estimate (default: 0.25)"),
    OPTION_INTEGER("folds", 0, struct tune_options, folds, 2, FINETUNE_MAX_FOLDS, "K",
                   "estimate by K-fold cross-validation instead, on every picture"),
    OPTION_CHOICE("group-by", 0, struct tune_options, group_by, "WHAT", GROUPINGS,
                  "pictures that are held out together: neighbours by the number in their names "
                  "(the default), those of one name before the number, those of one folder; in "
                  "these three near-identical ones too; or none"),
    OPTION_TEXT("report", 0, struct tune_options, report, "FILE",
                "write all figures, accuracies as fractions, to FILE as one line of JSON"),
    OPTION_TEXT("plot", 0, struct tune_options, plot, "FILE",
                "draw the accuracies before and after, in all and by class, as a PNG"),
    OPTION_END};

/* A run of the command. */
struct job {
    const struct tune_options *options;
    const struct common_options *common;
    struct model model;           /* owned */
    struct dataset user;          /* owned */
    struct dataset general;       /* owned */
    char *replay;                 /* path of the replay set, NULL for none; owned */
    struct folder_report reading; /* of the user's pictures; owned */
    struct output report;         /* of --report; owned */
    char bar[16];                 /* the bar's title, empty without a bar */
};

/* ---- usage ---- */

static int check_tuning_usage(const struct tune_options *o, struct err *e)
{
    if (!o->user)
        return err_set(e, "--user DIR is missing");
    if (!o->out)
        return err_set(e, "--out PREFIX is missing");
    if (o->detect && o->no_detect)
        return err_set(e, "--detect and --no-detect exclude each other");
    if (o->folds && o->holdout >= 0)
        return err_set(e, "--folds and --holdout exclude each other");
    if (o->general_csv && o->replay)
        return err_set(e, "--general-csv and --replay exclude each other");
    return output_spares(o->pictures.common.output, o->general_csv, e);
}

static int check_replay_usage(const struct tune_options *o, struct err *e)
{
    static const struct option_spec *const misplaced[] = {USER_TABLE, TUNING_TABLE, ESTIMATE_TABLE,
                                                          DETECTOR_OPTIONS};
    for (size_t i = 0; i < sizeof(misplaced) / sizeof(misplaced[0]); i++) {
        const char *name = options_changed(misplaced[i], o, &DEFAULTS);
        if (name)
            return err_set(e, "--make-replay and --%s exclude each other", name);
    }
    return o->general_csv ? 0 : err_set(e, "--make-replay needs --general-csv FILE");
}

static int check_usage(const struct tune_options *o, int operand_count, char **operands,
                       struct err *e)
{
    if (operand_count > 0)
        return err_set(e, "it takes options only, not '%s'", operands[0]);
    return o->make_replay ? check_replay_usage(o, e) : check_tuning_usage(o, e);
}

/* ---- reading ---- */

static int read_user(struct job *job, struct err *e)
{
    const struct tune_options *o = job->options;
    const struct labelled_folder folder = {o->user,
                                           &job->model.names,
                                           {.mode = face_mode_asked(o->detect, o->no_detect),
                                            .detector = &o->pictures.faces.detector,
                                            .margin = job->model.margin,
                                            .size = nn_net_input(job->model.net).width}};
    return labelled_folder_read(&job->user, &folder, job->common, &job->reading, e);
}

/* The replay set that belongs to the model. */
static int find_replay(struct job *job, struct err *e)
{
    const struct tune_options *o = job->options;
    job->replay = o->replay ? strdup(o->replay) : path_with_suffix(job->model.prefix, ".replay");
    if (!job->replay)
        return err_memory(e);
    if (o->replay)
        return 0;
    struct err reason;
    const int found = finetune_find_replay(&job->model, job->replay, &reason);
    if (found != 0)
        return found > 0 ? 0 : err_set(e, "%s", reason.text);
    if (o->max_forget >= 0 && o->max_forget < 100)
        return err_set(e,
                       "--max-forget needs --general-csv, or the model's replay set to measure "
                       "what is forgotten, and %s",
                       reason.text);
    note(job->common,
         "%s, so the model forgets more of other people's faces, and how much is not measured",
         reason.text);
    free(job->replay);
    job->replay = NULL;
    return 0;
}

static int read_general(struct job *job, struct err *e)
{
    return dataset_read_fer_csv(&job->general, job->options->general_csv,
                                SPLIT_TRAINING | SPLIT_PUBLIC_TEST, &job->model.names, e);
}

static int read_data(struct job *job, struct err *e)
{
    const struct tune_options *o = job->options;
    if (load_model(&job->model, o->model, job->common, e) || read_user(job, e))
        return -1;
    if (interrupted)
        return 0;
    return o->general_csv ? read_general(job, e) : find_replay(job, e);
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

/* 100 points are no limit. */
static double limit(const struct job *job)
{
    const double asked = job->options->max_forget;
    if (asked >= 100 || (!job->replay && !job->options->general_csv))
        return -1;
    return asked >= 0 ? asked : MAX_FORGET;
}

static enum finetune_result tune(struct job *job, struct finetune_report *figures, struct err *e)
{
    const struct tune_options *o = job->options;
    const struct finetune_data data = {.user = &job->user,
                                       .general = o->general_csv ? &job->general : NULL,
                                       .replay = job->replay};
    const struct finetune_options options = {.prefix = o->out,
                                             .holdout = o->folds          ? 0
                                                        : o->holdout >= 0 ? o->holdout
                                                                          : FINETUNE_HOLDOUT,
                                             .folds = o->folds,
                                             .group_by = (enum finetune_grouping)o->group_by,
                                             .per_class = o->per_class,
                                             .method = (enum finetune_method)o->method,
                                             .max_forget = limit(job),
                                             .epochs = o->epochs,
                                             .seed = job->common->seed,
                                             .on_step = on_step,
                                             .on_note = on_note,
                                             .context = job};
    const enum finetune_result result = finetune(&job->model, &data, &options, figures, e);
    progress_end();
    return result;
}

/* Writes --report, prints and draws --plot. Returns 0 or -1. */
static int report(struct job *job, const struct finetune_report *figures, struct err *e)
{
    const struct tune_options *o = job->options;
    const struct tuning_report r = {.figures = figures,
                                    .common = job->common,
                                    .model = &job->model,
                                    .pictures = &job->user,
                                    .user = o->user,
                                    .out = o->out,
                                    .general = o->general_csv ? o->general_csv : job->replay,
                                    .method = METHODS[figures->method],
                                    .max_forget = limit(job),
                                    .mode = job->reading.mode,
                                    .left_out = job->reading.without_face,
                                    .unreadable = job->reading.unreadable};
    if (o->report) {
        tuning_report_json(&r, job->report.stream);
        if (output_commit(&job->report, e))
            return -1;
    }
    if (tuning_report_print(&r, e))
        return -1;
    return o->plot ? plot_tuning(figures, &job->model.names, o->plot, e) : 0;
}

static int exit_status(enum finetune_result result)
{
    switch (result) {
    case FINETUNE_STOPPED:
        return STATUS_INTERRUPTED;
    case FINETUNE_FAILED:
        return STATUS_UNUSABLE;
    case FINETUNE_NOT_WRITTEN:
        return STATUS_PARTIAL;
    default:
        return STATUS_OK;
    }
}

/* Tunes and reports. Returns the exit status. */
static int tune_and_report(struct job *job, struct err *e)
{
    struct finetune_report figures;
    int status = exit_status(tune(job, &figures, e));
    if (status == STATUS_OK && report(job, &figures, e))
        status = STATUS_PARTIAL;
    finetune_report_release(&figures);
    if (status != STATUS_OK && status != STATUS_INTERRUPTED)
        complain("%s", e->text);
    return status == STATUS_OK && job->reading.unreadable > 0 ? STATUS_PARTIAL : status;
}

static int run_tuning(struct job *job, struct err *e)
{
    const struct tune_options *o = job->options;
    if (model_check_outputs(o->out, e) || output_check(job->common->output, e) ||
        (o->plot && atomic_check(o->plot, e)) ||
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

/* --make-replay. Returns the exit status. */
static int run_replay(struct job *job, struct err *e)
{
    const struct tune_options *o = job->options;
    const struct finetune_options options = {
        .seed = job->common->seed, .on_step = on_step, .on_note = on_note, .context = job};
    struct replay_summary made;
    const int failed = load_model(&job->model, o->model, job->common, e) || read_general(job, e);
    if (interrupted)
        return STATUS_INTERRUPTED;
    if (failed) {
        complain("%s", e->text);
        return STATUS_UNUSABLE;
    }
    job->replay = o->replay ? strdup(o->replay) : path_with_suffix(job->model.prefix, ".replay");
    const enum finetune_result result =
        job->replay
            ? finetune_make_replay(&job->model, &job->general, job->replay, &options, &made, e)
            : (enum finetune_result)err_memory(e);
    progress_end();
    if (result == FINETUNE_DONE)
        note(job->common, "'%s': %zu Training and %zu held-out pictures, %.1f MB", job->replay,
             made.training, made.held_out, (double)made.bytes / 1e6);
    else if (result != FINETUNE_STOPPED)
        complain("%s", e->text);
    return exit_status(result);
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
    const int status = o->make_replay ? run_replay(&job, &e) : run_tuning(&job, &e);
    if (status == STATUS_INTERRUPTED)
        note(job.common, "interrupted: nothing was written");
    output_abandon(&job.report);
    folder_report_release(&job.reading);
    dataset_release(&job.user);
    dataset_release(&job.general);
    model_close(&job.model);
    free(job.replay);
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
        "General pictures are learnt beside the person's, so that little is forgotten of everyone "
        "else: those of the replay set that lies beside the model, MODEL.replay, or with "
        "--general-csv those of FER-2013. Held-out ones measure what is forgotten. The tuned head "
        "is moved back towards the old one until they lose no more than --max-forget, with a "
        "standard error to spare; when nothing keeps the limit the old head is written, and a "
        "message says so. With --general-csv PublicTest's even rows (counted from 0) choose and "
        "the odd ones are reported.\n"
        "\n"
        "The accuracy on the person's pictures is an estimate from pictures held out of heads "
        "trained for that purpose; PREFIX is then trained on all of them. Pictures that look "
        "nearly the same or are numbered in a row, such as frames of a film, are held out "
        "together (--group-by). p is McNemar's: how often chance alone would change as many "
        "pictures for the better or the worse; pictures of one shot are not independent, so "
        "take it with care. Held-out pictures whose label looks unlikely are listed: some are "
        "mislabelled.\n"
        "\n"
        "Pictures are faces or photographs: when the detector finds a face in under half of them "
        "all are taken whole, else the largest face of each is used and pictures without one are "
        "listed and left out.\n"
        "\n"
        "The same pictures, options, --seed and number of threads give the same files. After "
        "Ctrl-C (exit status 130) nothing is written.\n"
        "\n"
        "With --make-replay --general-csv FILE it tunes nothing and writes the replay set of a "
        "model that was just trained, to be shipped beside it: 4-bit features of Training and "
        "even PublicTest rows, no pixels. It belongs to these weights: beside others it is "
        "not used, and named by --replay it is refused.",
    .groups = {{"Data", USER_TABLE},
               {NULL, GENERAL_TABLE},
               {"Tuning", MODEL_TABLE},
               {NULL, TUNING_TABLE},
               {"Estimate", ESTIMATE_TABLE},
               {"Detection", DETECTOR_OPTIONS},
               {"Common options", COMMON_OPTIONS}},
    .options_size = sizeof(struct tune_options),
    .defaults = &DEFAULTS,
    .run = run,
};
