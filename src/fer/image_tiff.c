/* TIFF 6.0 and BigTIFF through libtiff: the first page, in everything that its RGBA interface knows
 * (1 to 16 bits, grey, palette, RGB, CMYK, YCbCr, strips and tiles, all its compressions), to 8-bit
 * grey or RGB.
 *
 * The library is opened on demand: with what it needs itself it adds a tenth to the libraries that
 * the program starts with. */
#include "fer/image_codec.h"

#include <stdio.h> /* SEEK_SET */
#include <stdlib.h>
#include <string.h>

#include <tiffio.h>

#include "base/library.h"

#define TIFF_CALLS(X)                                                                              \
    X(TIFFClientOpenExt)                                                                           \
    X(TIFFClose)                                                                                   \
    X(TIFFGetField)                                                                                \
    X(TIFFGetFieldDefaulted)                                                                       \
    X(TIFFIsTiled)                                                                                 \
    X(TIFFOpenOptionsAlloc)                                                                        \
    X(TIFFOpenOptionsFree)                                                                         \
    X(TIFFOpenOptionsSetErrorHandlerExtR)                                                          \
    X(TIFFOpenOptionsSetMaxSingleMemAlloc)                                                         \
    X(TIFFOpenOptionsSetWarningHandlerExtR)                                                        \
    X(TIFFRGBAImageBegin)                                                                          \
    X(TIFFRGBAImageEnd)                                                                            \
    X(TIFFRGBAImageGet)

static struct {
    TIFF_CALLS(LIBRARY_MEMBER)
} tiff;

static const char *const NAMES[] = {TIFF_CALLS(LIBRARY_NAME)};

static struct library library = {
    .soname = "libtiff.so.6",
    .use = "TIFF",
    .names = NAMES,
    .count = sizeof(NAMES) / sizeof(NAMES[0]),
    .functions = &tiff,
    .lock = PTHREAD_MUTEX_INITIALIZER,
};

struct tiff_reader {
    struct image_bytes source;
    uint64_t position;  /* of the next byte read */
    bool in_pixels;     /* a warning now means damage */
    bool failed;        /* `reason` holds the first failure */
    struct err *reason; /* borrowed */
};

static bool sniff(const struct image_bytes *source)
{
    static const char MARKS[][5] = {"II*\0", "MM\0*", "II+\0", "MM\0+"};
    for (size_t i = 0; source->size >= 8 && i < sizeof(MARKS) / sizeof(MARKS[0]); i++)
        if (memcmp(source->data, MARKS[i], 4) == 0)
            return true;
    return false;
}

/* ---- the file in memory, as libtiff asks for it ---- */

static tmsize_t read_bytes(thandle_t handle, void *to, tmsize_t count)
{
    struct tiff_reader *r = handle;
    if (count <= 0 || r->position >= r->source.size)
        return 0;
    const uint64_t left = r->source.size - r->position;
    const size_t length = (uint64_t)count < left ? (size_t)count : (size_t)left;
    memcpy(to, r->source.data + r->position, length);
    r->position += length;
    return (tmsize_t)length;
}

static tmsize_t write_nothing(thandle_t handle, void *from, tmsize_t count)
{
    (void)handle;
    (void)from;
    (void)count;
    return -1;
}

static toff_t seek_to(thandle_t handle, toff_t offset, int whence)
{
    struct tiff_reader *r = handle;
    const uint64_t from = whence == SEEK_SET   ? 0
                          : whence == SEEK_CUR ? r->position
                                               : (uint64_t)r->source.size;
    r->position = from + offset;
    return r->position;
}

static int close_nothing(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t get_size(thandle_t handle)
{
    const struct tiff_reader *r = handle;
    return r->source.size;
}

/* Read where they lie, strips need no second copy, and none is looked for beyond the end. */
static int map_file(thandle_t handle, void **base, toff_t *size)
{
    const struct tiff_reader *r = handle;
    *base = (void *)(uintptr_t)r->source.data;
    *size = r->source.size;
    return 1;
}

static void unmap_nothing(thandle_t handle, void *base, toff_t size)
{
    (void)handle;
    (void)base;
    (void)size;
}

/* ---- messages ---- */

static int __attribute__((format(printf, 2, 0)))
keep_first(struct tiff_reader *r, const char *format, va_list args)
{
    char text[512];
    if (!r->failed) {
        vsnprintf(text, sizeof(text), format, args);
        err_set(r->reason, "TIFF: %s", text);
        r->failed = true;
    }
    return 1; /* libtiff's own handler would print it */
}

static int __attribute__((format(printf, 4, 0)))
on_error(TIFF *file, void *context, const char *module, const char *format, va_list args)
{
    (void)file;
    (void)module;
    return keep_first(context, format, args);
}

/* Unknown tags are only worth a warning; so are, to libtiff, JPEG data that end too early. */
static int __attribute__((format(printf, 4, 0)))
on_warning(TIFF *file, void *context, const char *module, const char *format, va_list args)
{
    struct tiff_reader *r = context;
    (void)file;
    (void)module;
    return r->in_pixels ? keep_first(r, format, args) : 1;
}

/* ---- pixels ---- */

/* Rows that are stored together, and how libtiff hands them out. */
struct band {
    uint32_t width, rows;
    uint32_t *pixels; /* (rows, width) red, green, blue, each times alpha, and alpha; owned */
};

/* Tiles are asked for whole: libtiff 4.5 mixes up the rows of 16-bit grey ones that it has to cut.
 */
static int band_init(struct band *band, TIFF *file, const struct image *im, struct err *reason)
{
    uint32_t rows = 0, tile = 1;
    if (tiff.TIFFIsTiled(file)) {
        tiff.TIFFGetField(file, TIFFTAG_TILELENGTH, &rows);
        tiff.TIFFGetField(file, TIFFTAG_TILEWIDTH, &tile);
    } else {
        tiff.TIFFGetFieldDefaulted(file, TIFFTAG_ROWSPERSTRIP, &rows);
    }
    const uint32_t width = (uint32_t)im->width, height = (uint32_t)im->height;
    const uint64_t whole = tile ? ((uint64_t)width + tile - 1) / tile * tile : 0;
    band->rows = rows > 0 && rows < height ? rows : height;
    if (image_check_size(whole, band->rows, 2 * IMAGE_MAX_PIXELS, reason))
        return -1;
    band->width = (uint32_t)whole;
    band->pixels = calloc((size_t)whole * band->rows, sizeof(*band->pixels));
    return band->pixels ? 0 : err_memory(reason);
}

/* Over white, into the picture's rows from `first` on. `line` holds a row of RGB. */
static void flatten_band(const struct band *band, uint32_t rows, uint32_t first, struct image *im,
                         unsigned char *line)
{
    const size_t stride = (size_t)im->width * (size_t)im->channels;
    for (uint32_t y = 0; y < rows; y++) {
        const uint32_t *from = band->pixels + (size_t)y * band->width;
        for (int x = 0; x < im->width; x++) {
            const unsigned white = 255 - TIFFGetA(from[x]);
            const unsigned light[3] = {TIFFGetR(from[x]) + white, TIFFGetG(from[x]) + white,
                                       TIFFGetB(from[x]) + white};
            for (int c = 0; c < 3; c++)
                line[3 * x + c] = (unsigned char)(light[c] < 255 ? light[c] : 255);
        }
        image_flatten_row(line, 3, im->pixels + stride * (first + y), im->channels, im->width);
    }
}

static int read_rows(struct tiff_reader *r, TIFFRGBAImage *pixels, struct image *im)
{
    const uint32_t height = (uint32_t)im->height;
    struct band band = {0};
    if (band_init(&band, pixels->tif, im, r->reason))
        return -1;
    pixels->width = band.width;
    unsigned char *line = malloc((size_t)im->width * 3);
    int result = line ? 0 : err_memory(r->reason);
    for (uint32_t y = 0; y < height && result == 0; y += band.rows) {
        const uint32_t count = band.rows < height - y ? band.rows : height - y;
        pixels->row_offset = (int)y;
        if (!tiff.TIFFRGBAImageGet(pixels, band.pixels, band.width, count) || r->failed)
            result = r->failed ? -1 : err_set(r->reason, "the TIFF's pixels are damaged");
        else
            flatten_band(&band, count, y, im, line);
    }
    free(line);
    free(band.pixels);
    return result;
}

static int read_pixels(struct tiff_reader *r, TIFF *file, struct image_decoded *out)
{
    TIFFRGBAImage pixels;
    char text[1024] = "";
    if (!tiff.TIFFRGBAImageBegin(&pixels, file, 1, text))
        return r->failed ? -1 : err_set(r->reason, "TIFF: %s", text);
    out->orientation = pixels.orientation;
    pixels.req_orientation = pixels.orientation; /* as stored: turned later like every picture */
    r->in_pixels = true;
    const int result = read_rows(r, &pixels, &out->image);
    tiff.TIFFRGBAImageEnd(&pixels);
    return result;
}

static int read_picture(struct tiff_reader *r, TIFF *file, const struct image_request *request,
                        struct image_decoded *out)
{
    uint32_t width = 0, height = 0;
    tiff.TIFFGetField(file, TIFFTAG_IMAGEWIDTH, &width);
    tiff.TIFFGetField(file, TIFFTAG_IMAGELENGTH, &height);
    if (image_init_for(&out->image, width, height, request, r->reason))
        return -1;
    return read_pixels(r, file, out);
}

static TIFF *open_file(struct tiff_reader *r)
{
    TIFFOpenOptions *options = tiff.TIFFOpenOptionsAlloc();
    if (!options)
        return err_memory_null(r->reason);
    tiff.TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, r);
    tiff.TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, r);
    /* A strip or tile of the largest picture: 4 samples of 16 bits. */
    tiff.TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)IMAGE_MAX_PIXELS * 8);
    TIFF *file = tiff.TIFFClientOpenExt("", "r", r, read_bytes, write_nothing, seek_to,
                                        close_nothing, get_size, map_file, unmap_nothing, options);
    tiff.TIFFOpenOptionsFree(options);
    if (!file && !r->failed)
        err_set(r->reason, "the TIFF's header is damaged");
    return file;
}

static int decode(const struct image_bytes *source, const struct image_request *request,
                  struct image_decoded *out, struct err *reason)
{
    struct tiff_reader r = {.source = *source, .reason = reason};
    if (library_need(&library, reason))
        return -1;
    TIFF *file = open_file(&r);
    if (!file)
        return -1;
    const int result = read_picture(&r, file, request, out);
    tiff.TIFFClose(file);
    if (result)
        image_release(&out->image);
    return result;
}

const struct image_codec IMAGE_CODEC_TIFF = {sniff, decode};
