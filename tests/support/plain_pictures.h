/* BMP and PNM files, put together byte by byte. */
#ifndef FERCLI_TESTS_PLAIN_PICTURES_H
#define FERCLI_TESTS_PLAIN_PICTURES_H

#include <stdbool.h>
#include <stdint.h>

#include "pictures.h"

struct bmp_recipe {
    int width, height;
    int bits;    /* of a pixel */
    int header;  /* bytes of the information header: 12, 40, 52, 56, 64, 108, 124; 0: 40 */
    int colours; /* in the palette; 0: all */
    bool top_down;
    const uint32_t *masks;     /* 3 or, with a header of 56 or more, 4; NULL: none */
    int compression;           /* 1 and 2 for `runs`; else it follows from the masks */
    const unsigned char *runs; /* these bytes instead of rows, or NULL */
    size_t runs_size;
};
struct picture_bytes make_bmp(const struct bmp_recipe *recipe);

/* The pixel that make_bmp stores at (x, y) of the upright picture: `bits` wide. */
uint32_t bmp_value(const struct bmp_recipe *recipe, int x, int y);
void bmp_palette_entry(unsigned i, unsigned char rgb[3]);

struct pnm_recipe {
    int kind; /* 1 to 6 */
    int width, height;
    int most;           /* the sample that means white; of no meaning to bits */
    const char *header; /* instead of the usual one, or NULL */
};
struct picture_bytes make_pnm(const struct pnm_recipe *recipe);

/* The sample that make_pnm stores. */
unsigned pnm_sample(const struct pnm_recipe *recipe, int x, int y, int c);

#endif
