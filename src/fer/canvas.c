/* What the drawings share; see canvas.h. */
#include "fer/canvas.h"

#include <string.h>

void canvas_font(cairo_t *cr, double size, bool bold)
{
    cairo_font_options_t *options = cairo_font_options_create();
    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_SLIGHT);
    cairo_set_font_options(cr, options);
    cairo_font_options_destroy(options);
    cairo_select_font_face(cr, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL,
                           bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cr, size);
}

void canvas_copy(cairo_surface_t *surface, struct image *rgb, int left, int top)
{
    cairo_surface_flush(surface);
    const unsigned char *from = cairo_image_surface_get_data(surface);
    ptrdiff_t stride = cairo_image_surface_get_stride(surface);
    int width = cairo_image_surface_get_width(surface);
    for (int y = 0; y < cairo_image_surface_get_height(surface); y++) {
        size_t at = (size_t)(top + y) * (size_t)rgb->width + (size_t)left;
        unsigned char *to = rgb->pixels + at * 3;
        for (int x = 0; x < width; x++, to += 3) {
            uint32_t pixel; /* 0x00RRGGBB in the machine's byte order */
            memcpy(&pixel, from + y * stride + (ptrdiff_t)x * 4, sizeof(pixel));
            to[0] = (unsigned char)(pixel >> 16);
            to[1] = (unsigned char)(pixel >> 8);
            to[2] = (unsigned char)pixel;
        }
    }
}
