/* Random numbers: the same on every machine, evenly spread, and independent by stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/rng.h"

/* splitmix64's published sequence for the seed 1234567, of which rng_mix is one step. */
static void test_the_mix_is_splitmix64(void **state)
{
    (void)state;
    assert_true(rng_mix(1234567) == 6457827717110365317u);
    assert_true(rng_mix(1234567 + 0x9e3779b97f4a7c15u) == 3203168211198807973u);
}

/* xoshiro256** from the state 1, 2, 3, 4, as its authors' program prints it. */
static void test_the_generator_is_xoshiro256starstar(void **state)
{
    (void)state;
    static const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240};
    struct rng r = {{1, 2, 3, 4}};
    for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
        assert_true(rng_next(&r) == expected[i]);
}

static void test_seed_stream_and_index_each_make_another_sequence(void **state)
{
    (void)state;
    static const uint64_t keys[][3] = {{1, 2, 3}, {2, 2, 3}, {1, 3, 3}, {1, 2, 4}, {3, 2, 1}};
    uint64_t first[5];
    for (size_t i = 0; i < 5; i++) {
        struct rng r, again;
        rng_init(&r, keys[i][0], keys[i][1], keys[i][2]);
        rng_init(&again, keys[i][0], keys[i][1], keys[i][2]);
        first[i] = rng_next(&r);
        assert_true(first[i] == rng_next(&again));
        for (size_t k = 0; k < i; k++)
            assert_true(first[i] != first[k]);
    }
}

static void test_uniform_and_normal_have_their_means_and_deviations(void **state)
{
    (void)state;
    enum { N = 100000 };
    struct rng r;
    double sum[2] = {0}, squares[2] = {0};
    rng_init(&r, 5, 0, 0);
    for (int i = 0; i < N; i++) {
        double u = (double)rng_uniform(&r), v = (double)rng_normal(&r);
        assert_true(u >= 0 && u < 1);
        sum[0] += u;
        squares[0] += u * u;
        sum[1] += v;
        squares[1] += v * v;
    }
    assert_true(fabs(sum[0] / N - .5) < .005);
    assert_true(fabs(squares[0] / N - 1. / 3) < .005);
    assert_true(fabs(sum[1] / N) < .02);
    assert_true(fabs(squares[1] / N - 1) < .03);
}

static void test_numbers_below_n_are_all_equally_frequent(void **state)
{
    (void)state;
    struct rng r;
    int count[7] = {0};
    rng_init(&r, 6, 0, 0);
    for (int i = 0; i < 70000; i++)
        count[rng_below(&r, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_in_range(count[i], 9500, 10500);
    assert_int_equal(rng_below(&r, 1), 0);
}

static void test_a_shuffle_keeps_all_and_moves_them_anywhere(void **state)
{
    (void)state;
    struct rng r;
    int at[4][4] = {{0}};
    rng_init(&r, 7, 0, 0);
    for (int i = 0; i < 4000; i++) {
        uint32_t index[4] = {0, 1, 2, 3};
        unsigned seen = 0;
        rng_shuffle(&r, index, 4);
        for (int k = 0; k < 4; k++) {
            assert_true(index[k] < 4);
            seen |= 1u << index[k];
            at[index[k]][k]++;
        }
        assert_int_equal(seen, 15);
    }
    for (int i = 0; i < 16; i++)
        assert_in_range(at[i / 4][i % 4], 850, 1150);
    rng_shuffle(&r, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_mix_is_splitmix64),
        cmocka_unit_test(test_the_generator_is_xoshiro256starstar),
        cmocka_unit_test(test_seed_stream_and_index_each_make_another_sequence),
        cmocka_unit_test(test_uniform_and_normal_have_their_means_and_deviations),
        cmocka_unit_test(test_numbers_below_n_are_all_equally_frequent),
        cmocka_unit_test(test_a_shuffle_keeps_all_and_moves_them_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
