/* train-general --audit; see audit_report.h. */
#include "cli/audit_report.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/output.h"
#include "cli/rows.h"
#include "cli/utf8.h"
#include "fer.h"

#define COLUMNS (AUDIT_SPLITS + 1) /* the splits, and all of them together */

static const char *const SPLIT[COLUMNS] = {"Training", "PublicTest", "PrivateTest", "all"};

static const struct audit_split *column_of(const struct audit *a, int column)
{
    return column < AUDIT_SPLITS ? &a->split[column] : &a->all;
}

/* The figures of a split, in the order of the report. */
static const struct figure {
    const char *key, *title;
    size_t offset; /* in struct audit_split */
} FIGURES[] = {
    {"distinct", "different pictures", offsetof(struct audit_split, distinct)},
    {"groups", "groups of identical ones", offsetof(struct audit_split, groups)},
    {"grouped", "  pictures in them", offsetof(struct audit_split, members)},
    {"surplus", "  surplus copies", offsetof(struct audit_split, surplus)},
    {"conflicting_groups", "  groups of several labels", offsetof(struct audit_split, conflicts)},
    {"conflicting", "  pictures in those", offsetof(struct audit_split, conflicting)},
    {"blank", "blank (one value only)", offsetof(struct audit_split, blank)},
};
#define FIGURE_COUNT (sizeof(FIGURES) / sizeof(FIGURES[0]))

static size_t figure_of(const struct audit_split *s, const struct figure *f)
{
    return *(const size_t *)((const char *)s + f->offset);
}

/* ---- text ---- */

static void text_row(FILE *out, const char *title, const size_t value[COLUMNS])
{
    fprintf(out, "%-26s", title);
    for (int c = 0; c < COLUMNS; c++)
        fprintf(out, " %11zu", value[c]);
    putc('\n', out);
}

static void text_header(FILE *out, const char *title)
{
    fprintf(out, "\n%-26s", title);
    for (int c = 0; c < COLUMNS; c++)
        fprintf(out, " %11s", SPLIT[c]);
    putc('\n', out);
}

static void text_splits(const struct audit *a, FILE *out)
{
    size_t value[COLUMNS];
    text_header(out, "class");
    for (int k = 0; k <= FER_CLASSES; k++) {
        for (int c = 0; c < COLUMNS; c++)
            value[c] = k < FER_CLASSES ? column_of(a, c)->of_class[k] : column_of(a, c)->n;
        text_row(out, k < FER_CLASSES ? FER_NAMES[k] : "all", value);
    }
    text_header(out, "pixel by pixel");
    for (size_t f = 0; f < FIGURE_COUNT; f++) {
        for (int c = 0; c < COLUMNS; c++)
            value[c] = figure_of(column_of(a, c), &FIGURES[f]);
        text_row(out, FIGURES[f].title, value);
    }
}

static void text_copies(const struct audit *a, FILE *out)
{
    fprintf(out, "\n%-26s", "in two splits");
    for (int k = 0; k < FER_CLASSES; k++)
        fprintf(out, " %8s", FER_NAMES[k]);
    fprintf(out, " %8s  labelled otherwise\n", "all");
    for (int of = 1; of < AUDIT_SPLITS; of++)
        for (int in = 0; in < of; in++) {
            const struct audit_copies *copies = &a->copies[of][in];
            char title[64];
            snprintf(title, sizeof(title), "%s in %s", SPLIT[of], SPLIT[in]);
            fprintf(out, "%-26s", title);
            for (int k = 0; k < FER_CLASSES; k++)
                fprintf(out, " %8zu", copies->of_class[k]);
            fprintf(out, " %8zu  %18zu\n", copies->n, copies->relabelled);
        }
}

static void write_text(const struct audit *a, const char *path, FILE *out)
{
    const size_t shown = a->all.blank < 20 ? a->all.blank : 20;
    fprintf(out, "pictures                   %zu of ", a->all.n);
    utf8_show(out, path);
    putc('\n', out);
    text_splits(a, out);
    text_copies(a, out);
    for (size_t i = 0; i < shown; i++)
        fprintf(out, "%s %zu", i == 0 ? "\nblank rows, counted from 0:" : ",", a->blank_row[i]);
    if (shown > 0)
        fputs(shown < a->all.blank ? " ...\n" : "\n", out);
}

/* ---- json ---- */

static void json_classes(struct json *j, const size_t of_class[FER_CLASSES])
{
    json_object(j, "classes");
    for (int k = 0; k < FER_CLASSES; k++)
        json_integer(j, FER_NAMES[k], (long long)of_class[k]);
    json_close(j);
}

static void write_json(const struct audit *a, const char *path, FILE *out)
{
    struct json j;
    json_begin(&j, out);
    json_text(&j, "path", path);
    json_object(&j, "splits");
    for (int c = 0; c < COLUMNS; c++) {
        json_object(&j, SPLIT[c]);
        json_integer(&j, "n", (long long)column_of(a, c)->n);
        json_classes(&j, column_of(a, c)->of_class);
        for (size_t f = 0; f < FIGURE_COUNT; f++)
            json_integer(&j, FIGURES[f].key, (long long)figure_of(column_of(a, c), &FIGURES[f]));
        json_close(&j);
    }
    json_close(&j);
    json_array(&j, "copies");
    for (int of = 1; of < AUDIT_SPLITS; of++)
        for (int in = 0; in < of; in++) {
            json_object(&j, NULL);
            json_text(&j, "of", SPLIT[of]);
            json_text(&j, "in", SPLIT[in]);
            json_integer(&j, "n", (long long)a->copies[of][in].n);
            json_integer(&j, "labelled_otherwise", (long long)a->copies[of][in].relabelled);
            json_classes(&j, a->copies[of][in].of_class);
            json_close(&j);
        }
    json_close(&j);
    json_array(&j, "blank_rows");
    for (size_t i = 0; i < a->all.blank; i++)
        json_integer(&j, NULL, (long long)a->blank_row[i]);
    json_end(&j);
}

/* ---- csv ---- */

static void csv_row(struct rows *r, const char *measure, const char *split, const char *other,
                    const char *class, size_t value)
{
    rows_text(r, measure);
    rows_text(r, split);
    rows_text(r, other);
    rows_text(r, class);
    rows_integer(r, (long)value);
    rows_end(r);
}

static void csv_figures(struct rows *r, const struct audit *a)
{
    for (int c = 0; c < COLUMNS; c++) {
        const struct audit_split *s = column_of(a, c);
        csv_row(r, "n", SPLIT[c], "", "", s->n);
        for (int k = 0; k < FER_CLASSES; k++)
            csv_row(r, "n", SPLIT[c], "", FER_NAMES[k], s->of_class[k]);
        for (size_t f = 0; f < FIGURE_COUNT; f++)
            csv_row(r, FIGURES[f].key, SPLIT[c], "", "", figure_of(s, &FIGURES[f]));
    }
    for (int of = 1; of < AUDIT_SPLITS; of++)
        for (int in = 0; in < of; in++) {
            const struct audit_copies *copies = &a->copies[of][in];
            csv_row(r, "copies", SPLIT[of], SPLIT[in], "", copies->n);
            for (int k = 0; k < FER_CLASSES; k++)
                csv_row(r, "copies", SPLIT[of], SPLIT[in], FER_NAMES[k], copies->of_class[k]);
            csv_row(r, "labelled_otherwise", SPLIT[of], SPLIT[in], "", copies->relabelled);
        }
}

static int write_csv(const struct audit *a, const struct common_options *common, struct err *e)
{
    static const struct column columns[] = {{"measure", CELL_TEXT, 0, 0, 0},
                                            {"split", CELL_TEXT, 0, 0, 0},
                                            {"in", CELL_TEXT, 0, 0, 0},
                                            {"class", CELL_TEXT, 0, 0, 0},
                                            {"value", CELL_INTEGER, 0, 0, 0}};
    struct rows *r = rows_open(common, columns, sizeof(columns) / sizeof(*columns), e);
    if (!r)
        return -1;
    csv_figures(r, a);
    return rows_close(r, e);
}

/* ---- all ---- */

static int write_report(const struct audit *a, const struct common_options *common,
                        const char *path, struct err *e)
{
    struct output out;
    if (common->format == FORMAT_CSV)
        return write_csv(a, common, e);
    if (output_open(&out, common->output, e))
        return -1;
    if (common->format == FORMAT_JSONL)
        write_json(a, path, out.stream);
    else
        write_text(a, path, out.stream);
    return output_commit(&out, e);
}

static int audit(struct audit *a, const char *path, struct err *e)
{
    struct names names = {0};
    struct dataset d = {0};
    const unsigned all = SPLIT_TRAINING | SPLIT_PUBLIC_TEST | SPLIT_PRIVATE_TEST;
    int failed = names_init_fer(&names, e) || dataset_read_fer_csv(&d, path, all, &names, e) ||
                 audit_init(a, &d, e);
    dataset_release(&d);
    names_release(&names);
    return failed ? -1 : 0;
}

int audit_csv(const struct common_options *common, const char *fer_csv)
{
    struct audit a;
    struct err e = {""};
    if (audit(&a, fer_csv, &e)) {
        if (interrupted)
            return STATUS_INTERRUPTED;
        complain("%s", e.text);
        return STATUS_UNUSABLE;
    }
    int failed = write_report(&a, common, fer_csv, &e);
    audit_release(&a);
    if (failed)
        complain("%s", e.text);
    return failed ? STATUS_PARTIAL : STATUS_OK;
}
