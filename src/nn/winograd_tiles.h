/* Winograd's transforms of single tiles, compiled once for each instruction set from
 * winograd_tiles.c.
 *
 * F(m x m, 3x3) of Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks" (2016), with n
 * = m + 2: a tile of n x n inputs gives m x m outputs as A^T [(G g G^T) * (B^T d B)] A, n*n
 * products in place of 9 m*m. Points 0, +-1, +-2 and infinity for m = 4; 0, +-1, 2 and infinity for
 * m = 3.
 *
 * A tile is that of one block of channels: `lanes` values at each position, as in a blocked
 * tensor's slice. Its n*n transformed values lie `plane` floats apart. */
#ifndef FERCLI_NN_WINOGRAD_TILES_H
#define FERCLI_NN_WINOGRAD_TILES_H

#include <stdbool.h>
#include <stddef.h>

/* Where a tile lies in a map; parts of it may lie outside, and count as zero when read and are not
 * written. */
struct tile_place {
    int y, x;          /* of its first row and column */
    int height, width; /* of the map */
};

struct winograd_tiles {
    int n, m;
    /* v = B^T d B */
    void (*input)(const float *map, const struct tile_place *p, float *v, size_t plane);
    /* map = A^T t A + bias; with clip, values below zero are multiplied by slope. bias: `lanes`
     * values or NULL. */
    void (*output)(const float *t, size_t plane, const float *bias, bool clip, float slope,
                   float *map, const struct tile_place *p);
    /* z = A d A^T of m x m gradients: the output transform backwards */
    void (*gradient)(const float *map, const struct tile_place *p, float *z, size_t plane);
    /* map += B t B^T: the input transform backwards, which overlaps with the neighbours' */
    void (*spread)(const float *t, size_t plane, float *map, const struct tile_place *p);
    /* u = G g G^T and g = G^T u G for `lanes` filters at once; their 9 weights lie `stride` floats
     * apart */
    void (*filter)(const float *g, size_t stride, float *u, size_t plane);
    void (*filter_gradient)(const float *u, size_t plane, float *g, size_t stride);
};

struct winograd_set {
    const struct winograd_tiles f4, f3;
};

/* The transforms for this CPU; NULL where blocked layouts are not used. */
const struct winograd_set *winograd_set(void);

#endif
