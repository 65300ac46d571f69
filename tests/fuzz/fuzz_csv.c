/* Fuzz target: FER-2013's CSV, plain or gzip. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <zlib.h>

#include "fer.h"
#include "fer/fer_csv.h"

#define TEXT_SIZE 40000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t fuzz_seed(int i, uint8_t *buffer, size_t capacity);

/* What is read must be whole and in range. */
static void check(const struct dataset *d)
{
    unsigned sum = 0;
    if (d->count == 0 || d->width != 48 || d->height != 48)
        abort();
    for (size_t i = 0; i < d->count; i++) {
        if (d->label[i] >= FER_CLASSES || d->split[i] != SPLIT_TRAINING)
            abort();
        for (size_t k = 0; k < 48 * 48; k++)
            sum += d->pixels[i * 48 * 48 + k];
    }
    (void)*(volatile unsigned *)&sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dataset d;
    struct names names;
    struct err e = {""};
    int file = memfd_create("csv", MFD_CLOEXEC);
    if (file < 0 || write(file, data, size) != (ssize_t)size || lseek(file, 0, SEEK_SET) ||
        names_init_fer(&names, &e))
        abort();
    gzFile stream = gzdopen(file, "rb");
    if (!stream)
        abort();
    if (fer_csv_read_stream(&d, stream, "csv", SPLIT_TRAINING, &names, &e) == 0)
        check(&d);
    else if (d.pixels || !e.text[0])
        abort();
    dataset_release(&d);
    names_release(&names);
    gzclose_r(stream);
    return 0;
}

/* A file of `rows` rows; `before` and `after` stand around the pixels. */
static size_t write_rows(char *text, const char *header, const char *before, const char *after,
                         int rows)
{
    char *end = text + sprintf(text, "%s", header);
    for (int row = 0; row < rows; row++) {
        end += sprintf(end, "%d%s", row % FER_CLASSES, before);
        for (int i = 0; i < 48 * 48; i++)
            end += sprintf(end, "%s%d", i ? " " : "", (i * (row + 3)) % 256);
        end += sprintf(end, "%s", after);
    }
    return (size_t)(end - text);
}

/* gzip's form of `size` bytes, in place. */
static size_t compress_text(char *text, size_t size)
{
    static char packed[TEXT_SIZE];
    z_stream z = {.next_in = (Bytef *)text,
                  .avail_in = (uInt)size,
                  .next_out = (Bytef *)packed,
                  .avail_out = sizeof(packed)};
    if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
        deflate(&z, Z_FINISH) != Z_STREAM_END)
        abort();
    memcpy(text, packed, z.total_out);
    deflateEnd(&z);
    return z.total_out;
}

size_t fuzz_seed(int i, uint8_t *buffer, size_t capacity)
{
    static char text[TEXT_SIZE];
    size_t size;
    switch (i) {
    case 0:
        size = write_rows(text, "emotion,pixels,Usage\n", ",", ",Training\n", 3);
        break;
    case 1:
        size = write_rows(text,
                          "\xef\xbb\xbf"
                          "emotion, Usage, pixels\r\n",
                          ", Training, \"", "\"\r\n\r\n", 1);
        break;
    case 2:
        size = write_rows(text, "emotion,pixels,Usage\n", ",", ",Training\n", 2);
        size = compress_text(text, size);
        break;
    case 3:
        size = (size_t)sprintf(text, "emotion,pixels,Usage\n1,0 1 256 -2,PublicTest\n\n7,,\n");
        break;
    default:
        return 0;
    }
    size = size < capacity ? size : capacity;
    memcpy(buffer, text, size);
    return size;
}
