/* Feeds the BMP decoder. */
#include <stddef.h>
#include <stdint.h>

#include "plain_pictures.h"
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
    static const int BITS[] = {1, 4, 8, 16, 24, 32}, HEADERS[] = {12, 40, 56, 124};
    static const uint32_t MASKS[4] = {0x0f00, 0x00f0, 0x000f, 0xf000};
    static const unsigned char RUNS[] = "\4\7\0\0\0\3\1\2\3\0\1\1\0\0\0\2\2\0\2\11\0\1";
    struct bmp_recipe recipe = {.width = 7, .height = 5};
    if (i >= 24 + 4)
        return 0;
    recipe.bits = i < 24 ? BITS[i % 6] : i % 2 ? 16 : 32;
    recipe.header = HEADERS[i % 4];
    recipe.masks = i >= 26 ? MASKS : NULL;
    if (i == 24 || i == 25) {
        recipe.bits = i == 24 ? 8 : 4;
        recipe.header = 40;
        recipe.compression = i - 23;
        recipe.runs = RUNS;
        recipe.runs_size = sizeof(RUNS) - 1;
    }
    return fuzz_take_seed(make_bmp(&recipe), buffer, capacity);
}
