/* Feeds the loader of cascades; what it takes must survive a search. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fer/haar.h"
#include "small_cascade.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t fuzz_seed(int i, uint8_t *buffer, size_t capacity);

enum { SIDE = 40 };

static void search(struct haar *h)
{
    static unsigned char pixels[SIDE * SIDE];
    const struct haar_search settings = {.scale_factor = 1.2, .min_size = 4};
    struct err e = {""};
    const struct haar_view view = {pixels, SIDE, SIDE, SIDE};
    struct haar_hit *hits = NULL;
    size_t count = 0;
    for (unsigned i = 0; i < SIDE * SIDE; i++)
        pixels[i] = (unsigned char)((i * 2654435761u) >> 24);
    if (haar_find(h, &settings, &view, &hits, &count, &e) && !e.text[0])
        abort();
    free(hits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = {""};
    struct haar *h = haar_new("x.xml", (const char *)data, size, &e);
    if (!h) {
        if (!strstr(e.text, "'x.xml'") || strchr(e.text, '\n'))
            abort();
        return 0;
    }
    search(h);
    haar_free(h);
    return 0;
}

size_t fuzz_seed(int i, uint8_t *buffer, size_t capacity)
{
    const size_t length = strlen(SMALL_CASCADE), size = length < capacity ? length : capacity;
    if (i > 0)
        return 0;
    memcpy(buffer, SMALL_CASCADE, size);
    return size;
}
