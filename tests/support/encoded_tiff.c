/* TIFF files in memory; see encoded_pictures.h. */
#include "encoded_pictures.h"

#include <stdlib.h>
#include <string.h>

#include <tiffio.h>

static void require(bool fact)
{
    if (!fact)
        abort();
}

struct tiff_file {
    struct picture_bytes bytes;
    size_t position;
};

static tmsize_t read_file(thandle_t handle, void *to, tmsize_t count)
{
    struct tiff_file *f = handle;
    const size_t left = f->position < f->bytes.size ? f->bytes.size - f->position : 0;
    const size_t length = (size_t)count < left ? (size_t)count : left;
    memcpy(to, f->bytes.data + f->position, length);
    f->position += length;
    return (tmsize_t)length;
}

static tmsize_t write_file(thandle_t handle, void *from, tmsize_t count)
{
    struct tiff_file *f = handle;
    const size_t end = f->position + (size_t)count;
    if (end > f->bytes.size) {
        f->bytes.data = realloc(f->bytes.data, end);
        require(f->bytes.data != NULL);
        memset(f->bytes.data + f->bytes.size, 0, end - f->bytes.size);
        f->bytes.size = end;
    }
    memcpy(f->bytes.data + f->position, from, (size_t)count);
    f->position += (size_t)count;
    return count;
}

static toff_t seek_file(thandle_t handle, toff_t offset, int whence)
{
    struct tiff_file *f = handle;
    const size_t from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? f->position : f->bytes.size;
    f->position = from + offset;
    return f->position;
}

static int close_file(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t file_size(thandle_t handle)
{
    return ((struct tiff_file *)handle)->bytes.size;
}

unsigned tiff_sample(const struct tiff_recipe *r, int x, int y, int c)
{
    if (r->compression == COMPRESSION_JPEG) {
        unsigned char rgba[4];
        smooth_pixel(x, y, r->width, r->height, rgba);
        return rgba[c];
    }
    /* Colours that are multiplied by alpha cannot exceed it. */
    const bool associated = r->extra == EXTRASAMPLE_ASSOCALPHA;
    const uint32_t mixed = (uint32_t)(x * 73 + y * 179 + c * 283 + 5) * 2654435761u;
    const unsigned sample = mixed >> (32 - r->bits);
    const unsigned half = 1u << (r->bits - 1);
    if (!associated)
        return sample;
    return c == r->channels - 1 ? sample | half : sample & (half - 1);
}

void tiff_palette_entry(unsigned i, unsigned char rgb[3])
{
    gif_palette_entry(i, rgb);
}

static void set_palette(TIFF *file, int bits)
{
    static uint16_t palette[3][256];
    for (unsigned i = 0; i < 1u << bits; i++) {
        unsigned char rgb[3];
        tiff_palette_entry(i, rgb);
        for (int c = 0; c < 3; c++)
            palette[c][i] = (uint16_t)(rgb[c] * 257);
    }
    TIFFSetField(file, TIFFTAG_COLORMAP, palette[0], palette[1], palette[2]);
}

static void set_tags(TIFF *file, const struct tiff_recipe *r)
{
    TIFFSetField(file, TIFFTAG_IMAGEWIDTH, r->width);
    TIFFSetField(file, TIFFTAG_IMAGELENGTH, r->height);
    TIFFSetField(file, TIFFTAG_BITSPERSAMPLE, r->bits);
    TIFFSetField(file, TIFFTAG_SAMPLESPERPIXEL, r->channels);
    TIFFSetField(file, TIFFTAG_COMPRESSION, r->compression ? r->compression : COMPRESSION_NONE);
    TIFFSetField(file, TIFFTAG_PHOTOMETRIC, r->photometric);
    TIFFSetField(file, TIFFTAG_PLANARCONFIG,
                 r->planar ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
    if (r->compression == COMPRESSION_JPEG && r->photometric == PHOTOMETRIC_YCBCR)
        TIFFSetField(file, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    if (r->extra) {
        const uint16_t kind = (uint16_t)r->extra;
        TIFFSetField(file, TIFFTAG_EXTRASAMPLES, 1, &kind);
    }
    if (r->photometric == PHOTOMETRIC_PALETTE)
        set_palette(file, r->bits);
    if (r->orientation)
        TIFFSetField(file, TIFFTAG_ORIENTATION, r->orientation);
    if (r->tile) {
        TIFFSetField(file, TIFFTAG_TILEWIDTH, r->tile);
        TIFFSetField(file, TIFFTAG_TILELENGTH, r->tile);
    } else {
        TIFFSetField(file, TIFFTAG_ROWSPERSTRIP, r->rows_per_strip ? r->rows_per_strip : r->height);
    }
}

/* Bits from the highest down; 16 in the machine's order, which libtiff turns if need be. */
static void put_sample(unsigned char *row, int i, int bits, unsigned value)
{
    if (bits == 16) {
        const uint16_t wide = (uint16_t)value;
        memcpy(row + 2 * i, &wide, 2);
        return;
    }
    const int bit = i * bits;
    row[bit / 8] = (unsigned char)(row[bit / 8] | value << (8 - bits - bit % 8));
}

/* `width` pixels from (left, y), of one channel or of all; black beyond the picture. */
static void fill_row(const struct tiff_recipe *r, unsigned char *row, int left, int y, int width,
                     int channel)
{
    const int channels = channel < 0 ? r->channels : 1;
    memset(row, 0, (size_t)((width * channels * r->bits + 7) / 8));
    for (int x = 0; x < width && left + x < r->width && y < r->height; x++)
        for (int c = 0; c < channels; c++)
            put_sample(row, x * channels + c, r->bits,
                       tiff_sample(r, left + x, y, channel < 0 ? c : channel));
}

static void write_tiles(TIFF *file, const struct tiff_recipe *r, int channel)
{
    const size_t row = (size_t)TIFFTileRowSize(file);
    unsigned char *tile = malloc((size_t)TIFFTileSize(file));
    for (int top = 0; top < r->height; top += r->tile)
        for (int left = 0; left < r->width; left += r->tile) {
            for (int y = 0; y < r->tile; y++)
                fill_row(r, tile + row * (size_t)y, left, top + y, r->tile, channel);
            require(TIFFWriteTile(file, tile, (uint32_t)left, (uint32_t)top, 0,
                                  (uint16_t)(channel < 0 ? 0 : channel)) > 0);
        }
    free(tile);
}

static void write_page(TIFF *file, const struct tiff_recipe *r, bool black)
{
    set_tags(file, r);
    for (int channel = r->planar ? 0 : -1; channel < (r->planar ? r->channels : 0); channel++) {
        if (r->tile) {
            write_tiles(file, r, channel);
            continue;
        }
        unsigned char *row = calloc(1, (size_t)TIFFScanlineSize(file) + 1);
        for (int y = 0; y < r->height; y++) {
            if (!black)
                fill_row(r, row, 0, y, r->width, channel);
            require(TIFFWriteScanline(file, row, (uint32_t)y,
                                      (uint16_t)(channel < 0 ? 0 : channel)) == 1);
        }
        free(row);
    }
    require(TIFFWriteDirectory(file));
}

struct picture_bytes make_tiff(const struct tiff_recipe *r)
{
    struct tiff_file out = {{NULL, 0}, 0};
    TIFF *file = TIFFClientOpen("", r->mode ? r->mode : "w", &out, read_file, write_file, seek_file,
                                close_file, file_size, NULL, NULL);
    require(file != NULL);
    for (int page = 0; page < (r->pages ? r->pages : 1); page++)
        write_page(file, r, page > 0);
    TIFFClose(file);
    return out.bytes;
}
