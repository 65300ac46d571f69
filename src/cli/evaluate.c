/* classify's evaluation; see evaluate.h. The report is text for people (format auto or table), one
 * JSON object (jsonl), or a row a figure (csv). */
#include "cli/evaluate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/cli.h"
#include "cli/faces_common.h"
#include "cli/labelled_folder.h"
#include "cli/output.h"
#include "cli/rows.h"
#include "cli/utf8.h"

/* The pictures as the network takes them. */
struct samples {
    struct dataset data;          /* owned */
    const char *source;           /* the file or folder */
    struct folder_report reading; /* of a folder; owned */
    size_t seen;                  /* left out because they are in Training too */
};

/* ---- data ---- */

/* Scales the pictures of a CSV to the network's size. */
static int fit_size(struct dataset *d, int size, struct err *e)
{
    if (d->width == size && d->height == size)
        return 0;
    const size_t before = (size_t)d->width * (size_t)d->height, after = (size_t)size * (size_t)size;
    unsigned char *scaled = calloc(d->count, after);
    if (!scaled)
        return err_memory(e);
    const struct face whole = {.width = d->width, .height = d->height};
    for (size_t i = 0; i < d->count; i++) {
        const struct image picture = {d->width, d->height, 1, d->pixels + i * before};
        if (face_crop(&picture, &whole, 0, size, scaled + i * after, e)) {
            free(scaled);
            return -1;
        }
    }
    free(d->pixels);
    d->pixels = scaled;
    d->width = d->height = size;
    return 0;
}

static int read_csv(struct samples *s, const struct evaluation *job, int size, struct err *e)
{
    const struct evaluation_options *o = job->options;
    unsigned splits = splits_parse(o->split, e);
    s->source = o->fer_csv;
    if (!splits)
        return -1;
    if (dataset_read_fer_csv(&s->data, o->fer_csv, splits | (o->unseen ? SPLIT_TRAINING : 0),
                             &job->model->names, e))
        return -1;
    if (o->unseen && dataset_drop_seen(&s->data, &s->seen, e))
        return -1;
    if (s->data.count == 0)
        return err_set(e, "'%s' has no row of %s%s", o->fer_csv, o->split,
                       o->unseen ? " that is not in Training too" : "");
    return fit_size(&s->data, size, e);
}

static int read_labelled(struct samples *s, const struct evaluation *job, int size, struct err *e)
{
    const struct labelled_folder folder = {job->options->labelled,
                                           &job->model->names,
                                           {job->mode, job->detector, job->model->margin, size}};
    s->source = job->options->labelled;
    if (labelled_folder_read(&s->data, &folder, job->common, &s->reading, e))
        return -1;
    for (size_t i = 0; i < s->data.count; i++)
        if (output_spares(job->common->output, s->data.path[i], e))
            return -1;
    return 0;
}

/* Probabilities (count, classes) in new memory; NULL after an interruption or without memory. */
static float *classify_samples(const struct samples *s, const struct evaluation *job, struct err *e)
{
    const size_t classes = (size_t)job->model->names.count, count = s->data.count;
    const size_t bytes = (size_t)s->data.width * (size_t)s->data.height, step = 256;
    float *probabilities = calloc(count, classes * sizeof(*probabilities));
    if (!probabilities)
        return err_memory_null(e);
    struct classifier *c = classifier_new(job->model, job->tta, e);
    if (!c) {
        free(probabilities);
        return NULL;
    }
    progress_start(job->common, "evaluate", count);
    for (size_t done = 0; done < count && !interrupted; done += step) {
        size_t n = count - done < step ? count - done : step;
        classifier_run(c, s->data.pixels + done * bytes, n, probabilities + done * classes);
        progress_update(done + n, NULL);
    }
    progress_end();
    classifier_free(c);
    if (!interrupted)
        return probabilities;
    free(probabilities);
    return err_null(e, "interrupted: an evaluation of some of the pictures is not printed");
}

/* ---- report ---- */

static void write_json(const struct metrics *m, const struct evaluation *job,
                       const struct samples *s, FILE *out)
{
    const struct names *names = &job->model->names;
    char checksum[16];
    snprintf(checksum, sizeof(checksum), "%08x", (unsigned)job->model->checksum);
    struct json j;
    json_begin(&j, out);
    json_real(&j, "accuracy", m->accuracy, 6);
    json_real(&j, "low", m->low, 6);
    json_real(&j, "high", m->high, 6);
    json_real(&j, "balanced_accuracy", m->balanced_accuracy, 6);
    json_real(&j, "macro_f1", m->macro_f1, 6);
    json_real(&j, "ece", m->ece, 6);
    json_real(&j, "log_loss", m->log_loss, 6);
    json_integer(&j, "n", (long long)m->n);
    json_integer(&j, "without_face", (long long)s->reading.without_face);
    json_integer(&j, "unreadable", (long long)s->reading.unreadable);
    json_integer(&j, "left_out_seen", (long long)s->seen);
    json_array(&j, "confusion");
    for (int i = 0; i < m->classes; i++) {
        json_array(&j, NULL);
        for (int k = 0; k < m->classes; k++)
            json_integer(&j, NULL, (long long)m->confusion[i * m->classes + k]);
        json_close(&j);
    }
    json_close(&j);
    json_array(&j, "classes");
    for (int i = 0; i < m->classes; i++) {
        json_object(&j, NULL);
        json_text(&j, "name", names->name[i]);
        json_integer(&j, "n", (long long)m->truths[i]);
        json_real(&j, "precision", m->precision[i], 6);
        json_real(&j, "recall", m->recall[i], 6);
        json_real(&j, "f1", m->f1[i], 6);
        json_close(&j);
    }
    json_close(&j);
    json_text(&j, "model", job->model->prefix);
    json_text(&j, "checksum", checksum);
    json_end(&j);
}

static void write_confusion(const struct metrics *m, const struct names *names, FILE *out)
{
    fprintf(out, "\nconfusion (rows: the truth, columns: the prediction)\n%-11s", "");
    for (int k = 0; k < m->classes; k++)
        fprintf(out, " %8s", names->name[k]);
    putc('\n', out);
    for (int i = 0; i < m->classes; i++) {
        fprintf(out, "%-11s", names->name[i]);
        for (int k = 0; k < m->classes; k++)
            fprintf(out, " %8zu", m->confusion[i * m->classes + k]);
        putc('\n', out);
    }
}

static void write_sources(const struct metrics *m, const struct evaluation *job,
                          const struct samples *s, FILE *out)
{
    if (job->options->fer_csv)
        fprintf(out, "pictures           %zu, %s of ", m->n, job->options->split);
    else
        fprintf(out, "pictures           %zu of ", m->n);
    utf8_show(out, s->source);
    if (!job->options->fer_csv)
        fprintf(out, ", %s", face_mode_words(s->reading.mode));
    putc('\n', out);
    if (s->reading.without_face + s->reading.unreadable > 0)
        fprintf(out, "left out           %zu without a face, %zu unreadable\n",
                s->reading.without_face, s->reading.unreadable);
    if (s->seen > 0)
        fprintf(out, "left out           %zu that are in Training too\n", s->seen);
    fputs("model              ", out);
    utf8_show(out, job->model->prefix);
    fprintf(out, ", checksum %08x\n\n", (unsigned)job->model->checksum);
}

static void write_text(const struct metrics *m, const struct evaluation *job,
                       const struct samples *s, FILE *out)
{
    const struct names *names = &job->model->names;
    write_sources(m, job, s, out);
    fprintf(out, "accuracy           %.4f, 95 %% interval %.4f to %.4f\n", m->accuracy, m->low,
            m->high);
    fprintf(out, "balanced accuracy  %.4f\n", m->balanced_accuracy);
    fprintf(out, "macro F1           %.4f\n", m->macro_f1);
    fprintf(out, "calibration error  %.4f, %d bins\n", m->ece, METRICS_BINS);
    fprintf(out, "log loss           %.4f\n\n", m->log_loss);
    fprintf(out, "%-11s %8s  precision   recall       F1\n", "class", "pictures");
    for (int i = 0; i < m->classes; i++)
        fprintf(out, "%-11s %8zu     %.4f   %.4f   %.4f\n", names->name[i], m->truths[i],
                m->precision[i], m->recall[i], m->f1[i]);
    write_confusion(m, names, out);
}

/* One figure: its class and, in the confusion matrix, the predicted class; NULL for none. */
static void figure_row(struct rows *r, const char *measure, const char *class,
                       const char *predicted, double value, int decimals)
{
    char text[64];
    snprintf(text, sizeof(text), "%.*f", decimals, value);
    rows_text(r, measure);
    rows_text(r, class ? class : "");
    rows_text(r, predicted ? predicted : "");
    rows_text(r, text);
    rows_end(r);
}

static void write_figures(const struct metrics *m, const struct samples *s,
                          const struct names *names, struct rows *r)
{
    figure_row(r, "n", NULL, NULL, (double)m->n, 0);
    figure_row(r, "accuracy", NULL, NULL, m->accuracy, 6);
    figure_row(r, "low", NULL, NULL, m->low, 6);
    figure_row(r, "high", NULL, NULL, m->high, 6);
    figure_row(r, "balanced_accuracy", NULL, NULL, m->balanced_accuracy, 6);
    figure_row(r, "macro_f1", NULL, NULL, m->macro_f1, 6);
    figure_row(r, "ece", NULL, NULL, m->ece, 6);
    figure_row(r, "log_loss", NULL, NULL, m->log_loss, 6);
    figure_row(r, "without_face", NULL, NULL, (double)s->reading.without_face, 0);
    figure_row(r, "unreadable", NULL, NULL, (double)s->reading.unreadable, 0);
    figure_row(r, "left_out_seen", NULL, NULL, (double)s->seen, 0);
    for (int i = 0; i < m->classes; i++) {
        const char *name = names->name[i];
        figure_row(r, "n", name, NULL, (double)m->truths[i], 0);
        figure_row(r, "precision", name, NULL, m->precision[i], 6);
        figure_row(r, "recall", name, NULL, m->recall[i], 6);
        figure_row(r, "f1", name, NULL, m->f1[i], 6);
    }
    for (int i = 0; i < m->classes; i++)
        for (int k = 0; k < m->classes; k++)
            figure_row(r, "confusion", names->name[i], names->name[k],
                       (double)m->confusion[i * m->classes + k], 0);
}

static int write_csv(const struct metrics *m, const struct evaluation *job, const struct samples *s,
                     struct err *e)
{
    static const struct column columns[] = {{"measure", CELL_TEXT, 0, 0, 0},
                                            {"class", CELL_TEXT, 0, 0, 0},
                                            {"predicted", CELL_TEXT, 0, 0, 0},
                                            {"value", CELL_TEXT, 0, 0, 0}};
    struct rows *r = rows_open(job->common, columns, 4, e);
    if (!r)
        return -1;
    write_figures(m, s, &job->model->names, r);
    return rows_close(r, e);
}

static int write_report(const struct metrics *m, const struct evaluation *job,
                        const struct samples *s, struct err *e)
{
    /* A report is read by people unless a format is asked for, in a pipe too. */
    if (job->common->format == FORMAT_CSV)
        return write_csv(m, job, s, e);
    struct output out;
    if (output_open(&out, job->common->output, e))
        return -1;
    if (job->common->format == FORMAT_JSONL)
        write_json(m, job, s, out.stream);
    else
        write_text(m, job, s, out.stream);
    return output_commit(&out, e);
}

static int write_plot(const char *dir, const char *name, const struct metrics *m,
                      const struct names *names, struct err *e)
{
    char *path = path_join(dir, name);
    if (!path)
        return err_memory(e);
    int result = names ? plot_confusion(m, names, path, e) : plot_reliability(m, path, e);
    free(path);
    return result;
}

static int write_plots(const struct metrics *m, const struct evaluation *job, struct err *e)
{
    const char *dir = job->options->plots;
    if (!dir)
        return 0;
    return write_plot(dir, "confusion.png", m, &job->model->names, e) ||
                   write_plot(dir, "reliability.png", m, NULL, e)
               ? -1
               : 0;
}

/* ---- all ---- */

static enum status judge(const struct metrics *m, const struct evaluation *job,
                         const struct samples *s)
{
    const double asked = job->options->min_accuracy;
    if (m->accuracy < asked) {
        complain("the accuracy of %.4f is below the %.4f asked for", m->accuracy, asked);
        return STATUS_BELOW;
    }
    return s->reading.unreadable > 0 ? STATUS_PARTIAL : STATUS_OK;
}

static enum status measure(const struct evaluation *job, const struct samples *s, struct err *e)
{
    struct metrics m = {0};
    enum status status = STATUS_UNUSABLE;
    float *probabilities = classify_samples(s, job, e);
    if (!probabilities || metrics_compute(&m, s->data.label, probabilities, s->data.count,
                                          job->model->names.count, e)) {
        complain("%s", e->text);
        status = interrupted ? STATUS_INTERRUPTED : STATUS_UNUSABLE;
    } else if (write_report(&m, job, s, e) || write_plots(&m, job, e)) {
        complain("%s", e->text);
        status = STATUS_PARTIAL;
    } else {
        status = judge(&m, job, s);
    }
    metrics_release(&m);
    free(probabilities);
    return status;
}

int evaluate(const struct evaluation *job)
{
    struct samples s = {0};
    struct err e;
    /* Not after minutes of work. */
    if (output_check(job->common->output, &e) ||
        (job->options->plots && folders_make(job->options->plots, &e))) {
        complain("%s", e.text);
        return STATUS_PARTIAL;
    }
    const int size = nn_net_input(job->model->net).width;
    int failed =
        job->options->fer_csv ? read_csv(&s, job, size, &e) : read_labelled(&s, job, size, &e);
    int status = STATUS_UNUSABLE;
    if (failed)
        complain("%s", e.text);
    else
        status = (int)measure(job, &s, &e);
    folder_report_release(&s.reading);
    dataset_release(&s.data);
    return status;
}
