/* `fercli train-general`: trains a model from FER-2013's CSV or from labelled folders. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/audit_report.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/rows.h"
#include "cli/training_data.h"

struct train_options {
    struct common_options common;
    struct training_data_options data;
    const char *cfg, *names, *init, *out;
    int epochs, batch; /* 0: the cfg's */
    struct option_list teachers;
    double teacher_weight; /* below 0: TEACHER_WEIGHT */
    bool resume, force, audit;
};

#define TEACHER_WEIGHT 0.7

static const struct train_options DEFAULTS = {.common = COMMON_DEFAULTS, .teacher_weight = -1};

static const struct option_spec DATA_TABLE[] = {
    OPTION_TEXT("fer-csv", 0, struct train_options, data.fer_csv, "FILE",
                "FER-2013's CSV, plain or gzip: trains on Training, selects on PublicTest"),
    OPTION_TEXT("train", 0, struct train_options, data.train, "DIR",
                "pictures to train on, in a sub-folder for each class"),
    OPTION_TEXT("valid", 0, struct train_options, data.valid, "DIR",
                "pictures to select on, likewise; goes with --train"),
    OPTION_FLAG("detect", 0, struct train_options, data.detect,
                "cut the largest face out of each picture of --train and --valid"),
    OPTION_FLAG("no-detect", 0, struct train_options, data.no_detect,
                "take these pictures whole, as faces (default: as most of --train asks for)"),
    OPTION_TEXT("cascade", 0, struct train_options, data.cascade, "FILE",
                "cascade of the detector (default: those of detect)"),
    OPTION_FLAG("audit", 0, struct train_options, audit,
                "print what is in --fer-csv's rows, with copies, conflicting labels and blank "
                "pictures, and train nothing"),
    OPTION_TEXT("leave-out", 0, struct train_options, data.leave_out, "LIST",
                "leave out of --fer-csv's Training: blank, test-copies, conflicts, surplus, or "
                "several joined by commas"),
    OPTION_END};

static const struct option_spec TRAINING_TABLE[] = {
    OPTION_TEXT("out", 0, struct train_options, out, "PREFIX",
                "beginning of the names of all files written"),
    OPTION_TEXT("cfg", 0, struct train_options, cfg, "FILE",
                "the network and how to train it (default: the shipped general.cfg)"),
    OPTION_TEXT("names", 0, struct train_options, names, "FILE",
                "names of the classes in the order of the outputs (default: FER-2013's seven)"),
    OPTION_TEXT("init", 0, struct train_options, init, "WEIGHTS",
                "begin with these weights, not with random ones"),
    OPTION_INTEGER("epochs", 0, struct train_options, epochs, 1, 1000000, "N",
                   "passes over the training pictures (default: the cfg's max_batches)"),
    OPTION_INTEGER("batch", 0, struct train_options, batch, 1, 65536, "N",
                   "pictures an update (default: the cfg's batch)"),
    OPTION_LIST("teacher", 0, struct train_options, teachers, "PREFIX",
                "a model whose probabilities are learnt beside the labels; given several times, "
                "their mean is"),
    OPTION_REAL("teacher-weight", 0, struct train_options, teacher_weight, 0, 1, "F",
                "how much of what is learnt the teachers say, the labels having the rest (default: "
                "0.7)"),
    OPTION_FLAG("resume", 0, struct train_options, resume, "go on from PREFIX.state"),
    OPTION_FLAG("force", 0, struct train_options, force,
                "begin anew although PREFIX.state or PREFIX.weights is there"),
    OPTION_END};

/* What an epoch's row says. */
static const struct column COLUMNS[] = {
    {"epoch", CELL_INTEGER, 0, 5, 0},   {"rate", CELL_REAL, 6, 9, 1},
    {"train_loss", CELL_REAL, 4, 0, 0}, {"train_accuracy", CELL_REAL, 4, 0, 0},
    {"valid_loss", CELL_REAL, 4, 0, 0}, {"valid_accuracy", CELL_REAL, 4, 0, 0},
    {"seconds", CELL_REAL, 1, 8, 2},    {"images_per_second", CELL_REAL, 1, 0, 3},
    {"best", CELL_TEXT, 0, 0, 0}};

/* A run of the command. */
struct job {
    const struct train_options *options;
    struct nn_net *net;        /* owned */
    struct names names;        /* owned */
    struct training_data data; /* owned */
    struct model *teachers;    /* (teacher_count), those opened; owned */
    int teacher_count;
    struct rows *rows;            /* owned */
    char bar[32];                 /* the bar's title, such as "epoch 3/60" */
    size_t bar_base;              /* pictures of the epoch that a run before this one made */
    int epoch;                    /* whose bar is shown, 0 for none */
    size_t first_done, last_done; /* pictures at its first and latest report */
    double epoch_start, first_time, last_time; /* seconds: of the epoch and these reports */
    int epochs;                                /* seen */
    double best_accuracy;
    int best_epoch; /* of these, 0 for none */
};

/* ---- checks before anything is read ---- */

static bool exists(const char *prefix, const char *suffix)
{
    char *path = path_with_suffix(prefix, suffix);
    bool found = path && access(path, F_OK) == 0;
    free(path);
    return found;
}

static int check_audit(const struct train_options *o, struct err *e)
{
    const char *misplaced =
        o->data.leave_out ? "leave-out" : options_changed(TRAINING_TABLE, o, &DEFAULTS);
    if (misplaced)
        return err_set(e, "--%s does not go with --audit, which trains nothing", misplaced);
    if (!o->data.fer_csv)
        return err_set(e, "--audit needs --fer-csv");
    return training_data_check(&o->data, e);
}

static int check_usage(const struct train_options *o, int operand_count, char **operands,
                       struct err *e)
{
    if (operand_count > 0)
        return err_set(e, "it takes options only, not '%s'", operands[0]);
    if (output_spares(o->common.output, o->data.fer_csv, e))
        return -1;
    if (o->audit)
        return check_audit(o, e);
    if (!o->out)
        return err_set(e, "--out PREFIX is missing");
    if (training_data_check(&o->data, e))
        return -1;
    if (o->teacher_weight >= 0 && o->teachers.count == 0)
        return err_set(e, "--teacher-weight needs --teacher");
    if (o->resume && o->force)
        return err_set(e, "--resume and --force exclude each other");
    for (int i = 0; i < 2 && !o->resume && !o->force; i++) {
        const char *suffix = i == 0 ? ".state" : ".weights";
        if (exists(o->out, suffix))
            return err_set(e,
                           "'%s%s' is there already: --resume goes on with it, --force begins anew",
                           o->out, suffix);
    }
    return 0;
}

/* ---- the network ---- */

static int read_network(struct job *job, struct err *e)
{
    const struct train_options *o = job->options;
    struct augmentation unused;
    double margin;
    char *shipped = NULL;
    /* Not the cfg beside the shipped weights: that may carry what was fitted after training. */
    if (!o->cfg && !(shipped = find_shipped("cfg/general.cfg", e)))
        return -1;
    job->net = nn_net_new(o->cfg ? o->cfg : shipped, o->common.seed, e);
    free(shipped);
    if (!job->net)
        return -1;
    /* Asked for here so that they do not count as unknown. */
    if (augmentation_init(&unused, job->net, e) ||
        nn_net_option(job->net, "face_margin", 0, 0, 1, &margin, e))
        return -1;
    const char *warning;
    for (int i = 0; (warning = nn_net_warning(job->net, i)); i++)
        note(&o->common, "%s", warning);
    if (o->names ? names_read(&job->names, o->names, e) : names_init_fer(&job->names, e))
        return -1;
    if (job->names.count != nn_net_outputs(job->net))
        return err_set(e, "'%s' has %d outputs for %d names%s%s%s", o->cfg ? o->cfg : "general.cfg",
                       nn_net_outputs(job->net), job->names.count,
                       o->names ? " in '" : ", FER-2013's", o->names ? o->names : "",
                       o->names ? "'" : "");
    if (o->init && o->resume)
        note(&o->common, "--init is not read: the run goes on from '%s.state'", o->out);
    else if (o->init && nn_net_load_weights(job->net, o->init, e))
        return -1;
    return 0;
}

static int open_teachers(struct job *job, struct err *e)
{
    const struct option_list *list = &job->options->teachers;
    job->teachers = calloc(OPTION_LIST_MAX, sizeof(*job->teachers));
    if (!job->teachers)
        return err_memory(e);
    for (int i = 0; i < list->count; i++, job->teacher_count++)
        if (model_open(&job->teachers[i], list->item[i], e))
            return -1;
    return 0;
}

static void close_teachers(struct job *job)
{
    for (int i = 0; i < job->teacher_count; i++)
        model_close(&job->teachers[i]);
    free(job->teachers);
}

/* ---- reports while training ---- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool on_step(const struct training_progress *p, void *context)
{
    struct job *job = context;
    char text[64];
    job->last_time = now();
    job->last_done = p->done;
    if (job->epoch != p->epoch) {
        size_t batch = (size_t)(job->options->batch ? job->options->batch : nn_net_batch(job->net));
        job->epoch = p->epoch;
        job->first_time = job->last_time;
        job->first_done = p->done;
        job->bar_base = p->done - batch;
        snprintf(job->bar, sizeof(job->bar), "epoch %d/%d", p->epoch, p->epochs);
        progress_start(&job->options->common, job->bar, p->total - job->bar_base);
        return interrupted; /* no time to tell a rate by has passed yet */
    }
    snprintf(text, sizeof(text), "loss %.3f, accuracy %.3f", p->loss, p->accuracy);
    progress_update(p->done - job->bar_base, text);
    return interrupted;
}

/* A reader that went away does not end the training: rows_close says it. */
static void print_row(const struct job *job, const struct epoch *epoch, bool best)
{
    struct rows *r = job->rows;
    double time = job->last_time - job->first_time;
    size_t done = job->last_done - job->first_done;
    rows_integer(r, epoch->number);
    rows_real(r, epoch->rate);
    rows_real(r, epoch->train_loss);
    rows_real(r, epoch->train_accuracy);
    rows_real(r, epoch->valid_loss);
    rows_real(r, epoch->valid_accuracy);
    rows_real(r, now() - job->epoch_start);
    if (job->epoch == epoch->number && done > 0 && time > 0)
        rows_real(r, (double)done / time);
    else
        rows_empty(r);
    rows_text(r, best ? "yes" : "no");
    rows_end(r);
}

static void on_epoch(const struct epoch *epoch, bool best, void *context)
{
    struct job *job = context;
    progress_end();
    print_row(job, epoch, best);
    job->epochs++;
    if (best) {
        job->best_epoch = epoch->number;
        job->best_accuracy = epoch->valid_accuracy;
    }
    job->epoch = 0;
    job->epoch_start = now();
}

static void on_note(const char *text, void *context)
{
    const struct job *job = context;
    note(&job->options->common, "%s", text);
}

/* ---- the command ---- */

static int read_data(struct job *job, struct err *e)
{
    const struct common_options *common = &job->options->common;
    if (training_data_read(&job->data, &job->options->data, common, job->net, &job->names, e))
        return -1;
    if (!interrupted)
        note(
            common,
            "%zu pictures to train on, %zu to select on; %zu parameters, %.3g MFLOPs a picture; %s",
            job->data.train.count, job->data.valid.count, nn_net_parameters(job->net),
            nn_net_flops(job->net) * 1e-6, nn_engine_name());
    return 0;
}

static enum training_result train(struct job *job, struct err *e)
{
    const struct train_options *o = job->options;
    struct training_options options = {.prefix = o->out,
                                       .epochs = o->epochs,
                                       .batch = o->batch,
                                       .seed = o->common.seed,
                                       .resume = o->resume,
                                       .teachers = job->teachers,
                                       .teacher_count = job->teacher_count,
                                       .teacher_weight = o->teacher_weight < 0 ? TEACHER_WEIGHT
                                                                               : o->teacher_weight,
                                       .on_step = on_step,
                                       .on_epoch = on_epoch,
                                       .on_note = on_note,
                                       .context = job};
    job->epoch_start = now();
    enum training_result result =
        train_general(job->net, &job->names, &job->data.train, &job->data.valid, &options, e);
    progress_end();
    return result;
}

/* Trains and closes the rows. Returns the exit status. */
static int train_and_report(struct job *job, struct err *e)
{
    const struct train_options *o = job->options;
    static const int status[] = {
        [TRAINING_DONE] = STATUS_OK, [TRAINING_STOPPED] = STATUS_INTERRUPTED};
    job->rows = rows_open(&o->common, COLUMNS, sizeof(COLUMNS) / sizeof(*COLUMNS), e);
    if (!job->rows) {
        complain("%s", e->text);
        return STATUS_PARTIAL;
    }
    enum training_result result = train(job, e);
    if (result < 0)
        complain("%s", e->text);
    else if (result == TRAINING_STOPPED)
        note(&o->common, "stopped; --resume goes on from '%s.state'", o->out);
    if (job->best_epoch > 0)
        note(&o->common, "accuracy %.4f in epoch %d, kept in '%s.weights'", job->best_accuracy,
             job->best_epoch, o->out);
    int written = 0;
    if (result < 0 && job->epochs == 0)
        rows_abandon(job->rows);
    else if ((written = rows_close(job->rows, e)) != 0)
        complain("%s", e->text);
    if (result == TRAINING_FAILED)
        return STATUS_UNUSABLE;
    if (result == TRAINING_NOT_WRITTEN ||
        (result == TRAINING_DONE && (written != 0 || job->data.unreadable > 0)))
        return STATUS_PARTIAL;
    return status[result];
}

static int run(const void *options, int operand_count, char **operands)
{
    const struct train_options *o = options;
    struct job job = {.options = o};
    struct err e = {""};
    int status = STATUS_UNUSABLE;
    if (check_usage(o, operand_count, operands, &e)) {
        complain("train-general: %s (see 'fercli train-general --help')", e.text);
        return STATUS_USAGE;
    }
    interruption_catch();
    if (o->audit)
        return audit_csv(&o->common, o->data.fer_csv);
    if (training_check_outputs(o->out, &e) || output_check(o->common.output, &e)) {
        complain("%s", e.text);
        return STATUS_PARTIAL;
    }
    nn_set_threads(o->common.threads);
    int failed = read_network(&job, &e) || open_teachers(&job, &e) || read_data(&job, &e);
    /* A read that a signal cut short is no bad file. */
    if (interrupted)
        status = STATUS_INTERRUPTED;
    else if (failed)
        complain("%s", e.text);
    else
        status = train_and_report(&job, &e);
    training_data_release(&job.data);
    close_teachers(&job);
    names_release(&job.names);
    nn_net_free(job.net);
    return status;
}

const struct command CMD_TRAIN_GENERAL = {
    .name = "train-general",
    .summary = "train a model on FER-2013 or on labelled folders",
    .operands = "--fer-csv FILE --out PREFIX",
    .description =
        "Trains the network of a darknet cfg and keeps the weights of the epoch with the best "
        "accuracy on "
        "the pictures to select on: FER-2013's PublicTest (PrivateTest is never looked at) or the "
        "folder of "
        "--valid. Prints a row for each epoch. The probabilities of the model are calibrated on "
        "the same pictures: the cfg's softmax gets the temperature that makes them most likely.\n"
        "\n"
        "Writes PREFIX.cfg, PREFIX.names and PREFIX.weights (the model), PREFIX.history.csv and "
        "PREFIX.history.png (loss and accuracy by epoch), and PREFIX.state. After Ctrl-C (exit "
        "status 130), "
        "a kill or a power cut, the same command with --resume goes on from PREFIX.state; the "
        "files that "
        "come out are byte for byte those of a run that was not interrupted, given the same --seed "
        "and the "
        "same number of threads. A state of another cfg, other pictures, other teachers, or "
        "another "
        "seed, batch or number of epochs is refused.\n"
        "\n"
        "Without --resume a PREFIX.state or PREFIX.weights that is there is never replaced, unless "
        "--force "
        "is given: then the state is replaced when training begins, the model after the first "
        "epoch.\n"
        "\n"
        "With --audit it prints what is in the CSV instead: pictures by split and class, groups of "
        "identical pictures inside a split and across two, conflicting labels, and blank "
        "pictures. --leave-out keeps such rows out of Training: blank (one value only), "
        "test-copies (identical to a picture of PublicTest or PrivateTest), conflicts (all of a "
        "group with more than one label) and surplus (all but the first of a group).\n"
        "\n"
        "An epoch is as many full batches as the pictures make. With --epochs the learning rate's "
        "policy "
        "ends with the last epoch; else the cfg's max_batches, rounded up to whole epochs, say "
        "when to end. "
        "The rate is printed with six decimals; PREFIX.history.csv has seven digits.",
    .groups = {{"Data", DATA_TABLE},
               {"Training", TRAINING_TABLE},
               {"Common options", COMMON_OPTIONS}},
    .options_size = sizeof(struct train_options),
    .defaults = &DEFAULTS,
    .run = run,
};
