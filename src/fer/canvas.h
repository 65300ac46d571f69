/* What the drawings share: a font, and the way from cairo's pixels to ours. */
#ifndef FERCLI_FER_CANVAS_H
#define FERCLI_FER_CANVAS_H

#include <cairo.h>

#include "fer.h"

struct colour {
    double red, green, blue;
};
/* Blue and vermilion stay apart for every kind of colour vision (Okabe and Ito 2008). */
extern const struct colour CANVAS_BLUE, CANVAS_VERMILION, CANVAS_INK, CANVAS_GREY, CANVAS_GRID,
    CANVAS_WHITE;

struct text_style {
    double size; /* pixels an em */
    bool bold;
    double
        align; /* the part of the text's width that lies left of x: 0 begins there, 1 ends there */
    const struct colour *colour; /* NULL: CANVAS_INK */
};

/* DejaVu Sans (package fonts-dejavu-core), or what fontconfig puts in its place, `size` pixels an
 * em. Drawn the same whatever the user's settings for screens are. */
void canvas_font(cairo_t *cr, double size, bool bold);

void canvas_colour(cairo_t *cr, struct colour c);

/* A white RGB24 picture to draw in, with lines one pixel wide. Ends with canvas_finish. */
cairo_t *canvas_new(int width, int height);

void canvas_line(cairo_t *cr, double x1, double y1, double x2, double y2);

/* Draws a text in a context of its own, because a context that met an error, such as a system
 * without fonts, draws nothing more: then the texts are missing and the rest is not. Returns the
 * width in pixels. */
double canvas_text(cairo_t *cr, double x, double y, const struct text_style *style,
                   const char *text);

/* The width that the text would have. */
double canvas_text_width(cairo_t *cr, const struct text_style *style, const char *text);

/* Writes what was drawn as a PNG and frees `cr` in every case. Returns 0 or -1. */
int canvas_finish(cairo_t *cr, const char *path, struct err *e);

/* Copies an RGB24 surface to (left, top) of an RGB image that has room for it. */
void canvas_copy(cairo_surface_t *surface, struct image *rgb, int left, int top);

#endif
