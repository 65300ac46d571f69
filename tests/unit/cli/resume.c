/* What an output file holds already: every place where it can be cut, and files that are others'.
 */
#include "cli/resume.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "scratch.h"

static const struct column COLUMNS[] = {
    {"path", CELL_TEXT, 0, 0, 0}, {"face", CELL_INTEGER, 0, 0, 0}, {"status", CELL_TEXT, 0, 0, 0}};

enum { COUNT = 3 };

/* Paths with all that csv and jsonl have to quote; one twice in a row. */
static struct input INPUTS[] = {{.path = "a.png"},     {.path = "b\n,\"c\".png"},
                                {.path = "d\xff.png"}, {.path = "d\xff.png"},
                                {.path = "e.png"},     {.path = "f.png"}};
static const struct inputs IN = {.count = 6, .input = INPUTS};
static const int FACES[] = {2, 0, 1, 3, 0, 12};

/* The rows of the first `pictures` inputs into `file`. */
static char *write_rows(const char *file, enum output_format format, size_t pictures)
{
    const char *path = scratch_file(file);
    const struct common_options common = {.output = path, .format = (int)format};
    struct err e;
    struct rows *r = rows_open(&common, COLUMNS, COUNT, &e);
    assert_non_null(r);
    for (size_t i = 0; i < pictures; i++) {
        for (int face = 0; face < (FACES[i] ? FACES[i] : 1); face++) {
            rows_text(r, INPUTS[i].path);
            if (FACES[i])
                rows_integer(r, face);
            else
                rows_empty(r);
            rows_text(r, i == 1 ? "unreadable" : "ok");
            assert_int_equal(rows_end(r), 0);
        }
    }
    assert_int_equal(rows_close(r, &e), 0);
    char *bytes;
    size_t size;
    assert_int_equal(file_read(path, 100000, &bytes, &size, &e), 0);
    return bytes;
}

static struct resumption scan(const char *path, enum output_format format)
{
    struct resumption done;
    struct err e = {""};
    if (resume_scan(path, format, COLUMNS, COUNT, &IN, &done, &e))
        fail_msg("%s", e.text);
    return done;
}

static void test_a_file_cut_anywhere_keeps_its_whole_pictures(void **state)
{
    (void)state;
    for (enum output_format format = FORMAT_CSV; format <= FORMAT_JSONL; format++) {
        char *whole = write_rows("whole", format, 6);
        size_t size[7]; /* of the file with so many pictures */
        for (size_t i = 0; i <= 6; i++) {
            char *part = write_rows("part", format, i);
            size[i] = strlen(part);
            free(part);
        }
        for (size_t cut = 0; cut <= size[6]; cut++) {
            const struct resumption done = scan(scratch_write("cut", whole, cut), format);
            if (cut < size[0]) {
                assert_int_equal(done.pictures, 0);
                assert_int_equal(done.bytes, 0);
                continue;
            }
            /* The one that was begun last is done again, even when all of it is there. */
            assert_in_range(done.pictures, 0, 5);
            assert_int_equal(done.bytes, size[done.pictures]);
            assert_true(size[done.pictures] <= cut);
            assert_true(done.pictures == 5 ||
                        cut < size[done.pictures + 2 > 6 ? 6 : done.pictures + 2]);
            assert_int_equal(done.unreadable, done.pictures >= 2);
        }
        free(whole);
    }
}

static void test_a_file_that_is_not_there_holds_nothing(void **state)
{
    (void)state;
    const struct resumption done = scan(scratch_file("nowhere"), FORMAT_CSV);
    assert_int_equal(done.pictures, 0);
    assert_int_equal(done.bytes, 0);
}

static void assert_refused(enum output_format format, const char *text, const char *reason)
{
    struct resumption done;
    struct err e = {""};
    const char *path = scratch_write("other", text, strlen(text));
    assert_int_equal(resume_scan(path, format, COLUMNS, COUNT, &IN, &done, &e), -1);
    if (!strstr(e.text, reason) || !strstr(e.text, path))
        fail_msg("'%s' does not contain '%s'", e.text, reason);
}

static void test_other_files_are_refused(void **state)
{
    (void)state;
    static const char HEADER[] = "its first line is not the header of these rows";
    assert_refused(FORMAT_CSV, "something else", HEADER);
    assert_refused(FORMAT_CSV, "path,face,label\n", HEADER);
    assert_refused(FORMAT_CSV, "path,face,status,more\n", HEADER);
    assert_refused(FORMAT_CSV, "path,face,status\nx.png,0,ok\n",
                   "its line 2 is not of the picture that comes next, a.png");
    assert_refused(FORMAT_CSV, "path,face,status\na.png,1,ok\n", "line 2");
    assert_refused(FORMAT_CSV, "path,face,status\na.png,0,ok\na.png,2,ok\n", "line 3");
    assert_refused(FORMAT_CSV, "path,face,status\na.png,0,ok\ne.png,,ok\n", "line 3");
    assert_refused(FORMAT_JSONL, "{\"path\":\"x.png\",\"face\":0}\n", "line 1");
    assert_refused(FORMAT_JSONL, "path,face,status\n", "line 1");
}

static void test_more_rows_than_inputs_are_refused(void **state)
{
    (void)state;
    char *whole = write_rows("whole", FORMAT_CSV, 6);
    char *more = malloc(strlen(whole) + 20);
    sprintf(more, "%sg.png,0,ok\n", whole);
    assert_refused(FORMAT_CSV, more, "for there is none");
    free(more);
    free(whole);
}

static void test_rows_go_on_behind_what_is_kept(void **state)
{
    (void)state;
    char *whole = write_rows("whole", FORMAT_CSV, 6);
    const char *path = scratch_write("cut", whole, strlen(whole) - 3);
    struct picture_options o = PICTURE_DEFAULTS;
    struct resumption done;
    struct err e;
    o.common.output = path;
    o.inputs.resume = true;
    struct rows *r = resume_rows(&o, COLUMNS, COUNT, &IN, &done, &e);
    assert_non_null(r);
    assert_int_equal(done.pictures, 5);
    for (int face = 0; face < 12; face++) {
        rows_text(r, "f.png");
        rows_integer(r, face);
        rows_text(r, "ok");
        rows_end(r);
    }
    assert_int_equal(rows_close(r, &e), 0);
    char *bytes;
    size_t size;
    assert_int_equal(file_read(scratch_file("cut"), 100000, &bytes, &size, &e), 0);
    assert_string_equal(bytes, whole);
    free(bytes);
    free(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_cut_anywhere_keeps_its_whole_pictures),
        cmocka_unit_test(test_a_file_that_is_not_there_holds_nothing),
        cmocka_unit_test(test_other_files_are_refused),
        cmocka_unit_test(test_more_rows_than_inputs_are_refused),
        cmocka_unit_test(test_rows_go_on_behind_what_is_kept),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
