/* Checks of decoded pictures; see decoding.h. */
#include "decoding.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image_decode.h"

static struct image decoded(const struct picture_bytes *file, int channels)
{
    struct image im;
    struct err e = {""};
    if (image_decode(&im, file->data, file->size, "x", channels, &e))
        fail_msg("%s", e.text);
    assert_int_equal(im.channels, channels);
    return im;
}

void assert_picture(const struct picture_bytes *file, int width, int height, colour_at *colour,
                    const void *recipe, double slack)
{
    for (int channels = 1; channels <= 3; channels += 2) {
        struct image im = decoded(file, channels);
        assert_int_equal(im.width, width);
        assert_int_equal(im.height, height);
        for (int i = 0; i < width * height; i++) {
            double rgb[3];
            colour(recipe, i % width, i / width, rgb);
            if (channels == 1)
                rgb[0] = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
            for (int c = 0; c < channels; c++)
                if (fabs(im.pixels[i * channels + c] - rgb[c]) > slack + 0.5 + 1e-6)
                    fail_msg("(%d, %d) channel %d of %d is %d, not %f", i % width, i / width, c,
                             channels, im.pixels[i * channels + c], rgb[c]);
        }
        image_release(&im);
    }
}

void assert_refused(const unsigned char *data, size_t size, const char *reason)
{
    unsigned char *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    struct image im;
    memset(&im, 0x55, sizeof(im));
    struct err e = {""};
    if (image_decode(&im, copy, size, "x", 3, &e) == 0)
        fail_msg("%zu bytes were taken", size);
    assert_null(im.pixels);
    assert_int_equal(im.width, 0);
    if (!strstr(e.text, "cannot read 'x': ") || !strstr(e.text, reason))
        fail_msg("'%s' does not contain '%s'", e.text, reason);
    free(copy);
}

void assert_refused_when_cut(const struct picture_bytes *file, size_t from, size_t spare)
{
    for (size_t size = from; size < file->size - spare; size++)
        assert_refused(file->data, size, "");
}

void assert_limited(const struct picture_bytes *file, int width, int height)
{
    const struct image_bytes source = {file->data, file->size};
    struct image_request request = {.channels = 1, .max_pixels = (unsigned)(width * height)};
    struct image im;
    struct err e = {""};
    if (image_decode_as(&im, &source, "x", &request, NULL, &e))
        fail_msg("%s", e.text);
    image_release(&im);
    if (request.max_pixels == 1)
        return;
    char text[80];
    request.max_pixels--;
    snprintf(text, sizeof(text), "%dx%d pixels are more than the limit of %u", width, height,
             request.max_pixels);
    assert_int_equal(image_decode_as(&im, &source, "x", &request, NULL, &e), -1);
    assert_null(im.pixels);
    if (!strstr(e.text, text))
        fail_msg("'%s' does not contain '%s'", e.text, text);
}

void assert_turned(const struct picture_bytes *tagged, const struct picture_bytes *plain,
                   int orientation, int slack)
{
    for (int channels = 1; channels <= 3; channels += 2) {
        struct image got = decoded(tagged, channels), expected = decoded(plain, channels);
        struct err e = {""};
        assert_int_equal(image_turn(&expected, orientation, &e), 0);
        assert_int_equal(got.width, expected.width);
        assert_int_equal(got.height, expected.height);
        for (int i = 0; i < got.width * got.height * channels; i++)
            if (abs(got.pixels[i] - expected.pixels[i]) > slack)
                fail_msg("orientation %d: byte %d is %d, not %d", orientation, i, got.pixels[i],
                         expected.pixels[i]);
        image_release(&got);
        image_release(&expected);
    }
}
