/* Feeds the PNM decoder. */
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
    static const int MOST[] = {255, 9, 1000};
    if (i >= 18)
        return 0;
    return fuzz_take_seed(make_pnm(&(struct pnm_recipe){
                              .kind = i % 6 + 1, .width = 7, .height = 5, .most = MOST[i / 6]}),
                          buffer, capacity);
}
