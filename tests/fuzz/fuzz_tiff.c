/* Feeds the TIFF decoder. */
#include <stddef.h>
#include <stdint.h>

#include "encoded_pictures.h"
#include "fuzz_picture.h"

#include <tiffio.h>

static const struct tiff_recipe SEEDS[] = {
    {.photometric = PHOTOMETRIC_MINISBLACK, .bits = 1, .channels = 1},
    {.photometric = PHOTOMETRIC_MINISBLACK, .bits = 16, .channels = 1, .rows_per_strip = 4},
    {.photometric = PHOTOMETRIC_PALETTE, .bits = 4, .channels = 1},
    {.photometric = PHOTOMETRIC_RGB, .bits = 8, .channels = 3, .compression = COMPRESSION_LZW},
    {.photometric = PHOTOMETRIC_RGB, .bits = 8, .channels = 4, .extra = EXTRASAMPLE_UNASSALPHA},
    {.photometric = PHOTOMETRIC_RGB, .bits = 8, .channels = 3, .planar = true},
    {.photometric = PHOTOMETRIC_RGB, .bits = 8, .channels = 3, .mode = "wb8"},
    {.photometric = PHOTOMETRIC_SEPARATED,
     .bits = 8,
     .channels = 4,
     .compression = COMPRESSION_ADOBE_DEFLATE},
    {.photometric = PHOTOMETRIC_YCBCR, .bits = 8, .channels = 3, .compression = COMPRESSION_JPEG},
    {.photometric = PHOTOMETRIC_MINISWHITE,
     .bits = 1,
     .channels = 1,
     .compression = COMPRESSION_CCITTFAX4},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t fuzz_seed(int i, uint8_t *buffer, size_t capacity);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_picture(data, size);
    return 0;
}

size_t fuzz_seed(int i, uint8_t *buffer, size_t capacity)
{
    const int kinds = (int)(sizeof(SEEDS) / sizeof(SEEDS[0]));
    if (i >= 2 * kinds)
        return 0;
    struct tiff_recipe recipe = SEEDS[i % kinds];
    recipe.width = 19;
    recipe.height = 17;
    recipe.tile = i < kinds || recipe.compression == COMPRESSION_CCITTFAX4 ? 0 : 16;
    recipe.orientation = i % 8 + 1;
    return fuzz_take_seed(make_tiff(&recipe), buffer, capacity);
}
