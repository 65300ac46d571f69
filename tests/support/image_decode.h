/* The whole of a picture in memory, as image_decode_as gives it. */
#ifndef FERCLI_TESTS_IMAGE_DECODE_H
#define FERCLI_TESTS_IMAGE_DECODE_H

#include <stddef.h>

#include "fer/image_codec.h"

int image_decode(struct image *im, const unsigned char *bytes, size_t size, const char *name,
                 int channels, struct err *e);

#endif
