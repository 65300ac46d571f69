/* What `fercli finetune` prints and writes to --report; see tuning_report.h. */
#include "cli/tuning_report.h"

#include "cli/json.h"
#include "cli/output.h"
#include "cli/rows.h"

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

void tuning_report_json(const struct tuning_report *report, FILE *out)
{
    const struct finetune_report *r = report->figures;
    char checksum[16];
    snprintf(checksum, sizeof(checksum), "%08x", (unsigned)report->checksum);
    struct json j;
    json_begin(&j, out);
    json_measure(&j, "user_before", &r->user_before);
    json_measure(&j, "user_after", &r->user_after);
    json_measure(&j, "general_before", &r->general_before);
    json_measure(&j, "general_after", &r->general_after);
    json_integer(&j, "n_user", (long long)r->n_user);
    if (r->folds)
        json_integer(&j, "folds", r->folds);
    else
        json_null(&j, "folds");
    json_integer(&j, "n_held_out", (long long)r->user_after.n);
    json_integer(&j, "n_general", (long long)r->general_after.n);
    json_integer(&j, "n_replay", (long long)r->n_replay);
    json_interval(&j, "user_before_interval", &r->user_before);
    json_interval(&j, "user_after_interval", &r->user_after);
    json_interval(&j, "general_before_interval", &r->general_before);
    json_interval(&j, "general_after_interval", &r->general_after);
    json_balanced(&j, "user_before_balanced", &r->user_before);
    json_balanced(&j, "user_after_balanced", &r->user_after);
    json_balanced(&j, "general_before_balanced", &r->general_before);
    json_balanced(&j, "general_after_balanced", &r->general_after);
    json_real(&j, "blend", r->blend, 4);
    json_integer(&j, "frozen_layers", r->frozen);
    json_integer(&j, "without_face", (long long)report->left_out);
    json_integer(&j, "unreadable", (long long)report->unreadable);
    json_text(&j, "model", report->model);
    json_text(&j, "checksum", checksum);
    json_text(&j, "out", report->out);
    json_end(&j);
}

static void print_measure(FILE *out, const char *title, const struct finetune_measure *before,
                          const struct finetune_measure *after)
{
    if (after->n == 0) {
        fprintf(out, "%-21s not measured\n", title);
        return;
    }
    fprintf(out, "%-21s %8zu  %.4f  %.4f to %.4f  %.4f  %.4f to %.4f\n", title, after->n,
            before->accuracy, before->low, before->high, after->accuracy, after->low, after->high);
    fprintf(out, "%21s %8s  %.4f  %16s  %.4f\n", "balanced", "", before->balanced_accuracy, "",
            after->balanced_accuracy);
}

static void write_text(const struct tuning_report *report, FILE *out)
{
    const struct finetune_report *r = report->figures;
    char way[32] = "user, held out";
    if (r->folds)
        snprintf(way, sizeof(way), "user, %d folds", r->folds);
    fprintf(out, "pictures              %zu of %s, %s\n", r->n_user, report->user,
            report->mode == FACE_WHOLE ? "taken whole" : "the largest face of each");
    if (report->left_out + report->unreadable > 0)
        fprintf(out, "left out              %zu without a face, %zu unreadable\n", report->left_out,
                report->unreadable);
    if (r->n_replay > 0)
        fprintf(out, "learnt beside them    %zu of %s\n", r->n_replay, report->general_csv);
    fprintf(out, "model                 %s, checksum %08x\n\n", report->model,
            (unsigned)report->checksum);
    fprintf(out, "%-21s pictures  before  %-16s  after   %s\n", "accuracy", "95 % interval",
            "95 % interval");
    print_measure(out, way, &r->user_before, &r->user_after);
    print_measure(out, report->limited ? "general, odd rows" : "general, PublicTest",
                  &r->general_before, &r->general_after);
    if (report->limited)
        fprintf(out, "\nhead                  old + %.2f x (tuned - old)\n", r->blend);
    fprintf(out,
            "\nwritten               %s.cfg, .names and .weights; layers 0 to %d as they were\n",
            report->out, r->frozen - 1);
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
