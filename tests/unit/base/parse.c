/* Numbers from texts: the whole text or nothing, and only within the bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>

#include "base/parse.h"

static void test_whole_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        long value;
    } good[] = {{"0", 0},   {"7", 7},     {"+7", 7},     {"-12", -12},
                {"007", 7}, {"100", 100}, {"-100", -100}};
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        long value = 55;
        assert_int_equal(parse_long(good[i].text, -100, 100, &value), 0);
        assert_int_equal(value, good[i].value);
    }
    long value;
    assert_int_equal(parse_long("9223372036854775807", LONG_MIN, LONG_MAX, &value), 0);
    assert_true(value == LONG_MAX);
}

static void test_what_is_no_whole_number_is_refused_and_the_value_stays(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      " 1",
                                      "1 ",
                                      "1x",
                                      "x",
                                      "1.0",
                                      "1e1",
                                      "0x10",
                                      "--1",
                                      "+-1",
                                      "1-",
                                      "-",
                                      "+",
                                      "101",
                                      "-101",
                                      "1\n",
                                      "\t1",
                                      "nan",
                                      "9223372036854775808"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        long value = 55;
        if (parse_long(bad[i], -100, 100, &value) != -1 || value != 55)
            fail_msg("'%s' is taken for %ld", bad[i], value);
    }
    long value = 55;
    assert_int_equal(parse_long("9223372036854775808", LONG_MIN, LONG_MAX, &value), -1);
    assert_int_equal(value, 55);
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } good[] = {{"0", 0},    {".5", .5},   {"5.", 5},     {"-1.25", -1.25},
                {"1e1", 10}, {"2E-1", .2}, {"+3.5", 3.5}, {"10", 10}};
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        double value = 55;
        assert_int_equal(parse_double(good[i].text, -10, 10, &value), 0);
        assert_true(value == good[i].value);
    }
}

static void test_what_is_no_number_is_refused_and_the_value_stays(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     " 1",    "1 ",    "1,5", "nan", "inf",
                                      "-inf", "0x1",   "1e",    "e1",  ".",   "1e999",
                                      "10.1", "-10.1", "1.2.3", "--1", "1\n", "infinity"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        double value = 55;
        if (parse_double(bad[i], -10, 10, &value) != -1 || value != 55)
            fail_msg("'%s' is taken for %g", bad[i], value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_numbers),
        cmocka_unit_test(test_what_is_no_whole_number_is_refused_and_the_value_stays),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_what_is_no_number_is_refused_and_the_value_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
