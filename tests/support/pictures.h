/* PNG and JPEG files made in memory, of every kind that the formats know, with patterns that a test
 * can compute again. */
#ifndef FERCLI_TESTS_PICTURES_H
#define FERCLI_TESTS_PICTURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h> /* jpeglib.h needs it first */

#include <jpeglib.h>
#include <png.h>

/* A file in memory; `data` is to be freed. */
struct picture_bytes {
    unsigned char *data;
    size_t size;
};

/* ---- EXIF ------------------------------------------------------------------------------------ */

/* An EXIF block with two tags, width and orientation, in the byte order asked for: `Exif\0\0` and
 * then TIFF. */
#define EXIF_BLOCK_SIZE 44
#define EXIF_TIFF_OFFSET 6
void make_exif(unsigned char block[EXIF_BLOCK_SIZE], bool big_endian, unsigned orientation);

/* ---- PNG ------------------------------------------------------------------------------------- */

struct png_recipe {
    int width, height;
    int color_type, bit_depth; /* PNG_COLOR_TYPE_*, 1..16 */
    bool interlaced;
    bool trns;                 /* with a tRNS chunk: see png_palette_alpha */
    const unsigned char *exif; /* EXIF_BLOCK_SIZE bytes for an eXIf chunk, or NULL */
    bool exif_last;            /* the eXIf chunk stands behind the pixels */
};

struct picture_bytes make_png(const struct png_recipe *recipe);

/* The sample of channel `c` that make_png stores at (x, y); for palettes the index. */
unsigned png_sample(const struct png_recipe *recipe, int x, int y, int c);

/* Entry `i` of the palette that make_png stores: red, green, blue. */
png_color png_palette_entry(unsigned i);

/* With a tRNS chunk palette entry `i` has this alpha (the last entries are opaque without one), and
 * in other types the pixel at (1, 0) and all of its colour are transparent. */
unsigned png_palette_alpha(unsigned i);
#define PNG_TRNS_X 1
#define PNG_TRNS_Y 0

/* ---- JPEG ------------------------------------------------------------------------------------ */

struct jpeg_recipe {
    int width, height;
    J_COLOR_SPACE space; /* in the file: JCS_GRAYSCALE, JCS_YCbCr, JCS_RGB, JCS_CMYK, JCS_YCCK, or
                            JCS_UNKNOWN for two components */
    bool progressive;
    bool planar; /* a scan for each component, as baseline files may have it */
    bool arithmetic;
    bool no_adobe;   /* leaves the Adobe marker out; inks are then stored upright, 0 for none */
    bool subsampled; /* 4:2:0 */
    int restart;     /* MCUs between restart markers; 0: none */
    const unsigned char *exif; /* EXIF_BLOCK_SIZE bytes for an APP1 segment, or NULL */
};

struct picture_bytes make_jpeg(const struct jpeg_recipe *recipe);

/* A grey picture of these pixels, (height, width). */
struct picture_bytes make_grey_jpeg(const unsigned char *pixels, int width, int height);

/* What make_jpeg paints: red grows to the right, green downward. */
void jpeg_colour(const struct jpeg_recipe *recipe, int x, int y, unsigned rgb[3]);

#endif
