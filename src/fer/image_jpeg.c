/* JPEG (ITU-T T.81, JFIF, EXIF, Adobe's CMYK) through libjpeg-turbo to 8-bit grey or RGB.
 *
 * libjpeg only warns of data that are damaged or end too early and goes on with grey blocks; here
 * the first such warning ends the reading, so that half a picture is never taken for a whole one.
 *
 * A large picture can be decoded at a half, a quarter or an eighth of its size: the inverse
 * transform of a block then makes as many pixels fewer. */
#include "fer/image_codec.h"

#include <setjmp.h>
#include <stdio.h> /* jpeglib.h needs it first */
#include <stdlib.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

/* Real progressive files have some ten scans. Each can touch every coefficient for a few bytes of
 * file, so that without a bound a small file could cost hours. */
#define MAX_SCANS 500

struct jpeg_reader {
    struct jpeg_decompress_struct codec; /* its client_data is this struct */
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    struct err *reason;  /* borrowed */
    unsigned char *inks; /* one row of CMYK samples, or NULL; owned */
};

static bool sniff(const struct image_bytes *source)
{
    return source->size >= 3 && memcmp(source->data, "\xff\xd8\xff", 3) == 0;
}

static _Noreturn void on_error(j_common_ptr codec)
{
    struct jpeg_reader *r = codec->client_data;
    char text[JMSG_LENGTH_MAX];
    codec->err->format_message(codec, text);
    err_set(r->reason, "%s", text);
    longjmp(r->failed, 1);
}

/* Levels below zero are warnings of damage, the others traces. */
static void on_message(j_common_ptr codec, int level)
{
    /* The version number in a JFIF header changes nothing about the pixels. */
    if (level < 0 && codec->err->msg_code != JWRN_JFIF_MAJOR)
        on_error(codec);
}

static void on_progress(j_common_ptr codec)
{
    struct jpeg_reader *r = codec->client_data;
    if (r->codec.input_scan_number <= MAX_SCANS)
        return;
    err_set(r->reason, "the JPEG has more than %d scans", MAX_SCANS);
    longjmp(r->failed, 1);
}

/* libjpeg converts everything to grey and RGB but inks, which it leaves as CMYK. */
static int choose_output(struct jpeg_reader *r, int channels)
{
    struct jpeg_decompress_struct *codec = &r->codec;
    switch (codec->jpeg_color_space) {
    case JCS_GRAYSCALE:
    case JCS_YCbCr:
    case JCS_RGB:
        codec->out_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
        return 0;
    case JCS_CMYK:
    case JCS_YCCK:
        codec->out_color_space = JCS_CMYK;
        r->inks = malloc((size_t)codec->image_width * 4);
        return r->inks ? 0 : err_memory(r->reason);
    default:
        return err_set(r->reason, "a JPEG with %d components of unknown meaning",
                       codec->num_components);
    }
}

/* Ink to light: red = (1 - cyan)(1 - black) and so on. Adobe's programs store 255 for no ink. */
static void mix_inks(const unsigned char *inks, bool inverted, unsigned char *to, int channels,
                     int width)
{
    const unsigned flip = inverted ? 0 : 255;
    for (int x = 0; x < width; x++, inks += 4, to += channels) {
        const unsigned white = inks[3] ^ flip;
        const unsigned red = ((inks[0] ^ flip) * white + 127) / 255;
        const unsigned green = ((inks[1] ^ flip) * white + 127) / 255;
        const unsigned blue = ((inks[2] ^ flip) * white + 127) / 255;
        image_store(to, channels, red, green, blue);
    }
}

static void read_rows(struct jpeg_reader *r, struct image *im)
{
    const size_t stride = (size_t)im->width * (size_t)im->channels;
    while (r->codec.output_scanline < r->codec.output_height) {
        unsigned char *to = im->pixels + stride * r->codec.output_scanline;
        unsigned char *row = r->inks ? r->inks : to;
        jpeg_read_scanlines(&r->codec, &row, 1);
        if (r->inks)
            mix_inks(r->inks, r->codec.saw_Adobe_marker, to, im->channels, im->width);
    }
}

/* As small as the request allows. */
static int choose_reduction(const struct jpeg_decompress_struct *codec,
                            const struct image_request *request)
{
    const int width = (int)codec->image_width, height = (int)codec->image_height;
    const int side = width > height ? width : height;
    int reduction = 1;
    while (reduction < 8 && 2 * reduction <= request->max_reduction &&
           side / (2 * reduction) >= request->min_side)
        reduction *= 2;
    return reduction;
}

static int take_memory(struct jpeg_reader *r, const struct image_request *request,
                       struct image_decoded *out)
{
    struct jpeg_decompress_struct *codec = &r->codec;
    out->reduction = choose_reduction(codec, request);
    codec->scale_num = 1;
    codec->scale_denom = (unsigned)out->reduction;
    jpeg_calc_output_dimensions(codec);
    /* A picture in several scans is held whole, as coefficients, whatever comes out. */
    if (jpeg_has_multiple_scans(codec) &&
        image_check_size(codec->image_width, codec->image_height, request->max_pixels, r->reason))
        return -1;
    return image_init_for(&out->image, codec->output_width, codec->output_height, request,
                          r->reason);
}

static int exif_orientation(const struct jpeg_decompress_struct *codec)
{
    for (jpeg_saved_marker_ptr m = codec->marker_list; m; m = m->next)
        if (m->data_length >= 6 && memcmp(m->data, "Exif\0\0", 6) == 0)
            return image_exif_orientation(m->data, m->data_length);
    return 1;
}

/* The one place that libjpeg jumps to. */
static int read_picture(struct jpeg_reader *r, const struct image_bytes *source,
                        const struct image_request *request, struct image_decoded *out)
{
    struct jpeg_decompress_struct *codec = &r->codec;
    if (setjmp(r->failed))
        return -1;
    jpeg_create_decompress(codec);
    codec->progress = &r->progress;
    jpeg_mem_src(codec, source->data, source->size);
    jpeg_save_markers(codec, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(codec, TRUE);
    if (choose_output(r, request->channels) || take_memory(r, request, out))
        return -1;
    out->orientation = exif_orientation(codec); /* jpeg_finish_decompress forgets the markers */
    jpeg_start_decompress(codec);
    read_rows(r, &out->image);
    jpeg_finish_decompress(codec); /* reads on to the end marker, which must be there */
    return 0;
}

static int decode(const struct image_bytes *source, const struct image_request *request,
                  struct image_decoded *out, struct err *reason)
{
    struct jpeg_reader r = {.reason = reason};
    r.codec.err = jpeg_std_error(&r.errors);
    r.codec.client_data = &r;
    r.errors.error_exit = on_error;
    r.errors.emit_message = on_message;
    r.progress.progress_monitor = on_progress;
    int result = read_picture(&r, source, request, out);
    /* libjpeg's own refusal of sizes beyond 65500 does not name them. */
    if (result && r.errors.msg_code == JERR_IMAGE_TOO_BIG)
        err_set(reason, "%ux%u pixels are more than libjpeg's limit of %ld a side",
                r.codec.image_width, r.codec.image_height, JPEG_MAX_DIMENSION);
    jpeg_destroy_decompress(&r.codec);
    free(r.inks);
    if (result)
        image_release(&out->image);
    return result;
}

const struct image_codec IMAGE_CODEC_JPEG = {sniff, decode};
