/* EXIF orientation (CIPA DC-008, tag 0x0112): reading it through libexif, and turning pixels by it.
 *
 * The tag says which visual side the stored first row and first column are. A value outside 1..8, a
 * block that libexif cannot read, or none at all leave the picture as it is stored: cameras write 0
 * for "unknown". */
#include "fer/image_codec.h"

#include <stdlib.h>
#include <string.h>

#include <libexif/exif-data.h>

#define EXIF_HEADER "Exif\0\0"
#define EXIF_HEADER_SIZE ((size_t)6)
#define EXIF_MAX_SIZE ((size_t)1 << 16) /* a JPEG segment holds no more; a PNG chunk could */

static int entry_value(const ExifEntry *entry, ExifByteOrder order)
{
    if (!entry || entry->components != 1)
        return 0;
    if (entry->format == EXIF_FORMAT_SHORT && entry->size >= 2)
        return exif_get_short(entry->data, order);
    return 0;
}

/* `block` begins with EXIF_HEADER: libexif searches anything else for JPEG markers. */
static int read_orientation(const unsigned char *block, size_t size)
{
    ExifData *exif = exif_data_new();
    if (!exif)
        return 1;
    /* By default libexif adds what the standard misses in the file; only what is there matters
     * here. */
    exif_data_unset_option(exif, EXIF_DATA_OPTION_FOLLOW_SPECIFICATION);
    exif_data_load_data(exif, block, (unsigned)size);
    const ExifEntry *entry = exif_content_get_entry(exif->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
    int value = entry_value(entry, exif_data_get_byte_order(exif));
    exif_data_unref(exif);
    return value >= 1 && value <= 8 ? value : 1;
}

int image_exif_orientation(const unsigned char *exif, size_t size)
{
    if (size > EXIF_MAX_SIZE)
        return 1;
    if (size >= EXIF_HEADER_SIZE && memcmp(exif, EXIF_HEADER, EXIF_HEADER_SIZE) == 0)
        return read_orientation(exif, size);
    unsigned char *block = malloc(EXIF_HEADER_SIZE + size);
    if (!block)
        return 1;
    memcpy(block, EXIF_HEADER, EXIF_HEADER_SIZE);
    memcpy(block + EXIF_HEADER_SIZE, exif, size);
    int orientation = read_orientation(block, EXIF_HEADER_SIZE + size);
    free(block);
    return orientation;
}

/* Where the stored pixel of upright (x, y) lies: rows and columns change places, then each may run
 * backwards. */
struct turn {
    bool swap;        /* the stored column is y, the stored row x */
    bool flip_column; /* count stored columns from the right */
    bool flip_row;    /* count stored rows from the bottom */
};

static const struct turn TURNS[9] = {
    [2] = {false, true, false}, [3] = {false, true, true}, [4] = {false, false, true},
    [5] = {true, false, false}, [6] = {true, false, true}, [7] = {true, true, true},
    [8] = {true, true, false},
};

/* Writes one upright row whose stored pixels lie `step` bytes apart. */
static void copy_row(unsigned char *to, const unsigned char *from, ptrdiff_t step, int width,
                     int channels)
{
    if (channels == 1) {
        for (int x = 0; x < width; x++)
            to[x] = from[x * step];
        return;
    }
    for (int x = 0; x < width; x++) {
        const unsigned char *pixel = from + x * step;
        *to++ = pixel[0];
        *to++ = pixel[1];
        *to++ = pixel[2];
    }
}

int image_turn(struct image *im, int orientation, struct err *reason)
{
    if (orientation < 2 || orientation > 8)
        return 0;
    const struct turn turn = TURNS[orientation];
    const int width = turn.swap ? im->height : im->width;
    const int height = turn.swap ? im->width : im->height;
    struct image upright;
    if (image_init(&upright, width, height, im->channels, reason))
        return -1;

    const ptrdiff_t pixel = im->channels, row = pixel * im->width;
    const ptrdiff_t column_step = turn.flip_column ? -pixel : pixel;
    const ptrdiff_t row_step = turn.flip_row ? -row : row;
    const unsigned char *corner = im->pixels + (turn.flip_column ? row - pixel : 0) +
                                  (turn.flip_row ? row * (im->height - 1) : 0);
    const ptrdiff_t x_step = turn.swap ? row_step : column_step;
    const ptrdiff_t y_step = turn.swap ? column_step : row_step;
    for (int y = 0; y < height; y++)
        copy_row(upright.pixels + y * pixel * width, corner + y * y_step, x_step, width,
                 im->channels);

    image_release(im);
    *im = upright;
    return 0;
}
