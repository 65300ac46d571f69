/* What the fuzz targets of all picture formats do. */
#ifndef FERCLI_TESTS_FUZZ_PICTURE_H
#define FERCLI_TESTS_FUZZ_PICTURE_H

#include <stddef.h>
#include <stdint.h>

#include "pictures.h"

/* Decodes to grey and to colour and ends the program when image_decode_as breaks its word. Pictures
 * of more than a few pixels are refused: they would only cost time. */
void fuzz_picture(const uint8_t *data, size_t size);

/* Hands a seed over and frees it; returns its size. */
size_t fuzz_take_seed(struct picture_bytes seed, uint8_t *buffer, size_t capacity);

#endif
