/* WebP, HEIF and GIF files in memory; see encoded_pictures.h. */
#include "encoded_pictures.h"

#include <stdlib.h>
#include <string.h>

#include <gif_lib.h>
#include <libheif/heif.h>
#include <webp/encode.h>

static void require(bool fact)
{
    if (!fact)
        abort();
}

static void append(struct picture_bytes *out, const void *bytes, size_t count)
{
    out->data = realloc(out->data, out->size + count + 1);
    require(out->data != NULL);
    memcpy(out->data + out->size, bytes, count);
    out->size += count;
}

void pattern_pixel(int x, int y, unsigned char rgba[4])
{
    static const unsigned char ALPHA[] = {255, 0, 128, 255, 77, 254, 1};
    for (int c = 0; c < 3; c++)
        rgba[c] = (unsigned char)(((uint32_t)(x * 73 + y * 179 + c * 283 + 5) * 2654435761u) >> 24);
    rgba[3] = ALPHA[(x + 3 * y) % 7];
}

void smooth_pixel(int x, int y, int width, int height, unsigned char rgba[4])
{
    rgba[0] = (unsigned char)(20 + 170 * x / width);
    rgba[1] = (unsigned char)(50 + 140 * y / height);
    rgba[2] = 90;
    rgba[3] = x < width / 2 ? 255 : 0;
}

/* ---- WebP ------------------------------------------------------------------------------------ */

static void put_le(unsigned char *to, int size, unsigned value)
{
    for (int i = 0; i < size; i++)
        to[i] = (unsigned char)(value >> 8 * i);
}

static void append_chunk(struct picture_bytes *out, const char *name, const void *head,
                         size_t head_size, const struct picture_bytes *body)
{
    unsigned char length[4];
    const size_t size = head_size + (body ? body->size : 0);
    put_le(length, 4, (unsigned)size);
    append(out, name, 4);
    append(out, length, 4);
    append(out, head, head_size);
    if (body)
        append(out, body->data, body->size);
    if (size % 2)
        append(out, "", 1);
}

/* The picture as one VP8 or VP8L chunk (with ALPH before it where that is needed). */
static struct picture_bytes encode_webp(const struct webp_recipe *r, bool black)
{
    unsigned char *rgba = calloc((size_t)(r->width * r->height), 4);
    for (int i = 0; i < r->width * r->height && !black; i++) {
        const int x = i % r->width, y = i / r->width;
        if (r->lossy)
            smooth_pixel(x, y, r->width, r->height, rgba + 4 * i);
        else
            pattern_pixel(x, y, rgba + 4 * i);
        if (!r->alpha)
            rgba[4 * i + 3] = 255;
    }
    for (int i = 0; i < r->width * r->height && black; i++)
        rgba[4 * i + 3] = 255;
    WebPConfig config;
    WebPPicture picture;
    WebPMemoryWriter writer;
    require(WebPConfigInit(&config) && WebPPictureInit(&picture));
    WebPMemoryWriterInit(&writer);
    config.lossless = !r->lossy;
    config.exact = 1; /* colours of transparent pixels too */
    config.quality = 95;
    picture.use_argb = 1;
    picture.width = r->width;
    picture.height = r->height;
    picture.writer = WebPMemoryWrite;
    picture.custom_ptr = &writer;
    require(WebPPictureImportRGBA(&picture, rgba, 4 * r->width) && WebPEncode(&config, &picture));
    WebPPictureFree(&picture);
    free(rgba);
    /* RIFF, size, WEBP; then chunks, of which VP8X, 18 bytes, is written anew. */
    struct picture_bytes out = {NULL, 0};
    const size_t skip = memcmp(writer.mem + 12, "VP8X", 4) == 0 ? 12 + 18 : 12;
    append(&out, writer.mem + skip, writer.size - skip);
    WebPMemoryWriterClear(&writer);
    return out;
}

static void append_frames(struct picture_bytes *out, const struct webp_recipe *r)
{
    static const unsigned char ANIM[6] = {0};
    append_chunk(out, "ANIM", ANIM, sizeof(ANIM), NULL);
    for (int i = 0; i < r->frames; i++) {
        unsigned char head[16];
        struct picture_bytes frame = encode_webp(r, i > 0);
        put_le(head, 3, (unsigned)r->left / 2);
        put_le(head + 3, 3, (unsigned)r->top / 2);
        put_le(head + 6, 3, (unsigned)r->width - 1);
        put_le(head + 9, 3, (unsigned)r->height - 1);
        put_le(head + 12, 4, 100);
        append_chunk(out, "ANMF", head, sizeof(head), &frame);
        free(frame.data);
    }
}

struct picture_bytes make_webp(const struct webp_recipe *r)
{
    enum { ANIMATION = 2, EXIF = 8, ALPHA = 16 };
    struct picture_bytes out = {NULL, 0};
    unsigned char head[10] = {0};
    append(&out, "RIFF....WEBP", 12);
    put_le(head, 4, (r->frames ? ANIMATION : 0u) | (r->exif ? EXIF : 0u) | (r->alpha ? ALPHA : 0u));
    put_le(head + 4, 3, (unsigned)(r->width + 2 * r->left - 1));
    put_le(head + 7, 3, (unsigned)(r->height + 2 * r->top - 1));
    if (r->frames || r->exif || r->alpha)
        append_chunk(&out, "VP8X", head, sizeof(head), NULL);
    if (r->frames) {
        append_frames(&out, r);
    } else {
        struct picture_bytes picture = encode_webp(r, false);
        append(&out, picture.data, picture.size);
        free(picture.data);
    }
    if (r->exif)
        append_chunk(&out, "EXIF", r->exif, EXIF_BLOCK_SIZE, NULL);
    put_le(out.data + 4, 4, (unsigned)out.size - 8);
    return out;
}

/* ---- HEIF ------------------------------------------------------------------------------------ */

static void check(struct heif_error error)
{
    require(error.code == heif_error_Ok);
}

static struct heif_image *draw_heif(const struct heif_recipe *r)
{
    struct heif_image *image;
    int stride;
    const int channels = r->alpha ? 4 : 3;
    check(heif_image_create(r->width, r->height, heif_colorspace_RGB,
                            r->alpha ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB,
                            &image));
    check(heif_image_add_plane(image, heif_channel_interleaved, r->width, r->height, 8));
    uint8_t *rows = heif_image_get_plane(image, heif_channel_interleaved, &stride);
    for (int y = 0; y < r->height; y++)
        for (int x = 0; x < r->width; x++) {
            unsigned char rgba[4];
            smooth_pixel(x, y, r->width, r->height, rgba);
            memcpy(rows + y * stride + x * channels, rgba, (size_t)channels);
        }
    return image;
}

static struct heif_error write_heif(struct heif_context *context, const void *bytes, size_t size,
                                    void *out)
{
    (void)context;
    append(out, bytes, size);
    return (struct heif_error){.code = heif_error_Ok, .message = ""};
}

struct picture_bytes make_heif(const struct heif_recipe *r)
{
    struct picture_bytes out = {NULL, 0};
    struct heif_context *context = heif_context_alloc();
    struct heif_encoder *encoder;
    struct heif_image *image = draw_heif(r);
    struct heif_encoding_options *options = heif_encoding_options_alloc();
    check(heif_context_get_encoder_for_format(
        context, r->av1 ? heif_compression_AV1 : heif_compression_HEVC, &encoder));
    heif_encoder_set_lossy_quality(encoder, 95);
    if (r->orientation)
        options->image_orientation = (enum heif_orientation)r->orientation;
    check(heif_context_encode_image(context, image, encoder, options, NULL));
    struct heif_writer writer = {.writer_api_version = 1, .write = write_heif};
    check(heif_context_write(context, &writer, &out));
    heif_encoding_options_free(options);
    heif_image_release(image);
    heif_encoder_release(encoder);
    heif_context_free(context);
    return out;
}

/* ---- GIF ------------------------------------------------------------------------------------- */

unsigned gif_index(int x, int y)
{
    return ((uint32_t)(x * 73 + y * 179 + 5) * 2654435761u) >> 28;
}

void gif_palette_entry(unsigned i, unsigned char rgb[3])
{
    rgb[0] = (unsigned char)(i * 37 + 11);
    rgb[1] = (unsigned char)(255 - i * 3);
    rgb[2] = (unsigned char)(i * i + 90);
}

static int write_gif(GifFileType *gif, const GifByteType *bytes, int count)
{
    append(gif->UserData, bytes, (size_t)count);
    return count;
}

static void put_frame(GifFileType *gif, const struct gif_recipe *r, const ColorMapObject *palette,
                      bool black)
{
    static const int START[] = {0, 4, 2, 1, 0}, STEP[] = {8, 8, 4, 2, 1};
    const int width = r->width - r->left, height = r->height - r->top;
    GifPixelType *row = calloc((size_t)width, sizeof(*row));
    GraphicsControlBlock control = {.TransparentColor = r->transparent};
    GifByteType extension[4];
    EGifGCBToExtension(&control, extension);
    require(EGifPutExtension(gif, GRAPHICS_EXT_FUNC_CODE, 4, extension) == GIF_OK);
    require(EGifPutImageDesc(gif, r->left, r->top, width, height, r->interlaced, palette) ==
            GIF_OK);
    for (int pass = r->interlaced ? 0 : 4; pass < (r->interlaced ? 4 : 5); pass++)
        for (int y = START[pass]; y < height; y += STEP[pass]) {
            for (int x = 0; x < width && !black; x++)
                row[x] = (GifPixelType)gif_index(x, y);
            require(EGifPutLine(gif, row, width) == GIF_OK);
        }
    free(row);
}

struct picture_bytes make_gif(const struct gif_recipe *r)
{
    struct picture_bytes out = {NULL, 0};
    GifColorType colours[16];
    for (unsigned i = 0; i < 16; i++) {
        unsigned char rgb[3];
        gif_palette_entry(i, rgb);
        colours[i] = (GifColorType){rgb[0], rgb[1], rgb[2]};
    }
    ColorMapObject *palette = GifMakeMapObject(16, colours);
    int code;
    GifFileType *gif = EGifOpen(&out, write_gif, &code);
    require(palette && gif);
    EGifSetGifVersion(gif, true);
    require(EGifPutScreenDesc(gif, r->width, r->height, 4, 0, r->local_palette ? NULL : palette) ==
            GIF_OK);
    for (int i = 0; i < (r->frames ? r->frames : 1); i++)
        put_frame(gif, r, r->local_palette ? palette : NULL, i > 0);
    require(EGifCloseFile(gif, &code) == GIF_OK);
    GifFreeMapObject(palette);
    return out;
}
