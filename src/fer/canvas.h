/* What the drawings share: a font, and the way from cairo's pixels to ours. */
#ifndef FERCLI_FER_CANVAS_H
#define FERCLI_FER_CANVAS_H

#include <cairo.h>

#include "fer.h"

/* DejaVu Sans (package fonts-dejavu-core), or what fontconfig puts in its place, `size` pixels an
 * em. Drawn the same whatever the user's settings for screens are. */
void canvas_font(cairo_t *cr, double size, bool bold);

/* Copies an RGB24 surface to (left, top) of an RGB image that has room for it. */
void canvas_copy(cairo_surface_t *surface, struct image *rgb, int left, int top);

#endif
