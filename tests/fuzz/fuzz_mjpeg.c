/* Feeds the splitter of motion JPEG, in pieces and at once: every byte belongs to one part, frames
 * begin and end with their markers, and the parts do not depend on the pieces. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fer.h"
#include "pictures.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t fuzz_seed(int i, uint8_t *buffer, size_t capacity);

enum { MAX_FRAME = 4000 };

static void check_frame(const uint8_t *frame, size_t length)
{
    if (length < 4 || length > MAX_FRAME || memcmp(frame, "\xff\xd8\xff", 3) != 0 ||
        memcmp(frame + length - 2, "\xff\xd9", 2) != 0)
        abort();
}

/* A hash over where the whole frames are, and how many others there are. */
static uint64_t split(const uint8_t *data, size_t size, size_t step)
{
    struct mjpeg_splitter s = {.max_bytes = MAX_FRAME};
    uint64_t hash = 0;
    size_t start = 0, seen = step < size ? step : size;
    for (;;) {
        struct err reason = {""};
        size_t length = SIZE_MAX;
        const enum mjpeg_part part =
            mjpeg_next(&s, data + start, seen - start, seen == size, &length, &reason);
        if (length > seen - start || (part == MJPEG_NOTHING) != (length == 0) ||
            (part == MJPEG_DAMAGED) != (reason.text[0] != '\0'))
            abort();
        if (part == MJPEG_FRAME)
            check_frame(data + start, length);
        if (part == MJPEG_FRAME)
            hash = hash * 31 + start + 1;
        if (part == MJPEG_NOTHING && seen == size)
            break;
        if (part == MJPEG_NOTHING)
            seen = size - seen < step ? size : seen + step;
        start += length;
    }
    if (start != size)
        abort();
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint64_t whole = split(data, size, size + 1);
    for (size_t step = 1; step < 1000; step *= 7)
        if (split(data, size, step) != whole && size <= MAX_FRAME)
            abort();
    return 0;
}

/* Up to four pictures, one behind the other. */
size_t fuzz_seed(int i, uint8_t *buffer, size_t capacity)
{
    unsigned char exif[EXIF_BLOCK_SIZE];
    size_t size = 0;
    if (i >= 16)
        return 0;
    make_exif(exif, true, 1);
    for (int k = 0; k <= i % 4; k++) {
        const struct picture_bytes jpeg = make_jpeg(&(struct jpeg_recipe){
            .width = 9,
            .height = 17,
            .space = JCS_GRAYSCALE,
            .progressive = i & 4,
            .restart = i & 8 ? 1 : 0,
            .exif = exif,
        });
        if (jpeg.size <= capacity - size) {
            memcpy(buffer + size, jpeg.data, jpeg.size);
            size += jpeg.size;
        }
        free(jpeg.data);
    }
    return size;
}
