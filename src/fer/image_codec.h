/* Inside of the picture readers: one decoder a format, what the decoders share, and decoding from
 * memory.
 *
 * A new format is a file with a `struct image_codec` and one more line in image.c's table. */
#ifndef FERCLI_FER_IMAGE_CODEC_H
#define FERCLI_FER_IMAGE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "fer.h"

/* A whole picture file in memory; borrowed. */
struct image_bytes {
    const unsigned char *data;
    size_t size;
};

/* What a decoder makes of it. */
struct image_decoded {
    struct image image; /* as stored, of the channels asked for; owned */
    int orientation;    /* EXIF's 1..8: how the stored picture is to be turned; 1 is upright */
};

struct image_codec {
    bool (*sniff)(const struct image_bytes *source); /* is the content of this format? */

    /* Decodes to `channels` 1 or 3. `out` comes zeroed. Returns 0, or -1 with the bare reason
     * (image_decode puts the file's name before it) and nothing to release. */
    int (*decode)(const struct image_bytes *source, int channels, struct image_decoded *out,
                  struct err *reason);
};

extern const struct image_codec IMAGE_CODEC_PNG;
extern const struct image_codec IMAGE_CODEC_JPEG;

/* image_read for a file that is in memory already; `name` stands for the path in messages. */
int image_decode(struct image *im, const unsigned char *bytes, size_t size, const char *name,
                 int channels, struct err *e);

/* Refuses a size that is zero or beyond IMAGE_MAX_PIXELS; for headers, before anything is
 * allocated. */
int image_check_size(uint64_t width, uint64_t height, struct err *reason);

/* The orientation of an EXIF block, with or without its `Exif\0\0` header; 1 when it does not say.
 */
int image_exif_orientation(const unsigned char *exif, size_t size);

/* Turns the pixels of a picture stored with this EXIF orientation upright. Returns 0, or -1 (no
 * memory) with `im` as it was. */
int image_turn(struct image *im, int orientation, struct err *reason);

/* ITU-R BT.601 luma, rounded. */
static inline unsigned char image_luma(unsigned red, unsigned green, unsigned blue)
{
    return (unsigned char)((299 * red + 587 * green + 114 * blue + 500) / 1000);
}

#endif
