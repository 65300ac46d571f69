/* BMP (Windows' versions 3, 4 and 5, OS/2's 1 and 2) to 8-bit grey or RGB: palettes of 1, 4 and 8
 * bits, plain or in runs, and colours of 16, 24 and 32 bits, with or without masks.
 *
 * A file header of 14 bytes (`BM`, sizes, where the pixels begin), an information header that
 * begins with its own size, masks, a palette of blue, green, red, and rows of whole 32-bit words,
 * the lowest row first unless the height is negative. Alpha counts where a mask names it. */
#include "fer/image_codec.h"

#include <stdlib.h>
#include <string.h>

enum {
    FILE_HEADER = 14,
    CORE_HEADER = 12, /* OS/2 1: 16-bit sizes, palette of 3 bytes */
    INFO_HEADER = 40,
    MASKS_AT = INFO_HEADER, /* in longer headers they are part of it, else they follow it */
    MAX_COLOURS = 256
};

enum compression { RGB = 0, RLE8 = 1, RLE4 = 2, BITFIELDS = 3, ALPHABITFIELDS = 6 };

/* One colour of a pixel with masks. */
struct channel {
    unsigned shift, most; /* (pixel >> shift) & most; most is 0 where there is none */
};

struct bmp_reader {
    struct image_bytes source;
    uint32_t header_size;
    uint32_t width, height;
    bool top_down;
    unsigned bits; /* of a pixel */
    uint32_t compression;
    size_t pixels_at;
    struct channel channel[4];             /* red, green, blue, alpha; for 16 and 32 bits */
    unsigned colours;                      /* in the palette */
    unsigned char palette[MAX_COLOURS][3]; /* red, green, blue */
    unsigned char *row;                    /* (width, 4) one row of RGBA; owned */
    unsigned char *runs; /* (height, width) indices of a picture in runs, lowest row first; owned */
    struct err *reason;  /* borrowed */
};

static unsigned get_16(const unsigned char *from)
{
    return from[0] | (unsigned)from[1] << 8;
}

static uint32_t get_32(const unsigned char *from)
{
    return get_16(from) | (uint32_t)get_16(from + 2) << 16;
}

static bool is_header_size(uint32_t size)
{
    return size == CORE_HEADER || size == INFO_HEADER || size == 52 || size == 56 || size == 64 ||
           size == 108 || size == 124;
}

static bool sniff(const struct image_bytes *source)
{
    return source->size >= FILE_HEADER + 4 && memcmp(source->data, "BM", 2) == 0 &&
           is_header_size(get_32(source->data + FILE_HEADER));
}

static int ends_too_early(const struct bmp_reader *r)
{
    return err_set(r->reason, "the BMP ends too early: %zu bytes", r->source.size);
}

/* ---- headers ---- */

static int check_kind(const struct bmp_reader *r)
{
    const unsigned bits = r->bits;
    const bool known =
        bits == 1 || bits == 4 || bits == 8 || bits == 16 || bits == 24 || bits == 32;
    const bool masks = r->compression == BITFIELDS || r->compression == ALPHABITFIELDS;
    if (!known)
        return err_set(r->reason, "a BMP of %u bits a pixel", bits);
    if ((r->compression == RLE8 && bits == 8) || (r->compression == RLE4 && bits == 4) ||
        (masks && (bits == 16 || bits == 32) && r->header_size != 64) || r->compression == RGB)
        return 0;
    return err_set(r->reason, "a BMP of %u bits with the compression %u", bits, r->compression);
}

static int read_sizes(struct bmp_reader *r)
{
    const unsigned char *info = r->source.data + FILE_HEADER;
    r->header_size = get_32(info);
    if (r->source.size - FILE_HEADER < r->header_size)
        return ends_too_early(r);
    if (r->header_size == CORE_HEADER) {
        r->width = get_16(info + 4);
        r->height = get_16(info + 6);
        r->bits = get_16(info + 10);
        return check_kind(r);
    }
    r->width = get_32(info + 4);
    r->height = get_32(info + 8);
    r->top_down = r->height >> 31;
    if (r->top_down)
        r->height = -r->height;
    r->bits = get_16(info + 14);
    r->compression = get_32(info + 16);
    return check_kind(r);
}

static int read_mask(struct bmp_reader *r, uint32_t mask, struct channel *channel)
{
    unsigned shift = 0;
    while (mask && !(mask >> shift & 1))
        shift++;
    channel->shift = shift;
    channel->most = mask >> shift;
    if ((channel->most & (channel->most + 1)) != 0 || (r->bits == 16 && mask > 0xffff))
        return err_set(r->reason, "the BMP's mask %08x is none for %u bits", mask, r->bits);
    return 0;
}

/* Where there are no masks, 16 bits are 5 for each colour and 32 bits 8. */
static int read_masks(struct bmp_reader *r, size_t *header_end)
{
    static const uint32_t PLAIN_16[4] = {0x7c00, 0x03e0, 0x001f, 0};
    static const uint32_t PLAIN_32[4] = {0xff0000, 0x00ff00, 0x0000ff, 0};
    const uint32_t *plain = r->bits == 16 ? PLAIN_16 : PLAIN_32;
    *header_end = FILE_HEADER + r->header_size;
    uint32_t mask[4] = {plain[0], plain[1], plain[2], plain[3]};
    if (r->compression == BITFIELDS || r->compression == ALPHABITFIELDS) {
        const size_t count = r->compression == ALPHABITFIELDS || r->header_size >= 56 ? 4 : 3;
        if (r->header_size == INFO_HEADER)
            *header_end += 4 * count;
        if (r->source.size < *header_end)
            return ends_too_early(r);
        for (size_t i = 0; i < count; i++)
            mask[i] = get_32(r->source.data + FILE_HEADER + MASKS_AT + 4 * i);
    }
    for (size_t i = 0; i < 4; i++)
        if (read_mask(r, mask[i], &r->channel[i]))
            return -1;
    return 0;
}

static int read_palette(struct bmp_reader *r, size_t at)
{
    if (r->bits > 8)
        return 0;
    const size_t entry = r->header_size == CORE_HEADER ? 3 : 4;
    const unsigned most = 1u << r->bits;
    uint32_t colours = 0;
    if (r->header_size == CORE_HEADER)
        colours = r->pixels_at > at ? (uint32_t)((r->pixels_at - at) / entry) : 0;
    else
        colours = get_32(r->source.data + FILE_HEADER + 32);
    r->colours = colours == 0 || colours > most ? most : colours;
    if (r->source.size < at || (r->source.size - at) / entry < r->colours)
        return ends_too_early(r);
    for (unsigned i = 0; i < r->colours; i++)
        for (int c = 0; c < 3; c++)
            r->palette[i][c] = r->source.data[at + i * entry + (size_t)(2 - c)];
    return 0;
}

static int read_headers(struct bmp_reader *r)
{
    size_t end;
    r->pixels_at = get_32(r->source.data + 10);
    if (read_sizes(r) || read_masks(r, &end) || read_palette(r, end))
        return -1;
    if (r->pixels_at < end || r->pixels_at > r->source.size)
        return err_set(r->reason, "the BMP's pixels begin at byte %zu of %zu", r->pixels_at,
                       r->source.size);
    return 0;
}

/* ---- pictures in runs ---- */

/* Puts one pixel; false when it lies outside. */
static bool put_index(struct bmp_reader *r, uint32_t x, uint32_t y, unsigned char index)
{
    if (x >= r->width || y >= r->height)
        return false;
    r->runs[(size_t)y * r->width + x] = index;
    return true;
}

/* Index `i` of a run of one or two colours, or of bytes that hold one or two each. */
static unsigned char nibble(const struct bmp_reader *r, const unsigned char *bytes, unsigned i,
                            bool repeated)
{
    if (r->bits == 8)
        return bytes[repeated ? 0 : i];
    const unsigned char byte = bytes[repeated ? 0 : i / 2];
    return i % 2 == 0 ? byte >> 4 : byte & 15;
}

/* A run is its length and a colour. A length of zero means: end of the row (0), of the picture (1),
 * a move (2, then right and up), or so many colours, padded to whole 16-bit words. Pixels that are
 * passed over keep colour 0. */
static int read_runs(struct bmp_reader *r)
{
    const unsigned char *at = r->source.data + r->pixels_at, *end = r->source.data + r->source.size;
    uint32_t x = 0, y = 0;
    while (end - at >= 2) {
        const unsigned length = at[0], code = at[1];
        const bool repeated = length > 0;
        at += 2;
        if (!repeated && code == 1)
            return 0;
        if (!repeated && code == 0) {
            x = 0;
            y++;
            continue;
        }
        if (!repeated && code == 2) {
            if (end - at < 2)
                break;
            x += at[0];
            y += at[1];
            at += 2;
            if (x > r->width || y > r->height)
                return err_set(r->reason, "a move reaches out of the BMP to %u,%u", x, y);
            continue;
        }
        const unsigned count = repeated ? length : code;
        const size_t bytes = r->bits == 8 ? count : (count + 1) / 2;
        const size_t padded = repeated ? 0 : bytes + bytes % 2;
        if ((size_t)(end - at) < padded)
            break;
        for (unsigned i = 0; i < count; i++, x++)
            if (!put_index(r, x, y, nibble(r, repeated ? at - 1 : at, i, repeated)))
                return err_set(r->reason, "a run reaches out of the BMP at %u,%u", x, y);
        at += padded;
    }
    return ends_too_early(r);
}

/* ---- rows ---- */

static int put_colour(const struct bmp_reader *r, unsigned index, unsigned char *to)
{
    if (index >= r->colours)
        return err_set(r->reason, "colour %u is not in the BMP's palette of %u", index, r->colours);
    memcpy(to, r->palette[index], 3);
    to[3] = 255;
    return 0;
}

static unsigned char unmask(const struct channel *c, uint32_t pixel)
{
    const uint64_t value = pixel >> c->shift & c->most;
    return (unsigned char)((value * 255 + c->most / 2) / c->most);
}

static void put_masked(const struct bmp_reader *r, uint32_t pixel, unsigned char *to)
{
    for (int c = 0; c < 4; c++)
        to[c] = r->channel[c].most ? unmask(&r->channel[c], pixel) : c == 3 ? 255 : 0;
}

/* A stored row to r->row. */
static int convert_row(struct bmp_reader *r, const unsigned char *from)
{
    unsigned char *to = r->row;
    for (uint32_t x = 0; x < r->width; x++, to += 4) {
        if (r->bits <= 8) {
            const unsigned bit = x * r->bits;
            const unsigned index = from[bit / 8] >> (8 - r->bits - bit % 8) & ((1u << r->bits) - 1);
            if (put_colour(r, index, to))
                return -1;
        } else if (r->bits == 24) {
            to[0] = from[3 * x + 2];
            to[1] = from[3 * x + 1];
            to[2] = from[3 * x];
            to[3] = 255;
        } else {
            put_masked(r, r->bits == 16 ? get_16(from + 2 * x) : get_32(from + 4 * x), to);
        }
    }
    return 0;
}

static int convert_indices(struct bmp_reader *r, const unsigned char *indices)
{
    for (uint32_t x = 0; x < r->width; x++)
        if (put_colour(r, indices[x], r->row + 4 * (size_t)x))
            return -1;
    return 0;
}

/* Row `y` as it is stored, the lowest one first unless top_down. */
static int read_row(struct bmp_reader *r, uint32_t y, struct image *im)
{
    const size_t stride = ((size_t)r->width * r->bits + 31) / 32 * 4;
    if (r->runs ? convert_indices(r, r->runs + (size_t)y * r->width)
                : convert_row(r, r->source.data + r->pixels_at + y * stride))
        return -1;
    const uint32_t row = r->top_down ? y : r->height - 1 - y;
    image_flatten_row(r->row, 4,
                      im->pixels + (size_t)row * (size_t)im->width * (size_t)im->channels,
                      im->channels, im->width);
    return 0;
}

/* Are all the rows there? The last one may do without its padding. */
static int check_length(const struct bmp_reader *r)
{
    if (r->compression == RLE4 || r->compression == RLE8)
        return 0;
    const uint64_t bits = (uint64_t)r->width * r->bits;
    const uint64_t needed = (bits + 31) / 32 * 4 * (r->height - 1) + (bits + 7) / 8;
    return r->source.size - r->pixels_at < needed ? ends_too_early(r) : 0;
}

static int read_picture(struct bmp_reader *r, const struct image_request *request, struct image *im)
{
    if (read_headers(r) || image_check_size(r->width, r->height, request->max_pixels, r->reason) ||
        check_length(r) || image_init_for(im, r->width, r->height, request, r->reason))
        return -1;
    r->row = malloc((size_t)r->width * 4);
    if (!r->row)
        return err_memory(r->reason);
    if (r->compression == RLE4 || r->compression == RLE8) {
        r->runs = calloc(r->height, r->width);
        if (!r->runs)
            return err_memory(r->reason);
        if (read_runs(r))
            return -1;
    }
    for (uint32_t y = 0; y < r->height; y++)
        if (read_row(r, y, im))
            return -1;
    return 0;
}

static int decode(const struct image_bytes *source, const struct image_request *request,
                  struct image_decoded *out, struct err *reason)
{
    struct bmp_reader r = {.source = *source, .reason = reason};
    const int result = read_picture(&r, request, &out->image);
    free(r.runs);
    free(r.row);
    if (result)
        image_release(&out->image);
    return result;
}

const struct image_codec IMAGE_CODEC_BMP = {sniff, decode};
