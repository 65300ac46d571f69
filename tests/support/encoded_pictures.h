/* WebP, TIFF, HEIF and GIF files made in memory by the libraries of these formats, with patterns
 * that a test can compute again. A library's failure ends the program. */
#ifndef FERCLI_TESTS_ENCODED_PICTURES_H
#define FERCLI_TESTS_ENCODED_PICTURES_H

#include <stdbool.h>
#include <stdint.h>

#include "pictures.h"

/* Red, green, blue and alpha of the pattern that make_webp stores at (x, y). */
void pattern_pixel(int x, int y, unsigned char rgba[4]);

/* Smooth, so that lossy formats keep it: red grows to the right, green downward. */
void smooth_pixel(int x, int y, int width, int height, unsigned char rgba[4]);

/* ---- WebP ------------------------------------------------------------------------------------ */

struct webp_recipe {
    int width, height; /* of the picture, or of an animation's frame */
    bool alpha;
    bool lossy;                /* of smooth_pixel, else of pattern_pixel to the last bit */
    const unsigned char *exif; /* EXIF_BLOCK_SIZE bytes for an EXIF chunk, or NULL */
    int frames;                /* of an animation; 0: none. All but the first are black */
    int left, top;             /* of its frames, even numbers; the canvas is as much larger */
};
struct picture_bytes make_webp(const struct webp_recipe *recipe);

/* ---- TIFF ------------------------------------------------------------------------------------ */

struct tiff_recipe {
    int width, height;
    int photometric, bits, channels; /* PHOTOMETRIC_*; 1 to 16; samples of a pixel */
    int extra;                       /* EXTRASAMPLE_* of the last channel; 0: none */
    int compression;                 /* COMPRESSION_*; 0: none */
    bool planar;                     /* each channel by itself */
    int tile;                        /* pixels, a multiple of 16; 0: strips */
    int rows_per_strip;              /* 0: all */
    int orientation;                 /* 0: no tag */
    int pages;                       /* 0: one. All but the first are black */
    const char *mode;                /* NULL: "w", little-endian; "wb": big-endian; "w8": BigTIFF */
};
struct picture_bytes make_tiff(const struct tiff_recipe *recipe);

/* The sample that make_tiff stores; for palettes the index. */
unsigned tiff_sample(const struct tiff_recipe *recipe, int x, int y, int c);

/* Entry `i` of the palette that make_tiff stores, each colour 8 bits wide. */
void tiff_palette_entry(unsigned i, unsigned char rgb[3]);

/* ---- HEIF ------------------------------------------------------------------------------------ */

struct heif_recipe {
    int width, height; /* as stored */
    bool av1;          /* AVIF, else HEIC */
    bool alpha;        /* that of smooth_pixel */
    int orientation;   /* 1 to 8 by the boxes irot and imir; 0: none */
};
struct picture_bytes make_heif(const struct heif_recipe *recipe);

/* ---- GIF ------------------------------------------------------------------------------------- */

struct gif_recipe {
    int width, height; /* of the canvas */
    int left, top;     /* of the first frame, which fills the canvas to the right and downward */
    bool interlaced;
    int transparent;    /* an index, -1: none */
    bool local_palette; /* the palette is the frame's own */
    int frames;         /* 0: one. All but the first are of colour 0 */
};
struct picture_bytes make_gif(const struct gif_recipe *recipe);

/* The index that make_gif stores at (x, y) of the frame, 0 to 15, and its colour. */
unsigned gif_index(int x, int y);
void gif_palette_entry(unsigned i, unsigned char rgb[3]);

#endif
