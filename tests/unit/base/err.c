/* Error texts: what is returned, what is cut, what cannot reach a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "err.h"

static void test_setting_an_error_returns_minus_one_or_null(void **state)
{
    (void)state;
    struct err e = {""};
    assert_int_equal(err_set(&e, "cannot read '%s': %d bytes", "x", 12), -1);
    assert_string_equal(e.text, "cannot read 'x': 12 bytes");
    assert_null(err_null(&e, "line %d", 3));
    assert_string_equal(e.text, "line 3");
    assert_int_equal(err_memory(&e), -1);
    assert_string_equal(e.text, "out of memory");
    e.text[0] = '\0';
    assert_null(err_memory_null(&e));
    assert_string_equal(e.text, "out of memory");
}

static void test_without_a_place_the_text_is_lost(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, "%s", "lost"), -1);
    assert_null(err_null(NULL, "%s", "lost"));
    assert_int_equal(err_memory(NULL), -1);
}

static void test_a_long_text_is_cut(void **state)
{
    (void)state;
    struct err e;
    char text[3000];
    memset(text, 'n', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    err_set(&e, "%s", text);
    assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
}

static void test_control_characters_become_question_marks(void **state)
{
    (void)state;
    struct err e;
    err_set(&e, "%s", "a\nb\033[2Jc\177 \303\244");
    assert_string_equal(e.text, "a?b?[2Jc? \303\244");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_setting_an_error_returns_minus_one_or_null),
        cmocka_unit_test(test_without_a_place_the_text_is_lost),
        cmocka_unit_test(test_a_long_text_is_cut),
        cmocka_unit_test(test_control_characters_become_question_marks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
