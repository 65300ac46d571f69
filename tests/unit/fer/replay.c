/* PREFIX.replay: codes, the file, and what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/file.h"
#include "base/rng.h"
#include "fer/replay.h"
#include "scratch.h"

#define WIDTH 5
#define TRAINING 4
#define HELD_OUT 3
#define ROWS (TRAINING + HELD_OUT)
#define SIZE (36 + 8 * WIDTH + ROWS * (1 + 3) + 4) /* bytes of the file */

static void make_features(float *feature)
{
    struct rng r;
    rng_init(&r, 3, 0, 0);
    for (size_t i = 0; i < ROWS * WIDTH; i++)
        feature[i] = rng_range(&r, -2, 6);
    for (size_t i = 0; i < ROWS; i++)
        feature[i * WIDTH + 4] = 1.5f; /* always the same */
}

static struct replay make_set(void)
{
    float feature[ROWS * WIDTH];
    struct err e = {""};
    struct replay r = {.checksum = 0x12345678,
                       .layer = 4,
                       .width = WIDTH,
                       .classes = 3,
                       .training = TRAINING,
                       .held_out = HELD_OUT};
    assert_int_equal(replay_init(&r, &e), 0);
    make_features(feature);
    assert_int_equal(replay_fit(&r, feature, ROWS, &e), 0);
    for (size_t i = 0; i < ROWS; i++) {
        r.label[i] = (unsigned char)(i % 3);
        replay_encode(&r, i, feature + i * WIDTH);
    }
    return r;
}

static void test_a_code_is_half_a_step_off_at_most(void **state)
{
    (void)state;
    struct replay r = make_set();
    float feature[ROWS * WIDTH], decoded[WIDTH];
    make_features(feature);
    for (size_t i = 0; i < ROWS; i++) {
        replay_decode(&r, i, decoded);
        for (size_t j = 0; j < WIDTH; j++)
            assert_true(fabsf(decoded[j] - feature[i * WIDTH + j]) <= 0.501f * r.step[j]);
    }
    assert_true(r.step[4] == 0 && r.low[4] == 1.5f);
    replay_release(&r);
}

static void test_values_beyond_the_range_are_cut(void **state)
{
    (void)state;
    struct replay r = make_set();
    const float far[WIDTH] = {1e6f, -1e6f, 0, 0, 99};
    float decoded[WIDTH];
    replay_encode(&r, 0, far);
    replay_decode(&r, 0, decoded);
    assert_float_equal(decoded[0], r.low[0] + 15 * r.step[0], 1e-6);
    assert_float_equal(decoded[1], r.low[1], 1e-6);
    assert_float_equal(decoded[4], 1.5, 1e-6);
    replay_release(&r);
}

static void test_what_is_written_is_read(void **state)
{
    (void)state;
    struct replay r = make_set(), read;
    struct err e = {""};
    char *bytes;
    size_t count;
    const char *path = scratch_file("a.replay");
    assert_int_equal(replay_write(&r, path, &e), 0);
    assert_int_equal(file_read(path, 1 << 20, &bytes, &count, &e), 0);
    assert_int_equal(count, SIZE);
    assert_memory_equal(bytes, "FERREPLY\1\0\0\0\x78\x56\x34\x12\4\0\0\0\5\0\0\0", 24);
    free(bytes);
    assert_int_equal(replay_read(&read, path, &e), 0);
    assert_int_equal(read.checksum, 0x12345678);
    assert_int_equal(read.layer, 4);
    assert_int_equal(read.width, WIDTH);
    assert_int_equal(read.classes, 3);
    assert_int_equal(read.training, TRAINING);
    assert_int_equal(read.held_out, HELD_OUT);
    assert_memory_equal(read.low, r.low, WIDTH * sizeof(float));
    assert_memory_equal(read.step, r.step, WIDTH * sizeof(float));
    assert_memory_equal(read.label, r.label, ROWS);
    assert_memory_equal(read.code, r.code, ROWS * replay_row_bytes(WIDTH));
    replay_release(&read);
    replay_release(&r);
}

/* The file of make_set() with `count` bytes changed at `at`, and a checksum that is right again
 * when asked for. */
static void expect_refusal(size_t at, const void *value, size_t count, size_t size, bool sealed,
                           const char *words)
{
    struct replay r = make_set(), read;
    struct err e = {""};
    char *bytes;
    size_t whole;
    const char *path = scratch_file("b.replay");
    assert_int_equal(replay_write(&r, path, &e), 0);
    replay_release(&r);
    assert_int_equal(file_read(path, 1 << 20, &bytes, &whole, &e), 0);
    memcpy(bytes + at, value, count);
    const uint32_t sum = (uint32_t)crc32_z(0, (unsigned char *)bytes, size < 4 ? 0 : size - 4);
    for (size_t i = 0; sealed && i < 4; i++)
        bytes[size - 4 + i] = (char)(sum >> (8 * i));
    assert_int_equal(replay_parse(&read, "b.replay", (unsigned char *)bytes, size, &e), -1);
    assert_non_null(strstr(e.text, words));
    assert_non_null(strstr(e.text, "b.replay"));
    assert_null(read.code);
    free(bytes);
}

static void test_files_that_are_no_sets_are_refused(void **state)
{
    (void)state;
    const float nan_value = NAN;
    expect_refusal(0, "FERSTATE", 8, SIZE, true, "no replay set");
    expect_refusal(0, "F", 1, 0, false, "no replay set");
    expect_refusal(0, "F", 1, 39, false, "no replay set");
    expect_refusal(8, "\2", 1, SIZE, true, "version 2");
    expect_refusal(SIZE - 9, "\x77", 1, SIZE, false, "damaged");
    expect_refusal(SIZE - 1, "\x77", 0, SIZE - 1, false, "damaged");
    expect_refusal(SIZE - 1, "\x77", 0, SIZE - 1, true, "bytes");
    expect_refusal(20, "\0", 1, SIZE, true, "cannot be");          /* no values */
    expect_refusal(20, "\0\0\0\x80", 4, SIZE, true, "cannot be");  /* too many */
    expect_refusal(24, "\0", 1, SIZE, true, "cannot be");          /* no classes */
    expect_refusal(28, "\0", 1, SIZE, true, "cannot be");          /* no Training row */
    expect_refusal(28, "\xff\xff\xff\xff", 4, SIZE, true, "need"); /* more than there is */
    expect_refusal(32, "\xff\xff\xff\xff", 4, SIZE, true, "need");
    expect_refusal(36, &nan_value, 4, SIZE, true, "no finite number");
    expect_refusal(36 + 4 * WIDTH, &nan_value, 4, SIZE, true, "no finite number");
    expect_refusal(36 + 8 * WIDTH + 6, "\3", 1, SIZE, true, "row 6 has label 3");
}

static void test_a_file_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct replay r;
    struct err e = {""};
    assert_int_equal(replay_read(&r, scratch_file("none.replay"), &e), -1);
    assert_non_null(strstr(e.text, "none.replay"));
    struct replay set = make_set();
    assert_int_equal(replay_write(&set, scratch_file("no/a.replay"), &e), -1);
    assert_non_null(strstr(e.text, "no/a.replay"));
    replay_release(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_code_is_half_a_step_off_at_most),
        cmocka_unit_test(test_values_beyond_the_range_are_cut),
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_files_that_are_no_sets_are_refused),
        cmocka_unit_test(test_a_file_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
