/* Feeds PREFIX.state's parser: with the bytes as the whole file, and with the bytes as what follows
 * the key, framed and with a right checksum, so that the parser gets past it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "fer/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FRONT (8 + 4 + 8 * KEY_COUNT)

static void parse(const uint8_t *bytes, size_t size)
{
    struct checkpoint c;
    struct err e;
    if (checkpoint_parse(&c, "state", bytes, size, &e) == 0)
        checkpoint_release(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    parse(data, size);
    uint8_t *framed = calloc(1, FRONT + size + 4);
    if (!framed)
        return 0;
    memcpy(framed, "FERSTATE\1", 9);
    if (size > 0)
        memcpy(framed + FRONT, data, size);
    uLong sum = crc32_z(0, framed, FRONT + size);
    for (size_t i = 0; i < 4; i++)
        framed[FRONT + size + i] = (uint8_t)(sum >> (8 * i));
    parse(framed, FRONT + size + 4);
    free(framed);
    return 0;
}
