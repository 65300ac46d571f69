/* Feeds the WebP decoder. */
#include <stddef.h>
#include <stdint.h>

#include "encoded_pictures.h"
#include "fuzz_picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t fuzz_seed(int i, uint8_t *buffer, size_t capacity);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_picture(data, size);
    return 0;
}

size_t fuzz_seed(int i, uint8_t *buffer, size_t capacity)
{
    unsigned char exif[EXIF_BLOCK_SIZE];
    if (i >= 16)
        return 0;
    make_exif(exif, i & 1, (unsigned)(i % 8 + 1));
    return fuzz_take_seed(make_webp(&(struct webp_recipe){.width = 11,
                                                          .height = 7,
                                                          .lossy = i & 1,
                                                          .alpha = i & 2,
                                                          .exif = i & 4 ? exif : NULL,
                                                          .frames = i & 8 ? 2 : 0}),
                          buffer, capacity);
}
