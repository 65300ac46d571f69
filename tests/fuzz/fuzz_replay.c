/* Feeds PREFIX.replay's parser: with the bytes as the whole file, and with the bytes as what
 * follows the version, framed and with a right checksum, so that the parser gets past it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "fer/replay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

size_t fuzz_seed(int i, uint8_t *buffer, size_t capacity);

#define FRONT 12

/* What follows the version in a set of two values, two classes and a row of each kind. */
size_t fuzz_seed(int i, uint8_t *buffer, size_t capacity)
{
    static const uint8_t set[] = {9,    9,    9, 9, 4, 0,    0, 0, 2,    0,    0, 0, 2,    0,   0,
                                  0,    1,    0, 0, 0, 1,    0, 0, 0,    0,    0, 0, 0,    0,   0,
                                  0x80, 0x3f, 0, 0, 0, 0x3f, 0, 0, 0x80, 0x3f, 0, 1, 0x21, 0xf0};
    if (i > 0 || capacity < sizeof(set))
        return 0;
    memcpy(buffer, set, sizeof(set));
    return sizeof(set);
}

static void parse(const uint8_t *bytes, size_t size)
{
    struct replay r;
    struct err e;
    if (replay_parse(&r, "set", bytes, size, &e) == 0) {
        float *feature = malloc(r.width * sizeof(*feature));
        if (feature)
            replay_decode(&r, r.training + r.held_out - 1, feature);
        free(feature);
        replay_release(&r);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    parse(data, size);
    uint8_t *framed = calloc(1, FRONT + size + 4);
    if (!framed)
        return 0;
    memcpy(framed, "FERREPLY\1", 9);
    if (size > 0)
        memcpy(framed + FRONT, data, size);
    const uLong sum = crc32_z(0, framed, FRONT + size);
    for (size_t i = 0; i < 4; i++)
        framed[FRONT + size + i] = (uint8_t)(sum >> (8 * i));
    parse(framed, FRONT + size + 4);
    free(framed);
    return 0;
}
