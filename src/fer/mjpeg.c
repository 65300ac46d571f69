/* Motion JPEG: where one picture of a stream ends and the next begins (ITU-T T.81, annex B).
 *
 * A frame is followed marker segment by marker segment, so that the thumbnail in an EXIF segment is
 * part of its picture. Segments tell their length; the entropy-coded data behind a start of scan
 * has none and ends at the first marker that is neither a restart nor a stuffed byte.
 *
 * A frame that was cut inside a segment makes that segment's length reach into the next frame.
 * The search for the next start therefore begins behind the last segment's marker, not where its
 * length led. Cut inside the header of a scan, even the next frame's segments look like its own:
 * what tells them apart is the second frame header. */
#include "fer.h"

#include <string.h>

enum state {
    BETWEEN, /* frames */
    LOST,    /* behind damage: nothing counts before a start of image */
    SEGMENT, /* a marker must come */
    SCAN     /* entropy-coded data */
};

enum marker {
    STUFFED = 0x00,
    TEMPORARY = 0x01,
    LAST_RESERVED = 0xbf,
    FIRST_FRAME_HEADER = 0xc0, /* but for three, every fourth from 0xc4 on */
    LAST_FRAME_HEADER = 0xcf,
    FIRST_RESTART = 0xd0,
    LAST_RESTART = 0xd7,
    START_OF_IMAGE = 0xd8,
    END_OF_IMAGE = 0xd9,
    START_OF_SCAN = 0xda
};

struct view {
    const unsigned char *bytes;
    size_t size;
    bool ended;
    struct err *reason; /* borrowed */
};

static bool is_restart(unsigned char code)
{
    return code >= FIRST_RESTART && code <= LAST_RESTART;
}

static bool is_frame_header(unsigned char code)
{
    return code == FIRST_FRAME_HEADER ||
           (code > FIRST_FRAME_HEADER && code <= LAST_FRAME_HEADER && code % 4 != 0);
}

static enum mjpeg_part pass_over(size_t count, size_t *length)
{
    *length = count;
    return count > 0 ? MJPEG_FILLING : MJPEG_NOTHING;
}

/* Gives the frame up; what follows its first `keep_from` bytes is searched for the next one. */
static enum mjpeg_part give_up(struct mjpeg_splitter *s, size_t keep_from, size_t *length)
{
    s->state = LOST;
    *length = keep_from;
    return MJPEG_DAMAGED;
}

/* The frame needs more bytes than there are. */
static enum mjpeg_part want_more(struct mjpeg_splitter *s, const struct view *v, size_t *length)
{
    if (v->size > s->max_bytes)
        err_set(v->reason, "the frame has more than %zu bytes", s->max_bytes);
    else if (v->ended)
        err_set(v->reason, "the stream ends inside the frame");
    else
        return pass_over(0, length);
    return give_up(s, s->state == SCAN ? s->at : s->back, length);
}

/* ---- outside of frames ---- */

/* Frames may be padded with zeros, and any marker with 0xff. */
static size_t count_padding(const struct view *v)
{
    size_t i = 0;
    while (i < v->size && (v->bytes[i] == 0 ||
                           (i + 1 < v->size && v->bytes[i] == 0xff && v->bytes[i + 1] == 0xff)))
        i++;
    return i;
}

static enum mjpeg_part find_start(struct mjpeg_splitter *s, const struct view *v, size_t *length)
{
    const size_t padding = count_padding(v);
    if (padding > 0 || v->size == 0)
        return pass_over(padding, length);
    if (v->size == 1 && v->bytes[0] == 0xff && !v->ended)
        return pass_over(0, length);
    if (v->size == 1 || v->bytes[0] != 0xff || v->bytes[1] != START_OF_IMAGE) {
        err_set(v->reason, "bytes between frames that start no JPEG picture");
        return give_up(s, 1, length);
    }
    s->state = SEGMENT;
    s->at = s->back = 2;
    s->scan = 0;
    return pass_over(0, length);
}

/* Two bytes alone are too often something else: the first segment's 0xff must follow. */
static enum mjpeg_part find_again(struct mjpeg_splitter *s, const struct view *v, size_t *length)
{
    const unsigned char *start = memmem(v->bytes, v->size, "\xff\xd8\xff", 3);
    if (start)
        s->state = BETWEEN;
    else if (v->ended)
        return pass_over(v->size, length);
    else
        return pass_over(v->size > 2 ? v->size - 2 : 0, length);
    return pass_over((size_t)(start - v->bytes), length);
}

/* ---- inside a frame ---- */

/* The segment of the marker at s->at, by its length. MJPEG_FILLING: the frame goes on. */
static enum mjpeg_part take_length(struct mjpeg_splitter *s, const struct view *v, size_t *length)
{
    if (s->at + 4 > v->size)
        return want_more(s, v, length);
    const size_t segment = (size_t)v->bytes[s->back] << 8 | v->bytes[s->back + 1];
    if (segment < 2) {
        err_set(v->reason, "a marker segment of %zu bytes, at byte %zu of the frame", segment,
                s->at);
        return give_up(s, s->back, length);
    }
    if (segment > v->size - s->back)
        return want_more(s, v, length);
    const bool scan = v->bytes[s->at + 1] == START_OF_SCAN;
    s->state = scan ? SCAN : SEGMENT;
    s->scan = scan ? s->back : s->scan;
    s->at = s->back + segment;
    return MJPEG_FILLING;
}

/* The marker at s->at and what belongs to it. MJPEG_FILLING: the frame goes on. */
static enum mjpeg_part take_segment(struct mjpeg_splitter *s, const struct view *v, size_t *length)
{
    while (s->at + 1 < v->size && v->bytes[s->at] == 0xff && v->bytes[s->at + 1] == 0xff)
        s->at++;
    if (s->at + 2 > v->size)
        return want_more(s, v, length);
    const unsigned char code = v->bytes[s->at + 1];
    if (v->bytes[s->at] != 0xff || code == STUFFED || (code > TEMPORARY && code <= LAST_RESERVED)) {
        err_set(v->reason, "no marker where one must be, at byte %zu of the frame", s->at);
        return give_up(s, s->back, length);
    }
    if (code == START_OF_IMAGE) {
        err_set(v->reason, "the frame is cut short: the next one starts at its byte %zu", s->at);
        return give_up(s, s->at, length);
    }
    if (is_frame_header(code) && s->scan > 0) {
        err_set(v->reason, "the frame is cut short: another one's header is at its byte %zu",
                s->at);
        return give_up(s, s->scan, length);
    }
    s->back = s->at + 2;
    if (code == END_OF_IMAGE) {
        s->state = BETWEEN;
        *length = s->back;
        return MJPEG_FRAME;
    }
    if (code != TEMPORARY && !is_restart(code))
        return take_length(s, v, length);
    s->at += 2;
    return MJPEG_FILLING;
}

/* Entropy-coded data up to a marker. MJPEG_FILLING: the frame goes on. */
static enum mjpeg_part take_scan(struct mjpeg_splitter *s, const struct view *v, size_t *length)
{
    while (s->at < v->size) {
        const unsigned char *found = memchr(v->bytes + s->at, 0xff, v->size - s->at);
        s->at = found ? (size_t)(found - v->bytes) : v->size;
        if (s->at + 2 > v->size)
            break;
        const unsigned char code = v->bytes[s->at + 1];
        if (code != STUFFED && code != 0xff && !is_restart(code)) {
            s->state = SEGMENT;
            return MJPEG_FILLING;
        }
        s->at += code == 0xff ? 1 : 2;
    }
    return want_more(s, v, length);
}

static enum mjpeg_part take_frame(struct mjpeg_splitter *s, const struct view *v, size_t *length)
{
    enum mjpeg_part part = MJPEG_FILLING;
    while (part == MJPEG_FILLING)
        part = s->state == SCAN ? take_scan(s, v, length) : take_segment(s, v, length);
    return part;
}

enum mjpeg_part mjpeg_next(struct mjpeg_splitter *s, const unsigned char *bytes, size_t size,
                           bool ended, size_t *length, struct err *reason)
{
    const struct view v = {bytes, size, ended, reason};
    enum mjpeg_part part = MJPEG_NOTHING;
    if (s->state == LOST)
        part = find_again(s, &v, length);
    if (part == MJPEG_NOTHING && s->state == BETWEEN)
        part = find_start(s, &v, length);
    if (part == MJPEG_NOTHING && (s->state == SEGMENT || s->state == SCAN))
        part = take_frame(s, &v, length);
    if (part == MJPEG_FRAME && *length > s->max_bytes) {
        err_set(reason, "the frame has more than %zu bytes", s->max_bytes);
        return MJPEG_DAMAGED;
    }
    return part;
}
