/* Motion JPEG cut into frames: by segments, however the bytes come; and every kind of damage. */
#include "fer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pictures.h"

/* Frames written by hand: a start, two segments, a scan with a stuffed byte and a restart, an end.
 */
#define START "\xff\xd8"
#define TABLE "\xff\xdb\x00\x04pq"
#define SCAN "\xff\xda\x00\x03xdata\xff\x00more\xff\xd0rest"
#define END "\xff\xd9"
#define HEADER "\xff\xc0\x00\x03h"
#define FRAME START TABLE HEADER SCAN END

/* One letter a part: F a frame, D a damaged one. */
struct parts {
    char kinds[32];
    size_t length[32]; /* bytes of each */
    size_t count;
    struct err reason; /* of the last damage */
};

/* Feeds the bytes `step` at a time. */
static struct parts cut(const char *bytes, size_t size, size_t step, size_t max_bytes)
{
    struct mjpeg_splitter s = {.max_bytes = max_bytes};
    struct parts p = {.count = 0};
    size_t start = 0, seen = 0, passed = 0;
    for (;;) {
        size_t length = SIZE_MAX;
        /* A copy of just what was seen, so that a sanitizer notices more. */
        unsigned char *copy = malloc(seen - start + 1);
        memcpy(copy, bytes + start, seen - start);
        const enum mjpeg_part part =
            mjpeg_next(&s, copy, seen - start, seen == size, &length, &p.reason);
        free(copy);
        assert_true(length <= seen - start);
        assert_true(part == MJPEG_NOTHING ? length == 0 : length > 0);
        start += length;
        if (part == MJPEG_NOTHING && seen == size)
            break;
        if (part == MJPEG_NOTHING)
            seen = size - seen < step ? size : seen + step;
        if (part != MJPEG_FRAME && part != MJPEG_DAMAGED) {
            passed += length;
            continue;
        }
        assert_true(p.count < sizeof(p.kinds) - 1);
        p.length[p.count] = length;
        p.kinds[p.count++] = part == MJPEG_FRAME ? 'F' : 'D';
    }
    for (size_t i = 0; i < p.count; i++)
        passed += p.length[i];
    assert_int_equal(passed, size); /* nothing is left over or counted twice */
    return p;
}

static void assert_cut(const char *bytes, size_t size, const char *kinds, const char *reason)
{
    for (size_t step = 1; step <= size; step = step < 8 ? step + 1 : 2 * step) {
        const struct parts p = cut(bytes, size, step, 1000);
        assert_string_equal(p.kinds, kinds);
        if (reason && !strstr(p.reason.text, reason))
            fail_msg("'%s' does not contain '%s'", p.reason.text, reason);
    }
}

#define ASSERT_CUT(text, kinds, reason) assert_cut(text, sizeof(text) - 1, kinds, reason)

static void test_frames_end_at_their_end_marker(void **state)
{
    (void)state;
    ASSERT_CUT("", "", NULL);
    ASSERT_CUT(FRAME, "F", NULL);
    ASSERT_CUT(FRAME FRAME FRAME, "FFF", NULL);
    const struct parts p = cut(FRAME FRAME, 2 * (sizeof(FRAME) - 1), 5, 1000);
    assert_int_equal(p.length[0], sizeof(FRAME) - 1);
    assert_int_equal(p.length[1], sizeof(FRAME) - 1);
}

/* Several scans, as in a progressive picture, with tables between them; markers with fill bytes. */
static void test_all_that_a_frame_may_hold_is_part_of_it(void **state)
{
    (void)state;
    ASSERT_CUT(START TABLE SCAN TABLE SCAN SCAN END FRAME, "FF", NULL);
    ASSERT_CUT(START "\xff\xff" TABLE SCAN "\xff\xff" END FRAME, "FF", NULL);
    ASSERT_CUT(START "\xff\x01" TABLE SCAN END FRAME, "FF", NULL);
    ASSERT_CUT(START "\xff\xfe\x00\x02" SCAN END FRAME, "FF", NULL); /* an empty comment */
}

static void test_a_picture_inside_a_segment_does_not_split_the_frame(void **state)
{
    (void)state;
    static const char THUMBNAIL[] = FRAME;
    char bytes[300];
    const size_t length = sizeof(THUMBNAIL) - 1;
    const size_t size = 6 + length;
    memcpy(bytes, START "\xff\xe1\x00", 5);
    bytes[5] = (char)(length + 2);
    memcpy(bytes + 6, THUMBNAIL, length);
    memcpy(bytes + size, SCAN END FRAME, sizeof(SCAN END FRAME));
    assert_cut(bytes, size + sizeof(SCAN END FRAME) - 1, "FF", NULL);
}

static void test_padding_between_frames_is_passed_over(void **state)
{
    (void)state;
    ASSERT_CUT(FRAME "\0" FRAME "\0\0\0\xff" FRAME "\0\0", "FFF", NULL);
}

static void test_a_frame_that_is_cut_is_damaged_and_the_next_one_whole(void **state)
{
    (void)state;
    static const char WHOLE[] = FRAME;
    const size_t size = sizeof(WHOLE) - 1;
    for (size_t kept = 2; kept < size; kept++) {
        char bytes[3 * sizeof(WHOLE)];
        memcpy(bytes, WHOLE, kept);
        memcpy(bytes + kept, FRAME FRAME, 2 * size);
        /* Two bytes short of a table's end, the next start stands in their place: nothing tells. */
        assert_cut(bytes, kept + 2 * size, kept == 6 ? "FF" : "DFF", NULL);
        memcpy(bytes, WHOLE, size);
        memcpy(bytes + size, WHOLE, kept);
        assert_cut(bytes, size + kept, "FD", "the stream ends inside the frame");
    }
}

static void test_damage_is_told_and_the_stream_goes_on(void **state)
{
    (void)state;
    ASSERT_CUT("text" FRAME, "DF", "bytes between frames that start no JPEG picture");
    ASSERT_CUT(FRAME "text" FRAME "\n", "FDFD", "bytes between frames");
    ASSERT_CUT("no picture at all", "D", "bytes between frames");
    ASSERT_CUT(START "x" FRAME, "DF", "no marker where one must be, at byte 2 of the frame");
    ASSERT_CUT(START TABLE "x" SCAN END FRAME, "DF", "no marker where one must be, at byte 8");
    ASSERT_CUT(START "\xff\x00" FRAME, "DF", "no marker where one must be, at byte 2");
    ASSERT_CUT(START TABLE SCAN "\xff\x30" FRAME, "DF", "no marker where one must be");
    ASSERT_CUT(START "\xff\xdb\x00\x01" FRAME, "DF", "a marker segment of 1 bytes, at byte 2");
    ASSERT_CUT(START TABLE SCAN FRAME, "DF", "cut short: the next one starts at its byte 29");
    ASSERT_CUT(START HEADER SCAN HEADER END FRAME, "DF", "another one's header is at its byte 28");
    ASSERT_CUT(START START FRAME, "DDF", "cut short: the next one starts at its byte 2");
}

/* Its length reaches over whole frames: the search begins where it stands. */
static void test_a_segment_with_a_false_length_takes_no_frame_along(void **state)
{
    (void)state;
    ASSERT_CUT(START "\xff\xdb\x00\x50" FRAME FRAME FRAME, "DFFF", NULL);
    ASSERT_CUT(START "\xff\xdb\xff\xf0" FRAME FRAME, "DFF", NULL);
}

static void test_a_frame_beyond_the_limit_is_damaged(void **state)
{
    (void)state;
    char bytes[5000];
    memset(bytes, 'x', sizeof(bytes));
    memcpy(bytes, START TABLE SCAN, sizeof(START TABLE SCAN) - 1);
    memcpy(bytes + 3000, END FRAME, sizeof(END FRAME) - 1);
    const size_t size = 3000 + sizeof(END FRAME) - 1;
    assert_cut(bytes, size, "DF", "the frame has more than 1000 bytes");
    struct parts p = cut(bytes, 3000, 100, 1000);
    assert_string_equal(p.kinds, "D");
    assert_in_range(p.length[0], 1000, 1100); /* no more needs to be kept */
    p = cut(FRAME, sizeof(FRAME) - 1, 7, sizeof(FRAME) - 1);
    assert_string_equal(p.kinds, "F");
    p = cut(FRAME, sizeof(FRAME) - 1, 7, sizeof(FRAME) - 2);
    assert_string_equal(p.kinds, "D");
}

/* Of every kind that libjpeg writes, each frame to the byte. */
static void test_real_pictures_come_out_as_they_went_in(void **state)
{
    (void)state;
    unsigned char exif[EXIF_BLOCK_SIZE], *stream = NULL;
    make_exif(exif, true, 1);
    size_t size = 0, length[16];
    for (unsigned i = 0; i < 16; i++) {
        const struct picture_bytes jpeg = make_jpeg(&(struct jpeg_recipe){
            .width = 40 + (int)i,
            .height = 30,
            .space = i & 1 ? JCS_YCbCr : JCS_GRAYSCALE,
            .progressive = i & 2,
            .arithmetic = i & 4,
            .restart = i & 8 ? 1 : 0,
            .exif = exif,
        });
        stream = realloc(stream, size + jpeg.size);
        memcpy(stream + size, jpeg.data, jpeg.size);
        size += length[i] = jpeg.size;
        free(jpeg.data);
    }
    const struct parts p = cut((const char *)stream, size, 997, 1 << 20);
    assert_string_equal(p.kinds, "FFFFFFFFFFFFFFFF");
    assert_memory_equal(p.length, length, sizeof(length));
    free(stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_end_at_their_end_marker),
        cmocka_unit_test(test_all_that_a_frame_may_hold_is_part_of_it),
        cmocka_unit_test(test_a_picture_inside_a_segment_does_not_split_the_frame),
        cmocka_unit_test(test_padding_between_frames_is_passed_over),
        cmocka_unit_test(test_a_frame_that_is_cut_is_damaged_and_the_next_one_whole),
        cmocka_unit_test(test_damage_is_told_and_the_stream_goes_on),
        cmocka_unit_test(test_a_segment_with_a_false_length_takes_no_frame_along),
        cmocka_unit_test(test_a_frame_beyond_the_limit_is_damaged),
        cmocka_unit_test(test_real_pictures_come_out_as_they_went_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
