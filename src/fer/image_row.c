/* Rows of samples as decoders deliver them, to rows of pictures; see image_codec.h. */
#include "fer/image_codec.h"

#include <string.h>

static unsigned over_white(unsigned value, unsigned alpha)
{
    return (value * alpha + 255 * (255 - alpha) + 127) / 255;
}

void image_flatten_row(const unsigned char *from, int from_channels, unsigned char *to,
                       int channels, int width)
{
    if (from_channels == channels) {
        memcpy(to, from, (size_t)width * (size_t)channels);
        return;
    }
    const bool colour = from_channels >= 3, transparent = from_channels % 2 == 0;
    for (int x = 0; x < width; x++, from += from_channels, to += channels) {
        const unsigned alpha = transparent ? from[from_channels - 1] : 255;
        const unsigned red = over_white(from[0], alpha);
        const unsigned green = colour ? over_white(from[1], alpha) : red;
        const unsigned blue = colour ? over_white(from[2], alpha) : red;
        image_store(to, channels, red, green, blue);
    }
}
