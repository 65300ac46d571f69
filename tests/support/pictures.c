/* PNG and JPEG files in memory; see pictures.h. Failures of the libraries end the program, as they
 * should in a test: libpng and libjpeg do so by themselves. */
#include "pictures.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ---- EXIF ------------------------------------------------------------------------------------ */

static unsigned char *put(unsigned char *to, bool big_endian, int size, unsigned value)
{
    for (int i = 0; i < size; i++)
        to[i] = (unsigned char)(value >> 8 * (big_endian ? size - 1 - i : i));
    return to + size;
}

static unsigned char *put_tag(unsigned char *to, bool big_endian, unsigned tag, unsigned type,
                              unsigned value)
{
    enum { SHORT = 3 };
    unsigned char *const start = to;
    to = put(to, big_endian, 2, tag);
    to = put(to, big_endian, 2, type);
    to = put(to, big_endian, 4, 1);
    memset(to, 0, 4);
    put(to, big_endian, type == SHORT ? 2 : 4, value);
    return start + 12;
}

void make_exif(unsigned char block[EXIF_BLOCK_SIZE], bool big_endian, unsigned orientation)
{
    unsigned char *to = block;
    memcpy(to, "Exif\0\0", 6);
    memcpy(to + 6, big_endian ? "MM" : "II", 2);
    to = put(to + 8, big_endian, 2, 42);
    to = put(to, big_endian, 4, 8);
    to = put(to, big_endian, 2, 2);
    to = put_tag(to, big_endian, 0x0100, 4, 600);
    to = put_tag(to, big_endian, 0x0112, 3, orientation);
    put(to, big_endian, 4, 0);
}

/* ---- PNG ------------------------------------------------------------------------------------- */

unsigned png_sample(const struct png_recipe *recipe, int x, int y, int c)
{
    const uint32_t mixed =
        ((uint32_t)x * 73 + (uint32_t)y * 179 + (uint32_t)c * 283 + 5) * 2654435761u;
    return mixed >> (32 - recipe->bit_depth);
}

png_color png_palette_entry(unsigned i)
{
    return (png_color){(png_byte)(i * 37 + 11), (png_byte)(255 - i * 3), (png_byte)(i * i + 90)};
}

unsigned png_palette_alpha(unsigned i)
{
    static const unsigned char ALPHA[] = {0, 255, 128, 1, 254, 77};
    return i < sizeof(ALPHA) ? ALPHA[i] : 255;
}

static void put_palette(png_structp png, png_infop info, const struct png_recipe *recipe)
{
    const int count = 1 << recipe->bit_depth;
    png_color palette[256];
    png_byte alpha[256];
    for (int i = 0; i < count; i++) {
        palette[i] = png_palette_entry((unsigned)i);
        alpha[i] = (png_byte)png_palette_alpha((unsigned)i);
    }
    png_set_PLTE(png, info, palette, count);
    if (recipe->trns)
        png_set_tRNS(png, info, alpha, count < 6 ? count : 6, NULL);
}

static void put_transparent_colour(png_structp png, png_infop info, const struct png_recipe *recipe)
{
    png_uint_16 sample[3];
    for (int c = 0; c < 3; c++)
        sample[c] = (png_uint_16)png_sample(recipe, PNG_TRNS_X, PNG_TRNS_Y, c);
    png_color_16 colour = {
        .red = sample[0], .green = sample[1], .blue = sample[2], .gray = sample[0]};
    png_set_tRNS(png, info, NULL, 0, &colour);
}

static void put_header(png_structp png, png_infop info, const struct png_recipe *recipe)
{
    png_set_IHDR(png, info, (png_uint_32)recipe->width, (png_uint_32)recipe->height,
                 recipe->bit_depth, recipe->color_type,
                 recipe->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (recipe->color_type == PNG_COLOR_TYPE_PALETTE)
        put_palette(png, info, recipe);
    else if (recipe->trns)
        put_transparent_colour(png, info, recipe);
    png_write_info(png, info);
    if (recipe->exif && !recipe->exif_last)
        png_write_chunk(png, (png_const_bytep) "eXIf", recipe->exif + EXIF_TIFF_OFFSET,
                        EXIF_BLOCK_SIZE - EXIF_TIFF_OFFSET);
}

static void put_rows(png_structp png, const struct png_recipe *recipe, int channels)
{
    const int bytes = recipe->bit_depth == 16 ? 2 : 1;
    unsigned char *row = malloc((size_t)(recipe->width * channels * bytes));
    png_set_packing(png);
    const int passes = png_set_interlace_handling(png);
    for (int pass = 0; pass < passes; pass++) {
        for (int y = 0; y < recipe->height; y++) {
            for (int i = 0; i < recipe->width * channels; i++)
                put(row + i * bytes, true, bytes,
                    png_sample(recipe, i / channels, y, i % channels));
            png_write_row(png, row);
        }
    }
    free(row);
}

static void append_bytes(png_structp png, png_bytep from, size_t count)
{
    struct picture_bytes *out = png_get_io_ptr(png);
    unsigned char *grown = realloc(out->data, out->size + count);
    if (!grown)
        abort();
    memcpy(grown + out->size, from, count);
    out->data = grown;
    out->size += count;
}

static void flush_nothing(png_structp png)
{
    (void)png;
}

struct picture_bytes make_png(const struct png_recipe *recipe)
{
    struct picture_bytes out = {NULL, 0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, &out, append_bytes, flush_nothing);
    put_header(png, info, recipe);
    put_rows(png, recipe, png_get_channels(png, info));
    if (recipe->exif && recipe->exif_last)
        png_write_chunk(png, (png_const_bytep) "eXIf", recipe->exif + EXIF_TIFF_OFFSET,
                        EXIF_BLOCK_SIZE - EXIF_TIFF_OFFSET);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    return out;
}

/* ---- JPEG ------------------------------------------------------------------------------------ */

void jpeg_colour(const struct jpeg_recipe *recipe, int x, int y, unsigned rgb[3])
{
    rgb[0] = 20 + 170 * (unsigned)x / (unsigned)recipe->width;
    rgb[1] = 50 + 140 * (unsigned)y / (unsigned)recipe->height;
    rgb[2] = 90;
}

/* Inks for a colour: a fifth of all light is taken by black, the rest by the others. */
static void mix_inks(const unsigned rgb[3], bool inverted, unsigned char inks[4])
{
    const unsigned black = 255 / 5;
    for (int c = 0; c < 3; c++) {
        const unsigned light = rgb[c] * 255 / (255 - black);
        inks[c] = (unsigned char)(light > 255 ? 0 : 255 - light);
    }
    inks[3] = (unsigned char)black;
    for (int c = 0; inverted && c < 4; c++)
        inks[c] = (unsigned char)(255 - inks[c]);
}

/* What libjpeg is handed for a file of this space. */
static J_COLOR_SPACE input_space(J_COLOR_SPACE space)
{
    if (space == JCS_GRAYSCALE || space == JCS_UNKNOWN)
        return space;
    return space == JCS_CMYK || space == JCS_YCCK ? JCS_CMYK : JCS_RGB;
}

static int input_channels(J_COLOR_SPACE space)
{
    static const int CHANNELS[] = {
        [JCS_UNKNOWN] = 2, [JCS_GRAYSCALE] = 1, [JCS_RGB] = 3, [JCS_CMYK] = 4};
    return CHANNELS[input_space(space)];
}

static void fill_row(const struct jpeg_recipe *recipe, int y, unsigned char *row, int channels)
{
    for (int x = 0; x < recipe->width; x++, row += channels) {
        unsigned rgb[3];
        jpeg_colour(recipe, x, y, rgb);
        if (channels == 4)
            mix_inks(rgb, !recipe->no_adobe, row);
        else if (channels <= 2)
            row[0] = row[channels - 1] =
                (unsigned char)((299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] + 500) / 1000);
        else
            for (int c = 0; c < 3; c++)
                row[c] = (unsigned char)rgb[c];
    }
}

static const jpeg_scan_info PLANAR_SCANS[] = {
    {.comps_in_scan = 1, .component_index = {0}, .Se = DCTSIZE2 - 1},
    {.comps_in_scan = 1, .component_index = {1}, .Se = DCTSIZE2 - 1},
    {.comps_in_scan = 1, .component_index = {2}, .Se = DCTSIZE2 - 1},
    {.comps_in_scan = 1, .component_index = {3}, .Se = DCTSIZE2 - 1}};

static void set_options(struct jpeg_compress_struct *codec, const struct jpeg_recipe *recipe,
                        int channels)
{
    codec->image_width = (JDIMENSION)recipe->width;
    codec->image_height = (JDIMENSION)recipe->height;
    codec->input_components = channels;
    codec->in_color_space = input_space(recipe->space);
    jpeg_set_defaults(codec);
    jpeg_set_colorspace(codec, recipe->space);
    jpeg_set_quality(codec, 95, TRUE);
    for (int c = 0; c < codec->num_components && !recipe->subsampled; c++)
        codec->comp_info[c].h_samp_factor = codec->comp_info[c].v_samp_factor = 1;
    if (recipe->progressive)
        jpeg_simple_progression(codec);
    if (recipe->planar) {
        codec->scan_info = PLANAR_SCANS;
        codec->num_scans = codec->num_components;
    }
    codec->arith_code = recipe->arithmetic;
    codec->restart_interval = (unsigned)recipe->restart;
    if (recipe->no_adobe)
        codec->write_Adobe_marker = FALSE;
}

struct picture_bytes make_jpeg(const struct jpeg_recipe *recipe)
{
    struct jpeg_compress_struct codec;
    struct jpeg_error_mgr errors;
    unsigned char *data = NULL;
    unsigned long size = 0;
    const int channels = input_channels(recipe->space);
    unsigned char *row = malloc((size_t)(recipe->width * channels));
    codec.err = jpeg_std_error(&errors);
    jpeg_create_compress(&codec);
    jpeg_mem_dest(&codec, &data, &size);
    set_options(&codec, recipe, channels);
    jpeg_start_compress(&codec, TRUE);
    if (recipe->exif)
        jpeg_write_marker(&codec, JPEG_APP0 + 1, recipe->exif, EXIF_BLOCK_SIZE);
    for (int y = 0; y < recipe->height; y++) {
        fill_row(recipe, y, row, channels);
        jpeg_write_scanlines(&codec, &row, 1);
    }
    jpeg_finish_compress(&codec);
    jpeg_destroy_compress(&codec);
    free(row);
    return (struct picture_bytes){data, size};
}

struct picture_bytes make_grey_jpeg(const unsigned char *pixels, int width, int height)
{
    const struct jpeg_recipe recipe = {.width = width, .height = height, .space = JCS_GRAYSCALE};
    struct jpeg_compress_struct codec;
    struct jpeg_error_mgr errors;
    unsigned char *data = NULL;
    unsigned long size = 0;
    codec.err = jpeg_std_error(&errors);
    jpeg_create_compress(&codec);
    jpeg_mem_dest(&codec, &data, &size);
    set_options(&codec, &recipe, 1);
    jpeg_start_compress(&codec, TRUE);
    for (int y = 0; y < height; y++) {
        unsigned char *row = (unsigned char *)(uintptr_t)(pixels + (size_t)y * (size_t)width);
        jpeg_write_scanlines(&codec, &row, 1);
    }
    jpeg_finish_compress(&codec);
    jpeg_destroy_compress(&codec);
    return (struct picture_bytes){data, size};
}
