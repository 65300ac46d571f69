/* PNG (ISO/IEC 15948) through libpng: every colour type, bit depth and interlacing to 8-bit grey or
 * RGB, and writing.
 *
 * Transparency is laid over white and 16 bits are scaled to 8. Colour profiles and gamma are passed
 * over: faces are learnt from plain sample values. A wrong checksum anywhere makes a file damaged,
 * as does a missing end. */
#include "fer/image_codec.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "base/file.h"

static bool sniff(const struct image_bytes *source)
{
    static const unsigned char SIGNATURE[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    return source->size >= sizeof(SIGNATURE) &&
           memcmp(source->data, SIGNATURE, sizeof(SIGNATURE)) == 0;
}

/* libpng's messages carry no newline. Its warnings are about chunks that are passed over here
 * anyway. */
static void on_error(png_structp png, png_const_charp text)
{
    err_set(png_get_error_ptr(png), "%s", text);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

/* ---- reading ---- */

struct png_reader {
    png_structp png;
    png_infop info;
    struct image_bytes source;
    size_t position;     /* of the next byte of source */
    unsigned char *rows; /* one decoded row, or all of an interlaced picture; owned */
    int row_channels;    /* of `rows`: grey, grey + alpha, RGB, RGB + alpha; 8 bits each */
};

static void read_bytes(png_structp png, png_bytep to, size_t count)
{
    struct png_reader *r = png_get_io_ptr(png);
    if (count > r->source.size - r->position)
        png_error(png, "the PNG ends too early");
    memcpy(to, r->source.data + r->position, count);
    r->position += count;
}

static uint32_t big_endian_32(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* A chunk is its length, its type, that many bytes, and a checksum. libpng takes memory for a
 * length before it finds that the file is shorter. */
static int check_chunks(const struct image_bytes *source, struct err *reason)
{
    for (size_t at = 8; source->size - at >= 12;) {
        const uint32_t length = big_endian_32(source->data + at);
        if (length > source->size - at - 12)
            return err_set(reason, "the PNG ends too early: %u bytes announced at byte %zu of %zu",
                           length, at, source->size);
        if (memcmp(source->data + at + 4, "IEND", 4) == 0)
            return 0;
        at += 12 + (size_t)length;
    }
    return err_set(reason, "the PNG ends too early: no end chunk in %zu bytes", source->size);
}

/* The size announced by IHDR, the first chunk: 8 bytes of signature, length, `IHDR`, width, height.
 */
static int check_header(const struct image_bytes *source, unsigned max_pixels, struct err *reason)
{
    if (source->size < 24)
        return err_set(reason, "the PNG ends too early: %zu bytes", source->size);
    if (memcmp(source->data + 12, "IHDR", 4) != 0)
        return err_set(reason, "the PNG does not begin with IHDR");
    return image_check_size(big_endian_32(source->data + 16), big_endian_32(source->data + 20),
                            max_pixels, reason);
}

/* Reads everything before the pixels and asks for 8 bits a sample, no palette. Returns the number
 * of passes. */
static int read_header(struct png_reader *r)
{
    png_set_read_fn(r->png, r, read_bytes);
    png_set_user_limits(r->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* check_header has its own */
    png_set_crc_action(r->png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    /* -1: all that is not needed for the pixels. The less is parsed, the less can go wrong. */
    png_set_keep_unknown_chunks(r->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_keep_unknown_chunks(r->png, PNG_HANDLE_CHUNK_AS_DEFAULT, (png_const_bytep) "eXIf", 1);
    png_read_info(r->png, r->info);
    png_set_expand(r->png);
    png_set_scale_16(r->png);
    const int passes = png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    return passes;
}

static void read_rows(struct png_reader *r, int passes, struct image *im)
{
    const size_t stride = (size_t)im->width * (size_t)r->row_channels;
    if (png_get_rowbytes(r->png, r->info) != stride)
        png_error(r->png, "unexpected row size");
    r->rows = malloc(passes > 1 ? stride * (size_t)im->height : stride);
    if (!r->rows)
        png_error(r->png, "out of memory");
    for (int pass = 0; pass < passes; pass++) {
        for (int y = 0; y < im->height; y++) {
            unsigned char *row = r->rows + (passes > 1 ? stride * (size_t)y : 0);
            png_read_row(r->png, row, NULL);
            if (pass == passes - 1)
                image_flatten_row(row, r->row_channels,
                                  im->pixels + (size_t)y * (size_t)im->width * (size_t)im->channels,
                                  im->channels, im->width);
        }
    }
}

static int exif_orientation(struct png_reader *r)
{
#ifdef PNG_eXIf_SUPPORTED
    png_bytep exif;
    png_uint_32 size;
    if (png_get_eXIf_1(r->png, r->info, &size, &exif) & PNG_INFO_eXIf)
        return image_exif_orientation(exif, size);
#endif
    return 1;
}

/* The one place that libpng jumps to. */
static int read_picture(struct png_reader *r, int channels, struct image_decoded *out,
                        struct err *reason)
{
    if (setjmp(png_jmpbuf(r->png)))
        return -1;
    const int passes = read_header(r);
    r->row_channels = png_get_channels(r->png, r->info);
    if (image_init(&out->image, (int)png_get_image_width(r->png, r->info),
                   (int)png_get_image_height(r->png, r->info), channels, reason))
        return -1;
    read_rows(r, passes, &out->image);
    png_read_end(r->png, r->info);
    out->orientation = exif_orientation(r);
    return 0;
}

static int decode(const struct image_bytes *source, const struct image_request *request,
                  struct image_decoded *out, struct err *reason)
{
    if (check_header(source, request->max_pixels, reason) || check_chunks(source, reason))
        return -1;
    struct png_reader r = {.source = *source};
    int result = -1;
    r.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, reason, on_error, on_warning);
    r.info = r.png ? png_create_info_struct(r.png) : NULL;
    if (r.info)
        result = read_picture(&r, request->channels, out, reason);
    else
        err_memory(reason);
    png_destroy_read_struct(&r.png, &r.info, NULL);
    free(r.rows);
    if (result)
        image_release(&out->image);
    return result;
}

const struct image_codec IMAGE_CODEC_PNG = {sniff, decode};

/* ---- writing ---- */

static int write_picture(png_structp png, png_infop info, const struct image *im, FILE *stream)
{
    if (setjmp(png_jmpbuf(png)))
        return -1;
    png_init_io(png, stream);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_IHDR(png, info, (png_uint_32)im->width, (png_uint_32)im->height, 8,
                 im->channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    const size_t stride = (size_t)im->width * (size_t)im->channels;
    for (int y = 0; y < im->height; y++)
        png_write_row(png, im->pixels + stride * (size_t)y);
    png_write_end(png, NULL);
    return 0;
}

static int write_stream(const struct image *im, FILE *stream, struct err *reason)
{
    int result = -1;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, reason, on_error, on_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (info)
        result = write_picture(png, info, im, stream);
    else
        err_memory(reason);
    png_destroy_write_struct(&png, &info);
    return result;
}

int image_write_png(const struct image *im, const char *path, struct err *e)
{
    if (!im->pixels || im->width <= 0 || im->height <= 0 ||
        (im->channels != 1 && im->channels != 3))
        return err_set(e, "cannot write '%s': no image has %dx%d pixels of %d channels", path,
                       im->width, im->height, im->channels);
    struct atomic_file file;
    if (atomic_open(&file, path, e))
        return -1;
    struct err reason = {""};
    errno = 0;
    if (write_stream(im, file.stream, &reason)) {
        /* libpng only says that a write failed, the system why. */
        err_set(e, "cannot write '%s': %s", path, errno ? strerror(errno) : reason.text);
        atomic_abandon(&file);
        return -1;
    }
    return atomic_commit(&file, e);
}
