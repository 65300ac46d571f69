/* Drawn faces; see draw_face.h.
 *
 * A face is a stack of soft-edged ellipses; GROW and DROP map its coordinates to the box that the
 * detector draws around it. What the cascade looks for is contrast: eyes and brows darker than
 * cheeks and forehead, the bridge of the nose lighter than the eyes, the mouth darker than the
 * chin. */
#include "draw_face.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GROW 1.28 /* the box reaches from -GROW to GROW ... */
#define DROP 0.05 /* ... around a centre this far below the origin */

struct ellipse {
    double x, y, rx, ry; /* centre and radii */
    double grey;
};

static const struct ellipse HEAD[] = {
    {0.00, -0.20, 1.16, 1.42, 45},                                   /* hair */
    {0.00, 0.75, 0.48, 1.00, 150},                                   /* neck */
    {0.00, 0.05, 0.98, 1.28, 205},                                   /* skin */
    {-0.44, -0.44, 0.36, 0.09, 70},                                  /* brows */
    {0.44, -0.44, 0.36, 0.09, 70},  {-0.42, -0.20, 0.34, 0.17, 120}, /* sockets */
    {0.42, -0.20, 0.34, 0.17, 120}, {-0.42, -0.19, 0.20, 0.10, 230}, /* whites */
    {0.42, -0.19, 0.20, 0.10, 230}, {-0.42, -0.19, 0.11, 0.12, 25},  /* irises */
    {0.42, -0.19, 0.11, 0.12, 25},  {0.00, 0.00, 0.13, 0.34, 222},   /* bridge of the nose */
    {-0.13, 0.36, 0.10, 0.07, 110},                                  /* nostrils */
    {0.13, 0.36, 0.10, 0.07, 110},  {0.00, 1.05, 0.36, 0.09, 175},   /* shadow of the chin */
};

/* 1 inside, 0 outside, a soft edge of `soft` between. */
static double cover(double distance, double soft)
{
    double t = 0.5 - distance / soft;
    return t < 0 ? 0 : t > 1 ? 1 : t;
}

static double blend(double under, double over, double alpha)
{
    return under + (over - under) * alpha;
}

/* A dark band along a parabola through the corners of the mouth. */
static double mouth_cover(double u, double v, double smile, double soft)
{
    const double half = 0.42, thick = 0.10;
    double t = u / half;
    double centre = 0.68 + 0.16 * smile * (0.5 - t * t);
    double across = fabs(v - centre) - thick * sqrt(fmax(0.05, 1 - t * t));
    return cover(fmax(across, fabs(u) - half), soft);
}

static double face_grey(double ground, double u, double v, double smile, double soft)
{
    double grey = ground;
    for (size_t i = 0; i < sizeof(HEAD) / sizeof(HEAD[0]); i++) {
        const struct ellipse *p = &HEAD[i];
        double r = hypot((u - p->x) / p->rx, (v - p->y) / p->ry);
        grey = blend(grey, p->grey, cover((r - 1) * fmin(p->rx, p->ry), soft));
    }
    return blend(grey, 85, mouth_cover(u, v, smile, soft));
}

void draw_background(struct image *im, unsigned char grey)
{
    memset(im->pixels, grey, (size_t)im->width * (size_t)im->height * (size_t)im->channels);
}

struct image draw_ground(int width, int height)
{
    struct image im;
    if (image_init(&im, width, height, 1, NULL))
        abort();
    draw_background(&im, 128);
    return im;
}

void draw_face(struct image *im, int x, int y, int size, double smile)
{
    double half = size / (2 * GROW), soft = fmax(0.05, 1.5 / half);
    for (int row = 0; row < im->height; row++) {
        for (int column = 0; column < im->width; column++) {
            double u = (column + 0.5 - x) / half - GROW, v = (row + 0.5 - y) / half - GROW + DROP;
            if (fabs(u) > 1.5 || fabs(v) > 2)
                continue;
            size_t at = ((size_t)row * (size_t)im->width + (size_t)column) * (size_t)im->channels;
            for (int c = 0; c < im->channels; c++) {
                double grey = face_grey(im->pixels[at + (size_t)c], u, v, smile, soft);
                im->pixels[at + (size_t)c] = (unsigned char)lround(grey);
            }
        }
    }
}
