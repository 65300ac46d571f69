/* Boxes and texts drawn into a picture, for people to look at.
 *
 * Boxes are drawn straight into the pixels. A text is drawn by cairo on a small surface of its own
 * and copied, so a picture of any size costs no second copy and meets none of cairo's limits. Where
 * the system has no font the texts are missing and the boxes are not. */
#include "fer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fer/canvas.h"

#define SMALLEST_FONT 7.0 /* pixels an em; below it nobody can read */

static const unsigned char BOX_COLOUR[3] = {255, 214, 0};
static const unsigned char EDGE_COLOUR[3] = {24, 24, 24};

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static int shorter_side(const struct image *im)
{
    return smaller(im->width, im->height);
}

/* ---- boxes ---- */

/* Fills columns left..right-1 of rows top..bottom-1, the part inside the picture. */
static void fill(struct image *im, int left, int top, int right, int bottom,
                 const unsigned char colour[3])
{
    left = larger(left, 0);
    right = smaller(right, im->width);
    for (int y = larger(top, 0); y < smaller(bottom, im->height); y++) {
        unsigned char *pixel = im->pixels + ((size_t)y * (size_t)im->width + (size_t)left) * 3;
        for (int x = left; x < right; x++, pixel += 3)
            memcpy(pixel, colour, 3);
    }
}

/* A frame of `thickness` pixels whose outer edge lies `outset` pixels outside the box. */
static void draw_frame(struct image *im, const struct face *f, int outset, int thickness,
                       const unsigned char colour[3])
{
    int left = f->x - outset, right = f->x + f->width + outset;
    int top = f->y - outset, bottom = f->y + f->height + outset;
    fill(im, left, top, right, top + thickness, colour);
    fill(im, left, bottom - thickness, right, bottom, colour);
    fill(im, left, top, left + thickness, bottom, colour);
    fill(im, right - thickness, top, right, bottom, colour);
}

/* Bright lines between dark ones are seen on any ground. The outermost line is on the box's own
 * border pixels, so that a box that fills the picture is whole. */
static void draw_box(struct image *im, const struct face *f)
{
    int thickness = larger(1, (shorter_side(im) + 100) / 200);
    int edge = thickness > 1 ? 1 : 0;
    if (edge)
        draw_frame(im, f, 0, thickness + 2 * edge, EDGE_COLOUR);
    draw_frame(im, f, -edge, thickness, BOX_COLOUR);
}

/* ---- texts ---- */

/* A text and how it is drawn. */
struct label {
    char *text;        /* UTF-8; owned */
    double font_size;  /* pixels an em */
    int padding;       /* pixels around the text */
    int width, height; /* pixels of the whole label */
    double ascent;     /* from the top of the text to its baseline */
};

static bool is_utf8(const char *text)
{
    cairo_glyph_t *glyphs = NULL;
    int count = 0;
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_A8, 1, 1);
    cairo_t *cr = cairo_create(surface);
    cairo_status_t status = cairo_scaled_font_text_to_glyphs(cairo_get_scaled_font(cr), 0, 0, text,
                                                             -1, &glyphs, &count, NULL, NULL, NULL);
    cairo_glyph_free(glyphs);
    cairo_destroy(cr);
    cairo_surface_destroy(surface);
    return status != CAIRO_STATUS_INVALID_STRING;
}

/* Cairo refuses a text that is not UTF-8 as a whole; then its ASCII is better than nothing. */
static char *printable_copy(const char *text)
{
    char *copy = strdup(text);
    if (!copy || is_utf8(copy))
        return copy;
    for (char *c = copy; *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    return copy;
}

/* Sets the label's measures from its text and font size. False when there is no font to measure
 * with. */
static bool measure(struct label *l)
{
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_A8, 1, 1);
    cairo_t *cr = cairo_create(surface);
    cairo_text_extents_t text;
    cairo_font_extents_t font;
    canvas_font(cr, l->font_size, true);
    cairo_text_extents(cr, l->text, &text);
    cairo_font_extents(cr, &font);
    bool good = cairo_status(cr) == CAIRO_STATUS_SUCCESS && text.x_advance > 0 && font.ascent > 0;
    cairo_destroy(cr);
    cairo_surface_destroy(surface);
    if (!good)
        return false;
    l->padding = larger(1, (int)(l->font_size / 5));
    l->ascent = font.ascent;
    l->width = (int)fmin(ceil(text.x_advance), 1 << 20) + 2 * l->padding;
    l->height = (int)ceil(font.ascent + font.descent) + l->padding;
    return true;
}

/* A text grows with its face, within bounds that come from the picture, and shrinks until it fits
 * into the picture; one that does not fit at the smallest size is cut at the picture's border. */
static bool fit(struct label *l, const struct image *im, const struct face *f)
{
    double side = shorter_side(im);
    double low = fmax(11, side / 60), high = fmax(low, side / 22);
    l->font_size = fmin(fmax(f->width / 8.0, low), high);
    for (;;) {
        if (!measure(l))
            return false;
        if ((l->width <= im->width && l->height <= im->height) || l->font_size <= SMALLEST_FONT)
            break;
        l->font_size = fmax(SMALLEST_FONT, l->font_size - 1);
    }
    l->width = smaller(l->width, im->width);
    l->height = smaller(l->height, im->height);
    return true;
}

/* Above the box; below it where there is no room; else inside at the top. */
static int label_top(const struct label *l, const struct image *im, const struct face *f)
{
    if (f->y >= l->height)
        return f->y - l->height;
    if (im->height - l->height >= f->y + f->height)
        return f->y + f->height;
    return larger(0, smaller(f->y, im->height - l->height));
}

static void draw_label(struct image *im, const struct label *l, const struct face *f)
{
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, l->width, l->height);
    cairo_t *cr = cairo_create(surface);
    cairo_set_source_rgb(cr, BOX_COLOUR[0] / 255.0, BOX_COLOUR[1] / 255.0, BOX_COLOUR[2] / 255.0);
    cairo_paint(cr);
    cairo_set_source_rgb(cr, 0, 0, 0);
    canvas_font(cr, l->font_size, true);
    cairo_move_to(cr, l->padding, l->padding / 2.0 + l->ascent);
    cairo_show_text(cr, l->text);
    if (cairo_status(cr) == CAIRO_STATUS_SUCCESS) {
        int left = larger(0, smaller(f->x, im->width - l->width));
        canvas_copy(surface, im, left, label_top(l, im, f));
    }
    cairo_destroy(cr);
    cairo_surface_destroy(surface);
}

static int write_text(struct image *im, const struct face *f, const char *text, struct err *e)
{
    struct label l = {.text = printable_copy(text)};
    if (!l.text)
        return err_memory(e);
    if (fit(&l, im, f))
        draw_label(im, &l, f);
    free(l.text);
    return 0;
}

int annotate(struct image *rgb, const struct face *faces, const char *const *texts, size_t count,
             struct err *e)
{
    if (rgb->channels != 3)
        return err_set(e, "cannot draw boxes into a picture of %d channels", rgb->channels);
    for (size_t i = 0; i < count; i++)
        draw_box(rgb, &faces[i]);
    /* Texts last, so that no box runs through one. */
    for (size_t i = 0; texts && i < count; i++)
        if (texts[i] && *texts[i] && write_text(rgb, &faces[i], texts[i], e))
            return -1;
    return 0;
}
