/* Reads what train-general trains on; see training_data.h. */
#include "cli/training_data.h"

#include "cli/cli.h"
#include "cli/faces_common.h"
#include "cli/labelled_folder.h"

int training_data_check(const struct training_data_options *o, struct err *e)
{
    if (!o->fer_csv && !o->train && !o->valid)
        return err_set(e, "--fer-csv FILE, or --train DIR and --valid DIR, is missing");
    if (o->fer_csv && (o->train || o->valid))
        return err_set(e, "--fer-csv does not go with --train and --valid");
    if (!o->fer_csv && (!o->train || !o->valid))
        return err_set(e, "--%s DIR is missing beside --%s", o->train ? "valid" : "train",
                       o->train ? "train" : "valid");
    if (o->detect && o->no_detect)
        return err_set(e, "--detect and --no-detect exclude each other");
    if (o->fer_csv && (o->detect || o->cascade))
        return err_set(e, "--%s is for --train and --valid, FER-2013's pictures are faces",
                       o->detect ? "detect" : "cascade");
    if (o->leave_out && !o->fer_csv)
        return err_set(e, "--leave-out is for --fer-csv");
    return o->leave_out && leave_out_parse(o->leave_out, e) == 0 ? -1 : 0;
}

/* A run of training_data_read. All borrowed. */
struct reading {
    const struct training_data_options *options;
    const struct common_options *common;
    struct nn_net *net;
    const struct names *names;
};

static int read_folder(const struct reading *r, struct dataset *d, const char *path,
                       enum face_mode *mode, size_t *unreadable, struct err *e)
{
    struct detector_options detector = DETECTOR_DEFAULTS;
    struct folder_report report;
    struct labelled_folder folder = {
        path, r->names, {.mode = *mode, .detector = &detector, .size = nn_net_input(r->net).width}};
    detector.cascade = r->options->cascade;
    if (nn_net_option(r->net, "face_margin", 0, 0, 1, &folder.options.margin, e))
        return -1;
    const int result = labelled_folder_read(d, &folder, r->common, &report, e);
    *mode = report.mode;
    *unreadable += report.unreadable;
    folder_report_release(&report);
    return result;
}

static int read_folders(const struct reading *r, struct training_data *d, struct err *e)
{
    const struct training_data_options *o = r->options;
    enum face_mode mode = face_mode_asked(o->detect, o->no_detect);
    if (read_folder(r, &d->train, o->train, &mode, &d->unreadable, e))
        return -1;
    /* Both must be prepared alike, so --train decides for --valid. */
    return interrupted ? 0 : read_folder(r, &d->valid, o->valid, &mode, &d->unreadable, e);
}

/* Training's rows without those that --leave-out names. The test rows are read for their pixels
 * only, and only to find their copies. */
static int read_sifted(const struct reading *r, struct dataset *d, struct err *e)
{
    const unsigned reasons = leave_out_parse(r->options->leave_out, e);
    const unsigned tests =
        reasons & 1u << LEAVE_OUT_TEST_COPIES ? SPLIT_PUBLIC_TEST | SPLIT_PRIVATE_TEST : 0;
    size_t left_out[LEAVE_OUT_REASONS];
    if (dataset_read_fer_csv(d, r->options->fer_csv, SPLIT_TRAINING | tests, r->names, e) ||
        dataset_leave_out(d, reasons, left_out, e))
        return -1;
    note(r->common,
         "left out of Training: %zu blank, %zu copies of test pictures, %zu with conflicting "
         "labels, %zu surplus copies",
         left_out[LEAVE_OUT_BLANK], left_out[LEAVE_OUT_TEST_COPIES], left_out[LEAVE_OUT_CONFLICTS],
         left_out[LEAVE_OUT_SURPLUS]);
    return 0;
}

static int read_csv(const struct reading *r, struct training_data *d, struct err *e)
{
    const char *path = r->options->fer_csv;
    if (r->options->leave_out ? read_sifted(r, &d->train, e)
                              : dataset_read_fer_csv(&d->train, path, SPLIT_TRAINING, r->names, e))
        return -1;
    return interrupted ? 0 : dataset_read_fer_csv(&d->valid, path, SPLIT_PUBLIC_TEST, r->names, e);
}

int training_data_read(struct training_data *d, const struct training_data_options *o,
                       const struct common_options *common, struct nn_net *net,
                       const struct names *names, struct err *e)
{
    const struct reading r = {.options = o, .common = common, .net = net, .names = names};
    *d = (struct training_data){0};
    return o->fer_csv ? read_csv(&r, d, e) : read_folders(&r, d, e);
}

void training_data_release(struct training_data *d)
{
    dataset_release(&d->train);
    dataset_release(&d->valid);
}
