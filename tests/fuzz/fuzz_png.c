/* Feeds the PNG decoder: with the bytes as they are, and with every chunk's checksum made right, so
 * that changes get past it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "fer/image_codec.h"
#include "image_decode.h"
#include "pictures.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t fuzz_seed(int i, uint8_t *buffer, size_t capacity);

/* Sizes within IMAGE_MAX_PIXELS but beyond this cost only time to clear memory. */
#define DULL_PIXELS (1u << 16)

static uint32_t get_32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool is_dull(const uint8_t *data, size_t size)
{
    if (size < 24)
        return false;
    const uint64_t pixels = (uint64_t)get_32(data + 16) * get_32(data + 20);
    return pixels > DULL_PIXELS && pixels <= IMAGE_MAX_PIXELS;
}

static void decode(const uint8_t *data, size_t size, int channels)
{
    struct image im;
    struct err e = {""};
    if (image_decode(&im, data, size, "x.png", channels, &e)) {
        if (im.pixels || im.width || !e.text[0])
            abort();
        return;
    }
    if (im.channels != channels || im.width <= 0 || im.height <= 0)
        abort();
    image_release(&im);
}

static void repair_checksums(uint8_t *data, size_t size)
{
    size_t at = 8;
    while (at + 12 <= size) {
        const size_t length = get_32(data + at);
        if (length > size - at - 12)
            return;
        const uint32_t sum = (uint32_t)crc32_z(0, data + at + 4, length + 4);
        for (size_t i = 0; i < 4; i++)
            data[at + 8 + length + i] = (uint8_t)(sum >> (24 - 8 * i));
        at += 12 + length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (is_dull(data, size))
        return 0;
    decode(data, size, 3);
    uint8_t *repaired = malloc(size ? size : 1);
    if (!repaired)
        return 0;
    memcpy(repaired, data, size);
    repair_checksums(repaired, size);
    decode(repaired, size, 1);
    decode(repaired, size, 3);
    free(repaired);
    return 0;
}

size_t fuzz_seed(int i, uint8_t *buffer, size_t capacity)
{
    static const int KINDS[][2] = {
        {PNG_COLOR_TYPE_GRAY, 1},       {PNG_COLOR_TYPE_GRAY, 4},
        {PNG_COLOR_TYPE_GRAY, 8},       {PNG_COLOR_TYPE_GRAY, 16},
        {PNG_COLOR_TYPE_RGB, 8},        {PNG_COLOR_TYPE_RGB, 16},
        {PNG_COLOR_TYPE_PALETTE, 2},    {PNG_COLOR_TYPE_PALETTE, 8},
        {PNG_COLOR_TYPE_GRAY_ALPHA, 8}, {PNG_COLOR_TYPE_RGB_ALPHA, 8},
        {PNG_COLOR_TYPE_RGB_ALPHA, 16},
    };
    const int kinds = (int)(sizeof(KINDS) / sizeof(KINDS[0]));
    if (i >= 2 * kinds)
        return 0;
    const int *kind = KINDS[i % kinds];
    unsigned char exif[EXIF_BLOCK_SIZE];
    make_exif(exif, i % 2, (unsigned)(i % 8 + 1));
    struct picture_bytes png = make_png(&(struct png_recipe){
        .width = 11,
        .height = 7,
        .color_type = kind[0],
        .bit_depth = kind[1],
        .interlaced = i >= kinds,
        .trns = !(kind[0] & PNG_COLOR_MASK_ALPHA),
        .exif = exif,
        .exif_last = i % 3 == 0,
    });
    const size_t size = png.size < capacity ? png.size : capacity;
    memcpy(buffer, png.data, size);
    free(png.data);
    return size;
}
