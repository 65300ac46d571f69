/* Feeds the JPEG decoder and, through it, the reading of EXIF. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fer/image_codec.h"
#include "pictures.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t fuzz_seed(int i, uint8_t *buffer, size_t capacity);

/* Sizes within IMAGE_MAX_PIXELS, once they are reduced, but beyond this cost only time. */
#define DULL_PIXELS (1u << 16)

/* Does anything that looks like a frame header announce such a size? */
static bool is_dull(const uint8_t *data, size_t size, int reduction)
{
    for (size_t i = 0; i + 9 <= size; i++) {
        const uint8_t marker = data[i + 1]; /* 0xc4, 0xc8 and 0xcc are tables */
        if (data[i] != 0xff || marker < 0xc0 || marker > 0xcf || (marker % 4 == 0 && marker > 0xc0))
            continue;
        const uint32_t height = (uint32_t)data[i + 5] << 8 | data[i + 6];
        const uint32_t width = (uint32_t)data[i + 7] << 8 | data[i + 8];
        const uint64_t pixels = (uint64_t)width * height;
        if (pixels > DULL_PIXELS && pixels / (uint64_t)(reduction * reduction) <= IMAGE_MAX_PIXELS)
            return true;
    }
    return false;
}

static void decode(const uint8_t *data, size_t size, const struct image_request *request)
{
    const struct image_bytes source = {data, size};
    struct image im;
    struct err e = {""};
    int reduction;
    if (image_decode_as(&im, &source, "x.jpg", request, &reduction, &e)) {
        if (im.pixels || im.width || !e.text[0])
            abort();
        return;
    }
    if (im.channels != request->channels || im.width <= 0 || im.height <= 0 || reduction < 1 ||
        reduction > request->max_reduction)
        abort();
    image_release(&im);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int reduction = 1; reduction <= 8 && !is_dull(data, size, reduction); reduction *= 2)
        for (int channels = 1; channels <= 3; channels += 2)
            decode(data, size,
                   &(struct image_request){
                       .channels = channels, .max_reduction = reduction, .min_side = 1});
    return 0;
}

size_t fuzz_seed(int i, uint8_t *buffer, size_t capacity)
{
    static const J_COLOR_SPACE SPACES[] = {JCS_GRAYSCALE, JCS_YCbCr, JCS_RGB, JCS_CMYK, JCS_YCCK};
    const int spaces = (int)(sizeof(SPACES) / sizeof(SPACES[0]));
    if (i >= 8 * spaces)
        return 0;
    const int variant = i / spaces;
    unsigned char exif[EXIF_BLOCK_SIZE];
    make_exif(exif, variant & 1, (unsigned)(i % 8 + 1));
    struct picture_bytes jpeg = make_jpeg(&(struct jpeg_recipe){
        .width = 21,
        .height = 17,
        .space = SPACES[i % spaces],
        .progressive = variant & 1,
        .planar = variant == 6,
        .arithmetic = variant & 2,
        .subsampled = variant & 4,
        .restart = variant & 4 ? 1 : 0,
        .exif = exif,
    });
    const size_t size = jpeg.size < capacity ? jpeg.size : capacity;
    memcpy(buffer, jpeg.data, size);
    free(jpeg.data);
    return size;
}
