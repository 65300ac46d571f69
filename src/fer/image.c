/* Pictures in memory and the way from a file to one: read, recognise by content, decode, turn
 * upright.
 *
 * The formats themselves are in image_png.c, image_jpeg.c and so on, the turning in image_orient.c.
 */
#include "fer/image_codec.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"

/* The file is held whole while it is decoded. IMAGE_MAX_PIXELS bounds what it becomes, this what it
 * is. */
#define MAX_FILE_BYTES ((size_t)1 << 30)

/* PNM last: its mark is the shortest. */
static const struct image_codec *const CODECS[] = {
    &IMAGE_CODEC_PNG,  &IMAGE_CODEC_JPEG, &IMAGE_CODEC_WEBP, &IMAGE_CODEC_TIFF,
    &IMAGE_CODEC_HEIF, &IMAGE_CODEC_GIF,  &IMAGE_CODEC_BMP,  &IMAGE_CODEC_PNM,
};

#define CODEC_COUNT (sizeof(CODECS) / sizeof(CODECS[0]))

int image_check_size(uint64_t width, uint64_t height, unsigned max_pixels, struct err *reason)
{
    if (width == 0 || height == 0)
        return err_set(reason, "%llux%llu pixels are no picture", (unsigned long long)width,
                       (unsigned long long)height);
    if (width > max_pixels || height > max_pixels / width)
        return err_set(reason, "%llux%llu pixels are more than the limit of %u",
                       (unsigned long long)width, (unsigned long long)height, max_pixels);
    return 0;
}

int image_init(struct image *im, int width, int height, int channels, struct err *e)
{
    memset(im, 0, sizeof(*im));
    if (width <= 0 || height <= 0 || (channels != 1 && channels != 3))
        return err_set(e, "no image has %dx%d pixels of %d channels", width, height, channels);
    if (image_check_size((uint64_t)width, (uint64_t)height, IMAGE_MAX_PIXELS, e))
        return -1;
    im->pixels = calloc((size_t)width * (size_t)height, (size_t)channels);
    if (!im->pixels)
        return err_set(e, "out of memory for %dx%d pixels of %d channels", width, height, channels);
    im->width = width;
    im->height = height;
    im->channels = channels;
    return 0;
}

int image_init_for(struct image *im, uint64_t width, uint64_t height,
                   const struct image_request *request, struct err *reason)
{
    if (image_check_size(width, height, request->max_pixels, reason))
        return -1;
    return image_init(im, (int)width, (int)height, request->channels, reason);
}

void image_release(struct image *im)
{
    free(im->pixels);
    memset(im, 0, sizeof(*im));
}

bool image_has_known_extension(const char *path)
{
    static const char *const EXTENSIONS[] = {
        ".png", ".jpg",  ".jpeg", ".jpe", ".jfif", ".webp", ".tif", ".tiff", ".heic", ".heif",
        ".hif", ".avif", ".gif",  ".bmp", ".dib",  ".pnm",  ".pbm", ".pgm",  ".ppm"};
    size_t length = strlen(path);
    for (size_t i = 0; i < sizeof(EXTENSIONS) / sizeof(EXTENSIONS[0]); i++) {
        size_t suffix = strlen(EXTENSIONS[i]);
        if (length >= suffix && strcasecmp(path + length - suffix, EXTENSIONS[i]) == 0)
            return true;
    }
    return false;
}

static const struct image_codec *find_codec(const struct image_bytes *source)
{
    for (size_t i = 0; i < CODEC_COUNT; i++)
        if (CODECS[i]->sniff(source))
            return CODECS[i];
    return NULL;
}

static int decode_upright(struct image *im, const struct image_bytes *source,
                          const struct image_request *request, int *reduction, struct err *reason)
{
    if (request->channels != 1 && request->channels != 3)
        return err_set(reason, "asked for %d channels, not 1 or 3", request->channels);
    if (source->size == 0)
        return err_set(reason, "the file is empty");
    const struct image_codec *codec = find_codec(source);
    if (!codec)
        return err_set(reason, "its content is none of PNG, JPEG, WebP, TIFF, HEIC, AVIF, GIF, BMP "
                               "and PNM");
    struct image_request complete = *request;
    if (complete.max_pixels == 0 || complete.max_pixels > IMAGE_MAX_PIXELS)
        complete.max_pixels = IMAGE_MAX_PIXELS;
    struct image_decoded decoded = {.orientation = 1, .reduction = 1};
    if (codec->decode(source, &complete, &decoded, reason))
        return -1;
    if (image_turn(&decoded.image, decoded.orientation, reason)) {
        image_release(&decoded.image);
        return -1;
    }
    *im = decoded.image;
    if (reduction)
        *reduction = decoded.reduction;
    return 0;
}

int image_decode_as(struct image *im, const struct image_bytes *source, const char *name,
                    const struct image_request *request, int *reduction, struct err *e)
{
    memset(im, 0, sizeof(*im));
    struct err reason = {""};
    if (decode_upright(im, source, request, reduction, &reason))
        return err_set(e, "cannot read '%s': %s", name, reason.text);
    return 0;
}

int image_read_as(struct image *im, const char *path, const struct image_request *request,
                  int *reduction, struct err *e)
{
    memset(im, 0, sizeof(*im));
    char *bytes;
    size_t size;
    if (file_read(path, MAX_FILE_BYTES, &bytes, &size, e))
        return -1;
    const struct image_bytes source = {(const unsigned char *)bytes, size};
    int result = image_decode_as(im, &source, path, request, reduction, e);
    free(bytes);
    return result;
}

int image_read(struct image *im, const char *path, int channels, struct err *e)
{
    return image_read_as(im, path, &(struct image_request){.channels = channels}, NULL, e);
}
