/* Random changes of training pictures, and the one conversion of bytes to what a network sees.
 *
 * The geometric changes are one affine map, sampled once: output pixel o shows the input at
 *     c + R(angle) (o - c - shift) / scale,   mirrored in x for a flip,
 * bilinearly, with c the centre of the picture and coordinates outside clamped to its edge.
 * Contrast c and brightness b make v into b (mean + c (v - mean)), cut to 0..1. Random erasing is
 * Zhong et al. 2017 with the paper's ranges, the box filled with the picture's mean. */
#include "fer.h"

#include <math.h>

#include "base/rng.h"

#define RNG_STREAM 0x41756721u /* augmentation's own sequence of a key */

#define ERASE_MIN_AREA 0.02f /* of the picture (Zhong et al. 2017, section 3.2) */
#define ERASE_MAX_AREA 0.4f
#define ERASE_MAX_ASPECT (1 / 0.3f)
#define ERASE_TRIES 20 /* a box that is higher or wider than the picture is drawn again */

#define RADIANS ((float)M_PI / 180)

int augmentation_init(struct augmentation *a, struct nn_net *net, struct err *e)
{
    const double size = nn_net_input(net).width;
    double min_crop, max_crop;
    *a = (struct augmentation){.min_scale = 1, .max_scale = 1, .exposure = 1};
    if (nn_net_option(net, "flip", 0, 0, 1, &a->flip, e) ||
        nn_net_option(net, "shift", 0, 0, size / 2, &a->shift, e) ||
        nn_net_option(net, "min_crop", size, size / 2, 4 * size, &min_crop, e) ||
        nn_net_option(net, "max_crop", fmax(size, min_crop), min_crop, 4 * size, &max_crop, e) ||
        nn_net_option(net, "angle", 0, 0, 180, &a->angle, e) ||
        nn_net_option(net, "exposure", 1, 0.1, 10, &a->exposure, e) ||
        nn_net_option(net, "erase", 0, 0, 1, &a->erase, e) ||
        nn_net_option(net, "mixup", 0, 0, 1, &a->mixup, e) ||
        nn_net_option(net, "mixup_alpha", .2, .01, 1, &a->mixup_alpha, e))
        return -1;
    a->min_scale = min_crop / size;
    a->max_scale = max_crop / size;
    /* darknet's own cfgs say .75 where others say 1.33: either way the range is [x, 1/x]. */
    a->exposure = fmax(a->exposure, 1 / a->exposure);
    return 0;
}

/* One draw of every change. Each takes its random numbers whether it is on or not, so that
 * switching one on leaves the others as they were. */
struct change {
    bool flip;
    bool moved;             /* the four below are not all neutral */
    float shift_x, shift_y; /* pixels */
    float scale;
    float angle; /* radians */
    float contrast, brightness;
    bool erase;
};

static float log_uniform(struct rng *r, float limit)
{
    return expf(rng_range(r, -1, 1) * logf(limit));
}

static struct change draw(const struct augmentation *a, struct rng *r)
{
    struct change c;
    const float shift = (float)a->shift, angle = (float)a->angle * RADIANS;
    c.flip = rng_uniform(r) < (float)a->flip / 2;
    c.shift_x = rng_range(r, -shift, shift);
    c.shift_y = rng_range(r, -shift, shift);
    c.scale = rng_range(r, (float)a->min_scale, (float)a->max_scale);
    c.angle = rng_range(r, -angle, angle);
    c.contrast = log_uniform(r, (float)a->exposure);
    c.brightness = log_uniform(r, (float)a->exposure);
    c.erase = rng_uniform(r) < (float)a->erase;
    c.moved = c.shift_x != 0 || c.shift_y != 0 || c.scale != 1 || c.angle != 0;
    return c;
}

static inline float clamp_unit(float x)
{
    x = x > 0 ? x : 0;
    return x < 1 ? x : 1;
}

/* Pixels as floats, at most mirrored. */
static void copy(const struct change *c, const unsigned char *pixels, int width, int height,
                 float *out)
{
    for (int y = 0; y < height; y++) {
        const unsigned char *row = pixels + (size_t)y * (size_t)width;
        float *to = out + (size_t)y * (size_t)width;
        if (c->flip)
            for (int x = 0; x < width; x++)
                to[x] = (float)row[width - 1 - x] / 255;
        else
            for (int x = 0; x < width; x++)
                to[x] = (float)row[x] / 255;
    }
}

/* Coordinates are fixed-point numbers of 16 fractional bits, the weights of bilinear sampling of 8:
 * twice as fast as floats, which have to become integers to find the pixels. */
#define ONE 65536

static inline uint64_t clamp_coordinate(int64_t x, int64_t high)
{
    x = x > 0 ? x : 0;
    return (uint64_t)(x < high ? x : high);
}

/* The grey value between four pixels, 0..255 times ONE. */
static inline int bilinear(const unsigned char *upper, const unsigned char *lower, ptrdiff_t right,
                           int fx, int fy)
{
    const int above = 256 * upper[0] + fx * (upper[right] - upper[0]);
    const int below = 256 * lower[0] + fx * (lower[right] - lower[0]);
    return 256 * above + fy * (below - above);
}

/* The affine map. */
static void sample(const struct change *c, const unsigned char *pixels, int width, int height,
                   float *out)
{
    const int64_t right = (int64_t)(width - 1) * ONE, bottom = (int64_t)(height - 1) * ONE;
    const double centre_x = (width - 1) / 2.0, centre_y = (height - 1) / 2.0;
    const double cosine = cos((double)c->angle) / (double)c->scale;
    const double sine = sin((double)c->angle) / (double)c->scale;
    const double mirror = c->flip ? -1 : 1;
    const double from_x = -centre_x - (double)c->shift_x;
    const int64_t step_x = llrint(mirror * cosine * ONE), step_y = llrint(sine * ONE);
    for (int y = 0; y < height; y++) {
        const double from_y = y - centre_y - (double)c->shift_y;
        int64_t x_line = llrint((centre_x + mirror * (cosine * from_x - sine * from_y)) * ONE);
        int64_t y_line = llrint((centre_y + sine * from_x + cosine * from_y) * ONE);
        for (int x = 0; x < width; x++, x_line += step_x, y_line += step_y) {
            const uint64_t at_x = clamp_coordinate(x_line, right);
            const uint64_t at_y = clamp_coordinate(y_line, bottom);
            const unsigned char *upper = pixels + at_y / ONE * (size_t)width + at_x / ONE;
            const unsigned char *lower = upper + (at_y < (uint64_t)bottom ? width : 0);
            const int value = bilinear(upper, lower, at_x < (uint64_t)right,
                                       (int)(at_x % ONE) / 256, (int)(at_y % ONE) / 256);
            *out++ = (float)value / (255.0f * ONE);
        }
    }
}

static float mean(const unsigned char *pixels, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += pixels[i];
    return (float)((double)sum / (double)count);
}

/* The box's area and aspect ratio are drawn until it fits; its place is uniform. */
static void erase(struct rng *r, float fill, int width, int height, float *out)
{
    for (int i = 0; i < ERASE_TRIES; i++) {
        const float area =
            rng_range(r, ERASE_MIN_AREA, ERASE_MAX_AREA) * (float)width * (float)height;
        const float aspect = log_uniform(r, ERASE_MAX_ASPECT);
        const int w = (int)lrintf(sqrtf(area / aspect)), h = (int)lrintf(sqrtf(area * aspect));
        if (w > width || h > height)
            continue;
        const size_t left = rng_below(r, (uint64_t)(width - w + 1));
        const size_t top = rng_below(r, (uint64_t)(height - h + 1));
        for (size_t y = top; y < top + (size_t)h; y++)
            for (size_t x = left; x < left + (size_t)w; x++)
                out[y * (size_t)width + x] = fill;
        return;
    }
}

void augmentation_apply(const struct augmentation *a, uint64_t key, const unsigned char *pixels,
                        int width, int height, float *out)
{
    const size_t count = (size_t)width * (size_t)height;
    if (!a) {
        for (size_t i = 0; i < count; i++)
            out[i] = (float)pixels[i] / 255;
        return;
    }
    struct rng r;
    rng_init(&r, key, RNG_STREAM, 0);
    const struct change c = draw(a, &r);
    if (c.moved)
        sample(&c, pixels, width, height, out);
    else
        copy(&c, pixels, width, height, out);

    const bool exposed = c.contrast != 1 || c.brightness != 1;
    const float grey = exposed || c.erase ? mean(pixels, count) / 255 : 0;
    if (exposed)
        for (size_t i = 0; i < count; i++)
            out[i] = clamp_unit(c.brightness * (grey + c.contrast * (out[i] - grey)));
    if (c.erase)
        erase(&r, clamp_unit(c.brightness * grey), width, height, out);
}
