/* Decoding without wishes; see image_decode.h. */
#include "image_decode.h"

int image_decode(struct image *im, const unsigned char *bytes, size_t size, const char *name,
                 int channels, struct err *e)
{
    const struct image_bytes source = {bytes, size};
    const struct image_request request = {.channels = channels};
    return image_decode_as(im, &source, name, &request, NULL, e);
}
