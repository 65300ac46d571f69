/* Rows as csv, jsonl and table, the JSON writer, UTF-8, and the file names of crops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "cli/faces_common.h"
#include "cli/rows.h"
#include "cli/utf8.h"
#include "scratch.h"

static const struct column COLUMNS[] = {{"path", CELL_TEXT, 0, 8, 0},
                                        {"face", CELL_INTEGER, 0, 4, 0},
                                        {"score", CELL_REAL, 2, 6, 1},
                                        {"status", CELL_TEXT, 0, 0, 0}};

/* A row of COLUMNS; without a face when `face` is below 0. */
struct row {
    const char *path;
    long face;
    double score;
};

static void write_rows(const char *file, int format, const struct row *rows, size_t count)
{
    const struct common_options common = {.output = file, .format = format};
    struct err e;
    struct rows *r = rows_open(&common, COLUMNS, 4, &e);
    assert_non_null(r);
    for (size_t i = 0; i < count; i++) {
        rows_text(r, rows[i].path);
        if (rows[i].face < 0) {
            rows_empties(r, 2);
            rows_text(r, "no_face");
        } else {
            rows_integer(r, rows[i].face);
            rows_real(r, rows[i].score);
            rows_text(r, "ok");
        }
        assert_int_equal(rows_end(r), 0);
    }
    assert_int_equal(rows_close(r, &e), 0);
}

static void assert_file(const char *file, const char *expected)
{
    char *bytes;
    size_t count;
    struct err e;
    assert_int_equal(file_read(file, 1 << 20, &bytes, &count, &e), 0);
    assert_string_equal(bytes, expected);
    free(bytes);
}

static void assert_written(int format, const struct row *rows, size_t count, const char *expected)
{
    const char *file = scratch_file("rows");
    write_rows(file, format, rows, count);
    assert_file(file, expected);
}

static void test_csv_has_a_header_and_quotes_only_where_needed(void **state)
{
    (void)state;
    const struct row rows[] = {{"a b.jpg", 0, 1.005}, {"a,b", 1, -3},  {"say \"x\"", 2, 0},
                               {"two\nlines", 3, 10}, {"cr\r", 4, .5}, {"\xff.png", -1, 0}};
    assert_written(FORMAT_CSV, rows, 6,
                   "path,face,score,status\n"
                   "a b.jpg,0,1.00,ok\n"
                   "\"a,b\",1,-3.00,ok\n"
                   "\"say \"\"x\"\"\",2,0.00,ok\n"
                   "\"two\nlines\",3,10.00,ok\n"
                   "\"cr\r\",4,0.50,ok\n"
                   "\xff.png,,,no_face\n");
}

static void test_jsonl_is_valid_utf8_and_keeps_the_bytes(void **state)
{
    (void)state;
    const struct row rows[] = {
        {"q\"\\\n\x01\x7f", 0, 1.5}, {"\xc3\xa9", -1, 0}, {"a\xff\xc3", -1, 0}};
    assert_written(
        FORMAT_JSONL, rows, 3,
        "{\"path\":\"q\\\"\\\\\\u000a\\u0001\\u007f\",\"face\":0,\"score\":1.50,\"status\":\"ok\"}"
        "\n"
        "{\"path\":\"\xc3\xa9\",\"face\":null,\"score\":null,\"status\":\"no_face\"}\n"
        "{\"path\":\"a\\ufffd\\ufffd\",\"path_hex\":\"61ffc3\",\"face\":null,\"score\":null,"
        "\"status\":\"no_face\"}\n");
}

static void test_table_is_aligned_and_drives_no_terminal(void **state)
{
    (void)state;
    const struct row rows[] = {{"a", 0, 1.5},
                               {"b\x1b[2J", 12345, 2},
                               {"\xe4\xb8\xad\xff", -1, 0},
                               {"longer than the column", 1, 3},
                               {"e\xcc\x81", 1, 3}};
    assert_written(FORMAT_TABLE, rows, 5,
                   "path      face   score  status\n"
                   "a            0    1.50  ok\n"
                   "b\\x1b[2J 12345    2.00  ok\n"
                   "\xe4\xb8\xad\\xff       -       -  no_face\n"
                   "longer than the column 1 3.00 ok\n"
                   "e\xcc\x81            1    3.00  ok\n");
}

static void test_a_row_of_no_rows_is_the_header(void **state)
{
    (void)state;
    assert_written(FORMAT_CSV, NULL, 0, "path,face,score,status\n");
    assert_written(FORMAT_JSONL, NULL, 0, "");
}

static void test_a_file_appears_only_when_complete(void **state)
{
    (void)state;
    const char *file = scratch_file("late.csv");
    const struct common_options common = {.output = file, .format = FORMAT_CSV};
    struct err e;
    struct rows *r = rows_open(&common, COLUMNS, 4, &e);
    assert_non_null(r);
    assert_int_equal(access(file, F_OK), -1);
    assert_int_equal(rows_close(r, &e), 0);
    assert_int_equal(access(file, F_OK), 0);
}

static void test_a_link_keeps_pointing_and_its_target_is_replaced(void **state)
{
    (void)state;
    const char *target = scratch_write("target.csv", "old", 3), *link = scratch_file("link.csv");
    struct stat status;
    assert_int_equal(symlink("target.csv", link), 0);
    write_rows(link, FORMAT_CSV, NULL, 0);
    assert_int_equal(lstat(link, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_file(target, "path,face,score,status\n");
}

static void test_a_link_to_nothing_keeps_pointing_and_its_target_is_made(void **state)
{
    (void)state;
    const char *target = scratch_file("made.csv"), *relative = scratch_file("relative.csv");
    const char *link[] = {relative, scratch_file("absolute.csv"), scratch_file("of-a-link.csv")};
    struct stat status;
    assert_int_equal(symlink("made.csv", relative), 0);
    assert_int_equal(symlink(target, link[1]), 0);
    assert_int_equal(symlink("relative.csv", link[2]), 0);
    for (int i = 0; i < 3; i++) {
        write_rows(link[i], FORMAT_CSV, NULL, 0);
        for (int k = 0; k < 3; k++) {
            assert_int_equal(lstat(link[k], &status), 0);
            assert_true(S_ISLNK(status.st_mode));
        }
        assert_file(target, "path,face,score,status\n");
        assert_int_equal(unlink(target), 0);
    }
}

static void test_a_full_device_is_noticed_and_stays_a_device(void **state)
{
    (void)state;
    const struct common_options common = {.output = "/dev/full", .format = FORMAT_CSV};
    struct err e;
    struct stat status;
    if (stat("/dev/full", &status)) /* not in every container */
        return;
    assert_null(rows_open(&common, COLUMNS, 4, &e));
    assert_string_equal(e.text, "cannot write '/dev/full': No space left on device");
    assert_int_equal(stat("/dev/full", &status), 0);
    assert_true(S_ISCHR(status.st_mode));
}

static void test_a_folder_that_is_not_there_is_refused_at_the_start(void **state)
{
    (void)state;
    const struct common_options common = {.output = scratch_file("none/x.csv"),
                                          .format = FORMAT_CSV};
    struct err e;
    assert_null(rows_open(&common, COLUMNS, 4, &e));
    assert_non_null(strstr(e.text, "none/x.csv': No such file or directory"));
}

static void test_json_nests_and_separates(void **state)
{
    (void)state;
    char text[256];
    FILE *stream = fmemopen(text, sizeof(text), "w");
    struct json j;
    assert_non_null(stream);
    json_begin(&j, stream);
    json_real(&j, "a", 0.25, 3);
    json_real(&j, "nan", 0.0 / 0.0, 3);
    json_array(&j, "rows");
    for (int i = 0; i < 2; i++) {
        json_array(&j, NULL);
        json_integer(&j, NULL, i);
        json_integer(&j, NULL, -i);
        json_close(&j);
    }
    json_close(&j);
    json_object(&j, "empty");
    json_close(&j);
    json_text(&j, "none", NULL);
    json_array(&j, "open");
    json_end(&j);
    fclose(stream);
    assert_string_equal(text, "{\"a\":0.250,\"nan\":null,\"rows\":[[0,0],[1,-1]],\"empty\":{},"
                              "\"none\":null,\"open\":[]}\n");
}

static void test_utf8_takes_only_the_shortest_form_of_characters(void **state)
{
    (void)state;
    const struct {
        const char *text;
        size_t length;
        uint32_t code;
    } cases[] = {
        {"A", 1, 'A'},
        {"\xc2\x80", 2, 0x80},
        {"\xe2\x82\xac", 3, 0x20AC},
        {"\xf0\x9f\x98\x80", 4, 0x1F600},
        {"\xf4\x8f\xbf\xbf", 4, 0x10FFFF},
        {"", 0, 0},
        {"\x80", 0, 0},             /* continues nothing */
        {"\xc0\x80", 0, 0},         /* overlong NUL */
        {"\xc1\xbf", 0, 0},         /* overlong */
        {"\xe0\x9f\xbf", 0, 0},     /* overlong */
        {"\xf0\x8f\xbf\xbf", 0, 0}, /* overlong */
        {"\xed\xa0\x80", 0, 0},     /* a surrogate */
        {"\xf4\x90\x80\x80", 0, 0}, /* beyond Unicode */
        {"\xf8\x88\x80\x80\x80", 0, 0},
        {"\xe2\x82", 0, 0}, /* cut short */
        {"\xe2\x28\xa1", 0, 0},
        {"\xff", 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t code = 0;
        assert_int_equal(utf8_decode(cases[i].text, &code), cases[i].length);
        assert_int_equal(code, cases[i].code);
    }
}

static void assert_name(const char *path, const char *expected)
{
    char *name = faces_file_name(path, "-0.png");
    assert_non_null(name);
    assert_string_equal(name, expected);
    free(name);
}

static void test_crops_are_named_after_the_path(void **state)
{
    (void)state;
    assert_name("a.jpg", "a.jpg-0.png");
    assert_name("./a.jpg", "a.jpg-0.png");
    assert_name("x/y z/a.jpg", "x+y z+a.jpg-0.png");
    assert_name("/x/a.jpg", "+x+a.jpg-0.png");
    assert_name("../x/a.jpg", "up+x+a.jpg-0.png");
    assert_name("\xc3\xa9.jpg", "\xc3\xa9.jpg-0.png");
}

static void test_different_paths_never_share_a_name(void **state)
{
    (void)state;
    static char deep[2][2000];
    for (int i = 0; i < 2; i++) {
        memset(deep[i], 'd', sizeof(deep[i]) - 1);
        deep[i][0] = (char)('a' + i);
    }
    const char *const paths[] = {"a/b",
                                 "a+b",
                                 "a%b",
                                 "a_b",
                                 "a\nb",
                                 "a\xff"
                                 "b",
                                 "a\xfe"
                                 "b",
                                 "up/x",
                                 "../x",
                                 "up+x",
                                 ".a",
                                 "_a",
                                 "a",
                                 "a/",
                                 "/a",
                                 "../../x",
                                 "..",
                                 "",
                                 deep[0],
                                 deep[1],
                                 "a//b"};
    const size_t count = sizeof(paths) / sizeof(paths[0]);
    char *names[sizeof(paths) / sizeof(paths[0])];
    for (size_t i = 0; i < count; i++) {
        names[i] = faces_file_name(paths[i], "-12.png");
        assert_non_null(names[i]);
        assert_true(strlen(names[i]) < 255);
        assert_null(strchr(names[i], '/'));
        assert_int_not_equal(names[i][0], '.');
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(names[i], names[j]);
    }
    for (size_t i = 0; i < count; i++)
        free(names[i]);
}

static void test_the_options_defaults_are_the_detectors(void **state)
{
    (void)state;
    const struct picture_options options = PICTURE_DEFAULTS;
    const struct detector_options *d = &options.faces.detector;
    assert_true(d->scale_factor == DETECTOR_DEFAULTS.scale_factor);
    assert_int_equal(d->min_neighbors, DETECTOR_DEFAULTS.min_neighbors);
    assert_int_equal(d->min_size, DETECTOR_DEFAULTS.min_size);
    assert_int_equal(d->largest, DETECTOR_DEFAULTS.largest);
    assert_null(d->cascade);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv_has_a_header_and_quotes_only_where_needed),
        cmocka_unit_test(test_jsonl_is_valid_utf8_and_keeps_the_bytes),
        cmocka_unit_test(test_table_is_aligned_and_drives_no_terminal),
        cmocka_unit_test(test_a_row_of_no_rows_is_the_header),
        cmocka_unit_test(test_a_file_appears_only_when_complete),
        cmocka_unit_test(test_a_link_keeps_pointing_and_its_target_is_replaced),
        cmocka_unit_test(test_a_link_to_nothing_keeps_pointing_and_its_target_is_made),
        cmocka_unit_test(test_a_full_device_is_noticed_and_stays_a_device),
        cmocka_unit_test(test_a_folder_that_is_not_there_is_refused_at_the_start),
        cmocka_unit_test(test_json_nests_and_separates),
        cmocka_unit_test(test_utf8_takes_only_the_shortest_form_of_characters),
        cmocka_unit_test(test_crops_are_named_after_the_path),
        cmocka_unit_test(test_different_paths_never_share_a_name),
        cmocka_unit_test(test_the_options_defaults_are_the_detectors),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
