/* UTF-8 (RFC 3629); see utf8.h. */
#include "cli/utf8.h"

#include <stdbool.h>

/* The value of `count` continuation bytes behind `lead`, or UINT32_MAX. A NUL ends the text and
 * continues nothing. */
static uint32_t continued(const unsigned char *bytes, uint32_t lead, int count)
{
    uint32_t code = lead;
    for (int i = 0; i < count; i++) {
        if ((bytes[i] & 0xC0) != 0x80)
            return UINT32_MAX;
        code = (code << 6) | (bytes[i] & 0x3Fu);
    }
    return code;
}

size_t utf8_decode(const char *text, uint32_t *code)
{
    const unsigned char *bytes = (const unsigned char *)text;
    unsigned char lead = bytes[0];
    if (lead == 0)
        return 0;
    if (lead < 0x80) {
        *code = lead;
        return 1;
    }
    int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    if (lead < 0xC2 || lead > 0xF4)
        return 0;
    uint32_t value = continued(bytes + 1, lead & (0x3Fu >> more), more);
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    if (value == UINT32_MAX || value < least[more] || value > 0x10FFFF ||
        (value >= 0xD800 && value <= 0xDFFF))
        return 0;
    *code = value;
    return (size_t)more + 1;
}

struct range {
    uint32_t first, last;
};

static int is_in(const struct range *ranges, size_t count, uint32_t code)
{
    for (size_t i = 0; i < count; i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return 1;
    return 0;
}

/* Blocks, not characters: enough to keep columns straight in the scripts that file names are
 * written in. */
int utf8_width(uint32_t code)
{
    static const struct range combining[] = {
        {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x064B, 0x065F}, {0x1AB0, 0x1AFF},
        {0x1DC0, 0x1DFF}, {0x200B, 0x200F}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F},
    };
    static const struct range wide[] = {
        {0x1100, 0x115F}, {0x2E80, 0x303E},   {0x3041, 0xA4CF},   {0xA960, 0xA97C},
        {0xAC00, 0xD7A3}, {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},
        {0xFFE0, 0xFFE6}, {0x1F300, 0x1F64F}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD},
    };
    if (code < 0x300)
        return 1;
    if (is_in(combining, sizeof(combining) / sizeof(combining[0]), code))
        return 0;
    return is_in(wide, sizeof(wide) / sizeof(wide[0]), code) ? 2 : 1;
}

int utf8_show(FILE *stream, const char *text)
{
    int width = 0;
    while (*text) {
        uint32_t code = 0;
        size_t length = utf8_decode(text, &code);
        bool control = code < 0x20 || (code >= 0x7F && code < 0xA0);
        size_t bytes = length ? length : 1;
        for (size_t i = 0; i < bytes && control; i++, width += 4)
            if (stream)
                fprintf(stream, "\\x%02x", (unsigned char)text[i]);
        if (!control) {
            if (stream)
                fwrite(text, 1, length, stream);
            width += utf8_width(code);
        }
        text += bytes;
    }
    return width;
}
