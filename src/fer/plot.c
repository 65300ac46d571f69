/* The curves of a training run as a PNG: loss and accuracy by epoch, training and validation.
 *
 * Numbers that are not finite leave a gap in their curve. */
#include "fer.h"

#include <math.h>
#include <stdio.h>

#include "fer/canvas.h"

enum { WIDTH = 1200, HEIGHT = 520, PANEL_TOP = 124, PANEL_BOTTOM = 460, PANEL_WIDTH = 490 };
static const double PANEL_LEFT[2] = {82, 682};

#define TEXT_SIZE 15.0
#define MOST_DOTS 40 /* epochs up to which each point of a curve has a dot */

#define TRAINING CANVAS_BLUE
#define VALIDATION CANVAS_VERMILION
#define BEST CANVAS_GREY

enum curve { TRAIN_LOSS, VALID_LOSS, TRAIN_ACCURACY, VALID_ACCURACY };

struct axis {
    double low, high;   /* the range shown */
    double first, last; /* the range that has ticks */
    double step;        /* between ticks, which are multiples of it */
};

struct panel {
    const char *title;
    enum curve training, validation;
    double left; /* of the frame, pixels */
    struct axis x, y;
};

struct plot {
    const struct epoch *epochs;
    size_t count;
    const struct epoch
        *best; /* highest validation accuracy, the first of equals; NULL when there is none */
    cairo_t *cr;
};

/* ---- values and axes ---- */

static double value_of(const struct epoch *epoch, enum curve c)
{
    switch (c) {
    case TRAIN_LOSS:
        return epoch->train_loss;
    case VALID_LOSS:
        return epoch->valid_loss;
    case TRAIN_ACCURACY:
        return 100 * epoch->train_accuracy;
    case VALID_ACCURACY:
        return 100 * epoch->valid_accuracy;
    }
    return NAN;
}

/* A diverged loss can be finite and still leave no room for differences. */
static bool can_be_drawn(double value)
{
    return fabs(value) < 1e30;
}

static const struct epoch *find_best(const struct epoch *epochs, size_t count)
{
    const struct epoch *best = NULL;
    for (size_t i = 0; i < count; i++) {
        double accuracy = epochs[i].valid_accuracy;
        if (can_be_drawn(accuracy) && (!best || accuracy > best->valid_accuracy))
            best = &epochs[i];
    }
    return best;
}

/* The smallest of 1, 2, 5 times a power of ten that divides `range` into at most `parts`. */
static double round_step(double range, int parts)
{
    double least = range / parts, power = pow(10, floor(log10(least)));
    static const double STEPS[] = {1, 2, 5};
    for (size_t i = 0; i < 3; i++)
        if (STEPS[i] * power >= least * (1 - 1e-9))
            return STEPS[i] * power;
    return 10 * power;
}

/* From a tick below the values to a tick above. */
static struct axis value_axis(double low, double high)
{
    double size = fmax(fabs(low), fabs(high));
    if (high - low <= 1e-6 * size || high == low) {
        double room = size > 0 ? 0.05 * size : 0.5;
        low -= room;
        high += room;
    }
    double step = round_step(high - low, 6);
    low = step * floor(low / step + 1e-9);
    high = step * ceil(high / step - 1e-9);
    return (struct axis){low, high, low, high, step};
}

static struct axis curves_axis(const struct plot *p, enum curve a, enum curve b, double least,
                               double most)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < 2 * p->count; i++) {
        double value = value_of(&p->epochs[i / 2], i % 2 ? a : b);
        if (!can_be_drawn(value))
            continue;
        low = fmin(low, value);
        high = fmax(high, value);
    }
    if (low > high)
        return (struct axis){0, 1, 0, 1, 0.2};
    struct axis axis = value_axis(low, high);
    /* Room that was added to a flat curve must not show losses below 0 or accuracies above 100 %.
     */
    if (low >= least)
        axis.first = axis.low = fmax(axis.low, least);
    if (high <= most)
        axis.last = axis.high = fmin(axis.high, most);
    return axis;
}

static struct axis epoch_axis(const struct plot *p)
{
    double low = p->epochs[0].number, high = low;
    for (size_t i = 1; i < p->count; i++) {
        low = fmin(low, p->epochs[i].number);
        high = fmax(high, p->epochs[i].number);
    }
    double range = high - low, room = range > 0 ? 0.03 * range : 0.5;
    double step = range > 0 ? fmax(1, round_step(range, 10)) : 1;
    return (struct axis){low - room, high + room, low, high, step};
}

static double x_of(const struct panel *panel, double value)
{
    const struct axis *a = &panel->x;
    return panel->left + PANEL_WIDTH * (value - a->low) / (a->high - a->low);
}

static double y_of(const struct panel *panel, double value)
{
    const struct axis *a = &panel->y;
    return PANEL_BOTTOM - (PANEL_BOTTOM - PANEL_TOP) * (value - a->low) / (a->high - a->low);
}

/* ---- drawing ---- */

static const struct text_style FROM = {.size = TEXT_SIZE}, UPTO = {.size = TEXT_SIZE, .align = 1},
                               MIDDLE = {.size = TEXT_SIZE, .align = 0.5},
                               TITLE = {.size = TEXT_SIZE, .align = 0.5, .bold = true};

static void format_tick(char *text, size_t size, double value, double step)
{
    int decimals = step >= 1 ? 0 : (int)ceil(-log10(step) - 1e-9);
    if (fabs(value) < 1e-9 * step)
        value = 0; /* not "-0" */
    if (decimals > 6 || fabs(value) >= 1e6)
        snprintf(text, size, "%.4g", value);
    else
        snprintf(text, size, "%.*f", decimals, value);
}

static void draw_y_ticks(const struct plot *p, const struct panel *panel)
{
    const struct axis *a = &panel->y;
    double first = ceil(a->first / a->step - 1e-9), last = floor(a->last / a->step + 1e-9);
    for (double i = first; i <= last; i++) {
        char text[64];
        double y = round(y_of(panel, i * a->step)) + 0.5;
        canvas_colour(p->cr, CANVAS_GRID);
        canvas_line(p->cr, panel->left, y, panel->left + PANEL_WIDTH, y);
        format_tick(text, sizeof(text), i * a->step, a->step);
        canvas_text(p->cr, panel->left - 8, y + 5, &UPTO, text);
    }
}

static void draw_x_ticks(const struct plot *p, const struct panel *panel)
{
    const struct axis *a = &panel->x;
    for (double i = ceil(a->first / a->step); i <= floor(a->last / a->step); i++) {
        char text[64];
        double x = round(x_of(panel, i * a->step)) + 0.5;
        canvas_colour(p->cr, CANVAS_INK);
        canvas_line(p->cr, x, PANEL_BOTTOM, x, PANEL_BOTTOM + 5);
        snprintf(text, sizeof(text), "%.0f", i * a->step);
        canvas_text(p->cr, x, PANEL_BOTTOM + 22, &MIDDLE, text);
    }
}

static void draw_frame(const struct plot *p, const struct panel *panel)
{
    double middle = panel->left + PANEL_WIDTH / 2.0;
    draw_y_ticks(p, panel);
    draw_x_ticks(p, panel);
    canvas_colour(p->cr, CANVAS_INK);
    cairo_rectangle(p->cr, panel->left + 0.5, PANEL_TOP + 0.5, PANEL_WIDTH,
                    PANEL_BOTTOM - PANEL_TOP);
    cairo_stroke(p->cr);
    canvas_text(p->cr, middle, PANEL_TOP - 12, &TITLE, panel->title);
    canvas_text(p->cr, middle, PANEL_BOTTOM + 46, &MIDDLE, "epoch");
}

static void draw_dot(cairo_t *cr, double x, double y, double radius)
{
    cairo_new_sub_path(cr);
    cairo_arc(cr, x, y, radius, 0, 2 * acos(-1));
}

static void draw_curve(const struct plot *p, const struct panel *panel, enum curve curve,
                       struct colour colour)
{
    bool drawing = false;
    canvas_colour(p->cr, colour);
    cairo_set_line_width(p->cr, 2);
    for (size_t i = 0; i < p->count; i++) {
        double value = value_of(&p->epochs[i], curve);
        bool good = can_be_drawn(value);
        if (good && drawing)
            cairo_line_to(p->cr, x_of(panel, p->epochs[i].number), y_of(panel, value));
        else if (good)
            cairo_move_to(p->cr, x_of(panel, p->epochs[i].number), y_of(panel, value));
        drawing = good;
    }
    cairo_stroke(p->cr);
    for (size_t i = 0; i < p->count; i++) {
        double value = value_of(&p->epochs[i], curve);
        bool after_gap = i == 0 || !can_be_drawn(value_of(&p->epochs[i - 1], curve));
        bool before_gap = i + 1 == p->count || !can_be_drawn(value_of(&p->epochs[i + 1], curve));
        /* A point alone has no line to be seen by. */
        if (can_be_drawn(value) && (p->count <= MOST_DOTS || (after_gap && before_gap)))
            draw_dot(p->cr, x_of(panel, p->epochs[i].number), y_of(panel, value), 3);
    }
    cairo_fill(p->cr);
    cairo_set_line_width(p->cr, 1);
}

static void set_dashes(cairo_t *cr, bool on)
{
    static const double DASHES[] = {5, 4};
    cairo_set_dash(cr, DASHES, on ? 2 : 0, 0);
}

static void draw_best(const struct plot *p, const struct panel *panel)
{
    if (!p->best)
        return;
    double x = round(x_of(panel, p->best->number)) + 0.5;
    double value = value_of(p->best, panel->validation);
    canvas_colour(p->cr, BEST);
    set_dashes(p->cr, true);
    canvas_line(p->cr, x, PANEL_TOP, x, PANEL_BOTTOM);
    set_dashes(p->cr, false);
    if (!can_be_drawn(value))
        return;
    canvas_colour(p->cr, VALIDATION);
    cairo_set_line_width(p->cr, 2);
    draw_dot(p->cr, x_of(panel, p->best->number), y_of(panel, value), 7);
    cairo_stroke(p->cr);
    cairo_set_line_width(p->cr, 1);
}

static void draw_panel(const struct plot *p, const struct panel *panel)
{
    draw_frame(p, panel);
    draw_best(p, panel);
    draw_curve(p, panel, panel->training, TRAINING);
    draw_curve(p, panel, panel->validation, VALIDATION);
}

/* A line of its colour and its name; returns where the next entry begins. */
static double draw_key(const struct plot *p, double x, double y, struct colour colour, bool best,
                       const char *name)
{
    canvas_colour(p->cr, colour);
    cairo_set_line_width(p->cr, best ? 1 : 2);
    set_dashes(p->cr, best);
    canvas_line(p->cr, x, y - 4.5, x + 32, y - 4.5);
    set_dashes(p->cr, false);
    cairo_set_line_width(p->cr, 1);
    return x + 40 + canvas_text(p->cr, x + 40, y, &FROM, name) + 32;
}

static void draw_head(const struct plot *p)
{
    char best[160];
    double x = PANEL_LEFT[0], y = 70;
    canvas_text(p->cr, WIDTH / 2.0, 32, &TITLE, "Training history");
    x = draw_key(p, x, y, TRAINING, false, "training");
    x = draw_key(p, x, y, VALIDATION, false, "validation");
    if (!p->best)
        return;
    snprintf(best, sizeof(best), "best validation accuracy: %.2f %% at epoch %d",
             100 * p->best->valid_accuracy, p->best->number);
    draw_key(p, x, y, BEST, true, best);
}

static void draw_plot(const struct plot *p)
{
    struct panel loss = {.title = "loss",
                         .training = TRAIN_LOSS,
                         .validation = VALID_LOSS,
                         .left = PANEL_LEFT[0],
                         .x = epoch_axis(p),
                         .y = curves_axis(p, TRAIN_LOSS, VALID_LOSS, 0, INFINITY)};
    struct panel accuracy = {.title = "accuracy, %",
                             .training = TRAIN_ACCURACY,
                             .validation = VALID_ACCURACY,
                             .left = PANEL_LEFT[1],
                             .x = loss.x,
                             .y = curves_axis(p, TRAIN_ACCURACY, VALID_ACCURACY, 0, 100)};
    cairo_set_line_join(p->cr, CAIRO_LINE_JOIN_ROUND);
    draw_head(p);
    draw_panel(p, &loss);
    draw_panel(p, &accuracy);
}

/* ---- the file ---- */

int plot_history(const struct epoch *epochs, size_t count, const char *path, struct err *e)
{
    if (count == 0)
        return err_set(e, "cannot write '%s': there is no epoch to plot", path);
    const struct plot p = {.epochs = epochs,
                           .count = count,
                           .best = find_best(epochs, count),
                           .cr = canvas_new(WIDTH, HEIGHT)};
    draw_plot(&p);
    return canvas_finish(p.cr, path, e);
}
