/* Inside of the picture readers: one decoder a format, and what the decoders share.
 *
 * A new format is a file with a `struct image_codec` and one more line in image.c's table. */
#ifndef FERCLI_FER_IMAGE_CODEC_H
#define FERCLI_FER_IMAGE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "fer.h"

/* What a decoder makes of it. */
struct image_decoded {
    struct image image; /* as stored, of the channels asked for; owned */
    int orientation;    /* EXIF's 1..8: how the stored picture is to be turned; 1 is upright */
    int reduction;      /* 1, or by how much it is smaller than stored */
};

struct image_codec {
    bool (*sniff)(const struct image_bytes *source); /* is the content of this format? */

    /* Decodes as asked for; the request is complete. `out` comes zeroed but for orientation and
     * reduction, which are 1. Returns 0, or -1 with the bare reason (image_decode_as puts the
     * file's name before it) and nothing to release. */
    int (*decode)(const struct image_bytes *source, const struct image_request *request,
                  struct image_decoded *out, struct err *reason);
};

extern const struct image_codec IMAGE_CODEC_PNG;
extern const struct image_codec IMAGE_CODEC_JPEG;
extern const struct image_codec IMAGE_CODEC_WEBP;
extern const struct image_codec IMAGE_CODEC_TIFF;
extern const struct image_codec IMAGE_CODEC_HEIF;
extern const struct image_codec IMAGE_CODEC_GIF;
extern const struct image_codec IMAGE_CODEC_BMP;
extern const struct image_codec IMAGE_CODEC_PNM;

/* Refuses a size that is zero or beyond `max_pixels`; for headers, before anything is allocated. */
int image_check_size(uint64_t width, uint64_t height, unsigned max_pixels, struct err *reason);

/* image_init for a decoder: the size that a header announces, within what is asked for. */
int image_init_for(struct image *im, uint64_t width, uint64_t height,
                   const struct image_request *request, struct err *reason);

/* Writes one row of `width` pixels - grey, grey + alpha, RGB or RGB + alpha by `from_channels` 1 to
 * 4 - as `channels` 1 or 3: colour becomes grey by image_luma, transparency is laid over white. */
void image_flatten_row(const unsigned char *from, int from_channels, unsigned char *to,
                       int channels, int width);

/* The orientation of an EXIF block, with or without its `Exif\0\0` header; 1 when it does not say.
 */
int image_exif_orientation(const unsigned char *exif, size_t size);

/* ITU-R BT.601 luma, rounded. */
static inline unsigned char image_luma(unsigned red, unsigned green, unsigned blue)
{
    return (unsigned char)((299 * red + 587 * green + 114 * blue + 500) / 1000);
}

/* A pixel of `channels` 1, its luma, or 3. */
static inline void image_store(unsigned char *to, int channels, unsigned red, unsigned green,
                               unsigned blue)
{
    if (channels == 1) {
        to[0] = image_luma(red, green, blue);
        return;
    }
    to[0] = (unsigned char)red;
    to[1] = (unsigned char)green;
    to[2] = (unsigned char)blue;
}

#endif
