/* What the fuzz targets of all picture formats do; see fuzz_picture.h. */
#include "fuzz_picture.h"

#include <stdlib.h>
#include <string.h>

#include "fer/image_codec.h"

#define MAX_PIXELS (1u << 14)

void fuzz_picture(const uint8_t *data, size_t size)
{
    const struct image_bytes source = {data, size};
    for (int channels = 1; channels <= 3; channels += 2) {
        const struct image_request request = {.channels = channels, .max_pixels = MAX_PIXELS};
        struct image im;
        struct err e = {""};
        if (image_decode_as(&im, &source, "x", &request, NULL, &e)) {
            if (im.pixels || im.width || !e.text[0])
                abort();
            continue;
        }
        if (im.channels != channels || im.width <= 0 || im.height <= 0 ||
            (unsigned)(im.width * im.height) > MAX_PIXELS)
            abort();
        image_release(&im);
    }
}

size_t fuzz_take_seed(struct picture_bytes seed, uint8_t *buffer, size_t capacity)
{
    const size_t size = seed.size < capacity ? seed.size : capacity;
    memcpy(buffer, seed.data, size);
    free(seed.data);
    return size;
}
