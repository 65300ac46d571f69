/* Pictures of an evaluation: the confusion matrix and the reliability diagram; see fer.h. */
#include "fer.h"

#include <math.h>
#include <stdio.h>

#include "fer/canvas.h"

#define TEXT_SIZE 15.0
#define SMALL_SIZE 13.0

static const struct text_style TITLE = {.size = 17, .bold = true}, FROM = {.size = TEXT_SIZE},
                               UPTO = {.size = TEXT_SIZE, .align = 1},
                               MIDDLE = {.size = TEXT_SIZE, .align = 0.5},
                               NOTE = {.size = SMALL_SIZE, .colour = &CANVAS_GREY},
                               BOLD = {.size = TEXT_SIZE, .bold = true, .align = 0.5};

static const struct colour LIGHT_VERMILION = {0.96, 0.76, 0.62};

static double share(size_t part, size_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

/* Shrinks the letters of a text that is wider than its place. */
static void fitted_text(cairo_t *cr, double x, double y, const struct text_style *style,
                        double place, const char *words)
{
    struct text_style fitted = *style;
    const double width = canvas_text_width(cr, style, words);
    if (width > place)
        fitted.size *= place / width;
    canvas_text(cr, x, y, &fitted, words);
}

static void box(cairo_t *cr, double left, double top, double width, double height)
{
    cairo_rectangle(cr, round(left) + 0.5, round(top) + 0.5, round(width), round(height));
    cairo_stroke(cr);
}

/* ---- the confusion matrix ---- */

enum { MATRIX_LEFT = 150, MATRIX_TOP = 130, MATRIX_SIDE = 644, MARGIN = 30, CELL_MIN = 24 };

struct matrix {
    const struct metrics *metrics;
    const struct names *names;
    cairo_t *cr;
    int cell; /* pixels */
};

/* From white for none of the row to a dark blue for all of it. */
static struct colour shade(double part)
{
    return (struct colour){1 - part * 0.97, 1 - part * 0.72, 1 - part * 0.50};
}

static void draw_cell(const struct matrix *x, int row, int column, size_t row_size)
{
    const size_t count = x->metrics->confusion[row * x->metrics->classes + column];
    const double part = share(count, row_size), side = x->cell;
    const double left = MATRIX_LEFT + column * side, top = MATRIX_TOP + row * side;
    const struct colour *ink = part > 0.45 ? &CANVAS_WHITE : &CANVAS_INK;
    const struct text_style percents = {
        .size = TEXT_SIZE, .bold = row == column, .align = 0.5, .colour = ink};
    const struct text_style number = {.size = SMALL_SIZE, .align = 0.5, .colour = ink};
    char words[32];
    canvas_colour(x->cr, shade(part));
    cairo_rectangle(x->cr, left, top, side, side);
    cairo_fill(x->cr);
    snprintf(words, sizeof(words), "%.1f %%", 100 * part);
    fitted_text(x->cr, left + side / 2, top + side / 2 - 2, &percents, side - 6, words);
    snprintf(words, sizeof(words), "%zu", count);
    fitted_text(x->cr, left + side / 2, top + side / 2 + 16, &number, side - 6, words);
}

static void draw_row(const struct matrix *x, int row)
{
    const size_t count = x->metrics->truths[row];
    const double middle = MATRIX_TOP + (row + 0.5) * x->cell;
    char words[32];
    for (int k = 0; k < x->metrics->classes; k++)
        draw_cell(x, row, k, count);
    fitted_text(x->cr, MATRIX_LEFT - 12, middle - 2, &UPTO, MATRIX_LEFT - 24, x->names->name[row]);
    snprintf(words, sizeof(words), "%zu", count);
    canvas_text(x->cr, MATRIX_LEFT - 12, middle + 16,
                &(struct text_style){.size = SMALL_SIZE, .align = 1, .colour = &CANVAS_GREY},
                words);
}

static void draw_matrix(const struct matrix *x)
{
    const struct metrics *m = x->metrics;
    const double side = m->classes * x->cell;
    char words[128];
    snprintf(words, sizeof(words), "Confusion: %.1f %% of %zu pictures are right",
             100 * m->accuracy, m->n);
    canvas_text(x->cr, MARGIN, 38, &TITLE, words);
    canvas_text(x->cr, MARGIN, 62, &NOTE, "percents and shades are shares of the row");
    canvas_text(x->cr, MATRIX_LEFT + side / 2, MATRIX_TOP - 36, &BOLD, "prediction");
    canvas_text(x->cr, MATRIX_LEFT - 12, MATRIX_TOP - 12,
                &(struct text_style){.size = TEXT_SIZE, .bold = true, .align = 1}, "truth");
    for (int k = 0; k < m->classes; k++)
        fitted_text(x->cr, MATRIX_LEFT + (k + 0.5) * x->cell, MATRIX_TOP - 12, &MIDDLE, x->cell - 6,
                    x->names->name[k]);
    for (int k = 0; k < m->classes; k++)
        draw_row(x, k);
    canvas_colour(x->cr, CANVAS_GREY);
    for (int k = 0; k < m->classes; k++)
        box(x->cr, MATRIX_LEFT + k * x->cell, MATRIX_TOP + k * x->cell, x->cell - 1, x->cell - 1);
    canvas_colour(x->cr, CANVAS_INK);
    box(x->cr, MATRIX_LEFT - 1, MATRIX_TOP - 1, side + 1, side + 1);
}

int plot_confusion(const struct metrics *m, const struct names *names, const char *path,
                   struct err *e)
{
    struct matrix x = {.metrics = m, .names = names, .cell = MATRIX_SIDE / m->classes};
    if (x.cell < CELL_MIN)
        x.cell = CELL_MIN;
    const int side = m->classes * x.cell;
    x.cr = canvas_new(MATRIX_LEFT + side + MARGIN, MATRIX_TOP + side + MARGIN);
    draw_matrix(&x);
    return canvas_finish(x.cr, path, e);
}

/* ---- the reliability diagram ---- */

enum {
    DIAGRAM_WIDTH = 700,
    DIAGRAM_HEIGHT = 910,
    FRAME_LEFT = 84,
    FRAME_WIDTH = 570,
    UPPER_TOP = 148,
    UPPER_HEIGHT = 480,
    LOWER_TOP = 704,
    LOWER_HEIGHT = 140
};

/* A frame with the top probability from 0 to 1 along x. */
struct frame {
    cairo_t *cr;
    double top, height;
    double most; /* y at the top; 0 is at the bottom */
};

static double frame_x(double value)
{
    return FRAME_LEFT + FRAME_WIDTH * value;
}

static double frame_y(const struct frame *f, double value)
{
    return f->top + f->height * (1 - value / f->most);
}

/* A bar over bin `i` from one value to another. */
static void bar_path(const struct frame *f, int i, double from, double upto)
{
    const double left = round(frame_x((double)i / METRICS_BINS)) + 1;
    const double right = round(frame_x((double)(i + 1) / METRICS_BINS)) - 1;
    const double top = frame_y(f, fmax(from, upto)), bottom = frame_y(f, fmin(from, upto));
    cairo_rectangle(f->cr, left, top, right - left, bottom - top);
}

static void draw_grid(const struct frame *f, double step, const char *format, double unit)
{
    char words[32];
    for (int i = 0; i * step <= f->most * (1 + 1e-9); i++) {
        const double y = round(frame_y(f, i * step)) + 0.5;
        canvas_colour(f->cr, CANVAS_GRID);
        canvas_line(f->cr, FRAME_LEFT, y, FRAME_LEFT + FRAME_WIDTH, y);
        snprintf(words, sizeof(words), format, i * step * unit);
        canvas_text(f->cr, FRAME_LEFT - 8, y + 5, &UPTO, words);
    }
    for (int i = 0; i <= 5; i++) {
        const double x = round(frame_x(i / 5.0)) + 0.5;
        canvas_colour(f->cr, CANVAS_INK);
        canvas_line(f->cr, x, f->top + f->height, x, f->top + f->height + 5);
        snprintf(words, sizeof(words), "%.1f", i / 5.0);
        canvas_text(f->cr, x, f->top + f->height + 22, &MIDDLE, words);
    }
}

static void draw_border(const struct frame *f)
{
    canvas_colour(f->cr, CANVAS_INK);
    box(f->cr, FRAME_LEFT, f->top, FRAME_WIDTH, f->height);
}

/* The path as the gap of a bar. */
static void fill_gap(cairo_t *cr)
{
    canvas_colour(cr, LIGHT_VERMILION);
    cairo_fill_preserve(cr);
    canvas_colour(cr, CANVAS_VERMILION);
    cairo_stroke(cr);
}

static void dashed_line(cairo_t *cr, double x1, double y1, double x2, double y2)
{
    static const double DASHES[] = {6, 5};
    canvas_colour(cr, CANVAS_INK);
    cairo_set_dash(cr, DASHES, 2, 0);
    canvas_line(cr, x1, y1, x2, y2);
    cairo_set_dash(cr, NULL, 0, 0);
}

/* The gap lies above the accuracy where the model is too sure, else below; a thick line tells. */
static void draw_bin(const struct frame *f, int i, const struct metrics_bin *b)
{
    const double accuracy = share(b->hits, b->n), confidence = b->confidence / (double)b->n;
    const double thick = 4 * f->most / f->height;
    canvas_colour(f->cr, CANVAS_BLUE);
    bar_path(f, i, 0, accuracy);
    cairo_fill(f->cr);
    bar_path(f, i, accuracy, confidence);
    fill_gap(f->cr);
    canvas_colour(f->cr, CANVAS_BLUE);
    bar_path(f, i, fmax(accuracy - thick, 0), accuracy);
    cairo_fill(f->cr);
}

static void draw_accuracy(const struct frame *f, const struct metrics *m)
{
    draw_grid(f, 0.2, "%.1f", 1);
    for (int i = 0; i < METRICS_BINS; i++)
        if (m->bin[i].n > 0)
            draw_bin(f, i, &m->bin[i]);
    dashed_line(f->cr, frame_x(0), frame_y(f, 0), frame_x(1), frame_y(f, 1));
    draw_border(f);
}

static void draw_histogram(const struct frame *f, const struct metrics *m)
{
    draw_grid(f, f->most / 2, "%.0f %%", 100);
    canvas_colour(f->cr, CANVAS_GREY);
    for (int i = 0; i < METRICS_BINS; i++)
        if (m->bin[i].n > 0) {
            bar_path(f, i, 0, share(m->bin[i].n, m->n));
            cairo_fill(f->cr);
        }
    draw_border(f);
}

static void draw_legend(cairo_t *cr, double y)
{
    double x = FRAME_LEFT;
    canvas_colour(cr, CANVAS_BLUE);
    cairo_rectangle(cr, x, y - 12, 24, 13);
    cairo_fill(cr);
    x += 32 + canvas_text(cr, x + 32, y, &FROM, "accuracy") + 26;
    cairo_rectangle(cr, x + 0.5, y - 11.5, 24, 12);
    fill_gap(cr);
    x += 32 + canvas_text(cr, x + 32, y, &FROM, "gap to the mean confidence") + 26;
    dashed_line(cr, x, y - 5.5, x + 34, y - 5.5);
    canvas_text(cr, x + 42, y, &FROM, "no gap");
}

static void draw_diagram(cairo_t *cr, const struct metrics *m)
{
    char words[128];
    double confidence = 0, most = 0;
    for (int i = 0; i < METRICS_BINS; i++) {
        confidence += m->bin[i].confidence / (double)m->n;
        most = fmax(most, share(m->bin[i].n, m->n));
    }
    const struct frame upper = {cr, UPPER_TOP, UPPER_HEIGHT, 1};
    const struct frame lower = {cr, LOWER_TOP, LOWER_HEIGHT, ceil(most * 10) / 10};
    snprintf(words, sizeof(words), "Reliability: calibration error %.4f", m->ece);
    canvas_text(cr, MARGIN, 38, &TITLE, words);
    snprintf(words, sizeof(words),
             "%zu pictures, %d bins; accuracy %.1f %%, mean confidence %.1f %%", m->n, METRICS_BINS,
             100 * m->accuracy, 100 * confidence);
    canvas_text(cr, MARGIN, 62, &NOTE, words);
    draw_legend(cr, 96);
    canvas_text(cr, FRAME_LEFT, UPPER_TOP - 14, &NOTE, "accuracy");
    draw_accuracy(&upper, m);
    canvas_text(cr, FRAME_LEFT, LOWER_TOP - 6, &NOTE, "share of the pictures");
    draw_histogram(&lower, m);
    canvas_text(cr, FRAME_LEFT + FRAME_WIDTH / 2.0, LOWER_TOP + LOWER_HEIGHT + 46, &MIDDLE,
                "confidence: the probability of the class predicted");
}

int plot_reliability(const struct metrics *m, const char *path, struct err *e)
{
    cairo_t *cr = canvas_new(DIAGRAM_WIDTH, DIAGRAM_HEIGHT);
    draw_diagram(cr, m);
    return canvas_finish(cr, path, e);
}
