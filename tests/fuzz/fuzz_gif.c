/* Feeds the GIF decoder. */
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
    if (i >= 8)
        return 0;
    return fuzz_take_seed(make_gif(&(struct gif_recipe){.width = 11,
                                                        .height = 9,
                                                        .left = i & 1,
                                                        .interlaced = i & 2,
                                                        .local_palette = i & 4,
                                                        .transparent = i - 1,
                                                        .frames = i % 3}),
                          buffer, capacity);
}
