/* Libraries opened on demand. */
#include "base/library.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "assert_contains.h"

static const char *const NAMES[] = {"cos", "sin"};

static struct {
    double (*cos)(double);
    double (*sin)(double);
} functions;

static struct library make_library(const char *soname, const char *const *names)
{
    memset(&functions, 0, sizeof(functions));
    return (struct library){.soname = soname,
                            .use = "Geometry",
                            .names = names,
                            .count = 2,
                            .functions = &functions,
                            .lock = PTHREAD_MUTEX_INITIALIZER};
}

static void test_functions_are_found_in_order(void **state)
{
    (void)state;
    struct library library = make_library("libm.so.6", NAMES);
    struct err e = {""};
    for (int i = 0; i < 2; i++)
        assert_int_equal(library_need(&library, &e), 0);
    assert_true(functions.cos(0) > 0.99);
    assert_true(functions.sin(0) < 0.01);
}

static void test_a_missing_library_is_named_with_its_use(void **state)
{
    (void)state;
    struct library library = make_library("libnowhere.so.9", NAMES);
    for (int i = 0; i < 2; i++) {
        struct err e = {""};
        assert_int_equal(library_need(&library, &e), -1);
        assert_contains(e.text, "Geometry needs libnowhere.so.9: ");
    }
}

static void test_a_missing_function_is_named(void **state)
{
    (void)state;
    static const char *const WRONG[] = {"cos", "no_such_function"};
    struct library library = make_library("libm.so.6", WRONG);
    for (int i = 0; i < 2; i++) {
        struct err e = {""};
        assert_int_equal(library_need(&library, &e), -1);
        assert_contains(e.text, "Geometry needs no_such_function in libm.so.6");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions_are_found_in_order),
        cmocka_unit_test(test_a_missing_library_is_named_with_its_use),
        cmocka_unit_test(test_a_missing_function_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
