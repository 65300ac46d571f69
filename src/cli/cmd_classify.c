/* fercli classify: options and usage; the work is in picture_rows.c and evaluate.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/evaluate.h"
#include "cli/output.h"
#include "cli/picture_rows.h"
#include "cli/resume.h"

enum engine { ENGINE_NATIVE, ENGINE_DARKNET };

struct classify_options {
    struct picture_options pictures;
    struct evaluation_options evaluation;
    const char *model; /* PREFIX, NULL for the default */
    bool detect, no_detect, tta, ten_crop;
    double reject_below;
    int engine; /* enum engine */
};

static const struct classify_options DEFAULTS = {.pictures = PICTURE_DEFAULTS,
                                                 .evaluation = {.min_accuracy = -1}};

static const char *const ENGINES[] = {"native", "darknet", NULL};

static const struct option_spec MODEL_OPTIONS[] = {
    OPTION_TEXT("model", 'm', struct classify_options, model, "PREFIX",
                "use PREFIX.cfg, PREFIX.weights and PREFIX.names (default: FERCLI_MODEL, else the "
                "general model that comes with the program)"),
    OPTION_FLAG("tta", 0, struct classify_options, tta,
                "average with the mirrored face: a little surer, takes twice as long"),
    OPTION_FLAG("ten-crop", 0, struct classify_options, ten_crop,
                "average over the face, the face moved by a pixel each way, and all of these "
                "mirrored: surer still, takes nine times as long"),
    OPTION_REAL("reject-below", 0, struct classify_options, reject_below, 0, 1, "P",
                "print the label uncertain when the highest probability is below P"),
    OPTION_CHOICE(
        "engine", 0, struct classify_options, engine, "ENGINE", ENGINES,
        "what runs the network: native (the default), or darknet: darknet's own library, to "
        "compare with; slower. It is the one of Debian's package darknet, or the libdarknet.so "
        "that the environment variable FERCLI_DARKNET names"),
    OPTION_END};

static const struct option_spec MODE_OPTIONS[] = {
    OPTION_FLAG("detect", 0, struct classify_options, detect,
                "look for faces in every picture, small ones too"),
    OPTION_FLAG("no-detect", 0, struct classify_options, no_detect,
                "take every picture whole, as one face (the default for pictures of exactly the "
                "network's size)"),
    OPTION_END};

static const struct option_spec EVALUATION_OPTIONS[] = {
    OPTION_TEXT("fer-csv", 0, struct classify_options, evaluation.fer_csv, "FILE",
                "evaluate on FER-2013's CSV file, plain or gzip; needs --split"),
    OPTION_TEXT("split", 0, struct classify_options, evaluation.split, "SPLIT",
                "which rows: Training, PublicTest or PrivateTest, or several joined by commas"),
    OPTION_TEXT("labelled", 0, struct classify_options, evaluation.labelled, "DIR",
                "evaluate on a folder that has a sub-folder of pictures for each class"),
    OPTION_FLAG("unseen", 0, struct classify_options, evaluation.unseen,
                "leave out the rows of --fer-csv whose picture is one of Training's too"),
    OPTION_TEXT("plots", 0, struct classify_options, evaluation.plots, "DIR",
                "draw the confusion matrix and the reliability diagram: confusion.png and "
                "reliability.png in DIR"),
    OPTION_REAL("min-accuracy", 0, struct classify_options, evaluation.min_accuracy, 0, 1, "F",
                "exit with status 4 when the accuracy is below F, a fraction such as 0.65"),
    OPTION_END};

/* ---- usage ---- */

static bool is_evaluation(const struct classify_options *o)
{
    return o->evaluation.fer_csv || o->evaluation.labelled;
}

static const char *changed(const struct classify_options *o, const struct option_spec *table)
{
    return options_changed(table, o, &DEFAULTS);
}

/* The option that has no place in an evaluation, NULL when there is none. */
static const char *misplaced_option(const struct classify_options *o)
{
    static const struct option_spec *const tables[] = {INPUT_OPTIONS, ROTATION_OPTIONS,
                                                       CROP_OPTIONS};
    const char *misplaced = NULL;
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && !misplaced; i++)
        misplaced = changed(o, tables[i]);
    return !misplaced && o->reject_below > 0 ? "reject-below" : misplaced;
}

static int check_evaluation(const struct classify_options *o, int operand_count, char **operands,
                            struct err *e)
{
    const struct evaluation_options *v = &o->evaluation;
    const char *kind = v->fer_csv ? "--fer-csv" : "--labelled";
    const char *misplaced = misplaced_option(o);
    const char *search = o->detect ? "detect" : changed(o, DETECTOR_OPTIONS);
    if (v->fer_csv && v->labelled)
        return err_set(e, "--fer-csv and --labelled exclude each other");
    if (operand_count > 0)
        return err_set(e, "%s names the pictures: no INPUT such as '%s' goes with it", kind,
                       operands[0]);
    if (misplaced)
        return err_set(e, "--%s does not go with %s", misplaced, kind);
    if (v->fer_csv && search)
        return err_set(e, "--%s does not go with --fer-csv: its pictures are faces already",
                       search);
    if (output_spares(o->pictures.common.output, v->fer_csv, e))
        return -1;
    if (v->fer_csv && !v->split)
        return err_set(e, "--fer-csv needs --split: Training, PublicTest or PrivateTest");
    if (v->labelled && v->split)
        return err_set(e, "--split is about --fer-csv, not --labelled");
    if (v->labelled && v->unseen)
        return err_set(e, "--unseen is about --fer-csv, not --labelled");
    const unsigned splits = v->split ? splits_parse(v->split, e) : 0;
    if (v->unseen && (splits & SPLIT_TRAINING))
        return err_set(e, "--unseen leaves no row of Training: name other splits");
    return v->split && splits == 0 ? -1 : 0;
}

static int check(const struct classify_options *o, int operand_count, char **operands,
                 struct err *e)
{
    if (o->detect && o->no_detect)
        return err_set(e, "--detect and --no-detect exclude each other");
    if (is_evaluation(o))
        return check_evaluation(o, operand_count, operands, e);
    if (o->evaluation.split)
        return err_set(e, "--split needs --fer-csv");
    if (o->evaluation.unseen)
        return err_set(e, "--unseen needs --fer-csv");
    if (o->evaluation.plots)
        return err_set(e, "--plots needs --fer-csv or --labelled");
    if (o->evaluation.min_accuracy >= 0)
        return err_set(e, "--min-accuracy needs --fer-csv or --labelled");
    return resume_check(&o->pictures, e) ||
                   inputs_check(&o->pictures.inputs, operand_count, operands, e)
               ? -1
               : 0;
}

/* ---- run ---- */

static enum tta tta(const struct classify_options *o)
{
    if (o->ten_crop)
        return TTA_TEN_CROP;
    return o->tta ? TTA_MIRROR : TTA_NONE;
}

static int classify_inputs(const struct classify_options *o, const struct model *model,
                           int operand_count, char **operands)
{
    const struct picture_job job = {.options = &o->pictures,
                                    .mode = face_mode_asked(o->detect, o->no_detect),
                                    .model = model,
                                    .tta = tta(o),
                                    .reject_below = o->reject_below};
    return picture_rows(&job, operand_count, operands);
}

static int evaluate_model(const struct classify_options *o, const struct model *model)
{
    const struct evaluation job = {.common = &o->pictures.common,
                                   .options = &o->evaluation,
                                   .model = model,
                                   .detector = &o->pictures.faces.detector,
                                   .mode = face_mode_asked(o->detect, o->no_detect),
                                   .tta = tta(o)};
    return evaluate(&job);
}

static int run(const void *options, int operand_count, char **operands)
{
    const struct classify_options *o = options;
    struct model model = {0};
    struct err e;
    if (check(o, operand_count, operands, &e)) {
        complain("classify: %s (see 'fercli classify --help')", e.text);
        return STATUS_USAGE;
    }
    interruption_catch();
    nn_set_threads(o->pictures.common.threads);
    if (load_model(&model, o->model, &o->pictures.common, &e)) {
        complain("%s", e.text);
        return STATUS_UNUSABLE;
    }
    if (o->engine == ENGINE_DARKNET) {
        model.darknet = darknet_library();
        detail(&o->pictures.common, "the network runs in '%s'", model.darknet);
    }
    int status = is_evaluation(o) ? evaluate_model(o, &model)
                                  : classify_inputs(o, &model, operand_count, operands);
    model_close(&model);
    return status;
}

const struct command CMD_CLASSIFY = {
    .name = "classify",
    .summary = "tell the expression of the faces in pictures, or evaluate a model",
    .operands = "INPUT...",
    .description =
        "Prints the expression of every face in every picture: its box in pixels of the upright "
        "picture, the label, and the probability of each class. A picture without a face has a row "
        "too. A picture of exactly the network's size (48x48) is a face already and is not "
        "searched.\n"
        "\n" INPUT_DESCRIPTION "\n"
        "With --fer-csv or --labelled in place of INPUT it prints how often the model is right: "
        "accuracy with its 95 % interval, balanced accuracy, macro F1, figures for each class, the "
        "confusion matrix and the calibration error. In a labelled folder the largest face of each "
        "picture counts, or the whole picture when faces are found in under half of them. Of "
        "FER-2013's test pictures some are in Training as well: --unseen leaves these out.\n"
        "\n"
        "  fercli classify photo.jpg\n"
        "  fercli classify --format jsonl -o faces.jsonl photos\n"
        "  tail -f paths | fercli classify --stream --format jsonl\n"
        "  fercli classify --fer-csv fer2013.csv --split PublicTest\n"
        "  fercli classify --fer-csv fer2013.csv --split PublicTest --plots plots\n"
        "  fercli classify --labelled test-pictures --min-accuracy 0.6\n",
    .groups = {{"Input", INPUT_OPTIONS},
               {"Model", MODEL_OPTIONS},
               {"Photographs or faces", MODE_OPTIONS},
               {"Finding faces", DETECTOR_OPTIONS},
               {NULL, ROTATION_OPTIONS},
               {"Pictures made", CROP_OPTIONS},
               {"Evaluation", EVALUATION_OPTIONS},
               {"Common options", COMMON_OPTIONS}},
    .options_size = sizeof(struct classify_options),
    .defaults = &DEFAULTS,
    .run = run,
};
