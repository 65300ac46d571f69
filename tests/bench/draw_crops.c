/* Draws crops of faces for scripts/bench-peers, the same ones every time.
 *
 * usage: draw_crops COUNT
 *
 * Writes COUNT grey PNGs of 48x48 pixels into the working directory: 00000.png, 00001.png and so
 * on. Faces differ in size, place, mouth, shade, light and noise, which makes the files about as
 * large as those of photographed faces. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/parse.h"
#include "base/rng.h"
#include "draw_face.h"
#include "fer.h"

#define SIDE 48
#define SEED 1
#define SPOTS 14
#define MAX_COUNT 100000

static void fail(const char *text)
{
    fprintf(stderr, "draw_crops: %s\n", text);
    exit(1);
}

static unsigned char to_byte(float grey)
{
    return (unsigned char)(grey < 0 ? 0 : grey > 255 ? 255 : lroundf(grey));
}

/* Soft spots, darker or lighter than the face, so that not all faces have the same label. */
static void add_spots(struct image *crop, struct rng *r)
{
    for (int spot = 0; spot < SPOTS; spot++) {
        const float x = rng_range(r, 0, SIDE), y = rng_range(r, 0, SIDE);
        const float radius = rng_range(r, 3, 12), change = rng_range(r, -250, 250);
        for (int i = 0; i < SIDE * SIDE; i++) {
            const float u = ((float)(i % SIDE) - x) / radius, v = ((float)(i / SIDE) - y) / radius;
            crop->pixels[i] = to_byte((float)crop->pixels[i] + change * expf(-u * u - v * v));
        }
    }
}

/* Light, and noise. */
static void expose(struct image *crop, struct rng *r)
{
    const float contrast = rng_range(r, 0.4f, 1.2f), brightness = rng_range(r, -50, 40);
    const float noise = rng_range(r, 1, 8);
    for (int i = 0; i < SIDE * SIDE; i++)
        crop->pixels[i] = to_byte(128 + contrast * ((float)crop->pixels[i] - 128) + brightness +
                                  noise * rng_normal(r));
}

static int draw(int number, struct err *e)
{
    struct image crop;
    struct rng r;
    char name[32];
    rng_init(&r, SEED, 0, (uint64_t)number);
    if (image_init(&crop, SIDE, SIDE, 1, e))
        return -1;
    draw_background(&crop, (unsigned char)(30 + rng_below(&r, 200)));
    const int size = 38 + (int)rng_below(&r, 15);
    const int x = (SIDE - size) / 2 + (int)rng_below(&r, 7) - 3;
    const int y = (SIDE - size) / 2 + (int)rng_below(&r, 7) - 3;
    draw_face(&crop, x, y, size, (double)rng_range(&r, -2, 2));
    add_spots(&crop, &r);
    expose(&crop, &r);
    snprintf(name, sizeof(name), "%05d.png", number);
    const int result = image_write_png(&crop, name, e);
    image_release(&crop);
    return result;
}

int main(int argc, char **argv)
{
    long count;
    struct err e;
    if (argc != 2 || parse_long(argv[1], 1, MAX_COUNT, &count))
        fail("usage: draw_crops COUNT, a number from 1 to 100000");
    for (int i = 0; i < count; i++)
        if (draw(i, &e))
            fail(e.text);
    return 0;
}
