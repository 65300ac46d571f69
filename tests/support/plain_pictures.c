/* BMP and PNM files; see plain_pictures.h. */
#include "plain_pictures.h"

#include <stdlib.h>
#include <string.h>

static void append(struct picture_bytes *out, const void *bytes, size_t count)
{
    out->data = realloc(out->data, out->size + count + 1);
    if (!out->data)
        abort();
    memcpy(out->data + out->size, bytes, count);
    out->size += count;
}

static void append_le(struct picture_bytes *out, int size, uint32_t value)
{
    for (int i = 0; i < size; i++) {
        const unsigned char byte = (unsigned char)(value >> 8 * i);
        append(out, &byte, 1);
    }
}

static uint32_t mix(int x, int y, int c)
{
    return (uint32_t)(x * 73 + y * 179 + c * 283 + 5) * 2654435761u;
}

/* ---- BMP ------------------------------------------------------------------------------------- */

static unsigned bmp_colours(const struct bmp_recipe *r)
{
    return r->colours ? (unsigned)r->colours : 1u << r->bits;
}

uint32_t bmp_value(const struct bmp_recipe *r, int x, int y)
{
    const uint32_t value = mix(x, y, 0) >> (32 - r->bits);
    return r->bits <= 8 ? value % bmp_colours(r) : value;
}

void bmp_palette_entry(unsigned i, unsigned char rgb[3])
{
    rgb[0] = (unsigned char)(i * 37 + 11);
    rgb[1] = (unsigned char)(255 - i * 3);
    rgb[2] = (unsigned char)(i * i + 90);
}

static void append_bmp_header(struct picture_bytes *out, const struct bmp_recipe *r, int header)
{
    const size_t start = out->size;
    append_le(out, 4, (uint32_t)header);
    const int size = header == 12 ? 2 : 4;
    append_le(out, size, (uint32_t)r->width);
    append_le(out, size, r->top_down ? -(uint32_t)r->height : (uint32_t)r->height);
    append_le(out, 2, 1);
    append_le(out, 2, (uint32_t)r->bits);
    if (header == 12)
        return;
    append_le(out, 4, r->masks ? 3 : (uint32_t)r->compression);
    for (int i = 0; i < 3; i++)
        append_le(out, 4, 0);
    append_le(out, 4, (uint32_t)r->colours);
    append_le(out, 4, 0);
    for (int i = 0; r->masks && i < (header >= 56 ? 4 : 3); i++)
        append_le(out, 4, r->masks[i]);
    while (out->size < start + (size_t)header)
        append(out, "", 1);
}

static void append_bmp_rows(struct picture_bytes *out, const struct bmp_recipe *r)
{
    const size_t stride = (size_t)((r->width * r->bits + 31) / 32 * 4);
    unsigned char *row = malloc(stride);
    for (int i = 0; i < r->height; i++) {
        const int y = r->top_down ? i : r->height - 1 - i;
        memset(row, 0, stride);
        for (int x = 0; x < r->width; x++) {
            const uint32_t value = bmp_value(r, x, y);
            const int bit = x * r->bits;
            if (r->bits < 8)
                row[bit / 8] = (unsigned char)(row[bit / 8] | value << (8 - r->bits - bit % 8));
            for (int byte = 0; byte < r->bits / 8; byte++)
                row[bit / 8 + byte] = (unsigned char)(value >> 8 * byte);
        }
        append(out, row, stride);
    }
    free(row);
}

struct picture_bytes make_bmp(const struct bmp_recipe *r)
{
    const int header = r->header ? r->header : 40;
    struct picture_bytes out = {NULL, 0};
    append(&out, "BM", 2);
    for (int i = 0; i < 3; i++)
        append_le(&out, 4, 0);
    append_bmp_header(&out, r, header);
    for (unsigned i = 0; r->bits <= 8 && i < bmp_colours(r); i++) {
        unsigned char rgb[3];
        bmp_palette_entry(i, rgb);
        const unsigned char entry[4] = {rgb[2], rgb[1], rgb[0], 0};
        append(&out, entry, header == 12 ? 3 : 4);
    }
    const size_t pixels = out.size;
    if (r->runs)
        append(&out, r->runs, r->runs_size);
    else
        append_bmp_rows(&out, r);
    for (int i = 0; i < 4; i++) {
        out.data[2 + i] = (unsigned char)(out.size >> 8 * i);
        out.data[10 + i] = (unsigned char)(pixels >> 8 * i);
    }
    return out;
}

/* ---- PNM ------------------------------------------------------------------------------------- */

unsigned pnm_sample(const struct pnm_recipe *r, int x, int y, int c)
{
    const unsigned most = r->kind % 3 == 1 ? 1 : (unsigned)r->most;
    return (mix(x, y, c) >> 12) % (most + 1);
}

static void append_sample(struct picture_bytes *out, const struct pnm_recipe *r, unsigned value)
{
    char text[16];
    const unsigned char wide[2] = {(unsigned char)(value >> 8), (unsigned char)value};
    if (r->kind <= 3)
        append(out, text,
               (size_t)snprintf(text, sizeof(text), r->kind == 1 ? "%u" : "%u\n", value));
    else
        append(out, wide + (r->most > 255 ? 0 : 1), r->most > 255 ? 2 : 1);
}

static void append_bits(struct picture_bytes *out, const struct pnm_recipe *r, int y)
{
    for (int x = 0; x < r->width; x += 8) {
        unsigned char byte = 0;
        for (int i = 0; i < 8 && x + i < r->width; i++)
            byte = (unsigned char)(byte | pnm_sample(r, x + i, y, 0) << (7 - i));
        append(out, &byte, 1);
    }
}

struct picture_bytes make_pnm(const struct pnm_recipe *r)
{
    struct picture_bytes out = {NULL, 0};
    char header[80];
    if (r->kind % 3 == 1)
        snprintf(header, sizeof(header), "P%d\n%d %d\n", r->kind, r->width, r->height);
    else
        snprintf(header, sizeof(header), "P%d\n%d %d\n%d\n", r->kind, r->width, r->height, r->most);
    const char *head = r->header ? r->header : header;
    append(&out, head, strlen(head));
    for (int y = 0; y < r->height; y++) {
        if (r->kind == 4) {
            append_bits(&out, r, y);
            continue;
        }
        for (int i = 0; i < r->width * (r->kind % 3 == 0 ? 3 : 1); i++)
            append_sample(&out, r,
                          r->kind % 3 == 0 ? pnm_sample(r, i / 3, y, i % 3)
                                           : pnm_sample(r, i, y, 0));
    }
    return out;
}
