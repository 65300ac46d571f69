/* GIF (87a and 89a) through giflib: the first frame, over white, to 8-bit grey or RGB.
 *
 * The frames behind it are not decoded but walked over, so that a file that is cut short is found
 * out: a whole one ends with a trailer. */
#include "fer/image_codec.h"

#include <stdlib.h>
#include <string.h>

#include <gif_lib.h>

struct gif_reader {
    GifFileType *gif;
    struct image_bytes source;
    size_t position; /* of the next byte of source */
    struct image *canvas;
    const struct image_request *request;
    int transparent; /* the first frame's transparent colour, or NO_TRANSPARENT_COLOR */
    bool have_frame;
    unsigned char *indices; /* (width) one row of the frame; owned */
    unsigned char *rgba;    /* (width, 4) the same in colours; owned */
    struct err *reason;     /* borrowed */
};

static bool sniff(const struct image_bytes *source)
{
    return source->size >= 6 &&
           (memcmp(source->data, "GIF87a", 6) == 0 || memcmp(source->data, "GIF89a", 6) == 0);
}

static int read_bytes(GifFileType *gif, GifByteType *to, int count)
{
    struct gif_reader *r = gif->UserData;
    const size_t left = r->source.size - r->position;
    const size_t length = count < 0 ? 0 : (size_t)count < left ? (size_t)count : left;
    memcpy(to, r->source.data + r->position, length);
    r->position += length;
    return (int)length;
}

static int fail(struct gif_reader *r)
{
    if (r->position == r->source.size)
        return err_set(r->reason, "the GIF ends too early: %zu bytes", r->source.size);
    const char *text = GifErrorString(r->gif->Error);
    return err_set(r->reason, "GIF: %s", text ? text : "it is damaged");
}

/* ---- the first frame ---- */

static int open_canvas(struct gif_reader *r)
{
    const GifImageDesc *frame = &r->gif->Image;
    const int width = r->gif->SWidth, height = r->gif->SHeight;
    if (image_init_for(r->canvas, width < 0 ? 0 : (uint64_t)width,
                       height < 0 ? 0 : (uint64_t)height, r->request, r->reason))
        return -1;
    if (frame->Left < 0 || frame->Top < 0 || frame->Width < 1 || frame->Height < 1 ||
        frame->Width > width - frame->Left || frame->Height > height - frame->Top)
        return err_set(r->reason, "a frame of %dx%d pixels at %d,%d reaches out of the GIF's %dx%d",
                       frame->Width, frame->Height, frame->Left, frame->Top, width, height);
    if (frame->Width < width || frame->Height < height)
        memset(r->canvas->pixels, 255,
               (size_t)width * (size_t)height * (size_t)r->canvas->channels);
    r->indices = malloc((size_t)frame->Width);
    r->rgba = malloc((size_t)frame->Width * 4);
    return r->indices && r->rgba ? 0 : err_memory(r->reason);
}

static int place_row(struct gif_reader *r, const ColorMapObject *palette, int row)
{
    const GifImageDesc *frame = &r->gif->Image;
    for (int x = 0; x < frame->Width; x++) {
        const int index = r->indices[x];
        if (index >= palette->ColorCount)
            return err_set(r->reason, "colour %d is not in the GIF's palette of %d", index,
                           palette->ColorCount);
        const GifColorType colour = palette->Colors[index];
        unsigned char *to = r->rgba + 4 * x;
        to[0] = colour.Red;
        to[1] = colour.Green;
        to[2] = colour.Blue;
        to[3] = index == r->transparent ? 0 : 255;
    }
    const struct image *canvas = r->canvas;
    const size_t at = (size_t)(frame->Top + row) * (size_t)canvas->width + (size_t)frame->Left;
    image_flatten_row(r->rgba, 4, canvas->pixels + at * (size_t)canvas->channels, canvas->channels,
                      frame->Width);
    return 0;
}

static int read_frame(struct gif_reader *r)
{
    /* Interlaced frames store every eighth row, those between them, and so on. */
    static const struct {
        int start, step;
    } PASSES[] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}}, PLAIN = {0, 1};
    if (open_canvas(r))
        return -1;
    const GifImageDesc *frame = &r->gif->Image;
    const ColorMapObject *palette = frame->ColorMap ? frame->ColorMap : r->gif->SColorMap;
    if (!palette)
        return err_set(r->reason, "the GIF has no palette");
    for (int pass = 0; pass < (frame->Interlace ? 4 : 1); pass++) {
        const int start = frame->Interlace ? PASSES[pass].start : PLAIN.start;
        const int step = frame->Interlace ? PASSES[pass].step : PLAIN.step;
        for (int row = start; row < frame->Height; row += step) {
            if (DGifGetLine(r->gif, r->indices, frame->Width) == GIF_ERROR)
                return fail(r);
            if (place_row(r, palette, row))
                return -1;
        }
    }
    r->have_frame = true;
    return 0;
}

/* ---- the blocks of the file ---- */

static int skip_frame(struct gif_reader *r)
{
    int code_size;
    GifByteType *block;
    if (DGifGetCode(r->gif, &code_size, &block) == GIF_ERROR)
        return fail(r);
    while (block)
        if (DGifGetCodeNext(r->gif, &block) == GIF_ERROR)
            return fail(r);
    return 0;
}

static int take_image(struct gif_reader *r)
{
    if (DGifGetImageDesc(r->gif) == GIF_ERROR)
        return fail(r);
    return r->have_frame ? skip_frame(r) : read_frame(r);
}

/* Of all extensions only the transparent colour of the first frame matters. */
static int take_extension(struct gif_reader *r)
{
    int code;
    GifByteType *block;
    if (DGifGetExtension(r->gif, &code, &block) == GIF_ERROR)
        return fail(r);
    while (block) {
        GraphicsControlBlock control;
        if (code == GRAPHICS_EXT_FUNC_CODE && !r->have_frame &&
            DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK)
            r->transparent = control.TransparentColor;
        if (DGifGetExtensionNext(r->gif, &block) == GIF_ERROR)
            return fail(r);
    }
    return 0;
}

static int read_blocks(struct gif_reader *r)
{
    for (;;) {
        GifRecordType type;
        if (DGifGetRecordType(r->gif, &type) == GIF_ERROR)
            return fail(r);
        if (type == TERMINATE_RECORD_TYPE)
            return r->have_frame ? 0 : err_set(r->reason, "there is no picture in the GIF");
        if (type == IMAGE_DESC_RECORD_TYPE ? take_image(r) : take_extension(r))
            return -1;
    }
}

static int decode(const struct image_bytes *source, const struct image_request *request,
                  struct image_decoded *out, struct err *reason)
{
    struct gif_reader r = {.source = *source,
                           .canvas = &out->image,
                           .request = request,
                           .transparent = NO_TRANSPARENT_COLOR,
                           .reason = reason};
    int code = 0;
    r.gif = DGifOpen(&r, read_bytes, &code);
    if (!r.gif) {
        const char *text = GifErrorString(code);
        return err_set(reason, "GIF: %s", text ? text : "its header is damaged");
    }
    const int result = read_blocks(&r);
    DGifCloseFile(r.gif, &code);
    free(r.rgba);
    free(r.indices);
    if (result)
        image_release(&out->image);
    return result;
}

const struct image_codec IMAGE_CODEC_GIF = {sniff, decode};
