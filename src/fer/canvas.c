/* What the drawings share; see canvas.h. */
#include "fer/canvas.h"

#include <math.h>
#include <string.h>

const struct colour CANVAS_BLUE = {0.00, 0.45, 0.70}, CANVAS_VERMILION = {0.84, 0.37, 0.00},
                    CANVAS_INK = {0.13, 0.13, 0.13}, CANVAS_GREY = {0.4, 0.4, 0.4},
                    CANVAS_GRID = {0.88, 0.88, 0.88}, CANVAS_WHITE = {1, 1, 1};

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

void canvas_colour(cairo_t *cr, struct colour c)
{
    cairo_set_source_rgb(cr, c.red, c.green, c.blue);
}

cairo_t *canvas_new(int width, int height)
{
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, width, height);
    cairo_t *cr = cairo_create(surface);
    cairo_surface_destroy(surface); /* the context keeps it */
    canvas_colour(cr, CANVAS_WHITE);
    cairo_paint(cr);
    cairo_set_line_width(cr, 1);
    return cr;
}

void canvas_line(cairo_t *cr, double x1, double y1, double x2, double y2)
{
    cairo_move_to(cr, x1, y1);
    cairo_line_to(cr, x2, y2);
    cairo_stroke(cr);
}

/* The text's width, and the text unless `place` is NULL. */
static double set_text(cairo_t *drawing, const double place[2], const struct text_style *style,
                       const char *text)
{
    cairo_t *cr = cairo_create(cairo_get_target(drawing));
    cairo_text_extents_t extents = {.x_advance = 0};
    canvas_font(cr, style->size, style->bold);
    cairo_text_extents(cr, text, &extents);
    if (place) {
        canvas_colour(cr, style->colour ? *style->colour : CANVAS_INK);
        cairo_move_to(cr, round(place[0] - style->align * extents.x_advance), place[1]);
        cairo_show_text(cr, text);
    }
    cairo_destroy(cr);
    return extents.x_advance;
}

double canvas_text(cairo_t *cr, double x, double y, const struct text_style *style,
                   const char *text)
{
    return set_text(cr, (const double[]){x, y}, style, text);
}

double canvas_text_width(cairo_t *cr, const struct text_style *style, const char *text)
{
    return set_text(cr, NULL, style, text);
}

static int write_png(cairo_t *cr, const char *path, struct err *e)
{
    struct image im;
    cairo_surface_t *surface = cairo_get_target(cr);
    if (cairo_status(cr) != CAIRO_STATUS_SUCCESS)
        return err_set(e, "cannot draw '%s': %s", path, cairo_status_to_string(cairo_status(cr)));
    if (image_init(&im, cairo_image_surface_get_width(surface),
                   cairo_image_surface_get_height(surface), 3, e))
        return -1;
    canvas_copy(surface, &im, 0, 0);
    const int result = image_write_png(&im, path, e);
    image_release(&im);
    return result;
}

int canvas_finish(cairo_t *cr, const char *path, struct err *e)
{
    const int result = write_png(cr, path, e);
    cairo_destroy(cr);
    return result;
}
