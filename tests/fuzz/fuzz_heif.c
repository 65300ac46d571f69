/* Feeds the HEIC and AVIF decoder. */
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
    if (i >= 4)
        return 0;
    return fuzz_take_seed(
        make_heif(&(struct heif_recipe){
            .width = 16, .height = 16, .av1 = i & 1, .alpha = i & 2, .orientation = i + 3}),
        buffer, capacity);
}
