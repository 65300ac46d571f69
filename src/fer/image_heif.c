/* HEIF (ISO/IEC 23008-12) as phones write it: HEIC and AVIF through libheif, to 8-bit grey or RGB.
 *
 * libheif turns and mirrors the picture by its own boxes (`irot`, `imir`), which take precedence
 * over an EXIF block, so nothing is turned here again. The library is opened on demand: with its
 * codecs it adds a tenth to the program's start. */
#include "fer/image_codec.h"

#include <string.h>

#include <libheif/heif.h>

#include "base/library.h"

#define HEIF_CALLS(X)                                                                              \
    X(heif_context_alloc)                                                                          \
    X(heif_context_free)                                                                           \
    X(heif_context_get_primary_image_handle)                                                       \
    X(heif_context_read_from_memory_without_copy)                                                  \
    X(heif_context_set_max_decoding_threads)                                                       \
    X(heif_decode_image)                                                                           \
    X(heif_decoding_options_alloc)                                                                 \
    X(heif_decoding_options_free)                                                                  \
    X(heif_image_get_height)                                                                       \
    X(heif_image_get_plane_readonly)                                                               \
    X(heif_image_get_width)                                                                        \
    X(heif_image_handle_get_height)                                                                \
    X(heif_image_handle_get_width)                                                                 \
    X(heif_image_handle_has_alpha_channel)                                                         \
    X(heif_image_handle_release)                                                                   \
    X(heif_image_release)

static struct {
    HEIF_CALLS(LIBRARY_MEMBER)
} heif;

static const char *const NAMES[] = {HEIF_CALLS(LIBRARY_NAME)};

static struct library library = {
    .soname = "libheif.so.1",
    .use = "HEIF",
    .names = NAMES,
    .count = sizeof(NAMES) / sizeof(NAMES[0]),
    .functions = &heif,
    .lock = PTHREAD_MUTEX_INITIALIZER,
};

/* The file type box names the kind of content by its major brand. */
static bool sniff(const struct image_bytes *source)
{
    static const char BRANDS[][5] = {"heic", "heix", "heim", "heis", "hevc", "hevx",
                                     "mif1", "msf1", "mif2", "avif", "avis"};
    if (source->size < 12 || memcmp(source->data + 4, "ftyp", 4) != 0)
        return false;
    for (size_t i = 0; i < sizeof(BRANDS) / sizeof(BRANDS[0]); i++)
        if (memcmp(source->data + 8, BRANDS[i], 4) == 0)
            return true;
    return false;
}

static int check(struct heif_error error, struct err *reason)
{
    if (error.code == heif_error_Ok)
        return 0;
    return err_set(reason, "HEIF: %s", error.message);
}

static int copy_rows(const struct heif_image *decoded, int channels, struct image *im,
                     struct err *reason)
{
    int stride = 0;
    const uint8_t *rows =
        heif.heif_image_get_plane_readonly(decoded, heif_channel_interleaved, &stride);
    const int width = heif.heif_image_get_width(decoded, heif_channel_interleaved);
    const int height = heif.heif_image_get_height(decoded, heif_channel_interleaved);
    if (!rows || width != im->width || height != im->height || stride / channels < width)
        return err_set(reason, "the HEIF's pixels are %dx%d, not the %dx%d announced", width,
                       height, im->width, im->height);
    for (int y = 0; y < height; y++)
        image_flatten_row(rows + (size_t)y * (size_t)stride, channels,
                          im->pixels + (size_t)y * (size_t)width * (size_t)im->channels,
                          im->channels, width);
    return 0;
}

static int decode_pixels(const struct heif_image_handle *handle, struct image *im,
                         struct err *reason)
{
    const bool alpha = heif.heif_image_handle_has_alpha_channel(handle);
    struct heif_decoding_options *options = heif.heif_decoding_options_alloc();
    struct heif_image *decoded = NULL;
    if (!options)
        return err_memory(reason);
    options->convert_hdr_to_8bit = 1;
    options->strict_decoding = 1; /* half a picture is none */
    options->decoder_id = "aom";  /* of AV1's: dav1d writes what is damaged to standard error */
    int result =
        check(heif.heif_decode_image(
                  handle, &decoded, heif_colorspace_RGB,
                  alpha ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB, options),
              reason);
    if (result == 0)
        result = copy_rows(decoded, alpha ? 4 : 3, im, reason);
    heif.heif_image_release(decoded);
    heif.heif_decoding_options_free(options);
    return result;
}

static int read_picture(struct heif_context *context, const struct image_bytes *source,
                        const struct image_request *request, struct image *im, struct err *reason)
{
    struct heif_image_handle *handle = NULL;
    /* The tiles of a picture one after the other: pictures are the unit of parallel work. */
    heif.heif_context_set_max_decoding_threads(context, 0);
    if (check(heif.heif_context_read_from_memory_without_copy(context, source->data, source->size,
                                                              NULL),
              reason) ||
        check(heif.heif_context_get_primary_image_handle(context, &handle), reason))
        return -1;
    /* Both are of the picture as it is turned. */
    const int width = heif.heif_image_handle_get_width(handle);
    const int height = heif.heif_image_handle_get_height(handle);
    int result = image_init_for(im, width < 0 ? 0 : (uint64_t)width,
                                height < 0 ? 0 : (uint64_t)height, request, reason);
    if (result == 0)
        result = decode_pixels(handle, im, reason);
    heif.heif_image_handle_release(handle);
    return result;
}

static int decode(const struct image_bytes *source, const struct image_request *request,
                  struct image_decoded *out, struct err *reason)
{
    if (library_need(&library, reason))
        return -1;
    struct heif_context *context = heif.heif_context_alloc();
    if (!context)
        return err_memory(reason);
    const int result = read_picture(context, source, request, &out->image, reason);
    heif.heif_context_free(context);
    if (result)
        image_release(&out->image);
    return result;
}

const struct image_codec IMAGE_CODEC_HEIF = {sniff, decode};
