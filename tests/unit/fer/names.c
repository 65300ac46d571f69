/* Names of the classes: what is read, found, joined, written, and refused. */
#include "fer/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

static char dir[256];

static int make_dir(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof(dir), "%s/fercli-names.XXXXXX", tmp ? tmp : "/tmp");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    return rmdir(dir);
}

static const char *scratch(const char *name)
{
    static char path[512];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static int parse(struct names *names, const char *text, struct err *e)
{
    return names_parse(names, text, strlen(text), "x.names", e);
}

static void assert_names(const char *text, const char *joined)
{
    struct names names;
    struct err e = {""};
    if (parse(&names, text, &e))
        fail_msg("%s", e.text);
    char *got = names_join(&names);
    assert_string_equal(got, joined);
    free(got);
    names_release(&names);
}

static void assert_refused(const char *text, size_t size, const char *message)
{
    struct names names;
    memset(&names, 0x55, sizeof(names));
    struct err e = {""};
    assert_int_equal(names_parse(&names, text, size, "x.names", &e), -1);
    assert_int_equal(names.count, 0);
    assert_null(names.name);
    assert_string_equal(e.text, message);
}

static void test_one_name_a_line_in_order(void **state)
{
    (void)state;
    assert_names("angry\ndisgust\nfear\n", "angry, disgust, fear");
    assert_names("one", "one");
    assert_names("two words\nh\xc3\xa9las\n", "two words, h\xc3\xa9las");
}

static void test_blanks_at_both_ends_and_empty_lines_at_the_end_are_dropped(void **state)
{
    (void)state;
    assert_names(" a\t\n\tb c \r\nd\r\n", "a, b c, d");
    assert_names("a\nb\n\n \t\r\n\n", "a, b");
}

static void test_no_names_are_refused(void **state)
{
    (void)state;
    assert_refused("", 0, "no names in 'x.names'");
    assert_refused("\n \n", 3, "no names in 'x.names'");
}

static void test_an_empty_line_inside_is_refused_with_its_line(void **state)
{
    (void)state;
    assert_refused("a\n\nb\n", 5, "x.names:2: empty line before a name");
    assert_refused("\na", 2, "x.names:1: empty line before a name");
    assert_refused("a\nb\n \n\n\nc", 9, "x.names:3: empty line before a name");
}

static void test_doubles_are_refused_ignoring_case(void **state)
{
    (void)state;
    assert_refused("a\nb\na\n", 6, "x.names:3: 'a' is there already, as name 1");
    assert_refused("x\nHappy\nsad\n happy", 18, "x.names:4: 'happy' is there already, as name 2");
}

static void test_control_characters_are_refused(void **state)
{
    (void)state;
    assert_refused("a\nb\0c\n", 6, "x.names:2: control character 0x00 in a name");
    assert_refused("a\rb\n", 4, "x.names:1: control character 0x0d in a name");
    assert_refused("\xef\xbb\xbf"
                   "a\n",
                   5, "x.names:1: the name begins with a byte order mark");
}

static void test_more_names_than_a_label_can_tell_apart_are_refused(void **state)
{
    (void)state;
    char text[NAMES_MAX * 5 + 6] = "", *end = text;
    for (int i = 0; i < NAMES_MAX; i++)
        end += sprintf(end, "n%03d\n", i);
    struct names names;
    struct err e = {""};
    assert_int_equal(parse(&names, text, &e), 0);
    assert_int_equal(names.count, NAMES_MAX);
    names_release(&names);
    strcpy(end, "n999\n");
    assert_refused(text, strlen(text), "x.names:257: more than 256 names");
}

static void test_names_are_found_ignoring_case(void **state)
{
    (void)state;
    struct names names;
    struct err e = {""};
    assert_int_equal(names_init_fer(&names, &e), 0);
    assert_int_equal(names.count, FER_CLASSES);
    for (int i = 0; i < FER_CLASSES; i++)
        assert_int_equal(names_find(&names, FER_NAMES[i]), i);
    assert_int_equal(names_find(&names, "HAPPY"), 3);
    assert_int_equal(names_find(&names, "Neutral"), 6);
    assert_int_equal(names_find(&names, "happ"), -1);
    assert_int_equal(names_find(&names, "happy "), -1);
    assert_int_equal(names_find(&names, ""), -1);
    names_release(&names);
    assert_int_equal(names_find(&names, "happy"), -1);
}

static void test_fer_names_are_in_the_order_of_fer2013(void **state)
{
    (void)state;
    struct names names;
    struct err e = {""};
    assert_int_equal(names_init_fer(&names, &e), 0);
    char *joined = names_join(&names);
    assert_string_equal(joined, "angry, disgust, fear, happy, sad, surprise, neutral");
    free(joined);
    names_release(&names);
    joined = names_join(&names);
    assert_string_equal(joined, "");
    free(joined);
}

static void test_what_is_written_is_read_back(void **state)
{
    (void)state;
    struct names names, back;
    struct err e = {""};
    assert_int_equal(names_init_fer(&names, &e), 0);
    assert_int_equal(names_write(&names, scratch("a.names"), &e), 0);
    char *text;
    size_t size;
    assert_int_equal(file_read(scratch("a.names"), 1000, &text, &size, &e), 0);
    assert_string_equal(text, "angry\ndisgust\nfear\nhappy\nsad\nsurprise\nneutral\n");
    free(text);
    assert_int_equal(names_read(&back, scratch("a.names"), &e), 0);
    assert_int_equal(back.count, names.count);
    for (int i = 0; i < names.count; i++)
        assert_string_equal(back.name[i], names.name[i]);
    names_release(&names);
    names_release(&back);
    unlink(scratch("a.names"));
}

static void test_names_are_equal_in_number_order_and_spelling(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"a\nb\n", "b\na\n", "a\n", "a\nb\nc\n", "a\nB\n"};
    struct names names[5], again;
    struct err e;
    assert_int_equal(names_parse(&again, "a\n b\n", 5, "again", &e), 0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(names_parse(&names[i], TEXTS[i], strlen(TEXTS[i]), "names", &e), 0);
        assert_int_equal(names_equal(&again, &names[i]), i == 0);
        assert_int_equal(names_equal(&names[i], &again), i == 0);
        names_release(&names[i]);
    }
    names_release(&again);
}

static void test_unusable_files_are_refused_with_their_path(void **state)
{
    (void)state;
    struct names names;
    struct err e = {""};
    assert_int_equal(names_read(&names, scratch("nowhere"), &e), -1);
    assert_non_null(strstr(e.text, scratch("nowhere")));
    assert_null(names.name);
    assert_int_equal(file_write(scratch("empty"), "", 0, &e), 0);
    assert_int_equal(names_read(&names, scratch("empty"), &e), -1);
    assert_non_null(strstr(e.text, scratch("empty")));
    unlink(scratch("empty"));
    assert_int_equal(names_init_fer(&names, &e), 0);
    assert_int_equal(names_write(&names, scratch("missing/a"), &e), -1);
    assert_non_null(strstr(e.text, scratch("missing/a")));
    names_release(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_name_a_line_in_order),
        cmocka_unit_test(test_blanks_at_both_ends_and_empty_lines_at_the_end_are_dropped),
        cmocka_unit_test(test_no_names_are_refused),
        cmocka_unit_test(test_an_empty_line_inside_is_refused_with_its_line),
        cmocka_unit_test(test_doubles_are_refused_ignoring_case),
        cmocka_unit_test(test_control_characters_are_refused),
        cmocka_unit_test(test_more_names_than_a_label_can_tell_apart_are_refused),
        cmocka_unit_test(test_names_are_found_ignoring_case),
        cmocka_unit_test(test_fer_names_are_in_the_order_of_fer2013),
        cmocka_unit_test(test_what_is_written_is_read_back),
        cmocka_unit_test(test_names_are_equal_in_number_order_and_spelling),
        cmocka_unit_test(test_unusable_files_are_refused_with_their_path),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
