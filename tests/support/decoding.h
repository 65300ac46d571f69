/* What the tests of all picture formats ask of image_decode; a failure fails the test. */
#ifndef FERCLI_TESTS_DECODING_H
#define FERCLI_TESTS_DECODING_H

#include "fer/image_codec.h"
#include "pictures.h"

/* The colour that the upright picture must have at (x, y), red, green and blue of 0..255, after
 * transparency was laid over white. */
typedef void colour_at(const void *recipe, int x, int y, double rgb[3]);

/* Decodes to grey and to colour, of that size, with no pixel further than `slack` levels from what
 * `colour` says (grey: its BT.601 luma). */
void assert_picture(const struct picture_bytes *file, int width, int height, colour_at *colour,
                    const void *recipe, double slack);

/* Is refused, with `x` for the path and `reason` in the message. Reading beyond the bytes shows
 * under a sanitizer. */
void assert_refused(const unsigned char *data, size_t size, const char *reason);

/* Is refused when it is cut anywhere behind its first `from` bytes, up to `spare` bytes before its
 * end. */
void assert_refused_when_cut(const struct picture_bytes *file, size_t from, size_t spare);

/* Is refused, with both numbers, when one pixel fewer than it has is the limit. */
void assert_limited(const struct picture_bytes *file, int width, int height);

/* `tagged` decodes to what `plain` does, turned by EXIF's `orientation`, up to `slack` levels. */
void assert_turned(const struct picture_bytes *tagged, const struct picture_bytes *plain,
                   int orientation, int slack);

#endif
