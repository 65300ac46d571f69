/* PNM (netpbm's pbm, pgm and ppm; plain and raw, P1 to P6) to 8-bit grey or RGB.
 *
 * A header of numbers between blanks and comments, then the samples, of one or two bytes when they
 * are raw. Of several pictures in one file the first. */
#include "fer/image_codec.h"

#include <stdlib.h>
#include <string.h>

#define MAX_NUMBER 1000000000u /* keeps sums below 32 bits; no size is that large */

struct pnm_reader {
    const unsigned char *at, *end;
    unsigned most;      /* the sample that means white */
    bool bits;          /* P1, P4: black is 1 */
    bool plain;         /* P1 to P3: numbers as text */
    int channels;       /* of a stored pixel */
    struct err *reason; /* borrowed */
};

static bool is_blank(unsigned char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool sniff(const struct image_bytes *source)
{
    return source->size >= 3 && source->data[0] == 'P' && source->data[1] >= '1' &&
           source->data[1] <= '6' && (is_blank(source->data[2]) || source->data[2] == '#');
}

static void skip_blanks(struct pnm_reader *r)
{
    while (r->at < r->end && (is_blank(*r->at) || *r->at == '#')) {
        if (*r->at == '#')
            while (r->at < r->end && *r->at != '\n' && *r->at != '\r')
                r->at++;
        else
            r->at++;
    }
}

static int ends_too_early(const struct pnm_reader *r)
{
    return err_set(r->reason, "the PNM ends too early");
}

static int read_number(struct pnm_reader *r, unsigned *value)
{
    skip_blanks(r);
    if (r->at == r->end)
        return ends_too_early(r);
    if (*r->at < '0' || *r->at > '9')
        return err_set(r->reason, "there is '%c' in the PNM where a number belongs", *r->at);
    *value = 0;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
        if (*value > MAX_NUMBER / 10)
            return err_set(r->reason, "a number in the PNM is too large");
        *value = *value * 10 + (*r->at - (unsigned)'0');
    }
    return 0;
}

static int read_header(struct pnm_reader *r, unsigned *width, unsigned *height)
{
    const int kind = r->at[1] - '0';
    r->at += 2;
    r->plain = kind <= 3;
    r->bits = kind % 3 == 1;
    r->channels = kind % 3 == 0 ? 3 : 1;
    r->most = 1;
    if (read_number(r, width) || read_number(r, height) || (!r->bits && read_number(r, &r->most)))
        return -1;
    if (r->most == 0 || r->most > 65535)
        return err_set(r->reason, "the PNM's largest sample is %u, not 1 to 65535", r->most);
    if (r->plain)
        return 0;
    if (r->at == r->end)
        return ends_too_early(r);
    if (!is_blank(*r->at))
        return err_set(r->reason, "there is no blank between the PNM's header and its samples");
    r->at++;
    return 0;
}

/* The bytes of a raw row; of a plain one the fewest that it can have. */
static uint64_t row_bytes(const struct pnm_reader *r, unsigned width)
{
    const uint64_t samples = (uint64_t)width * (unsigned)r->channels;
    if (r->bits)
        return r->plain ? samples : (samples + 7) / 8;
    return r->plain || r->most > 255 ? 2 * samples : samples;
}

/* Before memory is taken for pixels that are not there. */
static int check_length(const struct pnm_reader *r, unsigned width, unsigned height)
{
    const uint64_t row = row_bytes(r, width), left = (uint64_t)(r->end - r->at);
    const uint64_t spare = r->plain ? 1 : 0; /* no blank need follow the last number */
    return height > (left + spare) / row ? ends_too_early(r) : 0;
}

static int read_plain_bit(struct pnm_reader *r, unsigned *bit)
{
    skip_blanks(r);
    if (r->at == r->end)
        return ends_too_early(r);
    if (*r->at != '0' && *r->at != '1')
        return err_set(r->reason, "there is '%c' among the PNM's bits", *r->at);
    *bit = *r->at++ == '1';
    return 0;
}

/* Sample `i` of a raw row. */
static unsigned raw_sample(const struct pnm_reader *r, unsigned i)
{
    if (r->bits)
        return r->at[i / 8] >> (7 - i % 8) & 1;
    return r->most > 255 ? (unsigned)r->at[2 * i] << 8 | r->at[2 * i + 1] : r->at[i];
}

static int read_row(struct pnm_reader *r, unsigned width, unsigned char *row)
{
    const unsigned samples = width * (unsigned)r->channels;
    for (unsigned i = 0; i < samples; i++) {
        unsigned value;
        if (!r->plain)
            value = raw_sample(r, i);
        else if (r->bits ? read_plain_bit(r, &value) : read_number(r, &value))
            return -1;
        if (value > r->most)
            return err_set(r->reason, "a sample of the PNM is %u, more than its %u", value,
                           r->most);
        if (r->bits)
            value = !value;
        row[i] = (unsigned char)((value * 255 + r->most / 2) / r->most);
    }
    if (!r->plain)
        r->at += row_bytes(r, width);
    return 0;
}

static int read_rows(struct pnm_reader *r, struct image *im)
{
    unsigned char *row = malloc((size_t)im->width * (size_t)r->channels);
    int result = row ? 0 : err_memory(r->reason);
    for (int y = 0; y < im->height && result == 0; y++) {
        result = read_row(r, (unsigned)im->width, row);
        if (result == 0)
            image_flatten_row(row, r->channels,
                              im->pixels + (size_t)y * (size_t)im->width * (size_t)im->channels,
                              im->channels, im->width);
    }
    free(row);
    return result;
}

static int decode(const struct image_bytes *source, const struct image_request *request,
                  struct image_decoded *out, struct err *reason)
{
    struct pnm_reader r = {
        .at = source->data, .end = source->data + source->size, .reason = reason};
    unsigned width, height;
    if (read_header(&r, &width, &height) ||
        image_check_size(width, height, request->max_pixels, reason) ||
        check_length(&r, width, height) ||
        image_init_for(&out->image, width, height, request, reason))
        return -1;
    if (read_rows(&r, &out->image) == 0)
        return 0;
    image_release(&out->image);
    return -1;
}

const struct image_codec IMAGE_CODEC_PNM = {sniff, decode};
