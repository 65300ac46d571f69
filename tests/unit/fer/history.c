/* PREFIX.history.csv: writing, reading back, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "fer/history.h"

#define HEADER "epoch,rate,train_loss,train_accuracy,valid_loss,valid_accuracy\n"

static void test_written_history_reads_back(void **state)
{
    (void)state;
    struct epoch epochs[2] = {{1, 0.05, 1.8123456789, 0.25, 1.5, 1.0 / 3},
                              {2, 1e-12, 0, 1, 1e30, 0}};
    struct epoch *back;
    size_t count;
    struct err e;
    for (int i = 0; i < 2; i++)
        history_round(&epochs[i]);
    char *text = history_text(epochs, 2);
    assert_string_equal(text, HEADER "1,0.05,1.812346,0.25,1.5,0.3333333\n2,1e-12,0,1,1e+30,0\n");
    assert_int_equal(history_parse("h", text, &back, &count, &e), 0);
    assert_int_equal(count, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(back[i].number, epochs[i].number);
        assert_true(back[i].rate == epochs[i].rate);
        assert_true(back[i].train_loss == epochs[i].train_loss);
        assert_true(back[i].train_accuracy == epochs[i].train_accuracy);
        assert_true(back[i].valid_loss == epochs[i].valid_loss);
        assert_true(back[i].valid_accuracy == epochs[i].valid_accuracy);
    }
    free(back);
    free(text);
}

static void test_rounding_twice_changes_nothing_more(void **state)
{
    (void)state;
    struct epoch once = {3, 0.1 / 3, 2.0 / 3, 1.0 / 7, 1e-5 / 3, 0.123456789};
    history_round(&once);
    struct epoch twice = once;
    history_round(&twice);
    assert_true(once.rate == twice.rate && once.train_loss == twice.train_loss &&
                once.train_accuracy == twice.train_accuracy &&
                once.valid_loss == twice.valid_loss && once.valid_accuracy == twice.valid_accuracy);
    assert_true(once.valid_accuracy == 0.1234568);
}

static void test_history_without_epochs_is_its_header(void **state)
{
    (void)state;
    struct epoch never, *back = &never;
    size_t count = 1;
    struct err e;
    char *text = history_text(NULL, 0);
    assert_string_equal(text, HEADER);
    assert_int_equal(history_parse("h", text, &back, &count, &e), 0);
    assert_int_equal(count, 0);
    assert_null(back);
    free(text);
}

static void test_history_is_written_to_its_file(void **state)
{
    (void)state;
    char dir[256], path[300];
    const char *tmp = getenv("TMPDIR");
    struct epoch epoch = {1, 0.5, 2, 0.5, 1, 0.75};
    struct err e;
    char *bytes;
    size_t count;
    snprintf(dir, sizeof(dir), "%s/history.XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/h.csv", dir);
    assert_int_equal(history_write(&epoch, 1, path, &e), 0);
    assert_int_equal(file_read(path, 1000, &bytes, &count, &e), 0);
    assert_string_equal(bytes, HEADER "1,0.5,2,0.5,1,0.75\n");
    free(bytes);
    unlink(path);
    rmdir(dir);
    assert_int_equal(history_write(&epoch, 1, path, &e), -1);
    assert_non_null(strstr(e.text, path));
}

static void test_bad_history_is_refused_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "h:1: the header"},
        {"epoch,rate", "h:1: the header"},
        {"epoch,rate\n1,2\n", "h:1: the header"},
        {HEADER "1,2,3\n", "h:2: the fields are not six"},
        {HEADER "1,1,1,1,1,1,1\n", "h:2: the fields"},
        {HEADER "1,1,1,1,1,1", "h:2: the line is too long or cut short"},
        {HEADER "\n", "h:2: the fields"},
        {HEADER "0,1,1,1,1,1\n", "h:2: the epoch"},
        {HEADER "x,1,1,1,1,1\n", "h:2: the epoch"},
        {HEADER "2,1,1,1,1,1\n", "h:2: the epochs do not count from 1"},
        {HEADER "1,1,1,1,1,1\n1,1,1,1,1,1\n", "h:3: the epochs do not count from 1"},
        {HEADER "1,-1,1,1,1,1\n", "h:2: the rate"},
        {HEADER "1,1,nan,1,1,1\n", "h:2: a loss"},
        {HEADER "1,1,1,1,inf,1\n", "h:2: a loss"},
        {HEADER "1,1,1,1.5,1,1\n", "h:2: an accuracy"},
        {HEADER "1,1,1,1,1,-0.5\n", "h:2: an accuracy"},
        {HEADER "1,1,1,1,1,\n", "h:2: an accuracy"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct epoch *epochs = NULL;
        size_t count = 77;
        struct err e = {""};
        assert_int_equal(history_parse("h", cases[i].text, &epochs, &count, &e), -1);
        if (strncmp(e.text, cases[i].message, strlen(cases[i].message)) != 0)
            fail_msg("case %zu: '%s' does not begin with '%s'", i, e.text, cases[i].message);
        assert_null(epochs);
        assert_int_equal(count, 77);
    }
}

static void test_overlong_line_is_refused(void **state)
{
    (void)state;
    char text[1000] = HEADER "1,1,1,1,1,";
    struct epoch *epochs;
    size_t count;
    struct err e;
    memset(text + strlen(text), '1', 500);
    strcat(text, "\n");
    assert_int_equal(history_parse("h", text, &epochs, &count, &e), -1);
    assert_non_null(strstr(e.text, "h:2: the line is too long"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_written_history_reads_back),
        cmocka_unit_test(test_rounding_twice_changes_nothing_more),
        cmocka_unit_test(test_history_without_epochs_is_its_header),
        cmocka_unit_test(test_history_is_written_to_its_file),
        cmocka_unit_test(test_bad_history_is_refused_with_its_line),
        cmocka_unit_test(test_overlong_line_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
