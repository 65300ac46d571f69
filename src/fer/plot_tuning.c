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

struct colour {
    double red, green, blue;
};
/* Blue and vermilion stay apart for every kind of colour vision (Okabe and Ito 2008). */
static const struct colour BEFORE = {0.00, 0.45, 0.70}, AFTER = {0.84, 0.37, 0.00},
                           INK = {0.13, 0.13, 0.13}, GRID = {0.88, 0.88, 0.88};

/* Two bars side by side; fractions. */
struct pair {
    const char *name;
    size_t n; /* pictures; 0: no pair at all */
    double before, after;
    const struct finetune_measure *measure[2]; /* with the intervals, NULL without */
};

struct chart {
    cairo_surface_t *surface;
    cairo_t *cr;  /* for all but texts, which a missing font must not take along */
    double place; /* pixels a pair has */
    size_t next;  /* place of the next pair */
};

static void set_colour(cairo_t *cr, struct colour c)
{
    cairo_set_source_rgb(cr, c.red, c.green, c.blue);
}

static double y_of(double fraction)
{
    return BOTTOM - (BOTTOM - TOP) * fraction;
}

/* `align` is the part of the text's width that lies left of x. */
static void draw_text(const struct chart *c, double x, double y, double align, bool bold,
                      const char *text)
{
    cairo_t *cr = cairo_create(c->surface);
    cairo_text_extents_t extents = {.x_advance = 0};
    canvas_font(cr, TEXT_SIZE, bold);
    cairo_text_extents(cr, text, &extents);
    set_colour(cr, INK);
    cairo_move_to(cr, round(x - align * extents.x_advance), y);
    cairo_show_text(cr, text);
    cairo_destroy(cr);
}

static void draw_line(cairo_t *cr, double x1, double y1, double x2, double y2)
{
    cairo_move_to(cr, x1, y1);
    cairo_line_to(cr, x2, y2);
    cairo_stroke(cr);
}

static void draw_bar(const struct chart *c, double left, double value, struct colour colour,
                     const struct finetune_measure *m)
{
    const double width = BAR * c->place, middle = round(left + width / 2) + 0.5;
    set_colour(c->cr, colour);
    cairo_rectangle(c->cr, left, y_of(value), width, BOTTOM - y_of(value));
    cairo_fill(c->cr);
    if (!m)
        return;
    set_colour(c->cr, INK);
    draw_line(c->cr, middle, y_of(m->low), middle, y_of(m->high));
    draw_line(c->cr, middle - 6, y_of(m->low), middle + 6, y_of(m->low));
    draw_line(c->cr, middle - 6, y_of(m->high), middle + 6, y_of(m->high));
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
        set_colour(c->cr, GRID);
        draw_line(c->cr, LEFT, y, RIGHT, y);
        snprintf(text, sizeof(text), "%d", percent);
        draw_text(c, LEFT - 8, y + 5, 1, false, text);
    }
    draw_text(c, WIDTH / 2.0, 32, 0.5, true, "Accuracy before and after tuning, %");
    set_colour(c->cr, BEFORE);
    cairo_rectangle(c->cr, LEFT, 52, 24, 14);
    cairo_fill(c->cr);
    draw_text(c, LEFT + 32, 64, 0, false, "before");
    set_colour(c->cr, AFTER);
    cairo_rectangle(c->cr, LEFT + 110, 52, 24, 14);
    cairo_fill(c->cr);
    draw_text(c, LEFT + 142, 64, 0, false, "after");
}

static void draw_chart(struct chart *c, const struct finetune_report *r, const struct names *names)
{
    cairo_set_source_rgb(c->cr, 1, 1, 1);
    cairo_paint(c->cr);
    cairo_set_line_width(c->cr, 1);
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

int plot_tuning(const struct finetune_report *r, const struct names *names, const char *path,
                struct err *e)
{
    int result = -1;
    struct image im = {0};
    struct chart c = {.place = (RIGHT - LEFT) / (names->count + 4.0)};
    c.surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, WIDTH, HEIGHT);
    c.cr = cairo_create(c.surface);
    draw_chart(&c, r, names);
    if (cairo_status(c.cr) != CAIRO_STATUS_SUCCESS) {
        err_set(e, "cannot draw '%s': %s", path, cairo_status_to_string(cairo_status(c.cr)));
        goto out;
    }
    if (image_init(&im, WIDTH, HEIGHT, 3, e))
        goto out;
    canvas_copy(c.surface, &im, 0, 0);
    result = image_write_png(&im, path, e);
out:
    image_release(&im);
    cairo_destroy(c.cr);
    cairo_surface_destroy(c.surface);
    return result;
}
