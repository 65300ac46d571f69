/* WebP (RFC 9649) through libwebp: lossy, lossless, with alpha, and of an animation the first
 * frame, to 8-bit grey or RGB.
 *
 * The container is libwebpdemux's: it finds the frame and the EXIF chunk, and refuses a file that
 * is shorter than its chunks say. */
#include "fer/image_codec.h"

#include <stdlib.h>
#include <string.h>

#include <webp/decode.h>
#include <webp/demux.h>

static bool sniff(const struct image_bytes *source)
{
    return source->size >= 12 && memcmp(source->data, "RIFF", 4) == 0 &&
           memcmp(source->data + 8, "WEBP", 4) == 0;
}

/* The demuxer of a file that is all there; NULL with the reason. */
static WebPDemuxer *open_container(const struct image_bytes *source, struct err *reason)
{
    const WebPData data = {source->data, source->size};
    WebPDemuxState state = WEBP_DEMUX_PARSE_ERROR;
    WebPDemuxer *container = WebPDemuxPartial(&data, &state);
    if (container && state == WEBP_DEMUX_DONE)
        return container;
    WebPDemuxDelete(container);
    if (state == WEBP_DEMUX_PARSE_ERROR)
        return err_null(reason, "the WebP's container is damaged");
    return err_null(reason, "the WebP ends too early: %zu bytes", source->size);
}

/* Lays the frame onto the canvas, of which the rest is white. */
static void place_frame(const unsigned char *pixels, int channels, const WebPIterator *frame,
                        struct image *canvas)
{
    const size_t stride = (size_t)canvas->width * (size_t)canvas->channels;
    if (frame->width < canvas->width || frame->height < canvas->height)
        memset(canvas->pixels, 255, stride * (size_t)canvas->height);
    for (int y = 0; y < frame->height; y++)
        image_flatten_row(pixels + (size_t)y * (size_t)frame->width * (size_t)channels, channels,
                          canvas->pixels + stride * (size_t)(y + frame->y_offset) +
                              (size_t)frame->x_offset * (size_t)canvas->channels,
                          canvas->channels, frame->width);
}

static int read_frame(const WebPIterator *frame, struct image *canvas, struct err *reason)
{
    if (frame->x_offset < 0 || frame->y_offset < 0 || frame->width < 1 || frame->height < 1 ||
        frame->width > canvas->width - frame->x_offset ||
        frame->height > canvas->height - frame->y_offset)
        return err_set(reason, "a frame of %dx%d pixels at %d,%d reaches out of the WebP's %dx%d",
                       frame->width, frame->height, frame->x_offset, frame->y_offset, canvas->width,
                       canvas->height);
    const int channels = frame->has_alpha ? 4 : 3;
    const size_t stride = (size_t)frame->width * (size_t)channels;
    const size_t size = stride * (size_t)frame->height;
    unsigned char *pixels = malloc(size);
    if (!pixels)
        return err_memory(reason);
    const WebPData *coded = &frame->fragment;
    const uint8_t *decoded =
        frame->has_alpha ? WebPDecodeRGBAInto(coded->bytes, coded->size, pixels, size, (int)stride)
                         : WebPDecodeRGBInto(coded->bytes, coded->size, pixels, size, (int)stride);
    if (decoded)
        place_frame(pixels, channels, frame, canvas);
    free(pixels);
    return decoded ? 0 : err_set(reason, "the WebP's pixels are damaged or end too early");
}

static int exif_orientation(const WebPDemuxer *container)
{
    WebPChunkIterator chunk;
    if (!WebPDemuxGetChunk(container, "EXIF", 1, &chunk))
        return 1;
    const int orientation = image_exif_orientation(chunk.chunk.bytes, chunk.chunk.size);
    WebPDemuxReleaseChunkIterator(&chunk);
    return orientation;
}

static int read_picture(WebPDemuxer *container, const struct image_request *request,
                        struct image_decoded *out, struct err *reason)
{
    WebPIterator frame;
    if (!WebPDemuxGetFrame(container, 1, &frame))
        return err_set(reason, "there is no picture in the WebP");
    int result = image_init_for(&out->image, WebPDemuxGetI(container, WEBP_FF_CANVAS_WIDTH),
                                WebPDemuxGetI(container, WEBP_FF_CANVAS_HEIGHT), request, reason);
    if (result == 0)
        result = read_frame(&frame, &out->image, reason);
    WebPDemuxReleaseIterator(&frame);
    out->orientation = exif_orientation(container);
    return result;
}

static int decode(const struct image_bytes *source, const struct image_request *request,
                  struct image_decoded *out, struct err *reason)
{
    WebPDemuxer *container = open_container(source, reason);
    if (!container)
        return -1;
    const int result = read_picture(container, request, out, reason);
    WebPDemuxDelete(container);
    if (result)
        image_release(&out->image);
    return result;
}

const struct image_codec IMAGE_CODEC_WEBP = {sniff, decode};
