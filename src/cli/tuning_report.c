/* What `fercli finetune` prints and writes to --report; see tuning_report.h. */
#include "cli/tuning_report.h"

#include "cli/faces_common.h"
#include "cli/json.h"
#include "cli/output.h"
#include "cli/rows.h"
#include "cli/utf8.h"

#define SUSPECTS_SHOWN 10

static void json_measure(struct json *j, const char *key, const struct finetune_measure *m)
{
    if (m->n > 0)
        json_real(j, key, m->accuracy, 6);
    else
        json_null(j, key);
}

static void json_interval(struct json *j, const char *key, const struct finetune_measure *m)
{
    if (m->n == 0) {
        json_null(j, key);
        return;
    }
    json_array(j, key);
    json_real(j, NULL, m->low, 6);
    json_real(j, NULL, m->high, 6);
    json_close(j);
}

static void json_balanced(struct json *j, const char *key, const struct finetune_measure *m)
{
    if (m->n > 0)
        json_real(j, key, m->balanced_accuracy, 6);
    else
        json_null(j, key);
}

static const char *const GENERAL[] = {[FINETUNE_UNMEASURED] = NULL,
                                      [FINETUNE_PUBLIC_TEST] = "PublicTest",
                                      [FINETUNE_ODD_ROWS] = "PublicTest, odd rows",
                                      [FINETUNE_HELD_OUT] = "replay set, held-out rows"};

static void json_classes(struct json *j, const struct tuning_report *report)
{
    json_array(j, "classes");
    for (int k = 0; k < report->model->names.count; k++) {
        const struct finetune_class *c = &report->figures->classes[k];
        json_object(j, NULL);
        json_text(j, "name", report->model->names.name[k]);
        json_integer(j, "pictures", (long long)c->pictures);
        json_integer(j, "groups", (long long)c->groups);
        json_integer(j, "n_held_out", (long long)c->n);
        json_integer(j, "hits_before", (long long)c->hits_before);
        json_integer(j, "hits_after", (long long)c->hits_after);
        json_close(j);
    }
    json_close(j);
}

static void json_suspects(struct json *j, const struct tuning_report *report)
{
    const struct finetune_report *r = report->figures;
    json_array(j, "suspects");
    for (size_t i = 0; i < r->n_suspects; i++) {
        const struct finetune_suspect *s = &r->suspects[i];
        json_object(j, NULL);
        json_text(j, "path", report->pictures->path[s->row]);
        json_text(j, "label", report->model->names.name[s->label]);
        json_real(j, "label_probability", s->label_probability, 4);
        json_text(j, "predicted", report->model->names.name[s->predicted]);
        json_real(j, "predicted_probability", s->predicted_probability, 4);
        json_close(j);
    }
    json_close(j);
}

static void json_counts(struct json *j, const struct tuning_report *report)
{
    const struct finetune_report *r = report->figures;
    json_integer(j, "n_user", (long long)r->n_user);
    if (r->folds)
        json_integer(j, "folds", r->folds);
    else
        json_null(j, "folds");
    json_integer(j, "n_groups", (long long)r->n_groups);
    json_integer(j, "n_held_out", (long long)r->user_after.n);
    json_integer(j, "n_general", (long long)r->general_after.n);
    json_integer(j, "n_replay", (long long)r->n_replay);
    json_integer(j, "without_face", (long long)report->left_out);
    json_integer(j, "unreadable", (long long)report->unreadable);
}

static void json_comparison(struct json *j, const struct finetune_report *r)
{
    if (r->user_after.n == 0) {
        json_null(j, "commonest_class");
        json_null(j, "gained");
        json_null(j, "lost");
        json_null(j, "p_value");
        return;
    }
    json_real(j, "commonest_class", r->common, 6);
    json_integer(j, "gained", (long long)r->gained);
    json_integer(j, "lost", (long long)r->lost);
    json_real(j, "p_value", r->p_value, 9);
}

void tuning_report_json(const struct tuning_report *report, FILE *out)
{
    const struct finetune_report *r = report->figures;
    char checksum[16];
    snprintf(checksum, sizeof(checksum), "%08x", (unsigned)report->model->checksum);
    struct json j;
    json_begin(&j, out);
    json_measure(&j, "user_before", &r->user_before);
    json_measure(&j, "user_after", &r->user_after);
    json_measure(&j, "general_before", &r->general_before);
    json_measure(&j, "general_after", &r->general_after);
    json_counts(&j, report);
    json_interval(&j, "user_before_interval", &r->user_before);
    json_interval(&j, "user_after_interval", &r->user_after);
    json_interval(&j, "general_before_interval", &r->general_before);
    json_interval(&j, "general_after_interval", &r->general_after);
    json_balanced(&j, "user_before_balanced", &r->user_before);
    json_balanced(&j, "user_after_balanced", &r->user_after);
    json_balanced(&j, "general_before_balanced", &r->general_before);
    json_balanced(&j, "general_after_balanced", &r->general_after);
    json_comparison(&j, r);
    json_text(&j, "general", GENERAL[r->general]);
    json_text(&j, "method", report->method);
    if (report->max_forget >= 0)
        json_real(&j, "max_forget", report->max_forget, 4);
    else
        json_null(&j, "max_forget");
    json_real(&j, "blend", r->blend, 4);
    json_integer(&j, "frozen_layers", r->frozen);
    json_text(&j, "model", report->model->prefix);
    json_text(&j, "checksum", checksum);
    json_text(&j, "out", report->out);
    json_classes(&j, report);
    json_suspects(&j, report);
    json_end(&j);
}

/* ---- for people ---- */

static void print_measure(FILE *out, const char *title, const struct finetune_measure *before,
                          const struct finetune_measure *after)
{
    if (after->n == 0) {
        fprintf(out, "%-22s not measured\n", title);
        return;
    }
    fprintf(out, "%-22s %7zu  %.4f  %.4f to %.4f  %.4f  %.4f to %.4f\n", title, after->n,
            before->accuracy, before->low, before->high, after->accuracy, after->low, after->high);
    fprintf(out, "%22s %7s  %.4f  %16s  %.4f\n", "balanced", "", before->balanced_accuracy, "",
            after->balanced_accuracy);
}

static void print_run(const struct tuning_report *report, FILE *out)
{
    const struct finetune_report *r = report->figures;
    fprintf(out, "pictures               %zu of ", r->n_user);
    utf8_show(out, report->user);
    fprintf(out, ", %s\n", face_mode_words(report->mode));
    if (report->left_out + report->unreadable > 0)
        fprintf(out, "left out               %zu without a face, %zu unreadable\n",
                report->left_out, report->unreadable);
    if (r->n_replay > 0) {
        fprintf(out, "learnt beside them     %zu of ", r->n_replay);
        utf8_show(out, report->general);
        putc('\n', out);
    }
    fputs("model                  ", out);
    utf8_show(out, report->model->prefix);
    fprintf(out, ", checksum %08x\nmethod                 %s\n\n",
            (unsigned)report->model->checksum, report->method);
}

static void print_comparison(const struct finetune_report *r, FILE *out)
{
    if (r->user_after.n == 0)
        return;
    fprintf(out,
            "\ngain                   %+.1f points: %zu pictures better, %zu worse, p = %.2g\n"
            "commonest class alone  %.4f\n",
            100 * (r->user_after.accuracy - r->user_before.accuracy), r->gained, r->lost,
            r->p_value, r->common);
}

static void print_classes(const struct tuning_report *report, FILE *out)
{
    if (report->figures->user_after.n == 0)
        return;
    fprintf(out, "\nclass         pictures   groups  held out   before    after\n");
    for (int k = 0; k < report->model->names.count; k++) {
        const struct finetune_class *c = &report->figures->classes[k];
        const char *name = report->model->names.name[k];
        if (c->pictures == 0)
            continue;
        fprintf(out, "%-12s  %8zu %8zu  %8zu", name, c->pictures, c->groups, c->n);
        if (c->n == 0)
            fprintf(out, "\n");
        else
            fprintf(out, "   %.4f   %.4f%s\n", (double)c->hits_before / (double)c->n,
                    (double)c->hits_after / (double)c->n,
                    c->groups < 2         ? "   all in one group: not learnt when judged"
                    : c->n < FINETUNE_FEW ? "   too few to say"
                                          : "");
    }
}

static void print_suspects(const struct tuning_report *report, FILE *out)
{
    const struct finetune_report *r = report->figures;
    if (r->n_suspects == 0)
        return;
    fprintf(out, "\nlabels to look at      %zu of %zu held-out pictures\n", r->n_suspects,
            r->user_after.n);
    for (size_t i = 0; i < r->n_suspects && i < SUSPECTS_SHOWN; i++) {
        const struct finetune_suspect *s = &r->suspects[i];
        const char *const *name = (const char *const *)report->model->names.name;
        fprintf(out, "  %-8s %.3f, rather %s %.3f: ", name[s->label], s->label_probability,
                name[s->predicted], s->predicted_probability);
        utf8_show(out, report->pictures->path[s->row]);
        putc('\n', out);
    }
    if (r->n_suspects > SUSPECTS_SHOWN)
        fprintf(out, "  and %zu more, all in --report\n", r->n_suspects - SUSPECTS_SHOWN);
}

static void write_text(const struct tuning_report *report, FILE *out)
{
    static const char *const GENERAL_ROWS[] = {[FINETUNE_UNMEASURED] = "general",
                                               [FINETUNE_PUBLIC_TEST] = "general, PublicTest",
                                               [FINETUNE_ODD_ROWS] = "general, odd rows",
                                               [FINETUNE_HELD_OUT] = "general, replay set"};
    const struct finetune_report *r = report->figures;
    char way[32] = "user, held out";
    if (r->folds)
        snprintf(way, sizeof(way), "user, %d folds", r->folds);
    print_run(report, out);
    fprintf(out, "%-21s pictures  before  %-16s  after   %s\n", "accuracy", "95 % interval",
            "95 % interval");
    print_measure(out, way, &r->user_before, &r->user_after);
    print_measure(out, GENERAL_ROWS[r->general], &r->general_before, &r->general_after);
    print_comparison(r, out);
    print_classes(report, out);
    print_suspects(report, out);
    if (report->max_forget >= 0)
        fprintf(out, "\nhead                   old + %.2f x (tuned - old)\n", r->blend);
    fputs("\nwritten                ", out);
    utf8_show(out, report->out);
    fprintf(out, ".cfg, .names and .weights; layers 0 to %d as they were\n", r->frozen - 1);
}

static void csv_row(struct rows *r, const char *measure, const struct finetune_measure *before,
                    const struct finetune_measure *after)
{
    rows_text(r, measure);
    if (after->n == 0) {
        rows_empties(r, 9);
    } else {
        rows_integer(r, (long)after->n);
        rows_real(r, before->accuracy);
        rows_real(r, before->low);
        rows_real(r, before->high);
        rows_real(r, before->balanced_accuracy);
        rows_real(r, after->accuracy);
        rows_real(r, after->low);
        rows_real(r, after->high);
        rows_real(r, after->balanced_accuracy);
    }
    rows_end(r);
}

static int write_csv(const struct tuning_report *report, struct err *e)
{
    static const struct column columns[] = {
        {"measure", CELL_TEXT, 0, 0, 0},     {"n", CELL_INTEGER, 0, 0, 0},
        {"before", CELL_REAL, 6, 0, 0},      {"before_low", CELL_REAL, 6, 0, 0},
        {"before_high", CELL_REAL, 6, 0, 0}, {"before_balanced", CELL_REAL, 6, 0, 0},
        {"after", CELL_REAL, 6, 0, 0},       {"after_low", CELL_REAL, 6, 0, 0},
        {"after_high", CELL_REAL, 6, 0, 0},  {"after_balanced", CELL_REAL, 6, 0, 0}};
    struct rows *r = rows_open(report->common, columns, sizeof(columns) / sizeof(*columns), e);
    if (!r)
        return -1;
    csv_row(r, "user", &report->figures->user_before, &report->figures->user_after);
    csv_row(r, "general", &report->figures->general_before, &report->figures->general_after);
    return rows_close(r, e);
}

int tuning_report_print(const struct tuning_report *r, struct err *e)
{
    if (r->common->format == FORMAT_CSV)
        return write_csv(r, e);
    struct output out;
    if (output_open(&out, r->common->output, e))
        return -1;
    if (r->common->format == FORMAT_JSONL)
        tuning_report_json(r, out.stream);
    else
        write_text(r, out.stream);
    return output_commit(&out, e);
}
