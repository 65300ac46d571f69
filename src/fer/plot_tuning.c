/* The accuracies of a personal tuning as a PNG: pairs of bars, before and after, for the user's
 * held-out pictures in all, their classes, and the general pictures, with 95 % intervals where
 * there are any. */
#include "fer.h"

#include <math.h>
#include <stdio.h>

#include "fer/canvas.h"

enum { WIDTH = 1200, HEIGHT = 520, LEFT = 70, RIGHT = 1170, TOP = 90, BOTTOM = 430 };

#define TEXT_SIZE 15.0
#define BAR 0.34 /* width of a bar, in widths of a pair's place */

#define BEFORE CANVAS_BLUE
#define AFTER CANVAS_VERMILION

/* Two bars side by side; fractions. */
struct pair {
    const char *name;
    size_t n; /* pictures; 0: no pair at all */
    double before, after;
    const struct finetune_measure *measure[2]; /* with the intervals, NULL without */
};

struct chart {
    cairo_t *cr;
    double place; /* pixels a pair has */
    size_t next;  /* place of the next pair */
};

static double y_of(double fraction)
{
    return BOTTOM - (BOTTOM - TOP) * fraction;
}

/* `align` is the part of the text's width that lies left of x. */
static void draw_text(const struct chart *c, double x, double y, double align, bool bold,
                      const char *text)
{
    const struct text_style style = {.size = TEXT_SIZE, .bold = bold, .align = align};
    canvas_text(c->cr, x, y, &style, text);
}

static void draw_bar(const struct chart *c, double left, double value, struct colour colour,
                     const struct finetune_measure *m)
{
    const double width = BAR * c->place, middle = round(left + width / 2) + 0.5;
    canvas_colour(c->cr, colour);
    cairo_rectangle(c->cr, left, y_of(value), width, BOTTOM - y_of(value));
    cairo_fill(c->cr);
    if (!m)
        return;
    canvas_colour(c->cr, CANVAS_INK);
    canvas_line(c->cr, middle, y_of(m->low), middle, y_of(m->high));
    canvas_line(c->cr, middle - 6, y_of(m->low), middle + 6, y_of(m->low));
    canvas_line(c->cr, middle - 6, y_of(m->high), middle + 6, y_of(m->high));
}

static void draw_pair(struct chart *c, const struct pair *p)
{
    char count[32];
    const double middle = LEFT + ((double)c->next + 0.5) * c->place;
    if (p->n == 0)
        return;
    c->next++;
    draw_bar(c, middle - BAR * c->place, p->before, BEFORE, p->measure[0]);
    draw_bar(c, middle, p->after, AFTER, p->measure[1]);
    snprintf(count, sizeof(count), "n = %zu", p->n);
    draw_text(c, middle, BOTTOM + 24, 0.5, false, p->name);
    draw_text(c, middle, BOTTOM + 46, 0.5, false, count);
}

static void draw_measures(struct chart *c, const char *name, const char *balanced,
                          const struct finetune_measure *before,
                          const struct finetune_measure *after)
{
    const struct pair all = {.name = name,
                             .n = after->n,
                             .before = before->accuracy,
                             .after = after->accuracy,
                             .measure = {before, after}};
    const struct pair mean = {.name = balanced,
                              .n = after->n,
                              .before = before->balanced_accuracy,
                              .after = after->balanced_accuracy};
    draw_pair(c, &all);
    draw_pair(c, &mean);
}

static void draw_frame(const struct chart *c)
{
    for (int percent = 0; percent <= 100; percent += 20) {
        char text[16];
        const double y = round(y_of(percent / 100.0)) + 0.5;
        canvas_colour(c->cr, CANVAS_GRID);
        canvas_line(c->cr, LEFT, y, RIGHT, y);
        snprintf(text, sizeof(text), "%d", percent);
        draw_text(c, LEFT - 8, y + 5, 1, false, text);
    }
    draw_text(c, WIDTH / 2.0, 32, 0.5, true, "Accuracy before and after tuning, %");
    canvas_colour(c->cr, BEFORE);
    cairo_rectangle(c->cr, LEFT, 52, 24, 14);
    cairo_fill(c->cr);
    draw_text(c, LEFT + 32, 64, 0, false, "before");
    canvas_colour(c->cr, AFTER);
    cairo_rectangle(c->cr, LEFT + 110, 52, 24, 14);
    cairo_fill(c->cr);
    draw_text(c, LEFT + 142, 64, 0, false, "after");
}

static void draw_chart(struct chart *c, const struct finetune_report *r, const struct names *names)
{
    draw_frame(c);
    draw_measures(c, "user", "balanced", &r->user_before, &r->user_after);
    for (int k = 0; k < names->count; k++) {
        const struct finetune_class *class = &r->classes[k];
        const double n = class->n ? (double)class->n : 1;
        const struct pair recall = {.name = names->name[k],
                                    .n = class->n,
                                    .before = (double)class->hits_before / n,
                                    .after = (double)class->hits_after / n};
        draw_pair(c, &recall);
    }
    draw_measures(c, "general", "balanced", &r->general_before, &r->general_after);
}

static size_t count_pairs(const struct finetune_report *r, const struct names *names)
{
    size_t pairs = 0;
    if (r->user_after.n > 0)
        pairs += 2;
    if (r->general_after.n > 0)
        pairs += 2;
    for (int k = 0; k < names->count; k++)
        if (r->classes[k].n > 0)
            pairs++;
    return pairs;
}

int plot_tuning(const struct finetune_report *r, const struct names *names, const char *path,
                struct err *e)
{
    const double places = fmax(6, (double)count_pairs(r, names)); /* no bars as wide as walls */
    struct chart c = {.cr = canvas_new(WIDTH, HEIGHT), .place = (RIGHT - LEFT) / places};
    draw_chart(&c, r, names);
    return canvas_finish(c.cr, path, e);
}
